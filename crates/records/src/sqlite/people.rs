//! Teams, keys and settings.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    must, run,
    stored::{Columns, document, one, only},
};
use crate::{Key, KeyHash, Result, Team};

pub(super) const TEAM: &str = "t.id, t.name, t.models, t.created_at, t.revoked_at";
pub(super) const KEY: &str = "k.id, k.team, k.name, k.prefix, k.scopes, k.models, k.created_at, \
                              k.expires_at, k.revoked_at";

pub(super) fn set(conn: &Connection, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING";
    run(conn, sql, [name, value]).map(drop)
}

pub(super) fn setting(conn: &Connection, name: &str) -> Result<Option<String>> {
    one(conn, "SELECT value FROM settings WHERE name = ?", [name], only)
}

pub(super) fn put_document(conn: &Connection, name: &str, body: &str) -> Result<()> {
    let sql = "INSERT INTO documents (name, body) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET body = ?2";
    run(conn, sql, [name, body]).map(drop)
}

pub(super) fn find_document(conn: &Connection, name: &str) -> Result<Option<String>> {
    one(conn, "SELECT body FROM documents WHERE name = ?", [name], only)
}

pub(super) fn add_team(conn: &Connection, team: &Team) -> Result<()> {
    let sql = "INSERT INTO teams (id, name, models, created_at, revoked_at) VALUES (?, ?, ?, ?, ?)";
    let revoked = team.revoked_at.map(Timestamp::millis);
    let models = document(&team.models)?;
    run(conn, sql, params![team.id, team.name, models, team.created_at.millis(), revoked]).map(drop)
}

/// Who was revoked stays revoked since the first time.
pub(super) fn revoke_team(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE teams SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    must(conn, id, sql, params![id, at.millis()])
}

pub(super) fn add_key(conn: &Connection, key: &Key, hash: &KeyHash) -> Result<()> {
    let sql = "INSERT INTO keys (id, team, name, prefix, scopes, models, hash, created_at, \
               expires_at, revoked_at) SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 \
               FROM teams WHERE id = ?2";
    let values = params![
        key.id,
        key.team,
        key.name,
        key.prefix,
        document(&key.scopes)?,
        document(&key.models)?,
        hash.0,
        key.created_at.millis(),
        key.expires_at.map(Timestamp::millis),
        key.revoked_at.map(Timestamp::millis),
    ];
    must(conn, &key.team, sql, values)
}

/// As [`revoke_team`].
pub(super) fn revoke_key(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    must(conn, id, sql, params![id, at.millis()])
}

pub(super) fn team(conn: &Connection, id: &str) -> Result<Option<Team>> {
    one(conn, &format!("SELECT {TEAM} FROM teams t WHERE t.id = ?"), [id], read_team)
}

pub(super) fn key_by_hash(conn: &Connection, hash: &KeyHash) -> Result<Option<(Key, Team)>> {
    let sql =
        format!("SELECT {KEY}, {TEAM} FROM keys k JOIN teams t ON t.id = k.team WHERE k.hash = ?");
    one(conn, &sql, [hash.0], |columns| Ok((read_key(columns)?, read_team(columns)?)))
}

pub(super) fn read_team(columns: &mut Columns<'_>) -> Result<Team> {
    Ok(Team {
        id: columns.take()?,
        name: columns.take()?,
        models: columns.document()?,
        created_at: columns.take()?,
        revoked_at: columns.take()?,
    })
}

pub(super) fn read_key(columns: &mut Columns<'_>) -> Result<Key> {
    Ok(Key {
        id: columns.take()?,
        team: columns.take()?,
        name: columns.take()?,
        prefix: columns.take()?,
        scopes: columns.document()?,
        models: columns.document()?,
        created_at: columns.take()?,
        expires_at: columns.take()?,
        revoked_at: columns.take()?,
    })
}
