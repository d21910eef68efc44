//! Making a backup.

use std::path::Path;

use assets::Store;
use provider::Timestamp;
use records::sqlite::{Snapshot, copy_to};

use super::{
    ASSETS, AssetsEntry, BackupError, Copied, DATABASE, DatabaseEntry, FORMAT, KEY, MANIFEST,
    Manifest, PAGE, copy_asset, private_folder, read_all, sync_name, write_file,
};
use crate::{
    config::Storage,
    server::folder::{EncryptionKey, beside, write_key},
};

/// Copies everything that is stored into the new folder `target`; a gateway may run meanwhile. `tell` hears
/// how many assets are copied.
///
/// # Errors
/// [`BackupError`]; there is no folder `target` then.
pub(crate) async fn save(
    storage: &Storage,
    key: Option<&EncryptionKey>,
    target: &Path,
    now: Timestamp,
    tell: impl Fn(u64),
) -> Result<Manifest, BackupError> {
    if !storage.database.is_file() {
        return Err(BackupError::NoDatabase(storage.database.clone()));
    }
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Taken(target.to_owned()));
    }
    if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(BackupError::io(parent))?;
    }
    let part = beside(target, ".part");
    private_folder(&part)?;
    match Box::pin(fill(storage, key, &part, now, tell)).await {
        Ok(manifest) => {
            std::fs::rename(&part, target).map_err(BackupError::io(target))?;
            sync_name(target)?;
            Ok(manifest)
        }
        Err(error) => {
            // Half a backup is none. Where it cannot be taken away either, its name says what it is.
            let _ = std::fs::remove_dir_all(&part);
            Err(error)
        }
    }
}

async fn fill(
    storage: &Storage,
    key: Option<&EncryptionKey>,
    folder: &Path,
    now: Timestamp,
    tell: impl Fn(u64),
) -> Result<Manifest, BackupError> {
    let copy = folder.join(DATABASE);
    copy_to(&storage.database, &copy)?;
    let (bytes, blake3) = read_all(&copy, |_| Ok(()))?;
    let snapshot = Snapshot::open(&copy)?;
    let contents = snapshot.contents()?;
    let assets = copy_assets(storage, snapshot, &folder.join(ASSETS), tell).await?;
    if let Some(key) = key {
        let path = folder.join(KEY);
        write_key(&path, key).map_err(BackupError::io(&path))?;
    }
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now,
        database: DatabaseEntry {
            schema: contents.schema,
            bytes,
            blake3,
            teams: contents.teams,
            keys: contents.keys,
            generations: contents.generations,
            ledger_entries: contents.ledger,
        },
        assets,
        encryption_key: key.is_some(),
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::other);
    let path = folder.join(MANIFEST);
    write_file(&path, &text.map_err(BackupError::io(&path))?)?;
    sync_name(&path)?;
    Ok(manifest)
}

async fn copy_assets(
    storage: &Storage,
    snapshot: Snapshot,
    folder: &Path,
    tell: impl Fn(u64),
) -> Result<AssetsEntry, BackupError> {
    private_folder(folder)?;
    let open = |path: &Path| Store::folder(path, true).map_err(|error| BackupError::store(&error));
    let (from, to) = (open(&storage.assets)?, open(folder)?);
    let mut entry = AssetsEntry::default();
    let mut after = String::new();
    loop {
        let page = snapshot.assets(&after, PAGE)?;
        let Some(last) = page.last() else { return Ok(entry) };
        after.clone_from(&last.id);
        for asset in &page {
            match copy_asset(&from, &to, asset).await? {
                Copied::Whole => {
                    entry.files += 1;
                    entry.bytes = entry.bytes.saturating_add(asset.bytes);
                }
                Copied::Missing => entry.missing += 1,
                Copied::Damaged => entry.damaged += 1,
            }
        }
        tell(entry.files);
    }
}
