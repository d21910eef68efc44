//! What lies beside the database: the lock, the key file, the simulated vendors' state.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use provider::Entropy as _;
use secrecy::{ExposeSecret as _, SecretBox};

use super::{StartError, entropy::SystemEntropy};
use crate::config::{self, Storage};

/// What seals stored secrets.
pub(super) type EncryptionKey = SecretBox<[u8; 32]>;

/// Held for as long as a gateway runs: two on one `SQLite` file would each think that they alone
/// keep a vendor's limits.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The database's path with something appended to its name.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder for the simulated vendors' state.
pub(super) fn simulated(storage: &Storage) -> PathBuf {
    storage.database.with_file_name("simulated")
}

/// Makes the folder, takes the lock, and makes the key file where the configuration has no key.
/// Beside the lock it hands out the key, whichever it is.
pub(super) fn prepare(storage: &Storage) -> Result<(Lock, EncryptionKey), StartError> {
    let database = &storage.database;
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(StartError::io(format!("{} cannot be made", folder.display())))?;
    }
    let path = beside(database, ".lock");
    let named = || format!("{} cannot be locked", path.display());
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(StartError::io(named()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StartError::Locked(database.clone())),
        Err(TryLockError::Error(error)) => return Err(StartError::Io(named(), error)),
    }
    let key = match &storage.encryption_key {
        Some(key) => EncryptionKey::new(Box::new(*key.expose_secret())),
        None => {
            let path = beside(database, ".key");
            let what = format!("{} cannot be used", path.display());
            key_file(&path).map_err(StartError::io(what))?
        }
    };
    Ok((Lock { _file: file }, key))
}

/// The key in the key file; both are made where there is no file.
fn key_file(path: &Path) -> io::Result<EncryptionKey> {
    match std::fs::read_to_string(path) {
        Ok(text) => return config::encryption_key(text.into()).map_err(io::Error::other),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    let mut key = [0_u8; 32];
    SystemEntropy.fill(&mut key);
    // Under another name first: a process that dies here must not leave half a key behind.
    let part = path.with_extension("key.part");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    Ok(EncryptionKey::new(Box::new(key)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Config, Environment};

    fn storage(folder: &Path) -> Storage {
        Config::from_text(None, folder, "", &Environment::default()).unwrap().storage
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(folder.path());
        let path = folder.path().join("data/atelier.db.key");
        let (lock, first) = prepare(&storage).unwrap();
        drop(lock);
        let made = std::fs::read_to_string(&path).unwrap();
        assert_eq!(made.trim().len(), 44);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (lock, again) = prepare(&storage).unwrap();
        drop(lock);
        assert_eq!(first.expose_secret(), again.expose_secret());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), made);
        std::fs::write(&path, "half a k").unwrap();
        assert!(matches!(prepare(&storage), Err(StartError::Io(..))));
    }

    #[test]
    fn one_database_has_one_gateway() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(folder.path());
        let first = prepare(&storage).unwrap();
        assert!(matches!(prepare(&storage), Err(StartError::Locked(_))));
        drop(first);
        assert!(prepare(&storage).is_ok());
    }
}
