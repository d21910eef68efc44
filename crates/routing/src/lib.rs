//! Which candidate to ask, in which order, and why: pure and deterministic.
//!
//! A candidate comes with what it would cost and how long it would take, or with the reason why it
//! cannot be asked. Out comes an ordered plan in which every candidate keeps its verdict in words,
//! so that `/v1/estimates` and a real decision are the same code. No I/O and no clock: whatever
//! changes with time is an argument.

mod charge;
mod choice;
mod demand;
mod drift;
mod outlook;
mod scarcity;

use std::time::Duration;

use provider::{MicroUsd, Quote};
use serde::{Deserialize, Serialize};

pub use charge::{Rise, Share, above, hoped_ratio};
pub use choice::{Decision, Offer, choose};
pub use demand::{Demand, Expected};
pub use drift::{Drift, Learned};
pub use outlook::Outlook;
pub use scarcity::{
    Draw, Forecast, Leftover, Resource, Stretch, Supply, Typical, Way, set_bid_prices,
};

/// What a caller or an operator prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The least money.
    #[default]
    Cost,
    /// The least time.
    Latency,
    /// Money plus a price for each second of waiting.
    Balanced,
    /// As listed.
    Ordered,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Cost, Self::Latency, Self::Balanced, Self::Ordered];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Latency => "latency",
            Self::Balanced => "balanced",
            Self::Ordered => "ordered",
        }
    }
}

/// What a second of waiting is worth under [`Policy::Balanced`]: a tenth of a cent, so that ten
/// seconds weigh as much as the difference between two usual image models.
const SECOND_PRICE: MicroUsd = MicroUsd::from_micros(1_000);

/// One account at one model, as it stands now.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What it would cost and how that is known, or why it cannot be asked.
    pub offer: Result<Quote, Barrier>,
    /// How long until it could begin.
    pub wait: Duration,
}

/// Why a candidate is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barrier {
    /// No wait would change it: a capability, a ceiling, the caller's own choice of providers.
    Lasting(String),
    /// It may pass: the account is held, dark or out of allowance.
    Passing(String),
}

impl Barrier {
    /// The reason in words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Lasting(reason) | Self::Passing(reason) => reason,
        }
    }
}

/// What the caller allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// The most that one call may cost.
    pub max_cost: Option<MicroUsd>,
}

/// The order in which to ask, best first, as indices into the candidates; and each one's barrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Candidates that may be asked, best first.
    pub order: Vec<usize>,
    /// Why the others are not, by candidate; `None` for those in `order`.
    pub barriers: Vec<Option<Barrier>>,
}

impl Plan {
    /// Whether only time stands in the way of at least one candidate.
    pub fn may_pass(&self) -> bool {
        self.barriers.iter().any(|barrier| matches!(barrier, Some(Barrier::Passing(_))))
    }
}

/// Orders the candidates. Equal ones keep the order in which they were listed.
pub fn plan(candidates: &[Candidate], policy: Policy, bounds: Bounds) -> Plan {
    let mut ranked = Vec::with_capacity(candidates.len());
    let mut barriers = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let barrier = match &candidate.offer {
            Err(barrier) => Some(barrier.clone()),
            Ok(quote) => over(quote, bounds),
        };
        if let (None, Ok(quote)) = (&barrier, &candidate.offer) {
            ranked.push((score(quote, candidate.wait, policy), index));
        }
        barriers.push(barrier);
    }
    ranked.sort_unstable();
    Plan { order: ranked.into_iter().map(|(_, index)| index).collect(), barriers }
}

fn over(quote: &Quote, bounds: Bounds) -> Option<Barrier> {
    let ceiling = bounds.max_cost?;
    (quote.price.upper > ceiling).then(|| {
        Barrier::Lasting(format!(
            "it may cost {} where at most {ceiling} is allowed",
            quote.price.upper
        ))
    })
}

/// Smaller is better; the second place breaks ties.
fn score(quote: &Quote, wait: Duration, policy: Policy) -> (i64, i64) {
    let millis = i64::try_from((quote.duration + wait).as_millis()).unwrap_or(i64::MAX);
    let cost = quote.price.expected.micros();
    match policy {
        Policy::Cost => (cost, millis),
        Policy::Latency => (millis, cost),
        Policy::Balanced => {
            (cost.saturating_add(millis.saturating_mul(SECOND_PRICE.micros()) / 1000), cost)
        }
        Policy::Ordered => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use provider::{Price, QuoteSource};

    use super::*;

    fn offer(expected: i64, upper: i64, seconds: u64) -> Candidate {
        let price = Price {
            expected: MicroUsd::from_micros(expected),
            upper: MicroUsd::from_micros(upper),
        };
        let quote = Quote {
            price,
            source: QuoteSource::Listed,
            age: Duration::ZERO,
            duration: Duration::from_secs(seconds),
            adjustments: provider::Adjustments::new(),
        };
        Candidate { offer: Ok(quote), wait: Duration::ZERO }
    }

    #[test]
    fn each_policy_has_its_order() {
        let all = [offer(30, 30, 1), offer(10, 40, 60), offer(20, 20, 9)];
        let order = |policy| plan(&all, policy, Bounds::default()).order;
        assert_eq!(order(Policy::Cost), [1, 2, 0]);
        assert_eq!(order(Policy::Latency), [0, 2, 1]);
        assert_eq!(order(Policy::Ordered), [0, 1, 2]);
        assert_eq!(order(Policy::Balanced), [0, 2, 1]);
    }

    #[test]
    fn a_ceiling_is_held_against_the_worst_price() {
        let all = [offer(10, 40, 1), offer(20, 20, 1)];
        let bounds = Bounds { max_cost: Some(MicroUsd::from_micros(39)) };
        let plan = plan(&all, Policy::Cost, bounds);
        assert_eq!(plan.order, [1]);
        assert!(!plan.may_pass());
        let said = plan.barriers[0].as_ref().map(Barrier::reason);
        assert_eq!(said, Some("it may cost 0.000040 where at most 0.000039 is allowed"));
    }

    #[test]
    fn what_may_pass_is_told_from_what_lasts() {
        let held =
            Candidate { offer: Err(Barrier::Passing("held".to_owned())), wait: Duration::ZERO };
        assert!(plan(&[held], Policy::Cost, Bounds::default()).may_pass());
    }
}
