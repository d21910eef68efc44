//! Generations that show what another one made.
//!
//! # Why the source is looked at in the commit
//! Whoever answers from a cache knows only that an answer was there a moment ago. It may have been deleted
//! since, by its owner or by time; so the row is written only while its source is there, and a cache needs to
//! hear of no deletion to be right.

use rusqlite::{Connection, params};

use super::{
    budgets::{self, Owner},
    generations, must, run,
    stored::{document, one, only},
};
use crate::{Answer, Error, Result, TakeOn};

/// Writes a generation that is over as it begins: one row, where an ordinary one is written and changed.
pub(super) fn add(conn: &Connection, answer: &Answer) -> Result<()> {
    let Answer { new, end } = answer;
    let Some(source) = end.source.as_ref().filter(|_| end.status.is_final()) else {
        return Err(Error::Stale(new.id.clone()));
    };
    generations::bind(conn, new)?;
    must_be_there(conn, source)?;
    let sql = "INSERT INTO generations (id, team, key, kind, status, model, request, metadata, \
               estimated, created_at, worker, cache, source, completed_at, outputs, provider, \
               provider_model, account, adjustments) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (provider, model, account) = match &end.made_by {
        Some((provider, model, account)) => (Some(provider), Some(model), Some(account)),
        None => (None, None, None),
    };
    let values = params![
        new.id,
        new.team,
        new.key,
        new.kind.as_str(),
        end.status.as_str(),
        new.model,
        new.request,
        document(&new.metadata)?,
        new.estimated.micros(),
        new.at.millis(),
        new.worker,
        new.cache.as_str(),
        source,
        end.at.millis(),
        document(&end.outputs)?,
        provider,
        model,
        account,
        document(&end.adjustments)?,
    ];
    run(conn, sql, values).map(drop)
}

/// Refuses what a generation made that is erased, forgotten, or whose words are.
pub(super) fn must_be_there(conn: &Connection, source: &str) -> Result<()> {
    let sql = "SELECT 1 FROM generations WHERE id = ? AND erased = 0 AND request <> ''";
    let found: Option<i64> = one(conn, sql, [source], only)?;
    found.map(drop).ok_or_else(|| Error::Stale(source.to_owned()))
}

/// An open generation becomes an ordinary one, its budgets checked as if it were accepted now.
pub(super) fn take_on(conn: &Connection, taken: &TakeOn) -> Result<()> {
    let sql = "UPDATE generations SET cache = 'miss', source = NULL, estimated = ?2 \
               WHERE id = ?1 AND completed_at IS NULL";
    let id = &taken.generation;
    must(conn, id, sql, params![id, taken.estimated.micros()])?;
    let owner = Owner::new(&taken.team, &taken.key);
    budgets::reserve(conn, id, &owner, &taken.reserve, &taken.checks)
}
