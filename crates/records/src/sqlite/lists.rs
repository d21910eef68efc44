//! Questions with many answers.

use provider::{Kind, Timestamp};
use rusqlite::{Connection, params};

use super::{
    generations::{GENERATION, read, with_attempts},
    people::{KEY, TEAM, read_key, read_team},
    stored::{Columns, all, bound, direction, one, only},
};
use crate::{
    Accepted, Generation, Key, KeyFilter, Outcome, OutputRecord, Page, Result, Team, Unfinished,
    Unheard,
};

pub(super) fn teams(conn: &Connection, page: &Page) -> Result<Vec<Team>> {
    let (beyond, order) = direction(page);
    let sql =
        format!("SELECT {TEAM} FROM teams t WHERE t.id {beyond} ? ORDER BY t.id {order} LIMIT ?");
    all(conn.prepare_cached(&sql)?, params![bound(page), page.limit], read_team)
}

pub(super) fn keys(conn: &Connection, filter: &KeyFilter, page: &Page) -> Result<Vec<Key>> {
    let (beyond, order) = direction(page);
    // A statement of its own for one team: its index is of no use to the general one.
    let whose = if filter.team.is_some() { "k.team = ?3" } else { "?3 IS NULL" };
    let sql = format!(
        "SELECT {KEY} FROM keys k WHERE {whose} \
         AND (?4 IS NULL OR substr(k.prefix, 1, length(?4)) = ?4) \
         AND k.id {beyond} ?1 ORDER BY k.id {order} LIMIT ?2"
    );
    let values = params![bound(page), page.limit, filter.team, filter.prefix];
    all(conn.prepare_cached(&sql)?, values, read_key)
}

/// A page of every kind is merged from a page of each: so one index serves both questions, however
/// rare a kind is in a long list.
pub(super) fn generations(
    conn: &Connection,
    team: &str,
    kind: Option<Kind>,
    page: &Page,
) -> Result<Vec<Generation>> {
    let (beyond, order) = direction(page);
    let of = |kind: &Kind| {
        format!(
            "SELECT * FROM (SELECT id FROM generations WHERE team = ?1 AND kind = '{kind}' \
             AND erased = 0 AND id {beyond} ?2 ORDER BY id {order} LIMIT ?3)"
        )
    };
    let kinds = kind.as_ref().map_or(Kind::ALL.as_slice(), std::slice::from_ref);
    let ranges: Vec<String> = kinds.iter().map(of).collect();
    let sql = format!(
        "SELECT {GENERATION} FROM generations g WHERE g.id IN ({}) ORDER BY g.id {order} LIMIT ?3",
        ranges.join(" UNION ALL ")
    );
    let snapshot = conn.unchecked_transaction()?;
    let question = snapshot.prepare_cached(&sql)?;
    let found = all(question, params![team, bound(page), page.limit], read)?;
    found.into_iter().map(|generation| with_attempts(&snapshot, generation)).collect()
}

/// What a restart must take up: generations that are not final, and final ones that a vendor may
/// still charge for.
pub(super) fn unfinished(conn: &Connection) -> Result<Vec<Unfinished>> {
    let sql = format!(
        "SELECT {GENERATION} FROM generations g WHERE g.id IN \
         (SELECT id FROM holds WHERE of_attempt = 0 \
         UNION ALL SELECT a.generation FROM holds h \
               JOIN attempts a ON a.id = h.id WHERE h.of_attempt = 1) \
         ORDER BY g.id"
    );
    let snapshot = conn.unchecked_transaction()?;
    let found = all(snapshot.prepare_cached(&sql)?, [], read)?;
    let whole = |generation| with_attempts(&snapshot, generation);
    let entire = |one: Generation| {
        let kept = kept(&snapshot, &one.id)?;
        let worker = worker(&snapshot, &one.id)?;
        Ok(Unfinished { generation: whole(one)?, kept, worker })
    };
    found.into_iter().map(entire).collect()
}

fn worker(conn: &Connection, generation: &str) -> Result<String> {
    let found = one(conn, "SELECT worker FROM generations WHERE id = ?", [generation], only)?;
    Ok(found.unwrap_or_default())
}

