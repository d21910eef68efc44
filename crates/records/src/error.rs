//! Why records could not be read or written.

use crate::{Idempotency, Short};

/// The result of an operation on the records.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a change was not made. Nothing of its list was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Another generation has claimed this vendor's work.
    #[error("the vendor's work {0} belongs to another generation")]
    Claimed(String),
    /// The idempotency key stands for a generation already.
    #[error("the idempotency key was used")]
    Used(Idempotency),
    /// A row that the change is about is not there, or not in the state that the change needs.
    #[error("{0} is not in the state for this change")]
    Stale(String),
    /// A hard budget does not cover what was to be held.
    #[error("the budget of {} does not cover it", .0.span.owner)]
    Budget(Short),
    /// The database failed.
    #[error("the database failed: {0}")]
    Storage(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Storage(format!("a stored document cannot be read: {error}"))
    }
}
