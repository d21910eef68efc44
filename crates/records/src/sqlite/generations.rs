//! Generations and their idempotency keys.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    answers, attempts,
    budgets::{self, Owner},
    deliveries, must, run,
    stored::{Columns, document, one},
};
use crate::{
    Cost, EndGeneration, Error, Failure, Generation, Idempotency, NewGeneration, OutputRecord,
    Result, Status,
};

pub(super) const GENERATION: &str = "g.id, g.team, g.key, g.kind, g.status, g.model, g.request, g.created_at, g.completed_at, \
     g.outputs, g.provider, g.provider_model, g.account, g.estimated, g.charged, g.uncertain, \
     g.adjustments, g.error_code, g.error_message, g.metadata, g.cache, g.source";

pub(super) fn accept(conn: &Connection, new: &NewGeneration) -> Result<()> {
    bind(conn, new)?;
    let sql = "INSERT INTO generations (id, team, key, kind, status, model, request, metadata, \
               estimated, created_at, worker, cache, source) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let status = if new.running { Status::Running } else { Status::Queued };
    let values = params![
        new.id,
        new.team,
        new.key,
        new.kind.as_str(),
        status.as_str(),
        new.model,
        new.request,
        document(&new.metadata)?,
        new.estimated.micros(),
        new.at.millis(),
        new.worker,
        new.cache.as_str(),
        new.source,
    ];
    run(conn, sql, values)?;
    let owner = Owner::new(&new.team, &new.key);
    budgets::reserve(conn, &new.id, &owner, &new.reserve, &new.checks)
}

/// Binds its idempotency key to a generation, if it has one.
pub(super) fn bind(conn: &Connection, new: &NewGeneration) -> Result<()> {
    let Some(key) = &new.idempotency else { return Ok(()) };
    let sql = "INSERT INTO idempotency (team, key, body, generation, at) VALUES (?, ?, ?, ?, ?) \
               ON CONFLICT DO NOTHING";
    let values = params![new.team, key.key, key.body, key.generation, new.at.millis()];
    if run(conn, sql, values)? > 0 {
        return Ok(());
    }
    let used = idempotent(conn, &new.team, &key.key)?;
    Err(used.map_or_else(|| Error::Stale(new.id.clone()), Error::Used))
}

pub(super) fn idempotent(conn: &Connection, team: &str, key: &str) -> Result<Option<Idempotency>> {
    let sql = "SELECT key, body, generation FROM idempotency WHERE team = ? AND key = ?";
    one(conn, sql, [team, key], |columns| {
        Ok(Idempotency { key: columns.take()?, body: columns.take()?, generation: columns.take()? })
    })
}

/// A generation that runs already may begin again: so does one that a restart takes up.
pub(super) fn start(conn: &Connection, id: &str) -> Result<()> {
    let sql = "UPDATE generations SET status = 'running' WHERE id = ? AND completed_at IS NULL";
    must(conn, id, sql, [id])
}

/// Ends a generation. One that was erased meanwhile ends too, and keeps nothing but its end and the
/// number of its outputs.
pub(super) fn end(conn: &Connection, end: &EndGeneration) -> Result<()> {
    if !end.status.is_final() {
        return Err(Error::Stale(end.id.clone()));
    }
    let made = match &end.source {
        Some(source) => {
            answers::must_be_there(conn, source)?;
            0
        }
        None => many(&end.outputs)?,
    };
    // Asked before, and not with RETURNING, which makes a table of its own for its answer.
    let sql = "SELECT team, key FROM generations WHERE id = ? AND completed_at IS NULL";
    let owner = one(conn, sql, [&end.id], Owner::read)?;
    let owner = owner.ok_or_else(|| Error::Stale(end.id.clone()))?;
    let sql = "UPDATE OR FAIL generations SET status = ?2, completed_at = ?3, provider = ?4, \
               provider_model = ?5, account = ?6, error_code = ?7, \
               outputs = iif(erased, outputs, ?8), adjustments = iif(erased, adjustments, ?9), \
               error_message = iif(erased, '', ?10), made = ?11, source = ?12 \
               WHERE id = ?1";
    let (provider, model, account) = match &end.made_by {
        Some((provider, model, account)) => (Some(provider), Some(model), Some(account)),
        None => (None, None, None),
    };
    let values = params![
        end.id,
        end.status.as_str(),
        end.at.millis(),
        provider,
        model,
        account,
        end.error.as_ref().map(|error| &error.code),
        document(&end.outputs)?,
        document(&end.adjustments)?,
        end.error.as_ref().map(|error| &error.message),
        made,
        end.source,
    ];
    must(conn, &end.id, sql, values)?;
    budgets::close(conn, &end.id)?;
    budgets::made(conn, &owner, end.at, made)
}

