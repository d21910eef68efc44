//! Hard budgets: what is charged and held may not pass them.
//!
//! # Why sums are kept
//! A check adds up what is charged in a span and what is held at this moment. Counted anew that is a
//! month of the books for every request; so an owner that was checked once has a row with each sum, and
//! whoever changes the books or the holds changes the sums with them, in the same transaction. An owner
//! that nobody checks has no rows, and the updates find nothing. There is one writer, so that between a
//! check and what it lets through nothing can come.

use provider::{MicroUsd, Timestamp};
use rusqlite::{Connection, params};

use super::{
    run,
    stored::{Columns, all, integer, one, only},
};
use crate::{Check, EndAttempt, Error, NewAttempt, Reserve, Result, Short, Span, Standing};

/// Who bears what is held or charged.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) team: String,
    pub(super) key: String,
}

impl Owner {
    pub(super) fn new(team: &str, key: &str) -> Self {
        Self { team: team.to_owned(), key: key.to_owned() }
    }

    pub(super) fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { team: columns.take()?, key: columns.take()? })
    }
}

/// Refuses what these budgets do not cover. Of several that are short the one with the least money left
/// is told.
pub(super) fn check(conn: &Connection, checks: &[Check], wanted: &Reserve) -> Result<()> {
    let mut worst: Option<Short> = None;
    for check in checks {
        let standing = kept(conn, &check.span)?;
        if let Some(short) = lacking(check, &standing, wanted)
            && worst.as_ref().is_none_or(|known| rank(&short) < rank(known))
        {
            worst = Some(short);
        }
    }
    worst.map_or(Ok(()), |short| Err(Error::Budget(short)))
}

/// What is missing, if anything is. A vendor's late correction can make a span's charges negative: that
/// is no leave to spend more than the limit in it, as what is held then is carried into the next span.
fn lacking(check: &Check, standing: &Standing, wanted: &Reserve) -> Option<Short> {
    let charged = standing.charged.max(MicroUsd::ZERO);
    let money = check.limit.filter(|limit| {
        wanted.amount > MicroUsd::ZERO && charged + standing.held + wanted.amount > *limit
    });
    let made = standing.outputs.saturating_add(standing.outputs_held);
    let count = check
        .outputs
        .filter(|limit| wanted.outputs > 0 && made.saturating_add(wanted.outputs) > *limit);
    (money.is_some() || count.is_some()).then(|| Short {
        span: check.span.clone(),
        left: money.map(|limit| (limit - charged - standing.held).max(MicroUsd::ZERO)),
        outputs_left: count.map(|limit| limit.saturating_sub(made)),
    })
}

/// Less money first; those that have enough of it last.
fn rank(short: &Short) -> (bool, Option<MicroUsd>, Option<u64>) {
    (short.left.is_none(), short.left, short.outputs_left)
}

/// How spans stand, read only: what has no row is counted.
pub(super) fn standings(conn: &Connection, spans: &[Span]) -> Result<Vec<Standing>> {
    let snapshot = conn.unchecked_transaction()?;
    spans.iter().map(|span| found(&snapshot, span)).collect()
}

fn found(conn: &Connection, span: &Span) -> Result<Standing> {
    let sql = "SELECT charged, outputs FROM tallies WHERE owner = ? AND since = ? AND until = ?";
    let values = params![span.owner, span.since.millis(), span.until.millis()];
    let tally = one(conn, sql, values, sums)?;
    let sql = "SELECT amount, outputs FROM held WHERE owner = ?";
    let held = one(conn, sql, [&span.owner], sums)?;
    let (charged, outputs) = tally.map_or_else(|| counted(conn, span), Ok)?;
    let (held, outputs_held) = held.map_or_else(|| holding(conn, &span.owner), Ok)?;
    Ok(Standing { charged, held, outputs: count(outputs), outputs_held: count(outputs_held) })
}

/// How a span stands, from its rows, which are made where there are none.
fn kept(conn: &Connection, span: &Span) -> Result<Standing> {
    let sql = "SELECT t.charged, h.amount, t.outputs, h.outputs FROM tallies t \
               JOIN held h ON h.owner = t.owner \
               WHERE t.owner = ? AND t.since = ? AND t.until = ?";
    let (since, until) = (span.since.millis(), span.until.millis());
    let known = one(conn, sql, params![span.owner, since, until], |columns| {
        Ok(Standing {
            charged: columns.take()?,
            held: columns.take()?,
            outputs: count(columns.take()?),
            outputs_held: count(columns.take()?),
        })
    })?;
    if let Some(standing) = known {
        return Ok(standing);
    }
    let standing = found(conn, span)?;
    let sql = "INSERT INTO tallies (owner, since, until, charged, outputs) VALUES (?, ?, ?, ?, ?) \
               ON CONFLICT DO NOTHING";
    let outputs = integer(standing.outputs)?;
    run(conn, sql, params![span.owner, since, until, standing.charged.micros(), outputs])?;
    let sql = "INSERT INTO held (owner, amount, outputs) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    let outputs = integer(standing.outputs_held)?;
    run(conn, sql, params![span.owner, standing.held.micros(), outputs])?;
    Ok(standing)
}

