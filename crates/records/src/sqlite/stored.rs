//! Between rows and models: texts that name one of a few, documents, moments, money.

use provider::{Kind, MicroUsd, Timestamp};
use rusqlite::{CachedStatement, Connection, Params, Row, types::Value};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AttemptState, CacheResult, DeliveryState, Error, Outcome, Page, Result, Status, UnitsState,
};

/// A value that a column stands for.
pub(super) trait Stored: Sized {
    fn read(row: &Row<'_>, column: usize) -> Result<Self>;
}

macro_rules! stored {
    ($($type:ty: $row:ident, $column:ident => $read:expr;)*) => {$(
        impl Stored for $type {
            fn read($row: &Row<'_>, $column: usize) -> Result<Self> { $read }
        }
    )*};
}

stored! {
    String: row, column => Ok(row.get(column)?);
    bool: row, column => Ok(row.get(column)?);
    i64: row, column => Ok(row.get(column)?);
    u8: row, column => Ok(row.get(column)?);
    u32: row, column => Ok(row.get(column)?);
    [u8; 32]: row, column => Ok(row.get(column)?);
    u64: row, column => u64::try_from(row.get::<_, i64>(column)?).map_err(|_| odd("a negative count"));
    Timestamp: row, column => Ok(Self::from_millis(row.get(column)?));
    MicroUsd: row, column => Ok(Self::from_micros(row.get(column)?));
    Kind: row, column => {
        let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
        text.parse().map_err(|()| odd(text))
    };
    Status: row, column => named(row, column, &Self::ALL, Self::as_str);
    Outcome: row, column => named(row, column, &Self::ALL, Self::as_str);
    AttemptState: row, column => named(row, column, &Self::ALL, Self::as_str);
    UnitsState: row, column => named(row, column, &Self::ALL, Self::as_str);
    CacheResult: row, column => named(row, column, &Self::ALL, Self::as_str);
    DeliveryState: row, column => named(row, column, &Self::ALL, Self::as_str);
}

impl<T: Stored> Stored for Option<T> {
    fn read(row: &Row<'_>, column: usize) -> Result<Self> {
        match row.get_ref(column)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => T::read(row, column).map(Some),
        }
    }
}

/// The one of `all` whose name the column has.
fn named<T: Copy>(
    row: &Row<'_>,
    column: usize,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| odd(text))
}

fn odd(what: &str) -> Error {
    Error::Storage(format!("a row has {what} where it cannot be"))
}

/// Reads a row's columns from left to right.
pub(super) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn of(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: Stored>(&mut self) -> Result<T> {
        self.next += 1;
        T::read(self.row, self.next - 1)
    }

    /// A column with a JSON document.
    pub(super) fn document<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.next += 1;
        let text = self.row.get_ref(self.next - 1)?.as_str().map_err(rusqlite::Error::from)?;
        Ok(serde_json::from_str(text)?)
    }
}

/// Reads a row's only column.
pub(super) fn only<T: Stored>(columns: &mut Columns<'_>) -> Result<T> {
    columns.take()
}

/// A value as a JSON document.
pub(super) fn document<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// A count as the database keeps it.
pub(super) fn integer(count: u64) -> Result<i64> {
    i64::try_from(count).map_err(|_| Error::Storage(format!("{count} is too much to keep")))
}

/// The one row that a question has, if it has any.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: fn(&mut Columns<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut question = conn.prepare_cached(sql)?;
    let mut rows = question.query(params)?;
    rows.next()?.map(|row| read(&mut Columns::of(row))).transpose()
}

/// Every row of a question.
pub(super) fn all<T>(
    mut question: CachedStatement<'_>,
    params: impl Params,
    read: fn(&mut Columns<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut rows = question.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Columns::of(row))?);
    }
    Ok(found)
}

/// A page's direction as SQL: the comparison with its first bound, and the order.
pub(super) const fn direction(page: &Page) -> (&'static str, &'static str) {
    if page.ascending { (">", "ASC") } else { ("<", "DESC") }
}

/// What a page of rows with ids of text begins after. A bound for the first page keeps it the same
/// statement as the others: `SQLite` sorts every text before every blob, and nothing before `""`.
pub(super) fn bound(page: &Page) -> Value {
    match &page.after {
        Some(id) => Value::Text(id.clone()),
        None if page.ascending => Value::Text(String::new()),
        None => Value::Blob(Vec::new()),
    }
}

/// As [`bound`], of rows that are numbered; none for a page after a row that cannot be there, which has
/// nothing.
pub(super) fn numbered_bound(page: &Page) -> Option<i64> {
    match &page.after {
        Some(id) => id.parse().ok(),
        None if page.ascending => Some(i64::MIN),
        None => Some(i64::MAX),
    }
}
