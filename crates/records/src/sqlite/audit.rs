//! Who changed what.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    run,
    stored::{Columns, all, direction, numbered_bound},
};
use crate::{AuditEntry, AuditFilter, Page, Result};

pub(super) fn add(conn: &Connection, entry: &AuditEntry) -> Result<()> {
    let sql = "INSERT INTO audit (at, actor, role, address, action, target, before, after) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        entry.at.millis(),
        entry.actor,
        entry.role.as_str(),
        entry.address,
        entry.action,
        entry.target,
        entry.before,
        entry.after,
    ];
    run(conn, sql, values).map(drop)
}

/// Takes away what is older, up to the first entry that is not: entries go from the old end only, also
/// where a clock was set back between two of them.
pub(super) fn forget(conn: &Connection, before: Timestamp) -> Result<()> {
    let sql = "DELETE FROM audit WHERE id < coalesce( \
               (SELECT id FROM audit WHERE at >= ?1 ORDER BY id LIMIT 1), \
               (SELECT max(id) + 1 FROM audit))";
    run(conn, sql, [before.millis()]).map(drop)
}

pub(super) fn list(
    conn: &Connection,
    filter: &AuditFilter,
    page: &Page,
) -> Result<Vec<AuditEntry>> {
    let Some(after) = numbered_bound(page) else { return Ok(Vec::new()) };
    let (beyond, order) = direction(page);
    // A statement of its own for one target: its index is of no use to the general one.
    let of = if filter.target.is_some() { "target = ?3" } else { "?3 IS NULL" };
    let sql = format!(
        "SELECT id, at, actor, role, address, action, target, before, after FROM audit \
         WHERE {of} AND id {beyond} ?1 AND (?4 IS NULL OR actor = ?4) \
         AND (?5 IS NULL OR action = ?5) AND (?6 IS NULL OR at >= ?6) \
         AND (?7 IS NULL OR at < ?7) ORDER BY id {order} LIMIT ?2"
    );
    let values = params![
        after,
        page.limit,
        filter.target,
        filter.actor,
        filter.action,
        filter.from.map(Timestamp::millis),
        filter.to.map(Timestamp::millis),
    ];
    all(conn.prepare_cached(&sql)?, values, read)
}

fn read(columns: &mut Columns<'_>) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: columns.take()?,
        at: columns.take()?,
        actor: columns.take()?,
        role: columns.take()?,
        address: columns.take()?,
        action: columns.take()?,
        target: columns.take()?,
        before: columns.take()?,
        after: columns.take()?,
    })
}
