//! Credentials that vendors made for our accounts.

use rusqlite::{Connection, params};

use super::{run, stored::all};
use crate::{Result, StoredCredential};

pub(super) fn put(conn: &Connection, row: &StoredCredential) -> Result<()> {
    let sql = "INSERT INTO credentials (account, origin, sealed, begun, at) \
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account) DO UPDATE SET \
               sealed = CASE WHEN ?3 IS NULL AND origin = ?2 THEN sealed ELSE ?3 END, \
               origin = ?2, begun = ?4, at = ?5";
    let values = params![row.account, row.origin, row.sealed, row.begun, row.at.millis()];
    run(conn, sql, values).map(drop)
}

pub(super) fn list(conn: &Connection) -> Result<Vec<StoredCredential>> {
    let sql = "SELECT account, origin, sealed, begun, at FROM credentials ORDER BY account";
    all(conn.prepare_cached(sql)?, [], |columns| {
        Ok(StoredCredential {
            account: columns.take()?,
            origin: columns.take()?,
            sealed: columns.take()?,
            begun: columns.take()?,
            at: columns.take()?,
        })
    })
}
