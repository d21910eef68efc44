//! Accounts that were changed at run time.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::{run, stored::all};
use crate::{Result, StoredAccount};

pub(super) fn put(conn: &Connection, account: &StoredAccount) -> Result<()> {
    let sql = "INSERT INTO accounts (id, sealed, settings, held, created_at, removed_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET sealed = ?2, \
               settings = ?3, held = ?4, created_at = ?5, removed_at = ?6";
    let values = params![
        account.id,
        account.sealed,
        account.settings,
        account.held,
        account.created_at.millis(),
        account.removed_at.map(Timestamp::millis),
    ];
    run(conn, sql, values).map(drop)
}

pub(super) fn list(conn: &Connection) -> Result<Vec<StoredAccount>> {
    let sql = "SELECT id, sealed, settings, held, created_at, removed_at FROM accounts ORDER BY id";
    all(conn.prepare_cached(sql)?, [], |columns| {
        Ok(StoredAccount {
            id: columns.take()?,
            sealed: columns.take()?,
            settings: columns.take()?,
            held: columns.take()?,
            created_at: columns.take()?,
            removed_at: columns.take()?,
        })
    })
}