/// The outputs that are kept already: calls that ended before their generation did.
fn kept(conn: &Connection, generation: &str) -> Result<Vec<OutputRecord>> {
    let sql = "SELECT id, media_type, width, height, millis, bytes, expires_at, blob FROM assets \
               WHERE generation = ? ORDER BY id";
    all(conn.prepare_cached(sql)?, [generation], |columns| {
        Ok(OutputRecord {
            asset: Some(columns.take()?),
            text: None,
            media_type: columns.take()?,
            width: columns.take()?,
            height: columns.take()?,
            millis: columns.take()?,
            bytes: u64::try_from(columns.take::<i64>()?).unwrap_or_default(),
            expires_at: Some(columns.take()?),
            blob: columns.take()?,
        })
    })
}

/// So many attempts in a row from before the span mean that no more of the span follow: ids sort by
/// time of making, and the clock of their making may have been set back a little.
pub(super) const OLDER_IN_A_ROW: u32 = 64;

/// Further requests have rows of their own; every attempt is a call by itself.
pub(super) fn calls_since(conn: &Connection, since: Timestamp) -> Result<Vec<(String, Timestamp)>> {
    let snapshot = conn.unchecked_transaction()?;
    let sql = "SELECT account, at FROM calls WHERE at >= ?";
    let mut calls = all(snapshot.prepare_cached(sql)?, [since.millis()], |columns| {
        Ok((columns.take()?, columns.take()?))
    })?;
    attempts_since(&snapshot, since, |at, columns| {
        calls.push((columns.take()?, at));
        Ok(())
    })?;
    calls.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    Ok(calls)
}

/// Rows of generations lie in the order of their acceptance.
pub(super) fn accepted_since(conn: &Connection, since: Timestamp) -> Result<Vec<Accepted>> {
    let sql = "SELECT team, key, kind, model, created_at FROM generations ORDER BY rowid DESC";
    let mut question = conn.prepare_cached(sql)?;
    let mut rows = question.query([])?;
    let (mut found, mut older) = (Vec::new(), 0);
    while older < OLDER_IN_A_ROW
        && let Some(row) = rows.next()?
    {
        let mut columns = Columns::of(row);
        let one = Accepted {
            team: columns.take()?,
            key: columns.take()?,
            kind: columns.take()?,
            model: columns.take()?,
            at: columns.take()?,
        };
        older = if one.at < since { older + 1 } else { 0 };
        if one.at >= since {
            found.push(one);
        }
    }
    Ok(found)
}

pub(super) fn unheard_since(conn: &Connection, since: Timestamp) -> Result<Vec<Unheard>> {
    let mut unheard = Vec::new();
    attempts_since(conn, since, |sent_at, columns| {
        let account = columns.take()?;
        let (outcome, ended): (Option<Outcome>, Option<bool>) = (columns.take()?, columns.take()?);
        if outcome == Some(Outcome::Unknown) {
            unheard.push(Unheard { account, sent_at, ended: ended == Some(true) });
        }
        Ok(())
    })?;
    Ok(unheard)
}

/// Attempts of the span, newest first: each one's moment, then its account, outcome, and whether a
/// lost answer had ended.
///
/// No index by time: it would be a page more in every commit, for questions of every start.
fn attempts_since(
    conn: &Connection,
    since: Timestamp,
    mut each: impl FnMut(Timestamp, &mut Columns<'_>) -> Result<()>,
) -> Result<()> {
    let sql = "SELECT started_at, provider || '/' || account, outcome, lost_ended \
               FROM attempts ORDER BY id DESC";
    let mut question = conn.prepare_cached(sql)?;
    let mut rows = question.query([])?;
    let mut older = 0;
    while older < OLDER_IN_A_ROW
        && let Some(row) = rows.next()?
    {
        let mut columns = Columns::of(row);
        let at: Timestamp = columns.take()?;
        older = if at < since { older + 1 } else { 0 };
        if at >= since {
            each(at, &mut columns)?;
        }
    }
    Ok(())
}
