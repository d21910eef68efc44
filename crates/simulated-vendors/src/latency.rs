//! How long a vendor takes.

use serde::{Deserialize, Serialize};

/// How long a piece of work takes, in milliseconds, drawn evenly between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

impl Latency {
    /// No waiting.
    pub const NONE: Self = Self { min: 0, max: 0 };

    pub(crate) fn of(self, random: u64) -> u64 {
        self.min.saturating_add(random % self.max.saturating_sub(self.min).saturating_add(1))
    }
}
