//! Bringing a backup back.

use std::path::{Path, PathBuf};

use assets::Store;
use engine::{Vault, VaultError};
use records::sqlite::Snapshot;
use secrecy::ExposeSecret as _;

use super::{
    ASSETS, BackupError, Copied, DATABASE, FORMAT, KEY, MANIFEST, Manifest, PAGE, copy_asset,
    is_whole, private_file, read_all, sync_name,
};
use crate::{
    config::Storage,
    server::folder::{self, EncryptionKey, beside},
};

/// What was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    /// What the backup said of itself.
    pub(crate) manifest: Manifest,
    /// The database that was there before, where there was one.
    pub(crate) kept: Option<PathBuf>,
    /// What the operator has to do before a gateway is started.
    pub(crate) warnings: Vec<String>,
}

/// Puts the backup in `source` where the configuration says that things are kept. No gateway may run
/// there. With `force` it takes the place of what is there, and the former database is kept beside it.
/// `tell` hears how many assets are there.
///
/// # Errors
/// [`BackupError`]; the database is as it was then.
pub(crate) async fn restore(
    storage: &Storage,
    source: &Path,
    force: bool,
    tell: impl Fn(u64),
) -> Result<Restored, BackupError> {
    let manifest = read_manifest(source)?;
    let key = folder::read_key(&source.join(KEY))?;
    if key.is_some() != manifest.encryption_key {
        return Err(broken(source, "its encryption key is not there"));
    }
    let _lock = folder::lock(storage)?;
    let former = [storage.database.clone(), beside(&storage.database, "-wal")];
    if let Some(found) = former.iter().find(|path| path.exists()).filter(|_| !force) {
        return Err(BackupError::Exists(found.clone()));
    }
    let new_key = key.filter(|_| storage.encryption_key.is_none());
    let key_file = folder::key_file(storage);
    let key_stays = match (&new_key, folder::read_key(&key_file)?) {
        (Some(new), Some(there)) if new.expose_secret() != there.expose_secret() => {
            if !force {
                return Err(BackupError::Exists(key_file));
            }
            false
        }
        _ => true,
    };
    let copy = beside(&storage.database, ".restoring");
    let prepared = prepare(storage, source, &manifest, &copy, tell).await;
    if prepared.is_err() {
        let _ = std::fs::remove_file(&copy);
    }
    let snapshot = prepared?;
    let used = match (&new_key, folder::found_key(storage)?) {
        (Some(new), _) => Some(EncryptionKey::new(Box::new(*new.expose_secret()))),
        (None, found) => found,
    };
    let warnings = warnings(&snapshot, used.as_ref(), &key_file)?;
    drop(snapshot);
    let kept = set_aside(storage, (!key_stays).then_some(key_file.as_path()))?;
    if let Some(key) = &new_key {
        folder::keep_key(storage, key)?;
    }
    std::fs::rename(&copy, &storage.database).map_err(BackupError::io(&storage.database))?;
    sync_name(&storage.database)?;
    Ok(Restored { manifest, kept, warnings })
}

fn broken(source: &Path, why: impl Into<String>) -> BackupError {
    BackupError::NoBackup(source.to_owned(), why.into())
}

fn read_manifest(source: &Path) -> Result<Manifest, BackupError> {
    let path = source.join(MANIFEST);
    let text = std::fs::read(&path)
        .map_err(|error| broken(source, format!("{MANIFEST} cannot be read: {error}")))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| broken(source, format!("{MANIFEST} makes no sense: {error}")))?;
    if manifest.format != FORMAT {
        let why = format!("it has the form {}, and this binary knows {FORMAT}", manifest.format);
        return Err(broken(source, why));
    }
    Ok(manifest)
}

/// Everything but the database's own name: its copy beside where it belongs, and its assets.
async fn prepare(
    storage: &Storage,
    source: &Path,
    manifest: &Manifest,
    copy: &Path,
    tell: impl Fn(u64),
) -> Result<Snapshot, BackupError> {
    let mut file = private_file(copy)?;
    let written = read_all(&source.join(DATABASE), |piece| {
        std::io::Write::write_all(&mut file, piece).map_err(BackupError::io(copy))
    })?;
    file.sync_all().map_err(BackupError::io(copy))?;
    if written != (manifest.database.bytes, manifest.database.blake3.clone()) {
        return Err(broken(source, format!("{DATABASE} is not the file that was copied")));
    }
    let snapshot = Snapshot::open(copy)?;
    let open = |path: &Path| Store::folder(path, true).map_err(|error| BackupError::store(&error));
    let (from, to) = (open(&source.join(ASSETS))?, open(&storage.assets)?);
    let mut files = 0_u64;
    let mut after = String::new();
    loop {
        let page = snapshot.assets(&after, PAGE)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for asset in &page {
            // What is there already stays: a restore that was interrupted goes on.
            if is_whole(&to, asset).await? && from.exists(&asset.id).await.is_ok_and(|there| there)
            {
                files += 1;
                continue;
            }
            match copy_asset(&from, &to, asset).await? {
                Copied::Whole => files += 1,
                Copied::Missing => {}
                Copied::Damaged => {
                    return Err(broken(source, format!("the asset {} is damaged", asset.id)));
                }
            }
        }
        tell(files);
    }
    if files < manifest.assets.files {
        let why = format!("{files} of its {} assets are there", manifest.assets.files);
        return Err(broken(source, why));
    }
    Ok(snapshot)
}

/// What is sealed must open with the key that the gateway will have.
fn warnings(
    snapshot: &Snapshot,
    key: Option<&EncryptionKey>,
    key_file: &Path,
) -> Result<Vec<String>, BackupError> {
    let sealed = snapshot.sealed()?;
    let Some(key) = key else {
        let none = format!(
            "the encryption key is not in the backup: set storage.encryption_key or put it into {} \
             before a gateway is started",
            key_file.display()
        );
        return Ok(if sealed.is_empty() { Vec::new() } else { vec![none] });
    };
    let vault = Vault::new(key.expose_secret());
    let foreign = |text: &str| {
        // What it was sealed for does not matter here: another key is told apart first.
        matches!(vault.open("", text), Err(VaultError::OtherKey))
    };
    let other = "the secrets in the backup are sealed with another key than the one that is configured \
                 here: configure that one, or run `atelier accounts reseal` with it";
    let any = sealed.iter().any(|(_, text)| foreign(text));
    Ok(if any { vec![other.to_owned()] } else { Vec::new() })
}

/// Gives the former database another name. Its log goes with it, for left beside the new database it would be
/// taken for that one's, and so does what is noted and not in it yet.
fn set_aside(storage: &Storage, key_file: Option<&Path>) -> Result<Option<PathBuf>, BackupError> {
    let aside = beside(&storage.database, ".before-restore");
    let moved = |from: &Path, to: &Path| match std::fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BackupError::Io(from.to_owned(), error)),
    };
    let mut any = moved(&storage.database, &aside)?;
    any |= moved(&beside(&storage.database, "-wal"), &beside(&aside, "-wal"))?;
    moved(&beside(&storage.database, "-changes"), &beside(&aside, "-changes"))?;
    let index = beside(&storage.database, "-shm");
    match std::fs::remove_file(&index) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(BackupError::Io(index, error));
        }
        _ => {}
    }
    if let Some(key_file) = key_file {
        moved(key_file, &beside(&aside, ".key"))?;
    }
    Ok(any.then_some(aside))
}
