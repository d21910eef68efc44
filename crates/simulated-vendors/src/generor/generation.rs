//! A generation: one call of `generate`, the creations that it made, and its line in the books.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{catalogue::MediaType, order::Order, references::Source, settings::Purses};
use crate::{clock, pictures::noise::mix};

/// A call as it was begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Generation {
    pub(crate) id: u64,
    pub(crate) user_id: u64,
    /// Fingerprint of the key that was used.
    pub(crate) key: String,
    pub(crate) order: Order,
    pub(crate) sources: Vec<Source>,
    pub(crate) art_seed: u64,
    pub(crate) begun_at_ms: i64,
    pub(crate) creations: Vec<u64>,
    /// Credits by the catalogue.
    pub(crate) estimated: u64,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its time has not passed; or never will, for the process that did the work was killed.
    Begun {
        running: bool,
    },
    Failed,
    Completed {
        took_ms: u64,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) generation: Arc<Generation>,
    pub(crate) fate: Fate,
}

impl Record {
    /// As `GET /creations/{id}/status` names it.
    pub(crate) fn status(&self) -> &'static str {
        match self.fate {
            Fate::Begun { running: true } => "generating",
            Fate::Begun { running: false } | Fate::Failed => "failed",
            Fate::Completed { .. } => "completed",
        }
    }
}

/// One thing that was made.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) id: u64,
    pub(crate) generation: u64,
    pub(crate) index: usize,
    pub(crate) user_id: u64,
    pub(crate) privacy_mode: u8,
    pub(crate) license: u8,
    pub(crate) deleted: bool,
}

impl Creation {
    /// What it is drawn from.
    pub(crate) fn seed(&self, generation: &Generation) -> u64 {
        mix(generation.art_seed ^ u64::try_from(self.index).unwrap_or(0))
    }
}

/// One line of the books: what a call was charged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    /// The vendor's own number, rising without gaps.
    pub id: u64,
    /// Fingerprint of the key that paid.
    pub key: String,
    /// Hash of the account's first key.
    pub account: String,
    /// The account's number, as `/users/me` tells it.
    pub user_id: u64,
    /// The number of the call; no two ever share one, charged or not.
    pub generation: u64,
    /// The generator's slug.
    pub generator: String,
    /// The model.
    pub model_id: u32,
    /// What was made.
    #[serde(rename = "type")]
    pub media: MediaType,
    /// How many.
    pub count: u32,
    /// Of clips: how long.
    pub seconds: Option<u32>,
    /// The prompt, whole.
    pub prompt: String,
    /// As it was ordered: 0 is public.
    pub privacy_mode: u8,
    /// The creations' ids.
    pub creations: Vec<u64>,
    /// In credits, by the catalogue.
    pub credits_estimated: u64,
    /// In credits: what was charged. Whole ones; the vendor knows no smaller.
    pub credits: u64,
    /// What the account had after it.
    pub left: Purses,
    /// When the call came, by the vendor's clock.
    pub submitted_at_ms: i64,
    /// When the work was done.
    pub created_at_ms: i64,
}

/// A row of the credits' history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Transaction {
    pub(crate) id: u64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) amount: i64,
    pub(crate) left: Purses,
    pub(crate) description: String,
    pub(crate) creation: Option<u64>,
    pub(crate) at_ms: i64,
}

/// As the page writes a moment: UTC without saying so.
pub(crate) fn stamp(ms: i64) -> String {
    clock::date(ms).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A number with decimals from its hundredths.
pub(crate) fn decimal(hundredths: u64) -> Value {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    serde_json::from_str(&text).unwrap_or_else(|_| json!(hundredths / 100))
}