fn many(outputs: &[OutputRecord]) -> Result<i64> {
    i64::try_from(outputs.len()).map_err(|error| Error::Storage(error.to_string()))
}

/// Adds outputs to a final generation. Two late attempts may each bring some: added, not replaced.
pub(super) fn late(conn: &Connection, id: &str, outputs: &[OutputRecord]) -> Result<()> {
    let sql = "SELECT erased, outputs, completed_at, team, key FROM generations \
               WHERE id = ? AND completed_at IS NOT NULL";
    let found = one(conn, sql, [id], |columns| {
        let (erased, kept, at) = (columns.take()?, columns.document()?, columns.take()?);
        Ok((erased, kept, at, Owner::read(columns)?))
    })?;
    let (erased, mut kept, at, owner): (bool, Vec<OutputRecord>, Timestamp, Owner) =
        found.ok_or_else(|| Error::Stale(id.to_owned()))?;
    if erased {
        return Ok(());
    }
    kept.extend_from_slice(outputs);
    let sql = "UPDATE generations SET outputs = ?2, made = made + ?3 WHERE id = ?1";
    let made = many(outputs)?;
    must(conn, id, sql, params![id, document(&kept)?, made])?;
    budgets::made(conn, &owner, at, made)
}

/// Wipes a generation's words and outputs. Its attempts keep their money, and what recovery needs
/// until they are over.
pub(super) fn erase(conn: &Connection, id: &str) -> Result<()> {
    let sql = "UPDATE generations SET erased = 1, request = '', metadata = '{}', outputs = '[]', \
               adjustments = '{}', error_message = iif(error_code IS NULL, NULL, '') \
               WHERE id = ? AND erased = 0";
    must(conn, id, sql, [id])?;
    run(conn, "DELETE FROM assets WHERE generation = ?", [id])?;
    deliveries::erase(conn, id)?;
    let sql = "UPDATE attempts SET detail = NULL, remote = '[]' \
               WHERE generation = ? AND ended_at IS NOT NULL";
    run(conn, sql, [id]).map(drop)
}

pub(super) fn find(conn: &Connection, team: &str, id: &str) -> Result<Option<Generation>> {
    let sql = format!(
        "SELECT {GENERATION} FROM generations g WHERE g.id = ? AND g.team = ? AND g.erased = 0"
    );
    // One snapshot for both questions: a generation that just ended must not come without the
    // attempt that ended it.
    let snapshot = conn.unchecked_transaction()?;
    let found = one(&snapshot, &sql, [id, team], read)?;
    found.map(|generation| with_attempts(&snapshot, generation)).transpose()
}

pub(super) fn with_attempts(conn: &Connection, generation: Generation) -> Result<Generation> {
    Ok(Generation { attempts: attempts::of(conn, &generation.id)?, ..generation })
}

/// A generation, its attempts still to come.
pub(super) fn read(columns: &mut Columns<'_>) -> Result<Generation> {
    Ok(Generation {
        id: columns.take()?,
        team: columns.take()?,
        key: columns.take()?,
        kind: columns.take()?,
        status: columns.take()?,
        model: columns.take()?,
        request: columns.take()?,
        created_at: columns.take()?,
        completed_at: columns.take::<Option<Timestamp>>()?,
        outputs: columns.document()?,
        provider: columns.take()?,
        provider_model: columns.take()?,
        account: columns.take()?,
        cost: Cost {
            estimated: columns.take()?,
            charged: columns.take()?,
            uncertain: columns.take()?,
        },
        adjustments: columns.document()?,
        attempts: Vec::new(),
        error: match (columns.take()?, columns.take()?) {
            (Some(code), Some(message)) => Some(Failure { code, message }),
            _ => None,
        },
        metadata: columns.document()?,
        cache: columns.take()?,
        source: columns.take()?,
    })
}
