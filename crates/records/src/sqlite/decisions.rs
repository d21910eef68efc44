//! Decisions: written with their generations, read by the newest.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    run,
    stored::{Columns, all, one, only},
};
use crate::{Decided, Demanded, Result};

const HOUR: i64 = 3_600_000;

pub(super) fn add(conn: &Connection, decided: &Decided) -> Result<()> {
    let sql =
        "INSERT INTO decisions (generation, team, key, kind, at, body) VALUES (?, ?, ?, ?, ?, ?)";
    let Decided { generation, team, key, kind, at, body } = decided;
    run(conn, sql, params![generation, team, key, kind.as_str(), at.millis(), body]).map(drop)
}

pub(super) fn forget(conn: &Connection, generation: &str) -> Result<()> {
    run(conn, "DELETE FROM decisions WHERE generation = ?", [generation]).map(drop)
}

pub(super) fn find(conn: &Connection, team: &str, generation: &str) -> Result<Option<String>> {
    let sql = "SELECT d.body FROM decisions d JOIN generations g ON g.id = d.generation \
               WHERE d.generation = ? AND d.team = ? AND g.erased = 0";
    one(conn, sql, [generation, team], only)
}

pub(super) fn newest(conn: &Connection, limit: u32) -> Result<Vec<Decided>> {
    let sql = "SELECT generation, team, key, kind, at, body FROM decisions \
               ORDER BY generation DESC LIMIT ?";
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

pub(super) fn demand(conn: &Connection, since: Timestamp) -> Result<Vec<Demanded>> {
    let first = since.millis().div_euclid(HOUR);
    let sql = "SELECT kind, at / 3600000 AS hour, count(*) FROM decisions \
               WHERE at >= ? GROUP BY kind, hour";
    all(conn.prepare_cached(sql)?, [first * HOUR], |columns| {
        let (kind, hour): (_, i64) = (columns.take()?, columns.take()?);
        Ok(Demanded { kind, hour: Timestamp::from_millis(hour * HOUR), requests: columns.take()? })
    })
}
