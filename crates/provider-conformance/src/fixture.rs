//! What an adapter tells the suite about its vendor.

use std::{fmt::Debug, path::PathBuf, sync::Arc, time::Duration};

use provider::{Allowance, MicroUsd, Provider, Work};

use crate::{Answer, Recorded};

/// What the adapter under test shall be built with.
#[derive(Debug, Clone, Copy)]
pub struct Means {
    /// For each phase of a call once connected. Tens of milliseconds where a check waits for it.
    pub deadline: Duration,
    /// The most bytes of one answer.
    pub body_max_bytes: u64,
}

impl Default for Means {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(20), body_max_bytes: 4 * 1024 * 1024 }
    }
}

/// One adapter and its vendor, in one of its dialects.
pub trait Fixture: Clone + Debug + Send + Sync + 'static {
    /// The adapter, sending to this vendor.
    fn provider(&self, base_url: &str, means: Means) -> Arc<dyn Provider>;

    /// Work that a model of the dialect under test can do, with nothing in it but a prompt.
    fn work(&self) -> Work;

    /// The vendor as it should be: an answer to each request that the adapter may send.
    fn answer(&self, request: &Recorded) -> Answer;

    /// Whether this request is the one that the vendor charges for.
    fn is_submit(&self, request: &Recorded) -> bool;

    /// Whether the vendor's limits count this request: all of them, but for files that it keeps outside
    /// its API.
    fn is_counted(&self, _request: &Recorded) -> bool {
        true
    }

    /// The bytes of the output that [`answer`](Self::answer) delivers.
    fn output(&self) -> Vec<u8>;

    /// The most that the vendor documents for [`work`](Self::work); what `answer` charges.
    fn charge(&self) -> MicroUsd;

    /// The vendor's own name of the work in `answer`, in the submit and in the history alike.
    fn reference(&self) -> String;

    /// An error in the vendor's own shape that says `message`.
    fn error(&self, status: u16, message: &str) -> Answer;

    /// The vendor's word for work that its safety check stopped.
    fn content_refusal(&self) -> Answer;

    /// Names of members whose values come from a list that may grow.
    fn enum_members(&self) -> &'static [&'static str];

    /// A folder with `requests/` and `responses/`.
    fn golden(&self) -> PathBuf;

    /// Work for `golden_requests`, by name.
    fn golden_work(&self) -> Vec<(&'static str, Work)>;

    /// The vendor's queue. A check demands it of every adapter whose submit answers with a ticket.
    fn queue(&self) -> Option<Queue> {
        None
    }

    /// How outputs come where nothing is kept. Demanded where a model advertises `no_retention`.
    fn nothing_kept(&self) -> Option<NothingKept> {
        None
    }

    /// How keys are rotated. Demanded where the description says that they can be.
    fn rotation(&self) -> Option<Rotation> {
        None
    }

    /// Whether a request has the vendor delete finished work. Demanded where the description says that it
    /// can.
    fn is_forget(&self, _request: &Recorded) -> bool {
        false
    }

    /// The vendor's list of what it charged. Demanded where the adapter reads one; the work of
    /// [`answer`](Self::answer) is in it.
    fn books(&self) -> Option<Books> {
        None
    }

    /// The allowances that [`answer`](Self::answer) tells. Demanded where the limits have some.
    fn allowances(&self) -> Vec<Allowance> {
        Vec::new()
    }
}

/// A vendor's queue.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Whether a request looks at a job.
    pub is_poll: fn(&Recorded) -> bool,
    /// Whether a request ends the keeping of a job.
    pub is_delete: fn(&Recorded) -> bool,
    /// Whether a request fetches an output.
    pub is_fetch: fn(&Recorded) -> bool,
    /// What a poll is answered while the job goes on, and the progress told with it; among them a state
    /// that no page lists.
    pub going: Vec<(Answer, Option<u8>)>,
    /// What a poll is answered of a job that the safety check stopped, saying this.
    pub blocked: fn(&str) -> Answer,
    /// What a poll is answered of a job that failed, saying this.
    pub failed: fn(&str) -> Answer,
}

/// A vendor's list of what it charged.
#[derive(Debug, Clone)]
pub struct Books {
    /// Whether a request looks at it.
    pub is_look: fn(&Recorded) -> bool,
    /// Pages of it with an entry that cannot be read, by what is wrong.
    pub bad: Vec<(&'static str, Answer)>,
}

/// How outputs come where nothing is kept.
#[derive(Debug, Clone)]
pub struct NothingKept {
    /// Whether a submit asks for it.
    pub is_asked: fn(&Recorded) -> bool,
    /// Every shape in which [`Fixture::output`] may come with the answer.
    pub answers: Vec<(&'static str, Answer)>,
}

/// How a key is rotated.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Whether a request asks for it.
    pub is_rotation: fn(&Recorded) -> bool,
    /// The new key in `answers`.
    pub key: &'static str,
    /// Every shape in which it may come.
    pub answers: Vec<(&'static str, Answer)>,
}
