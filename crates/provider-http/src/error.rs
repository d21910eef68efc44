//! From HTTP to the contract's errors: what happened, whose fault, and can it have cost money?

use std::{error::Error as StdError, time::Duration};

use provider::{Blame, Error, ErrorKind, Retry, SinkError};

use crate::{BuildError, Effect, reach::NotPublic};

/// What a second try may cost once the vendor may have worked; `ended`: it has answered.
const fn lost(effect: Effect, ended: bool) -> Retry {
    match effect {
        Effect::Paid => Retry::Unknown { ended },
        Effect::Read => Retry::Safe { after: None },
    }
}

/// The error that a status other than 2xx stands for: the one place where it is decided.
///
/// A refusal (4xx) was not charged, so other accounts may be asked where the fault is the
/// account's. A 5xx proves nothing by itself: the work may be done and charged.
pub fn status_error(status: u16, effect: Effect, retry_after: Option<Duration>) -> Error {
    let safe = Retry::Safe { after: retry_after };
    // Of a paid call the vendor did nothing where it does not know the path; of a read it says so.
    let (missing, missing_blame, missing_retry) = match effect {
        Effect::Paid => (ErrorKind::Failed, Blame::Vendor, Retry::Safe { after: None }),
        Effect::Read => (ErrorKind::NotFound, Blame::Vendor, Retry::No),
    };
    let broken = match effect {
        Effect::Paid => Retry::Unknown { ended: true },
        Effect::Read => safe,
    };
    let (kind, blame, retry, public) = match status {
        301 | 307 | 308 => {
            let retry = Retry::Safe { after: None };
            (ErrorKind::Failed, Blame::Vendor, retry, "the vendor's API has moved")
        }
        401 | 403 => (
            ErrorKind::Unauthorised,
            Blame::Account,
            Retry::Safe { after: None },
            "the vendor does not accept the account's credential",
        ),
        402 => (
            ErrorKind::Unpaid,
            Blame::Account,
            Retry::Safe { after: None },
            "the account has no balance left at the vendor",
        ),
        404 | 405 | 410 => {
            (missing, missing_blame, missing_retry, "the vendor does not have what was asked for")
        }
        408 => (ErrorKind::TimedOut, Blame::Network, broken, "the vendor waited for the request"),
        429 => (ErrorKind::RateLimited, Blame::Account, safe, "the vendor's rate limit is reached"),
        451 => (ErrorKind::Blocked, Blame::Caller, Retry::No, "the vendor refused the content"),
        400..=499 => {
            (ErrorKind::Invalid, Blame::Caller, Retry::No, "the vendor refused the request")
        }
        503 => (ErrorKind::Unavailable, Blame::Vendor, broken, "the vendor is not available"),
        // A gateway in front of the vendor gave up waiting; the vendor itself may still work.
        504 => {
            let retry = if effect == Effect::Paid { lost(effect, false) } else { safe };
            (ErrorKind::TimedOut, Blame::Vendor, retry, "the vendor did not answer in time")
        }
        500..=599 => (ErrorKind::Failed, Blame::Vendor, broken, "the vendor failed"),
        _ => {
            let retry = lost(effect, true);
            (ErrorKind::Failed, Blame::Vendor, retry, "the vendor answered out of turn")
        }
    };
    Error::new(kind, blame, retry, public).with_status(status)
}

/// An answer of success that cannot be read: of a paid call, the money may be gone.
pub fn unreadable(effect: Effect, private: impl Into<String>) -> Error {
    let public = "the vendor's answer could not be read";
    Error::new(ErrorKind::Failed, Blame::Vendor, lost(effect, true), public).with_private(private)
}

/// Where serde stopped, without a word of what stood there: it may be anything.
pub fn json_shape(error: &serde_json::Error) -> String {
    let (what, line, column) = (error.classify(), error.line(), error.column());
    format!("{what:?} error at line {line} column {column}")
}

/// Bytes of an output that a read brought could not be kept.
pub fn sink_error(error: &SinkError) -> Error {
    match error {
        SinkError::TooLarge { .. } => {
            let public = "the vendor's output is larger than allowed";
            Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public)
        }
        SinkError::Storage(_) => {
            let retry = Retry::Safe { after: None };
            Error::new(ErrorKind::Failed, Blame::Gateway, retry, "the output could not be kept")
        }
    }
    .with_private(error.to_string())
}