/// What a span's tally must be: the books' charges and the outputs of generations that ended in it.
pub(super) fn counted(conn: &Connection, span: &Span) -> Result<(MicroUsd, i64)> {
    let team = team_of(conn, &span.owner)?;
    let key = team.is_some().then_some(&span.owner);
    let team = team.as_ref().unwrap_or(&span.owner);
    let values = params![team, span.since.millis(), span.until.millis(), key];
    let sql = "SELECT coalesce(-sum(amount), 0) FROM ledger WHERE of_team = 1 AND team = ?1 \
               AND at >= ?2 AND at < ?3 AND (?4 IS NULL OR key = ?4)";
    let charged = one(conn, sql, values, only)?.unwrap_or_default();
    let sql = "SELECT (SELECT coalesce(sum(made), 0) FROM generations WHERE team = ?1 AND made > 0 \
               AND completed_at >= ?2 AND completed_at < ?3 AND (?4 IS NULL OR key = ?4)) \
               + (SELECT coalesce(sum(outputs), 0) FROM made_before WHERE team = ?1 \
               AND at >= ?2 AND at < ?3 AND (?4 IS NULL OR key = ?4))";
    Ok((charged, one(conn, sql, values, only)?.unwrap_or_default()))
}

/// The team of a key; none of what is no key.
pub(super) fn team_of(conn: &Connection, key: &str) -> Result<Option<String>> {
    one(conn, "SELECT team FROM keys WHERE id = ?", [key], only)
}

/// What is held for an owner, and how many outputs are under way. Few rows: only what is under way.
pub(super) fn holding(conn: &Connection, owner: &str) -> Result<(MicroUsd, i64)> {
    let sql = "SELECT coalesce(sum(amount), 0), coalesce(sum(outputs), 0) FROM holds \
               WHERE team = ?1 OR key = ?1";
    Ok(one(conn, sql, [owner], sums)?.unwrap_or_default())
}

fn sums(columns: &mut Columns<'_>) -> Result<(MicroUsd, i64)> {
    Ok((columns.take()?, columns.take()?))
}

/// A count as it is told. None is below zero, unless a row was broken; `verify` tells of those.
fn count(outputs: i64) -> u64 {
    u64::try_from(outputs).unwrap_or_default()
}

/// So much more is held for them, or less.
pub(super) fn hold(conn: &Connection, owner: &Owner, amount: MicroUsd, outputs: i64) -> Result<()> {
    if amount.is_zero() && outputs == 0 {
        return Ok(());
    }
    let sql = "UPDATE OR FAIL held SET amount = amount + ?3, outputs = outputs + ?4 WHERE owner IN (?1, ?2)";
    run(conn, sql, params![owner.team, owner.key, amount.micros(), outputs]).map(drop)
}

/// They were charged so much more in every span with this moment, or less.
pub(super) fn charge(
    conn: &Connection,
    owner: &Owner,
    at: Timestamp,
    amount: MicroUsd,
) -> Result<()> {
    let sql = "UPDATE OR FAIL tallies SET charged = charged + ?4 \
               WHERE owner IN (?1, ?2) AND since <= ?3 AND until > ?3";
    run(conn, sql, params![owner.team, owner.key, at.millis(), amount.micros()]).map(drop)
}

/// So many outputs were made for them in every span with this moment.
pub(super) fn made(conn: &Connection, owner: &Owner, at: Timestamp, outputs: i64) -> Result<()> {
    if outputs == 0 {
        return Ok(());
    }
    let sql = "UPDATE OR FAIL tallies SET outputs = outputs + ?4 \
               WHERE owner IN (?1, ?2) AND since <= ?3 AND until > ?3";
    run(conn, sql, params![owner.team, owner.key, at.millis(), outputs]).map(drop)
}

/// Reserves what a generation may cost, if its budgets cover it. Its row is there until the generation is
/// final, also where nothing is reserved: it is how open generations are found.
pub(super) fn reserve(
    conn: &Connection,
    id: &str,
    owner: &Owner,
    wanted: &Reserve,
    checks: &[Check],
) -> Result<()> {
    check(conn, checks, wanted)?;
    let (amount, outputs) = (wanted.amount.max(MicroUsd::ZERO), integer(wanted.outputs)?);
    let sql = "INSERT INTO holds (id, of_attempt, team, key, amount, outputs) \
               VALUES (?, 0, ?, ?, ?, ?) ON CONFLICT (id, of_attempt) DO UPDATE SET team = excluded.team, key = excluded.key, \
               amount = amount + excluded.amount, outputs = outputs + excluded.outputs";
    run(conn, sql, params![id, owner.team, owner.key, amount.micros(), outputs])?;
    hold(conn, owner, amount, outputs)
}

