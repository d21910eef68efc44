//! What happens, told to whoever measures it.

use std::{fmt, time::Duration};

use provider::MicroUsd;
use records::{DeliveryState, Generation, Outcome, SavingReason};

/// Hears of everything that operators count. Called on the hot path: an implementation only counts.
pub trait Observer: Send + Sync + fmt::Debug {
    /// An attempt is over.
    fn attempt(&self, provider: &str, account: &str, model: &str, outcome: Outcome, took: Duration);
    /// A generation is final.
    fn generation(&self, generation: &Generation);
    /// A charge is on the books; `model` is `provider/model`.
    fn booked(&self, team: &str, provider: &str, model: &str, amount: MicroUsd);
    /// A generation was cheaper than at the next best vendor.
    fn saved(&self, reason: SavingReason, amount: MicroUsd);
    /// What is left of the tightest of a team's own budgets.
    fn budget(&self, team: &str, remaining: MicroUsd);
    /// A job at a vendor is looked at, so much later than it was due.
    fn looked(&self, provider: &str, late: Duration);
    /// A vendor told an account's balance.
    fn balance(&self, provider: &str, account: &str, balance: MicroUsd);
    /// A model's charges are so many times its vendor's estimates; `model` is `provider/model`.
    fn drift(&self, provider: &str, model: &str, ratio: f64);
    /// A share of an alias' requests is sent to another model too: it was, or there was no room for it.
    fn shadow(&self, alias: &str, sent: bool);
    /// A webhook was tried; `Pending` where it will be tried again.
    fn webhook(&self, state: DeliveryState);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn attempt(&self, _: &str, _: &str, _: &str, _: Outcome, _: Duration) {}
    fn generation(&self, _: &Generation) {}
    fn booked(&self, _: &str, _: &str, _: &str, _: MicroUsd) {}
    fn saved(&self, _: SavingReason, _: MicroUsd) {}
    fn budget(&self, _: &str, _: MicroUsd) {}
    fn looked(&self, _: &str, _: Duration) {}
    fn balance(&self, _: &str, _: &str, _: MicroUsd) {}
    fn drift(&self, _: &str, _: &str, _: f64) {}
    fn shadow(&self, _: &str, _: bool) {}
    fn webhook(&self, _: DeliveryState) {}
}
