//! A job, how it ends, and what it used.

use serde::{Deserialize, Serialize};

use super::{
    calendar::Month,
    order::{Kind, Order},
};

/// How a job will end, once it is due. It is decided when the job is taken in, so that it does not depend on who looks
/// when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    Completed,
    Blocked,
    Failed,
}

impl Ending {
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
        }
    }

    /// The reason that people are told.
    pub(crate) fn error(self, kind: Kind) -> Option<String> {
        match self {
            Self::Completed => None,
            Self::Blocked => Some(format!(
                "Sorry — our safety check stopped this {}. Please try another prompt.",
                kind.name()
            )),
            Self::Failed => Some("Generation failed — please retry.".to_owned()),
        }
    }
}

/// A job as it was taken in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    /// Whose it is: the hash of the account's first key.
    pub(crate) account: String,
    /// Fingerprint of the key that was used.
    pub(crate) key: String,
    pub(crate) ticket: u64,
    pub(crate) order: Order,
    /// What it is drawn from: the seed that was asked for, or one by chance.
    pub(crate) art_seed: u64,
    pub(crate) submitted_at_ms: i64,
    /// When it ends; never when absent.
    pub(crate) due_at_ms: Option<i64>,
    pub(crate) ending: Ending,
    /// The bytes go with the answer and nowhere else.
    pub(crate) inline: bool,
    /// What it costs past the month's allowance; absent within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) overage_cents: Option<u32>,
}

impl Job {
    pub(crate) fn month(&self) -> Month {
        Month::of(self.submitted_at_ms)
    }
}

/// A job and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) job: std::sync::Arc<Job>,
    pub(crate) ended_at_ms: Option<i64>,
    pub(crate) purged: bool,
}

impl Record {
    /// Whether anybody can still ask for it.
    pub(crate) fn is_kept(&self, now_ms: i64, retention_s: u32) -> bool {
        let kept_ms = i64::from(retention_s) * 1000;
        let old = self.ended_at_ms.is_some_and(|ended| now_ms.saturating_sub(ended) >= kept_ms);
        !self.purged && !self.job.inline && !old
    }

    pub(crate) fn has_result(&self, now_ms: i64, retention_s: u32) -> bool {
        let made = self.ended_at_ms.is_some() && self.job.ending == Ending::Completed;
        made && self.is_kept(now_ms, retention_s)
    }
}

/// One line of the books: a unit of allowance that was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    /// The vendor's own number, rising without gaps.
    pub id: u64,
    /// Fingerprint of the key that used it.
    pub key: String,
    /// Hash of the account's first key.
    pub account: String,
    /// The job; absent for a refused prompt.
    pub job_id: Option<String>,
    /// Image or video.
    pub kind: Kind,
    /// One, always: the month's counters are the sum of these.
    pub units: u32,
    /// What it cost past the allowance; 0 within it.
    pub overage_cents: u32,
    /// `completed`, `blocked`, `failed` or `refused`.
    pub outcome: String,
    /// The prompt, whole.
    pub prompt: String,
    /// The month whose allowance it used, as `2026-05`.
    pub month: String,
    /// When the work was taken in, by the vendor's clock.
    pub submitted_at_ms: i64,
    /// When it ended.
    pub created_at_ms: i64,
}
