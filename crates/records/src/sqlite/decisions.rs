//! Decisions: columns of their generations, read by the newest.

use std::collections::HashMap;

use provider::{Kind, Timestamp};
use rusqlite::{Connection, params};

use super::{
    lists::OLDER_IN_A_ROW,
    must,
    stored::{Columns, all, one, only},
};
use crate::{Decided, Demanded, Result};

const HOUR: i64 = 3_600_000;

pub(super) fn add(conn: &Connection, generation: &str, at: Timestamp, body: &str) -> Result<()> {
    let sql = "UPDATE generations SET decision = ?2, decided_at = ?3 WHERE id = ?1";
    must(conn, generation, sql, params![generation, body, at.millis()])
}

pub(super) fn find(conn: &Connection, team: &str, generation: &str) -> Result<Option<String>> {
    let sql = "SELECT decision FROM generations WHERE id = ? AND team = ? AND erased = 0 \
               AND decision IS NOT NULL";
    one(conn, sql, [generation, team], only)
}

pub(super) fn newest(conn: &Connection, limit: u32) -> Result<Vec<Decided>> {
    let sql = "SELECT id, team, key, kind, decided_at, decision FROM generations \
               WHERE decision IS NOT NULL ORDER BY id DESC LIMIT ?";
    all(conn.prepare_cached(sql)?, [limit], decided)
}

fn decided(columns: &mut Columns<'_>) -> Result<Decided> {
    Ok(Decided {
        generation: columns.take()?,
        team: columns.take()?,
        key: columns.take()?,
        kind: columns.take()?,
        at: columns.take()?,
        body: columns.take()?,
    })
}

/// Read from the newest on, as far as the span goes: most of what is on record is older.
pub(super) fn demand(conn: &Connection, since: Timestamp) -> Result<Vec<Demanded>> {
    let first = Timestamp::from_millis(since.millis().div_euclid(HOUR) * HOUR);
    let sql = "SELECT created_at, decided_at, kind FROM generations ORDER BY rowid DESC";
    let mut question = conn.prepare_cached(sql)?;
    let mut rows = question.query([])?;
    let (mut found, mut older) = (HashMap::<(Kind, i64), u64>::new(), 0);
    while older < OLDER_IN_A_ROW
        && let Some(row) = rows.next()?
    {
        let mut columns = Columns::of(row);
        let (created, decided): (Timestamp, Option<Timestamp>) = (columns.take()?, columns.take()?);
        older = if created < first { older + 1 } else { 0 };
        if let Some(at) = decided.filter(|at| *at >= first) {
            *found.entry((columns.take()?, at.millis().div_euclid(HOUR))).or_default() += 1;
        }
    }
    let hour = |hour| Timestamp::from_millis(hour * HOUR);
    let told = |((kind, at), requests)| Demanded { kind, hour: hour(at), requests };
    Ok(found.into_iter().map(told).collect())
}
