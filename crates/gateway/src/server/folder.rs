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
use secrecy::{ExposeSecret as _, ExposeSecretMut as _, SecretBox};

use super::{StartError, entropy::SystemEntropy};
use crate::config::{self, Storage};

/// What seals stored secrets.
pub(crate) type EncryptionKey = SecretBox<[u8; 32]>;

/// Held for as long as a gateway runs: two on one `SQLite` file would each think that they alone
/// keep a vendor's limits.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The database's path with something appended to its name.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder for the simulated vendors' state.
pub(super) fn simulated(storage: &Storage) -> PathBuf {
    storage.database.with_file_name("simulated")
}

/// Makes the folder, takes the lock, and makes the key file where the configuration has no key and the
/// database is new: in one that is there secrets are sealed, and a fresh key would open none of them.
/// Beside the lock it hands out the key, whichever it is.
pub(crate) fn prepare(storage: &Storage) -> Result<(Lock, EncryptionKey), StartError> {
    let lock = lock(storage)?;
    let key = match found_key(storage)? {
        Some(key) => key,
        None if storage.database.exists() => {
            return Err(StartError::NoKey(storage.database.clone(), key_file(storage)));
        }
        None => {
            let mut key = EncryptionKey::new(Box::new([0_u8; 32]));
            SystemEntropy.fill(key.expose_secret_mut());
            keep_key(storage, &key)?;
            key
        }
    };
    Ok((lock, key))
}

/// Makes the folder and takes the lock.
pub(crate) fn lock(storage: &Storage) -> Result<Lock, StartError> {
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
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(StartError::Locked(database.clone())),
        Err(TryLockError::Error(error)) => Err(StartError::Io(named(), error)),
    }
}

/// The key file beside the database.
pub(crate) fn key_file(storage: &Storage) -> PathBuf {
    beside(&storage.database, ".key")
}

/// The configured key, or else the key file's; none where there is neither.
pub(crate) fn found_key(storage: &Storage) -> Result<Option<EncryptionKey>, StartError> {
    match &storage.encryption_key {
        Some(key) => Ok(Some(EncryptionKey::new(Box::new(*key.expose_secret())))),
        None => read_key(&key_file(storage)),
    }
}

/// The key that a file holds; none where there is no file.
pub(crate) fn read_key(path: &Path) -> Result<Option<EncryptionKey>, StartError> {
    let what = || format!("{} cannot be used", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let key = config::encryption_key(text.into()).map_err(io::Error::other);
            key.map(Some).map_err(StartError::io(what()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartError::Io(what(), error)),
    }
}

/// Makes the key file.
pub(crate) fn keep_key(storage: &Storage, key: &EncryptionKey) -> Result<(), StartError> {
    let path = key_file(storage);
    write_key(&path, key).map_err(StartError::io(format!("{} cannot be used", path.display())))
}

/// Writes a key into a file that only its owner reads.
pub(crate) fn write_key(path: &Path, key: &EncryptionKey) -> io::Result<()> {
    // Under another name first: a process that dies here must not leave half a key behind.
    let part = beside(path, ".part");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    writeln!(file, "{}", STANDARD.encode(key.expose_secret()))?;
    file.sync_all()?;
    std::fs::rename(&part, path)
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
    fn a_database_whose_key_is_gone_gets_no_other_one() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(folder.path());
        drop(prepare(&storage).unwrap());
        std::fs::write(&storage.database, "").unwrap();
        std::fs::remove_file(key_file(&storage)).unwrap();
        let error = prepare(&storage).unwrap_err();
        assert!(error.to_string().contains("atelier.db.key"), "{error}");
        assert!(!key_file(&storage).exists());
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
