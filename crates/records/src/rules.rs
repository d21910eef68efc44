//! What a team or a key may spend, and how fast it may ask.

use std::collections::BTreeMap;

use provider::{Kind, MicroUsd};
use serde::{Deserialize, Serialize};

/// What a team or a key may spend, and how fast it may ask; kept as a document with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Every one of them holds.
    pub budgets: Vec<Budget>,
    /// How fast it may ask.
    pub limits: Limits,
    /// A team's share of scarce slots beside other teams'; none means 1.
    pub weight: Option<u32>,
    /// How a team's requests are routed; of no meaning for a key.
    pub routing: TeamRouting,
    /// The time zone in which its days, weeks and months begin, by its IANA name; none means UTC.
    pub time_zone: Option<String>,
}

/// How a team's requests are routed where they do not say it themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TeamRouting {
    /// What is preferred, by its name outside.
    pub policy: Option<String>,
}

/// How much may be spent within a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The most money, charged and held.
    pub limit: Option<MicroUsd>,
    /// The most outputs, made and under way.
    pub outputs: Option<u64>,
    /// When it begins anew.
    pub period: Period,
    /// Whether it refuses; otherwise it only tells.
    pub hard: bool,
    /// Shares of it, in percent, at which operators are told.
    pub alert_at: Vec<u8>,
}

/// When a budget begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// At midnight.
    Day,
    /// On Monday.
    Week,
    /// On the first.
    Month,
    /// Never.
    Total,
}

impl Period {
    /// Every period.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Total];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

/// How fast somebody may ask: in all, and for single kinds and models besides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// In all.
    #[serde(flatten)]
    pub all: Pace,
    /// For one kind.
    pub kinds: BTreeMap<Kind, Pace>,
    /// For one model or alias, as the caller names it.
    pub models: BTreeMap<String, Pace>,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pace {
    /// Accepted requests within any minute.
    pub requests_per_minute: Option<u32>,
    /// Generations under way at once.
    pub concurrent: Option<u32>,
}

impl Pace {
    /// Whether it limits nothing.
    pub const fn is_free(&self) -> bool {
        self.requests_per_minute.is_none() && self.concurrent.is_none()
    }
}
