//! Every sealed text, so that the key that seals them can be changed.

use rusqlite::Connection;

use super::{must, stored::all};
use crate::{Result, SealedPlace};

/// What makes a place of a row's name, and the question that finds such rows.
type Source = (fn(String) -> SealedPlace, &'static str);

const SOURCES: [Source; 4] = [
    (SealedPlace::Setting, "SELECT name, value FROM settings WHERE name GLOB 'sealed_*'"),
    (SealedPlace::Webhook, "SELECT id, webhook_secret FROM teams WHERE webhook_secret IS NOT NULL"),
    (SealedPlace::Credential, "SELECT account, sealed FROM credentials WHERE sealed IS NOT NULL"),
    (SealedPlace::Account, "SELECT id, sealed FROM accounts WHERE sealed IS NOT NULL"),
];

pub(super) fn list(conn: &Connection) -> Result<Vec<(SealedPlace, String)>> {
    // One snapshot: a text that moves from one place to another meanwhile must be in the list.
    let snapshot = conn.unchecked_transaction()?;
    let mut found = Vec::new();
    for (place, sql) in SOURCES {
        let rows: Vec<(String, String)> = all(snapshot.prepare_cached(sql)?, [], |columns| {
            Ok((columns.take()?, columns.take()?))
        })?;
        found.extend(rows.into_iter().map(|(name, sealed)| (place(name), sealed)));
    }
    Ok(found)
}

/// Puts one text in the place of another; where there is none there is nothing to seal anew.
pub(super) fn replace(conn: &Connection, place: &SealedPlace, sealed: &str) -> Result<()> {
    let (sql, name) = match place {
        SealedPlace::Setting(name) => {
            ("UPDATE settings SET value = ?2 WHERE name = ?1 AND name GLOB 'sealed_*'", name)
        }
        SealedPlace::Webhook(team) => (
            "UPDATE teams SET webhook_secret = ?2 WHERE id = ?1 AND webhook_secret IS NOT NULL",
            team,
        ),
        SealedPlace::Credential(account) => (
            "UPDATE credentials SET sealed = ?2 WHERE account = ?1 AND sealed IS NOT NULL",
            account,
        ),
        SealedPlace::Account(id) => {
            ("UPDATE accounts SET sealed = ?2 WHERE id = ?1 AND sealed IS NOT NULL", id)
        }
    };
    must(conn, name, sql, [name.as_str(), sealed])
}
