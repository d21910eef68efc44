//! What is recorded.

use std::collections::BTreeMap;

use provider::{Adjustments, Kind, MicroUsd, RemoteOutput, Timestamp};
use serde::{Deserialize, Serialize};

/// The state of a generation. The last four are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Status {
    Queued,
    Running,
    Completed,
    Failed,
    Blocked,
    Cancelled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Blocked,
        Self::Cancelled,
    ];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing can follow.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What the cache had to do with a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheResult {
    /// Another generation had made it.
    Hit,
    /// It was made for this one.
    #[default]
    Miss,
    /// Another generation was making it.
    Coalesced,
    /// Another generation had made it for a prompt that is nearly the same.
    Similar,
    /// The cache was not asked.
    Off,
}

impl CacheResult {
    /// Every result.
    pub const ALL: [Self; 5] = [Self::Hit, Self::Miss, Self::Coalesced, Self::Similar, Self::Off];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Similar => "similar",
            Self::Off => "off",
        }
    }

    /// Whether the outputs are another generation's, so that nothing was paid for them.
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Hit | Self::Coalesced | Self::Similar)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum Outcome {
    Completed,
    Failed,
    Blocked,
    RateLimited,
    Unpaid,
    Unauthorised,
    TimedOut,
    Unknown,
    Cancelled,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 9] = [
        Self::Completed,
        Self::Failed,
        Self::Blocked,
        Self::RateLimited,
        Self::Unpaid,
        Self::Unauthorised,
        Self::TimedOut,
        Self::Unknown,
        Self::Cancelled,
    ];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::RateLimited => "rate_limited",
            Self::Unpaid => "unpaid",
            Self::Unauthorised => "unauthorised",
            Self::TimedOut => "timed_out",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where an attempt is. Each state is written before the act that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// The request is about to go, or has gone, to the vendor.
    Submitting,
    /// The vendor works on it; there is a ticket.
    Running,
    /// The answer was lost; the vendor's books must tell.
    Lost,
    /// It is charged and booked; the bytes are still at the vendor.
    Fetching,
    /// Over.
    Ended,
}

impl AttemptState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Submitting, Self::Running, Self::Lost, Self::Fetching, Self::Ended];

    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitting => "submitting",
            Self::Running => "running",
            Self::Lost => "lost",
            Self::Fetching => "fetching",
            Self::Ended => "ended",
        }
    }
}

/// When an answer was lost, and whether the vendor had certainly ended its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// By our clock.
    pub at: Timestamp,
    /// Whether the vendor answered at all, if badly.
    pub ended: bool,
}

/// One try of a generation at one account.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// `att_...`
    pub id: String,
    /// Of which generation.
    pub generation: String,
    /// Which of the generation's calls it is a try of, from 0.
    pub slot: u32,
    /// The provider's name.
    pub provider: String,
    /// The account's name.
    pub account: String,
    /// The provider's own name of the model.
    pub model: String,
    /// Outputs asked for.
    pub count: u8,
    /// Where it is.
    pub state: AttemptState,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What the books hold for it.
    pub charged: MicroUsd,
    /// Whether the vendor's charge could not be known, so that its ceiling was booked.
    pub uncertain: bool,
    /// What was held for it.
    pub upper: MicroUsd,
    /// The vendor's own name of the work, once claimed.
    pub reference: Option<String>,
    /// The queued job, where there is one.
    pub ticket: Option<String>,
    /// What is still at the vendor.
    pub remote: Vec<Remote>,
    /// How the answer was lost.
    pub lost: Option<Lost>,
    /// When it was sent.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// A [`RemoteOutput`] as a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    location: String,
    expires_at: Option<i64>,
}

impl From<&RemoteOutput> for Remote {
    fn from(output: &RemoteOutput) -> Self {
        Self {
            location: output.location.clone(),
            expires_at: output.expires_at.map(Timestamp::millis),
        }
    }
}

