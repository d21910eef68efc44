//! Leaving a vendor alone while it fails.

use std::{fmt, time::Duration};

use provider::{Share, Timestamp};

/// Circuit breakers, one for each account and model.
///
/// # What opens one
/// Failures of the vendor's: so many in a row, or such a share of a sliding window
/// ([`BreakerRule`]). Whoever enters says what the vendor did; what was not the vendor's fault, or
/// never came to it, is not said, and counts nowhere.
///
/// # What closes it
/// After a rest the breaker is half-open: one piece of work is let in as a probe, and nothing else
/// while it is under way, so that a dark vendor gets probes and not storms. If the vendor does it
/// well the breaker closes; if badly it rests again, twice as long, up to a bound. A breaker that
/// opens again soon after it closed goes on doubling: a vendor that flickers is not tried ever so
/// often. Rests are varied, so that many processes do not probe together.
///
/// Only the probe decides. What was under way when the breaker opened says nothing of how the vendor
/// is since, so its end counts no more.
#[async_trait::async_trait]
pub trait Breakers: Send + Sync + fmt::Debug {
    /// Whether work may be sent, were it sent now; for planning, and so asked for every candidate of
    /// every plan: an implementation answers from memory. Nothing is taken.
    ///
    /// # Errors
    /// [`Open`] where [`enter`](Breakers::enter) would refuse.
    fn look(&self, lane: Lane<'_>) -> Result<(), Open>;

    /// Lets one piece of work in, as the probe where the breaker is half-open.
    ///
    /// # Errors
    /// [`Open`] while the vendor is left alone.
    async fn enter(&self, lane: Lane<'_>) -> Result<Permit, Open>;

    /// Ends when work may be let in: the rest is over and no probe is under way. A dropped future
    /// has taken nothing, and one that ended holds nothing: somebody else may be let in first.
    async fn ready(&self, lane: Lane<'_>);

    /// The account's breakers that something is known of: those that are open, and those whose
    /// window is not empty. In the order of the models' names.
    fn load(&self, account: &str) -> Vec<BreakerLoad>;
}

/// What one breaker watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane<'a> {
    /// The account, `provider/name`.
    pub account: &'a str,
    /// The provider's own name of the model.
    pub model: &'a str,
}

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRule {
    /// So many failures in a row open it.
    pub in_a_row: u32,
    /// Such a share of failures within `span` opens it.
    pub share: Share,
    /// The sliding window of the share.
    pub span: Duration,
    /// How long the vendor is left alone at first; it doubles.
    pub rest: Duration,
    /// The longest rest.
    pub longest_rest: Duration,
}

impl BreakerRule {
    /// The usual rule. Five in a row are an accident once in a hundred thousand calls of a vendor that
    /// fails one in ten; the first rest is short, because what fails may have been a deployment, and the
    /// longest is what a recovery may go unnoticed.
    pub const USUAL: Self = Self {
        in_a_row: 5,
        share: Share { percent: 50, least: 20 },
        span: Duration::from_secs(60),
        rest: Duration::from_secs(2),
        longest_rest: Duration::from_secs(60),
    };
}

/// The vendor is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// When it began to be.
    pub since: Timestamp,
    /// When a probe may be let in; none while one is under way.
    pub until: Option<Timestamp>,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { since, until } = self;
        match until {
            Some(until) => write!(f, "it has failed since {since} and is left alone until {until}"),
            None => write!(f, "it has failed since {since}, and one request tries it now"),
        }
    }
}

impl std::error::Error for Open {}

/// What the vendor did with a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// What it should.
    Well,
    /// It failed, was dark or too slow; where it said so, not to be asked again before.
    Badly {
        /// `Retry-After`: a rest is no shorter.
        rest: Option<Duration>,
    },
}

/// How a breaker changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// It opened.
    Opened(Open),
    /// Its probe failed: it rests again.
    StillOpen(Open),
    /// Its probe went well.
    Closed,
}

/// How one breaker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerLoad {
    /// The model.
    pub model: String,
    /// Whether the vendor is left alone.
    pub open: Option<Open>,
    /// What was judged within the window.
    pub judged: u32,
    /// The failures among them.
    pub failed: u32,
}

/// One piece of work that was let in. Dropped, nothing is said of the vendor; a probe that is dropped
/// makes room for the next.
#[must_use = "dropped, the work counts as never judged"]
pub struct Permit {
    probe: bool,
    end: Option<End>,
}

type End = Box<dyn FnOnce(Option<Did>) -> Option<Turned> + Send + Sync>;

impl Permit {
    /// One that hands its verdict, or none, to `end`; for implementations.
    pub fn new(
        probe: bool,
        end: impl FnOnce(Option<Did>) -> Option<Turned> + Send + Sync + 'static,
    ) -> Self {
        Self { probe, end: Some(Box::new(end)) }
    }

    /// Whether it is the one that tries a vendor which is left alone.
    pub fn is_probe(&self) -> bool {
        self.probe
    }

    /// What the vendor did; answers what became of the breaker.
    pub fn judged(mut self, did: Did) -> Option<Turned> {
        self.end.take().and_then(|end| end(Some(did)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end(None);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("probe", &self.probe).finish_non_exhaustive()
    }
}
