//! What an engine tells whoever measures it, as far as tests wait for it.

use std::time::Duration;

use engine::{DeliveryState, Generation, Observer, Outcome};
use parking_lot::Mutex;
use provider::MicroUsd;
use records::SavingReason;

#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Alias, and whether it was sent.
    pub(crate) shadows: Mutex<Vec<(String, bool)>>,
}

impl Observer for Observed {
    fn attempt(&self, _: &str, _: &str, _: &str, _: Outcome, _: Duration) {}
    fn generation(&self, _: &Generation) {}
    fn booked(&self, _: &str, _: &str, _: &str, _: MicroUsd) {}
    fn saved(&self, _: SavingReason, _: MicroUsd) {}
    fn budget(&self, _: &str, _: MicroUsd) {}
    fn looked(&self, _: &str, _: Duration) {}
    fn balance(&self, _: &str, _: &str, _: MicroUsd) {}
    fn drift(&self, _: &str, _: &str, _: f64) {}
    fn shadow(&self, alias: &str, sent: bool) {
        self.shadows.lock().push((alias.to_owned(), sent));
    }
    fn webhook(&self, _: DeliveryState) {}
}
