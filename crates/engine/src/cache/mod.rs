//! Never paying twice for the same: what was made is given again, and what is being made is waited for.
//!
//! ```text
//! admitted - is it there?  yes: a generation of its own, completed at once, nothing paid   (answer)
//!          - is it in flight?  yes: a generation of its own, waits, nothing paid           (wait)
//!          - planned, accepted, paid; its end is kept and shared                           (share)
//! ```
//!
//! # Whose is what
//! An answer is a generation with assets of its own, whose bytes are the first one's: a team's wall, a link's
//! time and a deletion are each one asset's. The bytes go with the last asset that names them.
//!
//! # What makes it right
//! The cache and the flights may forget anything at any time. That a source is still there is checked in the
//! commit of each answer (`records::Change::Answer`), so that nothing which was deleted is ever given again,
//! whoever deleted it; and a generation that waits is an ordinary row that a restart goes on with.
//!
//! # Why the cache is asked again
//! Who ends a flight puts its answer into the cache first. Whoever takes a lead looks into the cache once
//! more: what was not there before the flight was over is there now.

mod answer;
mod made;
mod purge;
mod share;
mod wait;

use std::time::Duration;

use coordination::{CacheKey, Kin};
use records::CacheResult;

pub(crate) use self::{
    answer::{Answered, Asked},
    share::Sharing,
    wait::{wait, wait_again},
};
use crate::{
    CacheUse, Engine, Request,
    canon::{self, Sharers},
    market::Resolved,
};

/// What operators set about answers that may be given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSettings {
    /// Whether any may.
    pub enabled: bool,
    /// For how long.
    pub ttl: Duration,
    /// Whether teams share theirs.
    pub global: bool,
    /// What a request without a seed gets, where its alias does not say.
    pub variants: Variants,
    /// How near a prompt must be to another one for its answer to do, in thousandths; none where only the
    /// same one is.
    pub similar: Option<u32>,
}

/// What a request without a seed gets when the same was made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variants {
    /// The same outputs.
    #[default]
    Reuse,
    /// Fresh ones.
    Fresh,
}

/// What the cache may do for a request.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) key: CacheKey,
    kin: Option<Kin>,
    /// Whether an answer that is there, or in flight, may do; otherwise only the new one is kept.
    pub(crate) asks: bool,
    max_age: Option<Duration>,
    /// Whether nothing else will do.
    pub(crate) only: bool,
}

impl Engine {
    /// What the cache may do for this request; none where it may do nothing.
    pub(crate) fn ticket(
        &self,
        team: &str,
        request: &Request,
        resolved: &Resolved,
    ) -> Option<Ticket> {
        let settings = &self.settings().cache;
        let fresh = resolved.variants.unwrap_or(settings.variants) == Variants::Fresh;
        let asked = request.cache.unwrap_or_default();
        let only = request.only_cached && asked == CacheUse::Use;
        let may = settings.enabled && request.store && asked != CacheUse::Off;
        if !may || (fresh && request.seed.is_none()) {
            return None;
        }
        let sharers = if settings.global { Sharers::All } else { Sharers::Team(team) };
        // Another prompt's answer is an adjustment.
        let near = settings.similar.filter(|_| !request.strict);
        Some(Ticket {
            key: canon::key(sharers, resolved, request),
            kin: near.and_then(|_| canon::kin(team, resolved, request)),
            asks: asked == CacheUse::Use,
            max_age: request.max_age,
            only,
        })
    }
}

impl Ticket {
    /// What the generation says of the cache when nothing was there.
    pub(crate) fn result(ticket: Option<&Self>) -> CacheResult {
        if ticket.is_some() { CacheResult::Miss } else { CacheResult::Off }
    }
}
