//! Teams, keys and settings.

mod erase;

pub(super) use erase::erase_team;

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    must, run,
    stored::{Columns, document, one, only},
};
use crate::{Key, KeyHash, Result, Team};

pub(super) const TEAM: &str = "t.id, t.name, t.models, t.rules, t.created_at, t.revoked_at";
pub(super) const KEY: &str = "k.id, k.team, k.name, k.prefix, k.scopes, k.models, k.rules, \
                              k.networks, k.metadata, k.created_at, k.expires_at, k.revoked_at, \
                              k.last_used_at";

pub(super) fn set(conn: &Connection, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING";
    run(conn, sql, [name, value]).map(drop)
}

pub(super) fn setting(conn: &Connection, name: &str) -> Result<Option<String>> {
    one(conn, "SELECT value FROM settings WHERE name = ?", [name], only)
}

pub(super) fn drop_setting(conn: &Connection, name: &str) -> Result<()> {
    run(conn, "DELETE FROM settings WHERE name = ?", [name]).map(drop)
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
    let sql = "INSERT INTO teams (id, name, models, rules, created_at, revoked_at) \
               VALUES (?, ?, ?, ?, ?, ?)";
    let revoked = team.revoked_at.map(Timestamp::millis);
    let (models, rules) = (document(&team.models)?, document(&team.rules)?);
    run(conn, sql, params![team.id, team.name, models, rules, team.created_at.millis(), revoked])
        .map(drop)
}

/// Who was revoked stays revoked since the first time.
pub(super) fn revoke_team(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE teams SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    must(conn, id, sql, params![id, at.millis()])
}

/// A new key of a team that may work.
pub(super) fn add_key(conn: &Connection, key: &Key, hash: &KeyHash) -> Result<()> {
    let sql = "INSERT INTO keys (id, team, name, prefix, scopes, models, hash, created_at, \
               expires_at, revoked_at, rules, networks, metadata) \
               SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
               FROM teams WHERE id = ?2 AND revoked_at IS NULL";
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
        document(&key.rules)?,
        document(&key.networks)?,
        document(&key.metadata)?,
    ];
    must(conn, &key.team, sql, values)
}

/// As [`revoke_team`].
pub(super) fn revoke_key(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    must(conn, id, sql, params![id, at.millis()])
}

/// Who may work no longer is not changed: an update that comes late must not bring erased words back.
pub(super) fn update_team(conn: &Connection, team: &Team) -> Result<()> {
    let sql = "UPDATE teams SET name = ?2, models = ?3, rules = ?4 \
               WHERE id = ?1 AND revoked_at IS NULL";
    let (models, rules) = (document(&team.models)?, document(&team.rules)?);
    must(conn, &team.id, sql, params![team.id, team.name, models, rules])
}

/// As [`update_team`].
pub(super) fn update_key(conn: &Connection, key: &Key) -> Result<()> {
    let sql = "UPDATE keys SET name = ?2, scopes = ?3, models = ?4, rules = ?5, networks = ?6, \
               metadata = ?7, expires_at = ?8 WHERE id = ?1 AND revoked_at IS NULL";
    let values = params![
        key.id,
        key.name,
        document(&key.scopes)?,
        document(&key.models)?,
        document(&key.rules)?,
        document(&key.networks)?,
        document(&key.metadata)?,
        key.expires_at.map(Timestamp::millis),
    ];
    must(conn, &key.id, sql, values)
}

/// Gives a key another text. A text of an earlier rotation ends with this one's at the latest: whoever
/// rotates without grace because a text leaked means every text that there was.
pub(super) fn rotate_key(
    conn: &Connection,
    id: &str,
    hash: &KeyHash,
    prefix: &str,
    old_until: Timestamp,
) -> Result<()> {
    let until = old_until.millis();
    let sql = "UPDATE old_hashes SET until = min(until, ?2) WHERE key = ?1";
    run(conn, sql, params![id, until])?;
    let sql = "INSERT INTO old_hashes (hash, key, until) \
               SELECT hash, id, ?2 FROM keys WHERE id = ?1 AND revoked_at IS NULL";
    must(conn, id, sql, params![id, until])?;
    must(
        conn,
        id,
        "UPDATE keys SET hash = ?2, prefix = ?3 WHERE id = ?1",
        params![id, hash.0, prefix],
    )
}

/// Uses are written when there is time for it, so an earlier one may come after a later one.
pub(super) fn used_key(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE keys SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1";
    must(conn, id, sql, params![id, at.millis()])
}

/// Forgets old texts of keys whose grace is over.
pub(super) fn prune(conn: &Connection, before: Timestamp) -> Result<()> {
    run(conn, "DELETE FROM old_hashes WHERE until < ?", [before.millis()]).map(drop)
}

pub(super) fn team(conn: &Connection, id: &str) -> Result<Option<Team>> {
    one(conn, &format!("SELECT {TEAM} FROM teams t WHERE t.id = ?"), [id], read_team)
}

pub(super) fn key(conn: &Connection, id: &str) -> Result<Option<Key>> {
    one(conn, &format!("SELECT {KEY} FROM keys k WHERE k.id = ?"), [id], read_key)
}

/// Two questions instead of one with `OR`: nearly every text is a key's own, and then the first answers.
pub(super) fn key_by_hash(
    conn: &Connection,
    hash: &KeyHash,
    now: Timestamp,
) -> Result<Option<(Key, Team)>> {
    let both = |columns: &mut Columns<'_>| Ok((read_key(columns)?, read_team(columns)?));
    let from = format!("SELECT {KEY}, {TEAM} FROM keys k JOIN teams t ON t.id = k.team");
    let found = one(conn, &format!("{from} WHERE k.hash = ?"), [hash.0], both)?;
    if found.is_some() {
        return Ok(found);
    }
    let sql = format!("{from} JOIN old_hashes o ON o.key = k.id WHERE o.hash = ? AND o.until > ?");
    one(conn, &sql, params![hash.0, now.millis()], both)
}

pub(super) fn read_team(columns: &mut Columns<'_>) -> Result<Team> {
    Ok(Team {
        id: columns.take()?,
        name: columns.take()?,
        models: columns.document()?,
        rules: columns.document()?,
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
        rules: columns.document()?,
        networks: columns.document()?,
        metadata: columns.document()?,
        created_at: columns.take()?,
        expires_at: columns.take()?,
        revoked_at: columns.take()?,
        last_used_at: columns.take()?,
    })
}
