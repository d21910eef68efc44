//! What is preferred: money, time, both, or the order of a list.

use std::time::Duration;

use provider::MicroUsd;
use serde::{Deserialize, Serialize};

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

    /// Smaller is better; the second place breaks ties. `cost` is all that an answer costs, in
    /// micro-USD, `time` until it is there, `second` what a second of it is worth.
    pub(crate) fn score(self, cost: i64, time: Duration, second: MicroUsd) -> (i64, i64) {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Cost => (cost, millis),
            Self::Latency => (millis, cost),
            Self::Balanced => {
                let waiting = millis.saturating_mul(second.micros()) / 1000;
                (cost.saturating_add(waiting), cost)
            }
            Self::Ordered => (0, 0),
        }
    }
}
