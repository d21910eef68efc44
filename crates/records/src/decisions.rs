//! How requests were decided, and so what is asked for and when.

use provider::{Kind, Timestamp};

/// How one request was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The generation that it became.
    pub generation: String,
    /// Whose.
    pub team: String,
    /// Asked for with this key.
    pub key: String,
    /// What it makes.
    pub kind: Kind,
    /// When.
    pub at: Timestamp,
    /// Every candidate with its verdict, as the engine writes it. It has no words of the caller's.
    pub body: String,
}

/// Requests of one kind in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demanded {
    /// What they make.
    pub kind: Kind,
    /// The hour's first moment, UTC.
    pub hour: Timestamp,
    /// How many.
    pub requests: u64,
}
