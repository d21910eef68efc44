//! `atelier accounts reseal`: another encryption key, on the stopped gateway's own database.

use std::path::Path;

use engine::Vault;
use provider::{Clock as _, SystemClock};
use records::sqlite::Sqlite;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{Session, failure::Failure, output};
use crate::{
    config::{self, Storage},
    server::{
        entropy::SystemEntropy,
        folder::{self, EncryptionKey},
    },
};

/// Where the former key stands when no flag names a file.
const VARIABLE: &str = "ATELIER_OLD_ENCRYPTION_KEY";

pub(super) async fn run(session: &Session<'_>, old_file: Option<&Path>) -> Result<(), Failure> {
    let storage = session.load()?.storage;
    if !storage.database.is_file() {
        let database = storage.database.display();
        return Err(Failure::usage(format!("there is no database at {database}")));
    }
    let old = old_key(session, &storage, old_file)?;
    let (_lock, new) = folder::prepare(&storage)?;
    let records = Sqlite::open(&storage.database, storage.durability);
    let records = records.map_err(|error| Failure::failed(error.to_string()))?;
    let (old, new) = (Vault::new(old.expose_secret()), Vault::new(new.expose_secret()));
    let now = SystemClock.now();
    let count = engine::reseal(&records, &old, &new, &SystemEntropy, now).await;
    let count = count.map_err(|error| Failure::failed(error.to_string()))?;
    if session.json {
        output::json(&json!({ "resealed": count }));
    } else {
        output::line(format_args!("{count} secrets are sealed with the configured key now"));
    }
    Ok(())
}

/// The key that sealed what is stored: from a file, the environment, or the key file that was used before a
/// key was configured.
fn old_key(
    session: &Session<'_>,
    storage: &Storage,
    file: Option<&Path>,
) -> Result<EncryptionKey, Failure> {
    if let Some(file) = file {
        let key = folder::read_key(file).map_err(|error| Failure::usage(error.to_string()))?;
        return key.ok_or_else(|| Failure::usage(format!("there is no file {}", file.display())));
    }
    if let Some(text) = session.environment.filled(VARIABLE) {
        let key = config::encryption_key(SecretString::from(text));
        return key.map_err(|reason| Failure::usage(format!("{VARIABLE} {reason}")));
    }
    let beside = match storage.encryption_key {
        Some(_) => folder::read_key(&folder::key_file(storage))?,
        None => None,
    };
    beside.ok_or_else(|| {
        Failure::usage(format!(
            "this takes the key that was used before: give --old-key-file, or set {VARIABLE}"
        ))
    })
}
