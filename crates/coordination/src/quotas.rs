//! How fast teams and keys may ask: requests within a minute, and generations at once.

use std::fmt;

use provider::Timestamp;

/// Admits requests under their team's and key's quotas, so that none is over any of them.
///
/// # What counts
/// Within any 60 seconds at most `requests_per_minute` requests are admitted under a name, and at no
/// time are more than `concurrent` of them under way. The window slides: there is no minute that
/// begins for everybody, so a burst at its edge is not twice as large. What was refused counts nowhere.
///
/// # Names
/// They are the caller's (`team_x`, `team_x/video`, `key_y/photo`), and each is counted apart. Limits
/// come with each question, because they change at run time: a smaller one holds for what was
/// counted already. Requests are counted in the minute only where a limit was told with them. A name
/// with nothing under way and nothing in its minute is forgotten.
#[async_trait::async_trait]
pub trait Quotas: Send + Sync + fmt::Debug {
    /// Admits a request under all of these quotas, or under none of them; their names differ. A
    /// future that is dropped before it is done may have counted in the minute, but holds nothing.
    ///
    /// # Errors
    /// [`Denied`], by the minute where any minute is full, else by what is under way.
    async fn admit(&self, quotas: &[Quota<'_>]) -> Result<Admission, Denied>;

    /// A generation that a killed process left under way: counted with those whatever the limits
    /// say, and in no minute.
    async fn adopt(&self, names: &[&str]) -> Admission;

    /// When requests were accepted before a restart, in any order; once, before the first is
    /// admitted. Those of more than a minute ago are passed over.
    async fn restore(&self, name: &str, accepted: &[Timestamp]);

    /// What is left of a quota now.
    async fn load(&self, quota: &Quota<'_>) -> QuotaLoad;
}

/// One name's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota<'a> {
    /// What is counted.
    pub name: &'a str,
    /// Most requests within any 60 seconds, if limited.
    pub requests_per_minute: Option<u32>,
    /// Most generations under way at once, if limited.
    pub concurrent: Option<u32>,
}

/// What is left of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuotaLoad {
    /// Requests that would be admitted now; none where they are not limited.
    pub requests_left: Option<u32>,
    /// When the oldest counted request leaves the window; none where none is counted.
    pub resets_at: Option<Timestamp>,
    /// Generations that may begin beside those under way; none where they are not limited.
    pub concurrent_left: Option<u32>,
}

/// Not admitted: a quota is used up for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quota of {limit} is used up for now")]
pub struct Denied {
    /// Which of the quotas that were asked about; of several full minutes the one that is full
    /// longest, so that who comes back at `retry_at` finds all of these requests gone.
    pub quota: usize,
    /// Which of its limits.
    pub reason: DeniedReason,
    /// That limit.
    pub limit: u32,
    /// When the minute has a place again; none for a limit of zero, and for what is under way.
    pub retry_at: Option<Timestamp>,
}

/// Which of a quota's limits denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeniedReason {
    /// Requests within 60 seconds.
    Rate,
    /// Generations under way.
    Concurrent,
}

/// A request's places under its quotas. Dropped, its generation is over, and others may begin.
#[derive(Default)]
pub struct Admission(Option<Box<dyn FnOnce(Ended) + Send + Sync>>);

/// What became of an admitted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A generation that is over; its request stays in the minute.
    Over,
    /// No generation: it counts nowhere.
    Refused,
}

impl Admission {
    /// An admission that runs `end` when it ends; for implementations.
    pub fn new(end: impl FnOnce(Ended) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }

    /// One that holds nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Ends it, the request refused after all: its minutes have their places again.
    pub fn refused(mut self) {
        if let Some(end) = self.0.take() {
            end(Ended::Refused);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end(Ended::Over);
        }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("holds", &self.0.is_some()).finish()
    }
}
