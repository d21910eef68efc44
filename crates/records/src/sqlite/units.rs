//! Units of allowances, and what vendors' content checks said: what counters are rebuilt from.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    must, run,
    stored::{Columns, all},
};
use crate::{Judgement, Outcome, Result, Units, UnitsState};

pub(super) fn take(conn: &Connection, taken: &Units) -> Result<()> {
    let sql = "INSERT INTO units (attempt, account, kind, units, overage_units, price, at, state) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        taken.attempt,
        taken.account,
        taken.kind.as_str(),
        taken.units,
        taken.overage_units,
        taken.price.micros(),
        taken.at.millis(),
        taken.state.as_str(),
    ];
    run(conn, sql, values).map(drop)
}

/// Used and free are final; a doubt may end in either.
pub(super) fn end(conn: &Connection, attempt: &str, state: UnitsState) -> Result<()> {
    let sql = "UPDATE units SET state = ?2 WHERE attempt = ?1 AND state IN ('open', 'doubt')";
    must(conn, attempt, sql, params![attempt, state.as_str()])
}

/// What was taken since then, and before it whatever cost money or is not decided.
pub(super) fn since(conn: &Connection, since: Timestamp) -> Result<Vec<Units>> {
    let sql = "SELECT attempt, account, kind, units, overage_units, price, at, state FROM units \
               WHERE state <> 'free' AND (at >= ? OR price > 0 OR state IN ('open', 'doubt')) \
               ORDER BY at, attempt";
    all(conn.prepare_cached(sql)?, [since.millis()], |columns| {
        Ok(Units {
            attempt: columns.take()?,
            account: columns.take()?,
            kind: columns.take()?,
            units: columns.take()?,
            overage_units: columns.take()?,
            price: columns.take()?,
            at: columns.take()?,
            state: columns.take()?,
        })
    })
}

/// So many attempts in a row from before the span mean that no more of the span follow.
const OLDER_IN_A_ROW: u32 = 64;

/// What was judged since then. As for calls, ids sort by time, so that no index is needed.
pub(super) fn judged(conn: &Connection, since: Timestamp) -> Result<Vec<Judgement>> {
    let sql = "SELECT a.provider || '/' || a.account, g.team, a.started_at, a.outcome, a.ended_at \
               FROM attempts a JOIN generations g ON g.id = a.generation ORDER BY a.id DESC";
    let mut question = conn.prepare_cached(sql)?;
    let mut rows = question.query([])?;
    let (mut found, mut older) = (Vec::new(), 0);
    while older < OLDER_IN_A_ROW
        && let Some(row) = rows.next()?
    {
        let mut columns = Columns::of(row);
        let (account, team) = (columns.take()?, columns.take()?);
        let at: Timestamp = columns.take()?;
        let outcome: Option<Outcome> = columns.take()?;
        let ended: Option<Timestamp> = columns.take()?;
        older = if at < since { older + 1 } else { 0 };
        let (rejected, at) = match outcome {
            Some(Outcome::Blocked) => (true, ended.unwrap_or(at)),
            Some(Outcome::Completed) => (false, at),
            _ => continue,
        };
        if at >= since {
            found.push(Judgement { account, team, at, rejected });
        }
    }
    found.reverse();
    Ok(found)
}
