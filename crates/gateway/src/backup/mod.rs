//! A backup of the embedded storage, and its way back.
//!
//! # What is in it
//! A folder with a copy of the database as it was at one moment (`atelier.db`), every asset that the
//! copy names (`assets`), and a [`Manifest`]. A gateway may run meanwhile: an asset is whole before a
//! row names it, and never changes, so what the copy names can be copied after it. What was deleted in
//! between is missing, and counted.
//!
//! The encryption key is not in it unless that is asked for: a stolen backup opens nothing then. Without
//! the key, stored credentials and webhook secrets cannot be opened, and keys are not known again.
//!
//! # Whole or not there
//! A backup is made under another name and gets its own when everything is in it. A restored database
//! gets its name last, after its assets are there.

mod restore;
mod save;
#[cfg(test)]
mod tests;

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use assets::{Store, StoreError};
use futures_util::StreamExt as _;
use provider::{SinkError, Timestamp};
use records::sqlite::NamedAsset;
use serde::{Deserialize, Serialize};

pub(crate) use self::{restore::restore, save::save};
use crate::server::StartError;

/// The form of a backup's folder; another one would be another number.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "atelier.db";
const ASSETS: &str = "assets";
const KEY: &str = "encryption.key";
/// Assets that are asked for at once.
const PAGE: u32 = 500;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The form of the folder.
    pub(crate) format: u32,
    /// The version of the binary that made it.
    pub(crate) version: String,
    /// When it was begun: what was committed by then is in it.
    pub(crate) made_at: Timestamp,
    /// The copy of the database.
    pub(crate) database: DatabaseEntry,
    /// The copied assets.
    pub(crate) assets: AssetsEntry,
    /// Whether the encryption key is in it.
    pub(crate) encryption_key: bool,
}

/// The copy of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseEntry {
    /// Steps of the schema that it has taken.
    pub(crate) schema: u64,
    /// How many bytes.
    pub(crate) bytes: u64,
    /// Their BLAKE3 hash, in hexadecimal digits.
    pub(crate) blake3: String,
    /// Teams in it.
    pub(crate) teams: u64,
    /// Keys in it.
    pub(crate) keys: u64,
    /// Generations in it.
    pub(crate) generations: u64,
    /// Entries of the ledger in it.
    pub(crate) ledger_entries: u64,
}

/// The copied assets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssetsEntry {
    /// How many.
    pub(crate) files: u64,
    /// How many bytes.
    pub(crate) bytes: u64,
    /// Those that the database names and that were not there: deleted meanwhile, or lost before.
    pub(crate) missing: u64,
    /// Those whose bytes were not what the database says; they are not in it.
    pub(crate) damaged: u64,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// There is nothing to copy.
    #[error("there is no database at {}; is it the right configuration?", .0.display())]
    NoDatabase(PathBuf),
    /// A backup is made in a new folder.
    #[error("{} is there already; name a folder that is not", .0.display())]
    Taken(PathBuf),
    /// The key that shall be in it is nowhere.
    #[error("there is no encryption key to put into it")]
    NoKey,
    /// The folder is no backup, or not a whole one.
    #[error("{} is no backup that can be restored: {}", .0.display(), .1)]
    NoBackup(PathBuf, String),
    /// A restored database would take the place of another.
    #[error("{} is there already; --force puts the backup in its place", .0.display())]
    Exists(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// The assets' folder failed.
    #[error("the assets' folder failed: {0}")]
    Store(String),
    /// The database failed.
    #[error(transparent)]
    Records(#[from] records::Error),
    /// The storage is locked, or its key cannot be read.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl BackupError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io(path, error)
    }

    fn store(error: &StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// What became of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    Whole,
    /// It is not there.
    Missing,
    /// Its bytes are others than those that were recorded; it was not copied.
    Damaged,
}

/// Copies one asset, and checks that its bytes are those that were recorded.
async fn copy_asset(from: &Store, to: &Store, asset: &NamedAsset) -> Result<Copied, BackupError> {
    let mut blob = match from.read(&asset.id, None).await {
        Ok(blob) => blob,
        Err(StoreError::NotFound) => return Ok(Copied::Missing),
        Err(error) => return Err(BackupError::store(&error)),
    };
    if blob.size != asset.bytes {
        return Ok(Copied::Damaged);
    }
    let writer = to.writer(&asset.id, asset.bytes);
    let mut writer = writer.map_err(|error| BackupError::store(&error))?;
    let failed = |error: SinkError| BackupError::Store(error.to_string());
    while let Some(piece) = blob.stream.next().await {
        let piece = piece.map_err(|error| BackupError::store(&error))?;
        writer.push(piece).await.map_err(failed)?;
    }
    let stored = writer.keep().await.map_err(failed)?;
    if stored.hash == asset.hash && stored.bytes == asset.bytes {
        return Ok(Copied::Whole);
    }
    to.delete(&asset.id).await.map_err(|error| BackupError::store(&error))?;
    Ok(Copied::Damaged)
}

/// Whether an asset is there as it was recorded.
async fn is_whole(store: &Store, asset: &NamedAsset) -> Result<bool, BackupError> {
    let mut blob = match store.read(&asset.id, None).await {
        Ok(blob) => blob,
        Err(StoreError::NotFound) => return Ok(false),
        Err(error) => return Err(BackupError::store(&error)),
    };
    let mut hasher = blake3::Hasher::new();
    while let Some(piece) = blob.stream.next().await {
        hasher.update(&piece.map_err(|error| BackupError::store(&error))?);
    }
    Ok(*hasher.finalize().as_bytes() == asset.hash)
}

/// Makes a folder that only its owner may look into.
fn private_folder(path: &Path) -> Result<(), BackupError> {
    DirBuilder::new().mode(0o700).create(path).map_err(BackupError::io(path))
}

/// Opens a new file that only its owner reads; one that is there is emptied.
fn private_file(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).map_err(BackupError::io(path))
}

/// Reads a file to its end, handing over each piece: how many bytes it has, and their hash.
fn read_all(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(u64, String), BackupError> {
    let mut file = File::open(path).map_err(BackupError::io(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0_u8; 1 << 20];
    let mut bytes = 0_u64;
    loop {
        let read = file.read(&mut piece).map_err(BackupError::io(path))?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
        take(read)?;
        bytes = bytes.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
    }
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

/// Writes a small file whole.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let mut file = private_file(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(BackupError::io(path))
}

/// Makes a rename to this name survive a power cut.
fn sync_name(path: &Path) -> Result<(), BackupError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io(folder))
}
