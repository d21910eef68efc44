//! Stopping before a vendor suspends the account for rejected work.

use std::fmt;

use provider::{SafetyRule, Timestamp};

/// Watches what share of an account's attempts the vendor rejects, and stops in time.
///
/// # What counts
/// The attempts of the last [`SafetyRule::span`] that the vendor judged, and those in flight. A fine
/// one counts from its sending, a rejected one from its verdict: whichever moment the vendor counts
/// by, its fine ones last no shorter and its rejected ones no longer than ours. Those in flight count
/// as rejected, for they may become so.
///
/// # What is refused
/// - Teams with a rejection in the window, once [`SafetyRule::team`] is reached.
/// - Everybody, once [`SafetyRule::account`] is reached.
/// - A team with [`SafetyRule::unbroken`] rejections (its attempts in flight counted once one was
///   really rejected) and nothing fine.
/// - Whatever could bring the account past [`SafetyRule::vendor`], now or later: old fine attempts
///   leave the window before newer rejected ones do, so the share must hold in every later part of
///   the window, this attempt and all in flight rejected. A team with a rejection leaves room for
///   one more attempt, or it could use up the last that the others need to go on.
///
/// A vendor that suspends past a share "of at least 10" may mean 10 attempts or 10 rejections, and
/// may count attempts that we do not: those that it turned away, those made by hand. So the share is
/// taken of at least so many, and nothing that is not rejected can tip it.
#[async_trait::async_trait]
pub trait Guard: Send + Sync + fmt::Debug {
    /// Admits one attempt of a team at an account; waits, in the order of asking, while only attempts
    /// in flight stand in the way. A dropped future gives its place up.
    ///
    /// # Errors
    /// [`Stopped`] where it would be refused even were all attempts in flight fine.
    async fn enter(&self, account: &str, rule: &SafetyRule, team: &str)
    -> Result<Watched, Stopped>;

    /// Whether an attempt may come to be admitted, were all attempts in flight fine; for planning.
    ///
    /// # Errors
    /// [`Stopped`] where [`enter`](Guard::enter) would refuse.
    async fn look(&self, account: &str, rule: &SafetyRule, team: &str) -> Result<(), Stopped>;

    /// An attempt that is in flight since before a restart, sent at `at`: admitted whatever the rule
    /// says.
    async fn adopt(&self, account: &str, team: &str, at: Timestamp) -> Watched;

    /// Counts attempts that were judged before a restart, in any order; once, before the first enters.
    async fn restore(&self, account: &str, judged: &[Judged]);

    /// How near the account is to being stopped.
    async fn load(&self, account: &str, rule: &SafetyRule) -> GuardLoad;
}

/// An attempt that the vendor judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Whose.
    pub team: String,
    /// When it was sent, of a fine one; when the verdict came, of a rejected one.
    pub at: Timestamp,
    /// The verdict.
    pub rejected: bool,
}

/// No attempt here before the share of rejected ones has fallen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account takes no such work before {until}, lest the vendor suspends it")]
pub struct Stopped {
    /// When enough rejections will have left the window.
    pub until: Timestamp,
    /// Whether every team is stopped, or this one alone.
    pub whole: bool,
}

/// How near an account is to being stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardLoad {
    /// Judged attempts in the window.
    pub attempts: u32,
    /// The rejected ones among them.
    pub rejected: u32,
    /// Attempts whose verdict is open.
    pub in_flight: u32,
    /// Until when the account takes no work at all, if so.
    pub stopped_until: Option<Timestamp>,
    /// The teams whose work it does not take, and until when, by name.
    pub stopped_teams: Vec<(String, Timestamp)>,
}

/// One attempt in flight. Dropped, the vendor did not judge it (it was turned away or lost by a
/// fault of the vendor's), and it counts no more.
#[must_use = "dropped, the attempt counts as never judged"]
pub struct Watched(Option<Box<dyn FnOnce(Option<bool>) + Send + Sync>>);

impl Watched {
    /// One that hands its verdict, or none, to `end`; for implementations.
    pub fn new(end: impl FnOnce(Option<bool>) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }

    /// The vendor's verdict.
    pub fn judged(mut self, rejected: bool) {
        if let Some(end) = self.0.take() {
            end(Some(rejected));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end(None);
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}