/// No answer came.
pub(crate) fn not_answered(error: reqwest::Error, effect: Effect, operation: &str) -> Error {
    let error = error.without_url();
    let private = format!("{operation}: {}", causes(&error));
    let safe = Retry::Safe { after: None };
    let made = if leads_inside(&error) {
        let public = "the vendor named an address that may not be asked";
        Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public)
    } else if error.is_connect() {
        let public = "the vendor could not be reached";
        Error::new(ErrorKind::Unavailable, Blame::Network, safe, public)
    } else if error.is_builder() {
        let public = "the request to the vendor could not be built";
        Error::new(ErrorKind::Failed, Blame::Gateway, Retry::No, public)
    } else {
        let public = "the connection to the vendor broke before it answered";
        Error::new(ErrorKind::Unavailable, Blame::Network, lost(effect, false), public)
    };
    made.with_private(private)
}

/// An address that leads to a network which is not public: nothing was sent.
pub(crate) fn not_public(operation: &str) -> Error {
    let public = "the vendor named an address that may not be asked";
    let private = format!("{operation}: {NotPublic}");
    Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public).with_private(private)
}

/// There is nothing to send with: nothing was sent.
pub(crate) fn no_client(failed: &BuildError, operation: &str) -> Error {
    let private = format!("{operation}: {failed}");
    Error::new(
        ErrorKind::Unavailable,
        Blame::Gateway,
        Retry::Safe { after: None },
        "nothing was sent",
    )
    .with_private(private)
}

/// The answer did not begin within its deadline.
pub(crate) fn too_late(effect: Effect, operation: &str) -> Error {
    let public = "the vendor did not answer within its deadline";
    let private = format!("{operation}: no answer");
    Error::new(ErrorKind::TimedOut, Blame::Vendor, lost(effect, false), public)
        .with_private(private)
}

/// The answer began and stopped coming.
pub(crate) fn stalled(effect: Effect, operation: &str) -> Error {
    let public = "the vendor's answer did not end within its deadline";
    let private = format!("{operation}: body stalled");
    Error::new(ErrorKind::TimedOut, Blame::Vendor, lost(effect, true), public).with_private(private)
}

/// The answer began and broke off.
pub(crate) fn broken_off(error: reqwest::Error, effect: Effect, operation: &str) -> Error {
    let public = "the vendor's answer broke off";
    let private = format!("{operation}: {}", causes(&error.without_url()));
    Error::new(ErrorKind::Failed, Blame::Network, lost(effect, true), public).with_private(private)
}

/// The answer is larger than allowed.
pub(crate) fn too_large(effect: Effect, operation: &str, limit: u64) -> Error {
    let public = "the vendor's answer is larger than allowed";
    let private = format!("{operation}: body over {limit} bytes");
    Error::new(ErrorKind::Failed, Blame::Vendor, lost(effect, true), public).with_private(private)
}

fn sources(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
}

fn leads_inside(error: &reqwest::Error) -> bool {
    sources(error).any(|cause| cause.is::<NotPublic>())
}

/// Every cause in one line. None of them holds a header or an address: those stay in the request.
fn causes(error: &reqwest::Error) -> String {
    let all: Vec<String> = sources(error).map(ToString::to_string).collect();
    all.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: Retry = Retry::Safe { after: None };

    #[test]
    fn a_paid_call_is_never_called_safe_after_a_failure_of_the_vendor() {
        for status in 100..=999 {
            let error = status_error(status, Effect::Paid, None);
            assert_eq!(error.status(), Some(status));
            let unknown = matches!(error.retry(), Retry::Unknown { .. });
            let refusal = matches!(status, 301 | 307 | 308) || (400..500).contains(&status);
            assert_eq!(unknown, !refusal || status == 408, "{status}: {error:?}");
        }
    }

    #[test]
    fn a_read_is_never_unknown() {
        for status in 100..=999 {
            let retry = status_error(status, Effect::Read, None).retry();
            assert!(!matches!(retry, Retry::Unknown { .. }), "{status}");
        }
    }

    #[test]
    fn retry_after_is_kept_where_it_means_something() {
        let after = Some(Duration::from_secs(7));
        assert_eq!(status_error(429, Effect::Paid, after).retry(), Retry::Safe { after });
        assert_eq!(status_error(503, Effect::Read, after).retry(), Retry::Safe { after });
        assert_eq!(status_error(402, Effect::Paid, after).retry(), SAFE);
    }

    #[test]
    fn what_is_gone_is_not_asked_for_again() {
        for status in [404, 410] {
            let error = status_error(status, Effect::Read, None);
            assert_eq!((error.kind(), error.retry()), (ErrorKind::NotFound, Retry::No));
        }
    }
}
