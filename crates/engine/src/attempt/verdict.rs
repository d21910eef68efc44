//! What an error means: for the attempt that it ended, and for the next one.

use std::time::Duration;

use provider::{Error, ErrorKind, Retry};
use records::{Failure, Outcome};

use crate::{
    Code,
    journey::{Made, failure},
};

/// What an attempt means for its call.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Done.
    Made(Box<Made>),
    /// The vendor's safety check stopped it.
    Blocked,
    /// Not here; the next step may.
    Next(Failure),
    /// Here or elsewhere, after a rest.
    Again(Failure, Rest),
    /// Nobody may try again: the first one may have been charged.
    Over(Failure),
}

/// How to rest before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// The account is paused; its queue waits.
    Paused,
    /// A growing span, and no less than the vendor asked for.
    Backoff(Option<Duration>),
    /// Not at all: it is no failure of the vendor's.
    Not,
}

impl Verdict {
    /// The same of an attempt that our own end cut off: work that never began is no failure of the vendor's,
    /// so that its budget of retries and its rest have nothing to do with it.
    pub(crate) fn cut_off(self) -> Self {
        match self {
            Self::Again(..) => {
                let message = "the gateway ended before the provider did the work";
                Self::Again(failure(Code::ProviderError, message), Rest::Not)
            }
            other => other,
        }
    }
}

pub(super) fn used_up() -> Failure {
    failure(Code::ProvidersUnavailable, "the provider's allowance is used up for now")
}

pub(super) fn outcome(error: &Error) -> Outcome {
    match error.kind() {
        ErrorKind::Blocked => Outcome::Blocked,
        ErrorKind::RateLimited | ErrorKind::Exhausted => Outcome::RateLimited,
        ErrorKind::Unpaid => Outcome::Unpaid,
        ErrorKind::Unauthorised | ErrorKind::Suspended => Outcome::Unauthorised,
        ErrorKind::TimedOut => Outcome::TimedOut,
        ErrorKind::Invalid
        | ErrorKind::Unsupported
        | ErrorKind::NotFound
        | ErrorKind::Unavailable
        | ErrorKind::Failed => Outcome::Failed,
    }
}

/// What an error that was certainly not charged means for the call.
pub(crate) fn verdict(error: &Error) -> Verdict {
    match (by_kind(error), error.retry()) {
        (Verdict::Again(failure, _), Retry::No) => Verdict::Next(failure),
        (Verdict::Again(failure, Rest::Backoff(_)), Retry::Safe { after }) => {
            Verdict::Again(failure, Rest::Backoff(after))
        }
        (verdict, _) => verdict,
    }
}

fn by_kind(error: &Error) -> Verdict {
    let bad = |message: &str| failure(Code::ProviderError, message);
    let busy = |message: &str| failure(Code::ProvidersUnavailable, message);
    match error.kind() {
        ErrorKind::Blocked => Verdict::Blocked,
        ErrorKind::Unpaid
        | ErrorKind::Unauthorised
        | ErrorKind::Suspended
        | ErrorKind::Exhausted => Verdict::Next(busy("the provider takes no work from us for now")),
        ErrorKind::RateLimited => {
            Verdict::Again(busy("the provider is over its rate limit"), Rest::Paused)
        }
        ErrorKind::Unavailable => {
            Verdict::Again(busy("the provider cannot be reached"), Rest::Backoff(None))
        }
        ErrorKind::TimedOut => {
            Verdict::Again(bad("the provider did not answer in time"), Rest::Backoff(None))
        }
        ErrorKind::Failed => Verdict::Again(bad("the provider failed"), Rest::Backoff(None)),
        ErrorKind::Invalid | ErrorKind::Unsupported => {
            Verdict::Next(bad("the provider refused the request"))
        }
        ErrorKind::NotFound => Verdict::Next(bad("the provider does not know what was asked for")),
    }
}
