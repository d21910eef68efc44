//! Operators with keys of their own.

use provider::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{
    must,
    stored::{Columns, Stored, all, bound, direction, one},
};
use crate::{Error, KeyHash, Page, Result, Role, User};

const USER: &str = "u.id, u.name, u.role, u.team, u.prefix, u.created_at, u.expires_at, \
                    u.revoked_at, u.last_used_at";

impl Stored for Role {
    fn read(row: &Row<'_>, column: usize) -> Result<Self> {
        let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| Error::Storage(format!("a row has the role {text}, which is none")))
    }
}

/// A new operator. A team's admin is refused where the team is not there.
pub(super) fn add(conn: &Connection, user: &User, hash: &KeyHash) -> Result<()> {
    let sql = "INSERT INTO users (id, name, role, team, prefix, hash, created_at, expires_at, \
               revoked_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 \
               WHERE ?4 IS NULL OR EXISTS (SELECT 1 FROM teams WHERE id = ?4)";
    let values = params![
        user.id,
        user.name,
        user.role.as_str(),
        user.team,
        user.prefix,
        hash.0,
        user.created_at.millis(),
        user.expires_at.map(Timestamp::millis),
        user.revoked_at.map(Timestamp::millis),
    ];
    must(conn, user.team.as_deref().unwrap_or(&user.id), sql, values)
}

pub(super) fn rotate(conn: &Connection, id: &str, hash: &KeyHash, prefix: &str) -> Result<()> {
    let sql = "UPDATE users SET hash = ?2, prefix = ?3 WHERE id = ?1 AND revoked_at IS NULL";
    must(conn, id, sql, params![id, hash.0, prefix])
}

/// Uses are written when there is time for it, so an earlier one may come after a later one.
pub(super) fn used(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE users SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1";
    must(conn, id, sql, params![id, at.millis()])
}

/// Who was revoked stays revoked since the first time.
pub(super) fn revoke(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE users SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    must(conn, id, sql, params![id, at.millis()])
}

pub(super) fn list(conn: &Connection, page: &Page) -> Result<Vec<User>> {
    let (beyond, order) = direction(page);
    let sql =
        format!("SELECT {USER} FROM users u WHERE u.id {beyond} ? ORDER BY u.id {order} LIMIT ?");
    all(conn.prepare_cached(&sql)?, params![bound(page), page.limit], read)
}

pub(super) fn find(conn: &Connection, id: &str) -> Result<Option<User>> {
    one(conn, &format!("SELECT {USER} FROM users u WHERE u.id = ?"), [id], read)
}

pub(super) fn by_hash(conn: &Connection, hash: &KeyHash) -> Result<Option<User>> {
    one(conn, &format!("SELECT {USER} FROM users u WHERE u.hash = ?"), [hash.0], read)
}

fn read(columns: &mut Columns<'_>) -> Result<User> {
    Ok(User {
        id: columns.take()?,
        name: columns.take()?,
        role: columns.take()?,
        team: columns.take()?,
        prefix: columns.take()?,
        created_at: columns.take()?,
        expires_at: columns.take()?,
        revoked_at: columns.take()?,
        last_used_at: columns.take()?,
    })
}