/// Holds an attempt's worst price: from what is reserved for its generation, and past that only where
/// the budgets cover it. The outputs stay reserved until the generation ends.
pub(super) fn begin(conn: &Connection, new: &NewAttempt) -> Result<()> {
    let sql = "SELECT amount FROM holds WHERE id = ? AND of_attempt = 0 AND team = ? AND key = ?";
    let reserved: Option<MicroUsd> = one(conn, sql, [&new.generation, &new.team, &new.key], only)?;
    let moved = reserved.unwrap_or_default().min(new.upper);
    let beyond = Reserve { amount: new.upper - moved, outputs: 0 };
    if !beyond.amount.is_zero() {
        check(conn, &new.checks, &beyond)?;
    }
    if !moved.is_zero() {
        let sql = "UPDATE holds SET amount = amount - ? WHERE id = ? AND of_attempt = 0";
        run(conn, sql, params![moved.micros(), new.generation])?;
    }
    let sql = "INSERT INTO holds (id, of_attempt, team, key, amount, until) \
               VALUES (?, 1, ?, ?, ?, ?)";
    let until = new.hold_until.millis();
    run(conn, sql, params![new.id, new.team, new.key, new.upper.micros(), until])?;
    hold(conn, &Owner::new(&new.team, &new.key), beyond.amount, 0)
}

/// Frees what is held for an attempt; its row stays until the attempt is over.
pub(super) fn release(conn: &Connection, attempt: &str) -> Result<()> {
    let sql = "SELECT amount, team, key FROM holds \
               WHERE id = ? AND of_attempt = 1 AND amount <> 0";
    let Some((amount, owner)) = one(conn, sql, [attempt], owned)? else { return Ok(()) };
    run(conn, "UPDATE holds SET amount = 0 WHERE id = ? AND of_attempt = 1", [attempt])?;
    hold(conn, &owner, -amount, 0)
}

/// An attempt is over: what it held is free, or reserved for the next one.
pub(super) fn end(conn: &Connection, end: &EndAttempt) -> Result<()> {
    let sql = "SELECT amount, team, key FROM holds WHERE id = ? AND of_attempt = 1";
    let Some((amount, owner)) = one(conn, sql, [&end.attempt], owned)? else { return Ok(()) };
    run(conn, "DELETE FROM holds WHERE id = ? AND of_attempt = 1", [&end.attempt])?;
    if end.keep_reserved && !amount.is_zero() && give_back(conn, &end.attempt, amount, &owner)? {
        return Ok(());
    }
    hold(conn, &owner, -amount, 0)
}

/// Puts what an attempt held into its generation's reserve; a final one has none.
fn give_back(conn: &Connection, attempt: &str, amount: MicroUsd, owner: &Owner) -> Result<bool> {
    let sql = "UPDATE OR FAIL holds SET amount = amount + ?4 WHERE team = ?2 AND key = ?3 \
               AND of_attempt = 0 AND id = (SELECT generation FROM attempts WHERE id = ?1)";
    let kept = run(conn, sql, params![attempt, owner.team, owner.key, amount.micros()])?;
    Ok(kept > 0)
}

/// A generation is final: nothing is reserved for it any more.
pub(super) fn close(conn: &Connection, generation: &str) -> Result<()> {
    let sql = "SELECT amount, team, key, outputs FROM holds WHERE id = ? AND of_attempt = 0";
    let freed = one(conn, sql, [generation], |columns| Ok((owned(columns)?, columns.take()?)))?;
    let Some(((amount, owner), outputs)) = freed else { return Ok(()) };
    let outputs: i64 = outputs;
    run(conn, "DELETE FROM holds WHERE id = ? AND of_attempt = 0", [generation])?;
    hold(conn, &owner, -amount, -outputs)
}

/// An amount and whose it is.
fn owned(columns: &mut Columns<'_>) -> Result<(MicroUsd, Owner)> {
    Ok((columns.take()?, Owner::read(columns)?))
}

/// Forgets tallies of spans that ended before this, and holds past their time whose attempt is over or
/// unknown. A hold whose attempt is not over stays: the vendor may still charge it.
pub(super) fn prune(conn: &Connection, before: Timestamp) -> Result<()> {
    run(conn, "DELETE FROM tallies WHERE until < ?", [before.millis()])?;
    let sql = "DELETE FROM holds WHERE of_attempt = 1 AND until < ? AND NOT EXISTS \
               (SELECT 1 FROM attempts a WHERE a.id = holds.id AND a.ended_at IS NULL) \
               RETURNING amount, team, key";
    let freed = all(conn.prepare_cached(sql)?, [before.millis()], owned)?;
    freed.iter().try_for_each(|(amount, owner)| hold(conn, owner, -*amount, 0))
}
