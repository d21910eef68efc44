//! What time takes away of words and rows. The books stay.
//!
//! # Why no index
//! Ids sort by time of making, so that the old ones are found by walking from the old end, and a walk
//! ends where the new ones begin: nothing is paid for it in the commits of every day.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    must, run,
    stored::{Columns, document, one, only},
};
use crate::{OutputRecord, Result};

/// So many in a row that are too new mean that no more old ones follow: the clock of their making may
/// have been set back a little.
const NEWER_IN_A_ROW: u32 = 64;

/// One commit looks at no more than this many generations for each whose words it may take.
const STEPS: u32 = 16;

/// A generation on the walk.
struct Passed {
    id: String,
    at: Timestamp,
    /// Final, and no vendor may charge for it any more: nobody needs its words or its row.
    over: bool,
}

/// Takes the words of final generations away. Where all up to an id are done, the next walk begins
/// after it; one that is not over holds that up, and those behind it are done all the same.
pub(super) fn words(conn: &Connection, before: Timestamp, limit: u32) -> Result<()> {
    if limit == 0 {
        return Ok(());
    }
    let sql = "SELECT upto FROM retention WHERE what = 'words'";
    let begin: String = one(conn, sql, [], only)?.unwrap_or_default();
    let (mut done, mut steps, mut upto, mut whole) = (0, 0, None, true);
    walk(conn, &begin, before, |passed| {
        steps += 1;
        whole = whole && passed.over;
        if passed.over && forget_words(conn, &passed.id)? {
            done += 1;
        }
        if whole {
            upto = Some(passed.id);
        }
        Ok(done < limit && steps < limit.saturating_mul(STEPS))
    })?;
    let Some(upto) = upto else { return Ok(()) };
    let sql = "INSERT INTO retention (what, upto) VALUES ('words', ?1) \
               ON CONFLICT (what) DO UPDATE SET upto = ?1";
    run(conn, sql, [upto]).map(drop)
}

/// Takes final generations away, with what belongs to them.
pub(super) fn generations(conn: &Connection, before: Timestamp, limit: u32) -> Result<()> {
    if limit == 0 {
        return Ok(());
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut old = Vec::new();
    walk(conn, "", before, |passed| {
        if passed.over {
            old.push(passed.id);
        }
        Ok(old.len() < limit)
    })?;
    old.iter().try_for_each(|id| forget(conn, id))
}

/// Passes the generations that were made before a moment, in the order of their ids after `begin`,
/// until there are no more or `each` has enough.
fn walk(
    conn: &Connection,
    begin: &str,
    before: Timestamp,
    mut each: impl FnMut(Passed) -> Result<bool>,
) -> Result<()> {
    let sql = "SELECT id, created_at, completed_at IS NOT NULL AND NOT EXISTS \
               (SELECT 1 FROM attempts a JOIN holds h ON h.id = a.id \
               WHERE a.generation = g.id AND h.of_attempt = 1) FROM generations g WHERE id > ? ORDER BY id";
    let mut question = conn.prepare_cached(sql)?;
    let mut rows = question.query([begin])?;
    let mut newer = 0;
    while newer < NEWER_IN_A_ROW
        && let Some(row) = rows.next()?
    {
        let mut columns = Columns::of(row);
        let passed = Passed { id: columns.take()?, at: columns.take()?, over: columns.take()? };
        if passed.at >= before {
            newer += 1;
            continue;
        }
        newer = 0;
        if !each(passed)? {
            break;
        }
    }
    Ok(())
}

/// Takes a generation's words away, and tells whether there were any. What was adjusted quotes the
/// request. Its outputs stay, but for those that are texts.
fn forget_words(conn: &Connection, id: &str) -> Result<bool> {
    let sql = "UPDATE generations SET request = '', metadata = '{}', adjustments = '{}', \
               error_message = iif(error_code IS NULL, NULL, '') \
               WHERE id = ? AND (request <> '' OR metadata <> '{}' OR adjustments <> '{}' \
               OR error_message <> '')";
    let mut changed = run(conn, sql, [id])?;
    let sql = "SELECT outputs FROM generations WHERE id = ?";
    let outputs = one(conn, sql, [id], |columns| columns.document::<Vec<OutputRecord>>())?;
    let mut outputs = outputs.unwrap_or_default();
    if outputs.iter().any(|output| output.text.is_some()) {
        outputs.iter_mut().for_each(|output| output.text = None);
        let sql = "UPDATE generations SET outputs = ?2 WHERE id = ?1";
        changed += run(conn, sql, params![id, document(&outputs)?])?;
    }
    let sql = "UPDATE attempts SET detail = NULL, remote = '[]' \
               WHERE generation = ? AND (detail IS NOT NULL OR remote <> '[]')";
    changed += run(conn, sql, [id])?;
    Ok(changed > 0)
}

/// The quarter of an hour, in milliseconds.
const QUARTER: i64 = 15 * 60 * 1000;

/// Takes a generation away. What it made still counts in budgets of outputs.
fn forget(conn: &Connection, id: &str) -> Result<()> {
    let sql = "INSERT INTO made_before (team, key, at, outputs) \
               SELECT team, key, completed_at - completed_at % ?2, made FROM generations \
               WHERE id = ?1 AND made > 0 \
               ON CONFLICT (team, at, key) DO UPDATE SET outputs = outputs + excluded.outputs";
    run(conn, sql, params![id, QUARTER])?;
    let sql = "DELETE FROM units WHERE attempt IN (SELECT id FROM attempts WHERE generation = ?)";
    run(conn, sql, [id])?;
    for sql in
        ["DELETE FROM attempts WHERE generation = ?", "DELETE FROM deliveries WHERE generation = ?"]
    {
        run(conn, sql, [id])?;
    }
    must(conn, id, "DELETE FROM generations WHERE id = ?", [id])
}
