//! A copy of the whole database, made while it is in use, and what a copy holds.
//!
//! # Why `VACUUM INTO`
//! It reads one snapshot from its first page to its last, beside a writer who goes on. `SQLite`'s online
//! backup begins anew whenever another process commits: under load it would never end. What was erased
//! lies in no free page of such a copy either.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use rusqlite::{Connection, OpenFlags};

use super::{journal, schema, sealed, stored::all};
use crate::{Error, Result, SealedPlace};

/// What a copy holds, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Steps of the schema that it has taken.
    pub schema: u64,
    /// Teams, revoked ones too.
    pub teams: u64,
    /// Keys, revoked ones too.
    pub keys: u64,
    /// Generations, unless they are forgotten.
    pub generations: u64,
    /// Entries of the ledger.
    pub ledger: u64,
}

/// An asset's bytes as a copy names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAsset {
    /// `ast_...`: where they lie.
    pub id: String,
    /// How many bytes.
    pub bytes: u64,
    /// Their BLAKE3 hash.
    pub hash: [u8; 32],
}

/// Copies the database at `from` into the new file `to`, for its owner alone, as it is at this moment; a
/// gateway may work with it meanwhile. The copy survives a power cut when this returns.
///
/// # Errors
/// Where there is no database, or there is a file under `to` already, or it cannot be written.
pub fn copy_to(from: &Path, to: &Path) -> Result<()> {
    if !from.is_file() {
        return Err(Error::Storage(format!("there is no database at {}", from.display())));
    }
    let cannot = |error: io::Error| Error::Storage(format!("{}: {error}", to.display()));
    let path = to.to_str();
    let path = path.ok_or_else(|| cannot(io::ErrorKind::InvalidFilename.into()))?;
    let conn = schema::open_reader(from)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // SQLite writes into an empty file as into none, and leaves its mode alone.
    options.open(to).map(drop).map_err(cannot)?;
    conn.execute("VACUUM INTO ?1", [path])?;
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if schema::current(schema::version(&copy)?).is_ok() {
        journal::carry_over(from, &copy)?;
    }
    drop(copy);
    File::open(to).and_then(|file| file.sync_all()).map_err(cannot)
}

/// A copy, opened for reading. No gateway works with it.
#[derive(Debug)]
pub struct Snapshot(Connection);

impl Snapshot {
    /// Opens a file that [`copy_to`] made.
    ///
    /// # Errors
    /// Where it is no such file, or is of a newer version than this binary.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        schema::known(schema::version(&conn)?)?;
        Ok(Self(conn))
    }

    /// How much is in it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn contents(&self) -> Result<Contents> {
        let rows = |table: &str| -> Result<u64> {
            let sql = format!("SELECT count(*) FROM {table}");
            let count: i64 = self.0.query_row(&sql, [], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        };
        Ok(Contents {
            schema: u64::try_from(schema::version(&self.0)?).unwrap_or(u64::MAX),
            teams: rows("teams")?,
            keys: rows("keys")?,
            generations: rows("generations")?,
            ledger: rows("ledger")?,
        })
    }

    /// The next assets after that id, ordered by id; the first ones after an empty one.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn assets(&self, after: &str, limit: u32) -> Result<Vec<NamedAsset>> {
        // Bytes that several assets share are named once, also where the first of those is gone.
        const SQL: &str = "SELECT id, bytes, hash FROM assets WHERE blob IS NULL AND id > ?1 \
                           UNION SELECT blob, bytes, hash FROM assets WHERE blob > ?1 \
                           ORDER BY 1 LIMIT ?2";
        let statement = self.0.prepare_cached(SQL)?;
        all(statement, rusqlite::params![after, limit], |columns| {
            Ok(NamedAsset { id: columns.take()?, bytes: columns.take()?, hash: columns.take()? })
        })
    }

    /// Every sealed text in it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn sealed(&self) -> Result<Vec<(SealedPlace, String)>> {
        sealed::list(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use provider::Timestamp;

    use super::*;
    use crate::{
        Asset, Change, Records as _, Rules, Team,
        sqlite::{Durability, Sqlite},
    };

    fn team(n: u32) -> Change {
        Change::Team(Team {
            id: format!("team_{n}"),
            name: "a".to_owned(),
            models: Vec::new(),
            rules: Rules::default(),
            created_at: Timestamp::from_millis(1),
            revoked_at: None,
        })
    }

    fn asset(id: &str) -> Change {
        Change::Asset(Box::new(Asset {
            id: id.to_owned(),
            team: "team_1".to_owned(),
            generation: None,
            media_type: "image/png".to_owned(),
            bytes: 7,
            hash: [9; 32],
            width: None,
            height: None,
            millis: None,
            created_at: Timestamp::from_millis(1),
            expires_at: Timestamp::from_millis(2),
            blob: None,
        }))
    }

    #[tokio::test]
    async fn a_copy_is_one_moment_of_a_database_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let records = Sqlite::open(&from, Durability::Process).unwrap();
        let secret = Change::Setting { name: "sealed_x".to_owned(), value: "v1.a.b".to_owned() };
        records.apply(vec![team(1), asset("ast_b"), asset("ast_a"), secret]).await.unwrap();
        copy_to(&from, &to).unwrap();
        records.apply(vec![team(2)]).await.unwrap();

        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        let copy = Snapshot::open(&to).unwrap();
        let contents = copy.contents().unwrap();
        assert_eq!((contents.teams, contents.keys, contents.ledger), (1, 0, 0));
        let first = copy.assets("", 1).unwrap();
        assert_eq!(first, [NamedAsset { id: "ast_a".to_owned(), bytes: 7, hash: [9; 32] }]);
        assert_eq!(copy.assets("ast_a", 9).unwrap()[0].id, "ast_b");
        assert!(copy.assets("ast_b", 9).unwrap().is_empty());
        let place = SealedPlace::Setting("sealed_x".to_owned());
        assert_eq!(copy.sealed().unwrap(), [(place, "v1.a.b".to_owned())]);
        drop(copy);
        let beside = std::fs::read_dir(folder.path()).unwrap();
        let of_copy = |name: &str| name.starts_with("b.db");
        let names: Vec<_> = beside.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(names.iter().filter(|name| of_copy(name)).count(), 1, "{names:?}");

        // It is a database like any other.
        let restored = Sqlite::open(&to, Durability::Process).unwrap();
        assert_eq!(restored.find_setting("sealed_x").await.unwrap().as_deref(), Some("v1.a.b"));
        restored.apply(vec![team(2)]).await.unwrap();
    }

    #[tokio::test]
    async fn a_database_that_nobody_uses_is_copied_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let records = Sqlite::open(&from, Durability::Process).unwrap();
        records.apply(vec![team(1)]).await.unwrap();
        drop(records);
        let before = std::fs::read(&from).unwrap();
        copy_to(&from, &to).unwrap();
        assert_eq!(std::fs::read(&from).unwrap(), before);
        assert_eq!(Snapshot::open(&to).unwrap().contents().unwrap().teams, 1);
    }

    #[test]
    fn nothing_is_written_over_and_nothing_comes_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        assert!(copy_to(&from, &to).is_err() && !to.exists() && !from.exists());
        drop(Sqlite::open(&from, Durability::Process).unwrap());
        std::fs::write(&to, "mine").unwrap();
        assert!(copy_to(&from, &to).is_err());
        assert_eq!(std::fs::read(&to).unwrap(), b"mine");
        assert!(Snapshot::open(&to).is_err());
    }
}
