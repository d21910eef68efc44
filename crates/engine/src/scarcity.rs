//! What scarce things are worth to those who come later: see [`routing::Outlook`].
//!
//! A unit of a prepaid month costs nothing, and is not free: whoever goes without it later pays somebody
//! else. Here stands what such things are worth now; how that is found out is `weigh`. A decision only
//! looks it up.
#![expect(
    clippy::float_arithmetic,
    reason = "worths are expectations; money that is booked stays in integers"
)]

#[cfg(test)]
mod free_tests;
mod history;
mod lanes;
mod things;
mod typical;
mod weigh;

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::RwLock;
use provider::{Kind, MicroUsd, Timestamp};
use routing::{Demand, Outlook};

pub(crate) use self::weigh::weigh;
pub use self::{
    history::{HISTORY, History, Seen},
    things::{Scarce, Thing, Things},
    weigh::{STANDING, rest},
};
use crate::Engine;

/// What is worth how much, as of the last time that it was weighed.
#[derive(Debug, Default)]
pub(crate) struct Scarcity(RwLock<Arc<Weighed>>);

/// Everything scarce with what it is worth. It is a plain value: of the past it is found in the same way
/// as of the present.
#[derive(Debug, Default)]
pub struct Weighed {
    things: Things,
    outlook: Outlook,
}

/// What a candidate takes of scarce things.
#[derive(Debug, Clone, Copy)]
pub struct Taking<'a> {
    /// `provider/name`.
    pub account: &'a str,
    /// What is made.
    pub kind: Kind,
    /// Units of an allowance.
    pub units: u32,
    /// Whether the money buys units past it.
    pub bought: bool,
    /// What is charged.
    pub money: MicroUsd,
    /// How much of the account's balance was given and is spent before the rest.
    pub free: MicroUsd,
    /// For how long it holds a slot, all of its calls one after the other.
    pub busy: Duration,
    /// Who pays.
    pub team: &'a str,
    /// When.
    pub now: Timestamp,
}

impl Scarcity {
    /// What that is worth to others, beyond its price.
    pub(crate) fn worth(&self, taking: &Taking<'_>) -> MicroUsd {
        let weighed = Arc::clone(&self.0.read());
        weighed.worth(taking)
    }
}

impl Weighed {
    /// Weighs everything as it stands now, for what is to come until `end`; `seen` are the newest requests,
    /// `shares` how often each kind is asked for.
    /// It begins with the prices of the last time where the same things were scarce.
    #[must_use]
    pub fn again(
        last: &Self,
        things: Things,
        (now, end): (Timestamp, Timestamp),
        (demand, seen): (&Demand, &[Seen]),
        shares: &HashMap<Kind, f64>,
    ) -> Self {
        let typical = typical::standing(&things, seen, shares);
        let mut outlook = match things.are_those_of(&last.things) {
            true => last.outlook.clone(),
            false => Outlook::new(),
        };
        let fresh = things.resources();
        outlook.solve(now.millis(), end.millis(), fresh, demand, &typical, &[]);
        Self { things, outlook }
    }

    /// What that is worth to others, beyond its price; less than nothing where the price is paid out of what
    /// was given and is not wanted otherwise.
    pub fn worth(&self, taking: &Taking<'_>) -> MicroUsd {
        let each = |thing: usize| self.outlook.worth(thing, taking.now.millis());
        let mut sum = 0.0;
        if let Some(account) = self.things.of_account(taking.account) {
            let units = account.units.iter().filter(|(kind, _)| *kind == taking.kind);
            sum += f64::from(taking.units) * units.map(|(_, thing)| each(*thing)).sum::<f64>();
            let purse = if taking.bought { account.overage } else { account.balance };
            let free = account.free.filter(|_| !taking.bought);
            let given = free.map_or(MicroUsd::ZERO, |_| taking.free.min(taking.money));
            sum += whole(taking.money - given) * purse.map_or(0.0, each);
            // What was given is charged and costs nothing: it is worth what others would do with it.
            sum += whole(given) * free.map_or(0.0, |thing| each(thing) - 1.0);
            sum += taking.busy.as_secs_f64() * account.lanes.map_or(0.0, each);
        }
        let budgets = self.things.of_team(taking.team).iter();
        sum += whole(taking.money) * budgets.map(|thing| each(*thing)).sum::<f64>();
        micros(sum)
    }
}

impl Engine {
    /// Everything scarce that was weighed, with what is left of it and what a unit is worth now.
    pub fn scarce(&self) -> Vec<Scarce> {
        let weighed = Arc::clone(&self.scarcity().0.read());
        let now = self.clock().now().millis();
        let one = |(index, thing, left): (usize, &Thing, f64)| {
            let worth = weighed.outlook.worth(index, now);
            let (left, worth) = match thing {
                // Units and seconds, each worth so much money.
                Thing::Units { .. } | Thing::Lanes { .. } => (left, worth / 1e6),
                // Money, of which a dollar is worth so much beyond itself.
                Thing::Overage { .. }
                | Thing::Balance { .. }
                | Thing::FreeCredits { .. }
                | Thing::Budget { .. } => (left / 1e6, worth),
            };
            Scarce { thing: thing.clone(), left, worth }
        };
        weighed.things.all().map(one).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53 micro-USD")]
const fn whole(amount: MicroUsd) -> f64 {
    amount.micros() as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
fn micros(amount: f64) -> MicroUsd {
    MicroUsd::from_micros(amount.round() as i64)
}
