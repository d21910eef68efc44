//! Attempts, their holds, and the calls that were sent.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    budgets, must, people, run,
    stored::{Columns, all},
};
use crate::{Attempt, EndAttempt, Lost, NewAttempt, Result};

/// Records an attempt before it is sent: only for a generation that is not final, so that none that
/// was cancelled meanwhile is paid for.
pub(super) fn begin(conn: &Connection, new: &NewAttempt) -> Result<()> {
    let sql = "INSERT OR FAIL INTO attempts (id, generation, slot, provider, account, model, count, state, \
               upper, started_at) SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, 'submitting', ?8, ?9 \
               FROM generations WHERE id = ?2 AND completed_at IS NULL";
    let values = params![
        new.id,
        new.generation,
        new.slot,
        new.provider,
        new.account,
        new.model,
        new.count,
        new.upper.micros(),
        new.at.millis(),
    ];
    must(conn, &new.generation, sql, values)?;
    budgets::begin(conn, new)
}

pub(super) fn ticket(conn: &Connection, attempt: &str, ticket: &str) -> Result<()> {
    let sql = "UPDATE attempts SET state = 'running', ticket = ?2 \
               WHERE id = ?1 AND state IN ('submitting', 'running', 'lost')";
    must(conn, attempt, sql, [attempt, ticket])
}

pub(super) fn lose(conn: &Connection, attempt: &str, lost: Lost) -> Result<()> {
    let sql = "UPDATE attempts SET state = 'lost', lost_at = ?2, lost_ended = ?3 \
               WHERE id = ?1 AND state IN ('submitting', 'running', 'lost')";
    must(conn, attempt, sql, params![attempt, lost.at.millis(), lost.ended])
}

/// Ends an attempt. The vendor's words about an erased generation may quote it, so they go nowhere.
pub(super) fn end(conn: &Connection, end: &EndAttempt) -> Result<()> {
    let sql = "UPDATE attempts SET state = 'ended', outcome = ?2, ended_at = ?4, detail = \
               CASE WHEN (SELECT erased FROM generations g WHERE g.id = generation) THEN NULL \
               ELSE ?3 END WHERE id = ?1 AND ended_at IS NULL";
    let values = params![end.attempt, end.outcome.as_str(), end.detail, end.at.millis()];
    must(conn, &end.attempt, sql, values)?;
    budgets::end(conn, end)
}

pub(super) fn call(conn: &Connection, account: &str, at: Timestamp) -> Result<()> {
    let sql = "INSERT OR FAIL INTO calls (at, account, nth) \
               SELECT ?1, ?2, count(*) FROM calls WHERE at = ?1 AND account = ?2";
    run(conn, sql, params![at.millis(), account]).map(drop)
}

/// Forgets what is older than any limit or promise needs.
pub(super) fn prune(conn: &Connection, before: Timestamp) -> Result<()> {
    run(conn, "DELETE FROM calls WHERE at < ?", [before.millis()])?;
    run(conn, "DELETE FROM idempotency WHERE at < ?", [before.millis()])?;
    people::prune(conn, before)?;
    budgets::prune(conn, before)
}

/// A generation's attempts: call by call, each call's tries in their order.
pub(super) fn of(conn: &Connection, generation: &str) -> Result<Vec<Attempt>> {
    let sql = "SELECT id, generation, slot, provider, account, model, count, state, outcome, \
               charged, uncertain, upper, reference, ticket, remote, lost_at, lost_ended, \
               started_at, ended_at FROM attempts WHERE generation = ? \
               ORDER BY slot, started_at, id";
    all(conn.prepare_cached(sql)?, [generation], read)
}

fn read(columns: &mut Columns<'_>) -> Result<Attempt> {
    Ok(Attempt {
        id: columns.take()?,
        generation: columns.take()?,
        slot: columns.take()?,
        provider: columns.take()?,
        account: columns.take()?,
        model: columns.take()?,
        count: columns.take()?,
        state: columns.take()?,
        outcome: columns.take()?,
        charged: columns.take()?,
        uncertain: columns.take()?,
        upper: columns.take()?,
        reference: columns.take()?,
        ticket: columns.take()?,
        remote: columns.document()?,
        lost: match (columns.take()?, columns.take()?) {
            (Some(at), Some(ended)) => Some(Lost { at, ended }),
            _ => None,
        },
        started_at: columns.take()?,
        ended_at: columns.take()?,
    })
}