impl From<&Remote> for RemoteOutput {
    fn from(remote: &Remote) -> Self {
        Self {
            location: remote.location.clone(),
            expires_at: remote.expires_at.map(Timestamp::from_millis),
        }
    }
}

/// What a generation cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// What it was expected to cost when it was planned.
    pub estimated: MicroUsd,
    /// What the books hold for all its attempts.
    pub charged: MicroUsd,
    /// The part of it that is a ceiling.
    pub uncertain: MicroUsd,
}

/// Why a generation failed: a code of the contract and words for the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A code of the contract.
    pub code: String,
    /// For the caller.
    pub message: String,
}

/// One output of a generation, as kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputRecord {
    /// The asset with the bytes.
    pub asset: Option<String>,
    /// Text outputs.
    pub text: Option<String>,
    /// What the bytes are.
    pub media_type: String,
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// Length in milliseconds.
    pub millis: Option<u64>,
    /// Bytes.
    pub bytes: u64,
    /// Until when it is kept.
    pub expires_at: Option<Timestamp>,
    /// Where the bytes lie, if not under the asset's own id: see [`Asset::blob`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
}

impl OutputRecord {
    /// Where the bytes lie, if it has any.
    pub fn place(&self) -> Option<&str> {
        self.blob.as_deref().or(self.asset.as_deref())
    }
}

/// One generation, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// `gen_...`
    pub id: String,
    /// Whose.
    pub team: String,
    /// Asked for with this key.
    pub key: String,
    /// What it makes.
    pub kind: Kind,
    /// Where it is.
    pub status: Status,
    /// The model as the caller named it.
    pub model: String,
    /// The request, a document that only the engine reads; empty once it is deleted.
    pub request: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it became final.
    pub completed_at: Option<Timestamp>,
    /// Its outputs.
    pub outputs: Vec<OutputRecord>,
    /// The provider that made them.
    pub provider: Option<String>,
    /// The provider's own name of the model.
    pub provider_model: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// What it cost.
    pub cost: Cost,
    /// What was used instead of what was asked for.
    pub adjustments: Adjustments,
    /// Every try.
    pub attempts: Vec<Attempt>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The caller's own words.
    pub metadata: BTreeMap<String, String>,
    /// What the cache had to do with it.
    pub cache: CacheResult,
    /// The generation whose outputs it shows or waits for, where they are another one's.
    pub source: Option<String>,
}

/// That a generation was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Whose.
    pub team: String,
    /// Asked for with this key.
    pub key: String,
    /// What it makes.
    pub kind: Kind,
    /// The model as the caller named it.
    pub model: String,
    /// When.
    pub at: Timestamp,
}

/// A generation that has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// The generation with its attempts.
    pub generation: Generation,
    /// Outputs that are kept already, in the order in which they came.
    pub kept: Vec<OutputRecord>,
    /// The process that drives it.
    pub worker: String,
}

/// What an idempotency key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The key as the caller gave it.
    pub key: String,
    /// A hash of the parsed request.
    pub body: [u8; 32],
    /// The generation it made.
    pub generation: String,
}

/// The id of a generation's shadow, if it has one: what a request was sent once more as, to a model that
/// is tried. The words are the first one's, so it is erased with it.
pub fn shadow_id(generation: &str) -> String {
    format!("{generation}s")
}

/// An asset: a name and its facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// `ast_...`
    pub id: String,
    /// Whose.
    pub team: String,
    /// The generation that made it; none for an upload.
    pub generation: Option<String>,
    /// What the bytes are.
    pub media_type: String,
    /// How many.
    pub bytes: u64,
    /// Their BLAKE3 hash.
    pub hash: [u8; 32],
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// Length in milliseconds.
    pub millis: Option<u64>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// The asset under whose id the bytes lie, where they were made for another generation. They go when no
    /// asset names them any more.
    pub blob: Option<String>,
}

impl Asset {
    /// Where the bytes lie.
    pub fn place(&self) -> &str {
        self.blob.as_deref().unwrap_or(&self.id)
    }
}
