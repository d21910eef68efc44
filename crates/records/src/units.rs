//! Units of prepaid allowances, as attempts took them.

use provider::{Kind, MicroUsd, Timestamp};
use serde::{Deserialize, Serialize};

/// What an attempt took of its account's allowance; written with the attempt, before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// The attempt.
    pub attempt: String,
    /// `provider/name`.
    pub account: String,
    /// What a unit makes.
    pub kind: Kind,
    /// How many.
    pub units: u32,
    /// How many of them lie past the month's allowance.
    pub overage_units: u32,
    /// What those cost.
    pub price: MicroUsd,
    /// When they were taken: it decides the day and the month.
    pub at: Timestamp,
    /// What became of them.
    pub state: UnitsState,
}

/// What became of an attempt's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnitsState {
    /// The attempt is under way.
    Open,
    /// The vendor counted them.
    Used,
    /// Nobody knows whether the vendor counted them; they stand as used until its own count speaks.
    Doubt,
    /// The vendor did not count them.
    Free,
}

impl UnitsState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Used, Self::Doubt, Self::Free];

    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Doubt => "doubt",
            Self::Free => "free",
        }
    }
}

/// A submit whose answer was lost and never found: the vendor may be working on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// `provider/name`.
    pub account: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Whether the vendor answered at all, if badly: then its request holds no slot there.
    pub ended: bool,
}

/// What one account's content check said of an attempt, for the record of rejections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// `provider/name`.
    pub account: String,
    /// Whose attempt it was.
    pub team: String,
    /// When it was sent, of a fine one; when it was blocked, of a rejected one.
    pub at: Timestamp,
    /// Whether it was blocked.
    pub rejected: bool,
}
