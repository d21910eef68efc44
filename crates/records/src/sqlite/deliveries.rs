//! Webhook deliveries, and the secrets that sign them.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{
    must, run,
    stored::{Columns, all, bound, direction, document, one, only},
};
use crate::{Delivery, DeliveryState, DeliveryTried, NewDelivery, Page, Result};

const DELIVERY: &str = "d.id, d.team, d.generation, d.event, d.url, d.state, d.tries, d.next_at, \
                        d.last_at, d.last_status, d.last_error, d.created_at";

/// A new delivery. One of an erased generation is not kept: there is nothing left to tell.
pub(super) fn add(conn: &Connection, new: &NewDelivery) -> Result<()> {
    let sql = "INSERT OR FAIL INTO deliveries (id, team, generation, event, url, state, next_at, created_at) \
               SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 \
               WHERE NOT EXISTS (SELECT 1 FROM generations WHERE id = ?3 AND erased = 1)";
    let state = DeliveryState::Pending.as_str();
    let at = new.at.millis();
    let values = params![new.id, new.team, new.generation, new.event, new.url, state, at];
    run(conn, sql, values).map(drop)
}

/// Writes down how a try went. Whoever asked for another one meanwhile gets it.
pub(super) fn tried(conn: &Connection, tried: &DeliveryTried) -> Result<()> {
    let sql = "UPDATE deliveries SET tries = tries + 1, last_at = ?2, last_status = ?3, \
               last_error = ?4, state = iif(next_at IS ?5, ?6, state), \
               next_at = iif(next_at IS ?5, ?7, next_at) WHERE id = ?1";
    let values = params![
        tried.delivery,
        tried.at.millis(),
        tried.status,
        tried.error,
        tried.due.map(Timestamp::millis),
        tried.state.as_str(),
        tried.next_at.map(Timestamp::millis),
    ];
    must(conn, &tried.delivery, sql, values)
}

/// Asks for another try, whatever became of the ones before.
pub(super) fn again(conn: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE deliveries SET state = ?2, next_at = ?3 WHERE id = ?1";
    must(conn, id, sql, params![id, DeliveryState::Pending.as_str(), at.millis()])
}

/// A generation is erased: nothing more is told of it, nor that anything was.
pub(super) fn erase(conn: &Connection, generation: &str) -> Result<()> {
    run(conn, "DELETE FROM deliveries WHERE generation = ?", [generation]).map(drop)
}

pub(super) fn set_secret(conn: &Connection, team: &str, sealed: &str, replace: bool) -> Result<()> {
    let sql = "UPDATE teams SET webhook_secret = iif(?3, ?2, coalesce(webhook_secret, ?2)) \
               WHERE id = ?1";
    must(conn, team, sql, params![team, sealed, replace])
}

pub(super) fn secret(conn: &Connection, team: &str) -> Result<Option<String>> {
    let sql = "SELECT webhook_secret FROM teams WHERE id = ?";
    Ok(one(conn, sql, [team], only::<Option<String>>)?.flatten())
}

pub(super) fn find(conn: &Connection, id: &str) -> Result<Option<Delivery>> {
    one(conn, &format!("SELECT {DELIVERY} FROM deliveries d WHERE d.id = ?"), [id], read)
}

/// What is due, the longest due first, but nothing of the teams in `except`.
pub(super) fn due(
    conn: &Connection,
    now: Timestamp,
    except: &[String],
    limit: u32,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries d WHERE d.next_at <= ? \
         AND d.team NOT IN (SELECT value FROM json_each(?)) ORDER BY d.next_at, d.id LIMIT ?"
    );
    all(conn.prepare_cached(&sql)?, params![now.millis(), document(except)?, limit], read)
}

pub(super) fn next(conn: &Connection, after: Timestamp) -> Result<Option<Timestamp>> {
    let sql = "SELECT next_at FROM deliveries WHERE next_at > ? ORDER BY next_at LIMIT 1";
    one(conn, sql, [after.millis()], only)
}

pub(super) fn list(
    conn: &Connection,
    team: Option<&str>,
    generation: Option<&str>,
    page: &Page,
) -> Result<Vec<Delivery>> {
    let (beyond, order) = direction(page);
    // A statement for each of the four questions: one that fits them all could use no index.
    let of_team = if team.is_some() { "d.team = ?3 AND" } else { "?3 IS NULL AND" };
    let of_one = if generation.is_some() { "d.generation = ?4 AND" } else { "?4 IS NULL AND" };
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries d WHERE {of_team} {of_one} d.id {beyond} ?1 \
         ORDER BY d.id {order} LIMIT ?2"
    );
    let values = params![bound(page), page.limit, team, generation];
    all(conn.prepare_cached(&sql)?, values, read)
}

fn read(columns: &mut Columns<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: columns.take()?,
        team: columns.take()?,
        generation: columns.take()?,
        event: columns.take()?,
        url: columns.take()?,
        state: columns.take()?,
        tries: columns.take()?,
        next_at: columns.take()?,
        last_at: columns.take()?,
        last_status: columns.take()?,
        last_error: columns.take()?,
        created_at: columns.take()?,
    })
}
