//! Requests of the past on a virtual clock: what they would have cost under another policy, with another
//! allowance, or without a vendor.
//!
//! A [`Trace`] is what was asked for, with every candidate that there was; it comes from the ledger and its
//! decisions (`past`), from an export of the ledger (`export`) or from a trace of the routing game (`game`).
//! Each setting plays it once ([`play()`]): `routing::plan` orders the candidates as in the running gateway,
//! and what scarce things are worth is found in the engine's way (`engine::scarcity`) from the requests
//! that were played before. Nothing of the future is known to it.
//!
//! # What is kept, and what is left out
//! Allowances of the day and the month, overage and its cap are kept to. Lanes are taken as free, balances
//! as filled up and budgets as ample: nobody recorded what would have been waited for. A candidate that was
//! barred when a request came (an outage, a hold, a ceiling) is barred in every setting, unless nothing
//! but a used-up allowance was why; so is one that failed then. A request that did not complete cost
//! what it cost in every setting.
//!
//! # What a choice is charged
//! The real charge where it is the one that was really made. Otherwise what it was expected to cost, times
//! what real charges at that model were of their expectations in the trace.

mod books;
pub(crate) mod chart;
mod export;
mod file;
mod game;
mod past;
mod play;
mod row;
mod terms;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use engine::Decision;
use provider::{Kind, MicroUsd, Timestamp};

pub(crate) use self::{
    file::read,
    past::recall,
    play::{Choice, Setting, play},
    row::{Day, Row, Use},
    terms::{Assignment, Terms},
};

/// Requests of the past, and under which terms they were made.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// Oldest first. Those from before the span are only learned from.
    pub(crate) requests: Vec<Asked>,
    /// From then on, and before then.
    pub(crate) span: (Timestamp, Timestamp),
    /// Whether it is known what they were charged.
    pub(crate) is_past: bool,
    /// The plans of accounts, where the trace has its own.
    pub(crate) terms: Option<Terms>,
    /// What whoever reads the result should know.
    pub(crate) notes: Vec<String>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// When.
    pub(crate) at: Timestamp,
    /// Whose.
    pub(crate) team: String,
    /// What it makes.
    pub(crate) kind: Kind,
    /// Every candidate; none where nothing is known of any.
    pub(crate) decision: Decision,
    /// How long the caller waits.
    pub(crate) patience: Option<Duration>,
    /// The most that it may cost.
    pub(crate) max_cost: Option<MicroUsd>,
    /// What really became of it, if that is known.
    pub(crate) was: Option<Was>,
}

/// What really became of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Was {
    /// What each attempt cost and took.
    pub(crate) spent: Vec<Spent>,
    /// Who made it; nobody where it did not complete.
    pub(crate) served: BTreeSet<Place>,
    /// Who tried and did not make it.
    pub(crate) failed: BTreeSet<Place>,
}

/// An account at a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// `provider/name`.
    pub(crate) account: String,
    /// `provider/model`.
    pub(crate) model: String,
}

/// What one attempt cost and took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Where.
    pub(crate) place: Place,
    /// What the vendor has for it.
    pub(crate) charged: MicroUsd,
    /// Units of an allowance.
    pub(crate) units: u32,
    /// Units past it.
    pub(crate) bought: u32,
}

/// Why nothing can be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// There is no database.
    #[error("there is no database at {}; is it the right configuration?", .0.display())]
    NoDatabase(PathBuf),
    /// The database cannot be read.
    #[error("{}: {}", .0.display(), .1)]
    Records(PathBuf, records::Error),
    /// The file cannot be read.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, std::io::Error),
    /// The file is none that could be played.
    #[error("{}: line {line}: {reason}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The name says nothing of what is in it.
    #[error("{}: a trace is the word ledger, an export of it (.csv), or a trace of the routing game \
             (.jsonl, .jsonl.gz)", .0.display())]
    Unknown(PathBuf),
    /// Nothing was asked for.
    #[error("{0} has no request in that time")]
    Empty(String),
    /// A setting that makes no sense here.
    #[error("{0}")]
    Setting(String),
}

impl Asked {
    /// Whether every setting leaves it as it was: nobody knows what else could have become of it.
    pub(crate) fn is_fixed(&self) -> bool {
        let unmade = self.was.as_ref().is_some_and(|was| was.served.is_empty());
        unmade || self.decision.candidates.is_empty()
    }
}

impl Place {
    /// The provider.
    pub(crate) fn provider(&self) -> &str {
        self.account.split_once('/').map_or(&self.account, |(provider, _)| provider)
    }

    /// The account's own name.
    fn name(&self) -> &str {
        self.account.split_once('/').map_or("", |(_, name)| name)
    }
}

impl Trace {
    /// Cuts what lies outside of a span, and sets the span to whole days where nobody said one. What lies
    /// before it is kept where it may be learned from.
    fn within(mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        use provider::Calendar::Day;
        self.requests.sort_by_key(|asked| asked.at);
        if let Some(to) = to {
            self.requests.retain(|asked| asked.at < to);
        }
        let first = self.requests.first().map(|asked| Day.start(asked.at));
        let last = self.requests.last().map(|asked| Day.end(asked.at));
        let begins = from.or(first).unwrap_or_default();
        self.span = (begins, to.or(last).unwrap_or(begins).max(begins));
        self
    }

    /// The requests of the span.
    pub(crate) fn played(&self) -> impl Iterator<Item = &Asked> {
        self.requests.iter().filter(|asked| asked.at >= self.span.0)
    }

    /// Every provider that has an account or a candidate in it.
    pub(crate) fn providers(&self, terms: &Terms) -> BTreeSet<String> {
        let of =
            |name: &str| name.split_once('/').map_or(name, |(provider, _)| provider).to_owned();
        let candidates = self.requests.iter().flat_map(|asked| &asked.decision.candidates);
        let candidates = candidates.map(|one| of(&one.model));
        terms.accounts.iter().map(|(account, _)| of(account)).chain(candidates).collect()
    }

    /// Refuses one that has nothing to play, named for people.
    fn filled(self, name: impl Into<String>) -> Result<Self, ReplayError> {
        if self.played().next().is_none() {
            return Err(ReplayError::Empty(name.into()));
        }
        Ok(self)
    }
}
