//! Pages by key set: a cursor is the last row's id, so that a page costs the same however deep it is.

/// Where a page begins: after the row with this id (ids sort by time; lists are newest first).
pub type Cursor = String;

/// Which rows to list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// At most this many rows.
    pub limit: u32,
    /// After this row.
    pub after: Option<Cursor>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
}

impl Page {
    /// The first `limit` rows, newest first.
    pub fn first(limit: u32) -> Self {
        Self { limit, after: None, ascending: false }
    }
}
