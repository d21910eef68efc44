//! What went wrong at a vendor: a dozen kinds, whose fault it was, and whether trying again is safe.

use std::{fmt, time::Duration};

use crate::{Charge, Unsupported};

/// The result of a call to a vendor.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened. The list is short on purpose: callers match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The vendor refused the request's content as malformed or out of range.
    Invalid,
    /// The model does not advertise what was asked; nothing was sent.
    Unsupported,
    /// The vendor's safety check stopped it.
    Blocked,
    /// The credential is missing, wrong or lacks a scope.
    Unauthorised,
    /// The account has no balance left.
    Unpaid,
    /// The vendor suspended the account for a while.
    Suspended,
    /// Too many requests for now.
    RateLimited,
    /// The day's or month's allowance is gone.
    Exhausted,
    /// The vendor does not know, or no longer keeps, what was asked for.
    NotFound,
    /// No connection, or the vendor says it is not available.
    Unavailable,
    /// The vendor did not answer within its deadline.
    TimedOut,
    /// The vendor did its work wrong: an error of its own, or an answer that cannot be read.
    Failed,
}

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The caller asked for something that cannot be.
    Caller,
    /// The account: credential, balance, allowance, suspension.
    Account,
    /// The vendor.
    Vendor,
    /// What lies between us and the vendor.
    Network,
    /// Ourselves: our disk, our memory, our bug.
    Gateway,
}

/// Whether trying again can cost twice or help at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails the same way.
    No,
    /// Nothing was done and nothing charged; try again, not before `after` where it is known.
    Safe {
        /// The vendor's own word on when (`Retry-After`).
        after: Option<Duration>,
    },
    /// The vendor may have done the work and charged for it.
    Unknown {
        /// Whether the vendor has certainly ended its work on the request (it answered, if badly).
        /// Where it is false the work may still be going on.
        ended: bool,
    },
}

/// An error with what every layer above needs to decide, and no more.
#[derive(Clone, thiserror::Error)]
#[error("{}", .0.public)]
pub struct Error(Box<Inner>);

/// Boxed, so that a `Result` is no larger than its good half.
#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    blame: Blame,
    retry: Retry,
    public: String,
    private: String,
    status: Option<u16>,
    vendor_code: Option<String>,
    unsupported: Vec<Unsupported>,
    charge: Option<Charge>,
}

impl Error {
    /// An error of this kind; `public` may be shown to any caller and holds no vendor's text.
    pub fn new(kind: ErrorKind, blame: Blame, retry: Retry, public: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            blame,
            retry,
            public: public.into(),
            private: String::new(),
            status: None,
            vendor_code: None,
            unsupported: Vec::new(),
            charge: None,
        }))
    }

    /// What the model does not advertise, refused before a byte was sent.
    pub fn unsupported(reasons: Vec<Unsupported>) -> Self {
        let said: Vec<&str> = reasons.iter().map(|r| r.reason.as_str()).collect();
        let public = said.join("; ");
        let mut error = Self::new(ErrorKind::Unsupported, Blame::Caller, Retry::No, public);
        error.0.unsupported = reasons;
        error
    }

    /// Adds what operators may read and callers may not (the vendor's own words, causes).
    #[must_use]
    pub fn with_private(mut self, private: impl Into<String>) -> Self {
        self.0.private = private.into();
        self
    }

    /// Adds the vendor's HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds the vendor's own error code, kept for its support.
    #[must_use]
    pub fn with_vendor_code(mut self, code: Option<String>) -> Self {
        self.0.vendor_code = code;
        self
    }

    /// Says what the vendor charged although it failed.
    #[must_use]
    pub fn with_charge(mut self, charge: Charge) -> Self {
        self.0.charge = Some(charge);
        self
    }

    /// The same error with another word on trying again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whose fault it was.
    pub fn blame(&self) -> Blame {
        self.0.blame
    }

    /// Whether trying again is safe.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// What any caller may read.
    pub fn public(&self) -> &str {
        &self.0.public
    }

    /// What operators may read; never a credential.
    pub fn private(&self) -> &str {
        &self.0.private
    }

    /// The vendor's HTTP status, if it gave one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The vendor's own error code, if it gave one.
    pub fn vendor_code(&self) -> Option<&str> {
        self.0.vendor_code.as_deref()
    }

    /// Each capability that is missing, for [`ErrorKind::Unsupported`].
    pub fn reasons(&self) -> &[Unsupported] {
        &self.0.unsupported
    }

    /// What was charged although it failed, where the vendor said so.
    pub fn charge(&self) -> Option<&Charge> {
        self.0.charge.as_ref()
    }
}

impl fmt::Debug for Error {
    /// For logs: everything but the empty parts. The private text was redacted where it was made.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("blame", &self.0.blame).field("retry", &self.0.retry);
        out.field("public", &self.0.public).field("private", &self.0.private);
        out.field("status", &self.0.status).field("vendor_code", &self.0.vendor_code);
        out.finish_non_exhaustive()
    }
}
