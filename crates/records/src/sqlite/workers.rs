//! Which process drives which generations, and for how long it may be believed to live.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    must, run,
    stored::{all, only},
};
use crate::Result;

pub(super) fn heartbeat(conn: &Connection, worker: &str, until: Timestamp) -> Result<()> {
    let sql = "INSERT INTO workers (id, until) VALUES (?1, ?2) \
               ON CONFLICT (id) DO UPDATE SET until = ?2";
    run(conn, sql, params![worker, until.millis()]).map(drop)
}

/// Hands a dead worker's generations over. Of several that try only the first succeeds: the row of
/// the dead one is the token.
pub(super) fn take_over(conn: &Connection, from: &str, to: &str, now: Timestamp) -> Result<()> {
    let sql = "DELETE FROM workers WHERE id = ? AND until <= ?";
    must(conn, from, sql, params![from, now.millis()])?;
    let sql = "UPDATE generations SET worker = ?2 WHERE worker = ?1 AND id IN \
               (SELECT id FROM holds WHERE of_attempt = 0 \
               UNION ALL SELECT a.generation FROM holds h \
               JOIN attempts a ON a.id = h.id WHERE h.of_attempt = 1)";
    run(conn, sql, [from, to]).map(drop)
}

/// Hands everything over: for a process that is certainly the only one.
pub(super) fn take_all(conn: &Connection, to: &str) -> Result<()> {
    run(conn, "DELETE FROM workers WHERE id <> ?", [to])?;
    let sql = "UPDATE generations SET worker = ?1 WHERE worker <> ?1 AND id IN \
               (SELECT id FROM holds WHERE of_attempt = 0 \
               UNION ALL SELECT a.generation FROM holds h \
               JOIN attempts a ON a.id = h.id WHERE h.of_attempt = 1)";
    run(conn, sql, [to]).map(drop)
}

pub(super) fn dead(conn: &Connection, now: Timestamp) -> Result<Vec<String>> {
    let sql = "SELECT id FROM workers WHERE until <= ? ORDER BY id";
    all(conn.prepare_cached(sql)?, [now.millis()], only)
}
