//! Opening the file: its mode, its settings, its version.

use std::{
    fs::{self, OpenOptions},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use super::Durability;
use crate::{Error, Result};

/// Every step of the schema, oldest first. A step that was released is never edited: the file's
/// version is the number of steps that it has taken.
const MIGRATIONS: [&str; 11] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_webhooks.sql"),
    include_str!("migrations/0003_units.sql"),
    include_str!("migrations/0004_workers.sql"),
    include_str!("migrations/0005_documents.sql"),
    include_str!("migrations/0006_books.sql"),
    include_str!("migrations/0007_decisions.sql"),
    include_str!("migrations/0008_cache.sql"),
    include_str!("migrations/0009_lean.sql"),
    include_str!("migrations/0010_decided.sql"),
    include_str!("migrations/0011_changes.sql"),
];

/// Statements kept prepared; there are fewer than this in the whole backend.
const STATEMENTS: usize = 160;

/// The size of a page, in bytes. A generation's commits touch some twenty trees, of each one page: whole pages
/// are written, so smaller ones are less to copy, to sum up and to write, until rows no longer fit into them.
const PAGE: i64 = 2048;
/// So many bytes of pages lie in the log before they are folded into the file.
const LOG: i64 = 16 << 20;

/// Opens the file for writing, with its schema up to date.
pub(super) fn open(path: &Path, durability: Durability) -> Result<Connection> {
    create(path).map_err(|error| Error::Storage(format!("{}: {error}", path.display())))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = connect(path, flags, "-4096")?;
    // Before anything is written: an older binary must leave a newer file as it found it.
    known(version(&conn)?)?;
    // Only a new file takes it.
    conn.pragma_update(None, "page_size", PAGE)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    migrate(&mut conn)?;
    let synchronous = match durability {
        Durability::Full => "full",
        Durability::Process => "normal",
    };
    conn.pragma_update(None, "synchronous", synchronous)?;
    // Hot pages are written again in every commit: a longer log folds more of them into one write.
    let page: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    conn.pragma_update(None, "wal_autocheckpoint", LOG / page.max(1))?;
    // A little more than that, so that the log is written over, and not made anew, after every folding.
    conn.pragma_update(None, "journal_size_limit", LOG + LOG / 8)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    // What a caller erased must not stay readable in the file's free space.
    conn.pragma_update(None, "secure_delete", true)?;
    Ok(conn)
}

/// Opens the file for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX, "-512")
}

/// A connection whose page cache holds `cache` kibibytes (negative, as `SQLite` writes it).
fn connect(path: &Path, flags: OpenFlags, cache: &str) -> Result<Connection> {
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.pragma_update(None, "cache_size", cache)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // Without this a statement whose parameters might matter to a partial index is planned anew
    // for every value: more than its run takes.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

/// Makes the folder and the file. `SQLite` gives its log the mode of the file.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

pub(super) fn version(conn: &Connection) -> Result<usize> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version)
        .map_err(|_| Error::Storage(format!("the database has the impossible version {version}")))
}

pub(super) fn known(version: usize) -> Result<()> {
    let newest = MIGRATIONS.len();
    if version > newest {
        return Err(Error::Storage(format!(
            "the database has schema version {version}, and this binary knows versions up to \
             {newest}: use the newer binary that wrote it"
        )));
    }
    Ok(())
}

/// Whether a file that is only read has taken every step.
pub(super) fn current(version: usize) -> Result<()> {
    known(version)?;
    if version < MIGRATIONS.len() {
        let newest = MIGRATIONS.len();
        return Err(Error::Storage(format!(
            "the database has schema version {version}, and this binary reads version {newest}: start \
             the gateway once with this binary, which brings the database up to date"
        )));
    }
    Ok(())
}

/// Takes every step that the file has not taken. The version is read again inside the transaction:
/// another process may have taken the step meanwhile.
fn migrate(conn: &mut Connection) -> Result<()> {
    for (number, step) in (1..).zip(MIGRATIONS) {
        if version(conn)? >= number {
            continue;
        }
        let change = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let has = version(&change)?;
        if has < number {
            change.execute_batch(step)?;
            let number =
                i64::try_from(number).map_err(|error| Error::Storage(error.to_string()))?;
            change.pragma_update(None, "user_version", number)?;
        }
        change.commit()?;
        known(has)?;
    }
    Ok(())
}

/// A file as an older binary left it, which knew so many steps.
#[cfg(test)]
pub(super) fn open_as(path: &Path, version: usize) {
    let conn = Connection::open(path).unwrap();
    MIGRATIONS.iter().take(version).for_each(|step| conn.execute_batch(step).unwrap());
    let version = i64::try_from(version).unwrap();
    conn.pragma_update(None, "user_version", version).unwrap();
}
