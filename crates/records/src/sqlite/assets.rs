//! Assets: names of bytes, and which bytes nobody names any more.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    run,
    stored::{all, integer, one, only},
};
use crate::{Asset, Error, Result, Share};

/// Keeps an asset's facts. One of an erased generation is not kept: its bytes are then nobody's,
/// and the sweep of unknown assets removes them.
pub(super) fn add(conn: &Connection, asset: &Asset) -> Result<()> {
    let sql = "INSERT OR FAIL INTO assets (id, team, generation, media_type, bytes, hash, width, height, \
               created_at, expires_at, millis, blob) \
               SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 \
               WHERE NOT EXISTS (SELECT 1 FROM generations WHERE id = ?3 AND erased = 1)";
    let values = params![
        asset.id,
        asset.team,
        asset.generation,
        asset.media_type,
        integer(asset.bytes)?,
        asset.hash,
        asset.width,
        asset.height,
        asset.created_at.millis(),
        asset.expires_at.millis(),
        asset.millis.map(integer).transpose()?,
        asset.blob,
    ];
    run(conn, sql, values).map(drop)
}

/// Names another asset's bytes anew: what is known of them is that one's, and one statement both looks for
/// it and copies it.
pub(super) fn share(conn: &Connection, share: &Share) -> Result<()> {
    let sql = "INSERT OR FAIL INTO assets (id, team, generation, media_type, bytes, hash, width, height, \
               created_at, expires_at, millis, blob) \
               SELECT ?1, ?2, ?3, media_type, bytes, hash, width, height, ?4, ?5, millis, id \
               FROM assets WHERE id = ?6 \
               AND NOT EXISTS (SELECT 1 FROM generations WHERE id = ?3 AND erased = 1)";
    let Share { id, of, team, generation, at, expires_at } = share;
    let values = params![id, team, generation, at.millis(), expires_at.millis(), of];
    if run(conn, sql, values)? > 0 || find(conn, of)?.is_some() {
        return Ok(());
    }
    Err(Error::Stale(of.clone()))
}

pub(super) fn remove(conn: &Connection, id: &str) -> Result<()> {
    run(conn, "DELETE FROM assets WHERE id = ?", [id]).map(drop)
}

pub(super) fn find(conn: &Connection, id: &str) -> Result<Option<Asset>> {
    let sql = "SELECT id, team, generation, media_type, bytes, hash, width, height, created_at, \
               expires_at, millis, blob FROM assets WHERE id = ?";
    one(conn, sql, [id], |columns| {
        Ok(Asset {
            id: columns.take()?,
            team: columns.take()?,
            generation: columns.take()?,
            media_type: columns.take()?,
            bytes: columns.take()?,
            hash: columns.take()?,
            width: columns.take()?,
            height: columns.take()?,
            created_at: columns.take()?,
            expires_at: columns.take()?,
            millis: columns.take()?,
            blob: columns.take()?,
        })
    })
}

pub(super) fn expired(
    conn: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(String, String)>> {
    let sql = "SELECT id, coalesce(blob, id) FROM assets WHERE expires_at < ? \
               ORDER BY expires_at LIMIT ?";
    all(conn.prepare_cached(sql)?, params![now.millis(), limit], |columns| {
        Ok((columns.take()?, columns.take()?))
    })
}

pub(super) fn unknown(conn: &Connection, ids: Vec<String>) -> Result<Vec<String>> {
    let snapshot = conn.unchecked_transaction()?;
    let sql = "SELECT EXISTS (SELECT 1 FROM assets WHERE id = ?1 AND blob IS NULL) \
               OR EXISTS (SELECT 1 FROM assets WHERE blob = ?1)";
    let mut unknown = Vec::new();
    for id in ids {
        if one(&snapshot, sql, [&id], only)? != Some(true) {
            unknown.push(id);
        }
    }
    Ok(unknown)
}
