//! The lines of the routing protocol, version 1. Fields that are not needed are not read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One line to the router.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Message {
    Hello { config: Box<Config> },
    Request(Box<Request>),
    Wake { t: i64, id: String },
    Outcome(Box<Outcome>),
    Expired { t: i64, id: String },
    End,
}

/// What is known before the first request.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) vendors: Vendors,
    pub(super) teams: BTreeMap<String, Team>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub(super) budget: f64,
    /// What the first month had used before.
    #[serde(default)]
    pub(super) spent: f64,
}

/// The vendors, each with the kind of supply that it has.
#[derive(Debug, Deserialize)]
pub(super) struct Vendors {
    pub(super) zekron: Prepaid,
    pub(super) zsky: Allowance,
    pub(super) generor: Credits,
}

/// A balance that is filled up now and then.
#[derive(Debug, Deserialize)]
pub(super) struct Prepaid {
    pub(super) lanes: usize,
    pub(super) per_minute: u64,
    pub(super) balance: f64,
    pub(super) topups: Vec<TopUp>,
    pub(super) models: BTreeMap<String, PrepaidModel>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct TopUp {
    pub(super) t: i64,
    pub(super) amount: f64,
}

/// The published range of a price.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct PrepaidModel {
    pub(super) min: f64,
    pub(super) max: f64,
}

/// So many results a month, paid already.
#[derive(Debug, Deserialize)]
pub(super) struct Allowance {
    pub(super) lanes: usize,
    pub(super) per_minute: u64,
    pub(super) month_images: u64,
    pub(super) month_videos: u64,
    pub(super) day_images: u64,
    pub(super) day_videos: u64,
    #[serde(default)]
    pub(super) used_images: u64,
    #[serde(default)]
    pub(super) used_videos: u64,
    pub(super) overage: Overage,
}

/// What units beyond the allowance cost, and how much that may be.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Overage {
    pub(super) on: bool,
    pub(super) cap: f64,
    pub(super) image: f64,
    pub(super) video: f64,
}

/// Charges in credits that differ from their estimates.
#[derive(Debug, Deserialize)]
pub(super) struct Credits {
    pub(super) per_minute: u64,
    pub(super) per_hour: u64,
    pub(super) per_day: u64,
    pub(super) micro_usd_per_credit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Image,
    Video,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Image, Self::Video];

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Image => 0,
            Self::Video => 1,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Request {
    pub(super) t: i64,
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) class: String,
    pub(super) team: String,
    pub(super) n: u32,
    #[serde(default)]
    pub(super) prompt_chars: u32,
    pub(super) deadline: i64,
    pub(super) penalty: f64,
    pub(super) max_price: Option<f64>,
    pub(super) quotes: Vec<Quote>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Quote {
    /// `vendor/model`
    pub(super) candidate: String,
    /// The documented estimate, in micro-USD.
    pub(super) est: f64,
    /// The usual duration, in milliseconds.
    pub(super) est_ms: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Success,
    Blocked,
    Failed,
    Refused,
}

#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) t: i64,
    pub(super) id: String,
    pub(super) status: Status,
    #[serde(default)]
    pub(super) cost: f64,
    #[serde(default)]
    pub(super) team_charge: f64,
    #[serde(default)]
    pub(super) credits: f64,
    #[serde(default)]
    pub(super) units: u64,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) retry_after_ms: i64,
    #[serde(default)]
    pub(super) settled: bool,
    #[serde(default)]
    pub(super) need: String,
}

/// What is said about one request.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Verdict {
    Send { candidate: String },
    Defer { defer_s: f64 },
    Reject { reject: bool },
}

/// One line of the router.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ready: Option<bool>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) also: Vec<Also>,
}

/// The same about another request that waits.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Also {
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
}
