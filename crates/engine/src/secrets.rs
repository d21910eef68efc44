//! The gateway's own secrets: made at the first start, kept sealed in the records.
//!
//! Whoever has a copy of the database has neither the pepper of the keys' hashes nor the key of the
//! signed links: both open only under the encryption key, which lies elsewhere.

use provider::Ids;
use records::Change;
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::Parts;

/// Random characters of a secret, 5 bits each.
const CHARS: usize = 52;

/// The secret of that name.
///
/// # Errors
/// The records cannot be used, or the secret was sealed with another encryption key.
pub(crate) async fn sealed(
    parts: &Parts,
    ids: &Ids,
    name: &str,
) -> records::Result<SecretSlice<u8>> {
    let setting = format!("sealed_{name}");
    let stored = match parts.records.find_setting(&setting).await? {
        Some(stored) => stored,
        None => seal(parts, ids, name, &setting).await?,
    };
    parts.vault.open(&purpose(&setting), &stored).map_err(|error| unusable(name, &error))
}

/// What a sealed setting is bound to.
pub(crate) fn purpose(setting: &str) -> String {
    format!("setting/{setting}")
}

/// Seals a new secret, or one that lies in clear from before secrets were sealed.
async fn seal(parts: &Parts, ids: &Ids, name: &str, setting: &str) -> records::Result<String> {
    let clear = parts.records.find_setting(name).await?;
    let secret = SecretSlice::from(clear.unwrap_or_else(|| ids.secret(CHARS)).into_bytes());
    let entropy = &*parts.entropy;
    let sealed = parts.vault.seal(&purpose(setting), secret.expose_secret(), entropy);
    let value = sealed.map_err(|error| unusable(name, &error))?;
    let put = Change::Setting { name: setting.to_owned(), value };
    parts.records.apply(vec![put, Change::DropSetting(name.to_owned())]).await?;
    // Another process may have been first: then its secret is everybody's.
    let stored = parts.records.find_setting(setting).await?;
    stored.ok_or_else(|| unusable(name, &"it vanished"))
}

fn unusable(name: &str, reason: &dyn std::fmt::Display) -> records::Error {
    records::Error::Storage(format!("the stored secret {name} cannot be opened: {reason}"))
}
