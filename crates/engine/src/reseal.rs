//! Another encryption key: everything sealed is sealed anew.
//!
//! All of it changes in one write, so that whoever is killed in between has a database that opens with
//! one of the two keys. What opens with the new key already is left alone: done twice, nothing happens
//! the second time. No gateway may work with the records meanwhile: it would seal under the old key.

use provider::{Entropy, Timestamp};
use records::{AuditEntry, Change, Records, Role, SealedPlace};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{Vault, VaultError, accounts, credential, secrets, webhooks};

/// Why nothing was sealed anew. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResealError {
    /// A sealed text opens with neither key.
    #[error(
        "{place} opens with neither the old key nor the new one, so nothing was changed: {reason}"
    )]
    Closed {
        /// Where it lies, in words.
        place: String,
        /// Why the old key does not open it.
        reason: &'static str,
    },
    /// It opened and could not be sealed again.
    #[error("{place} could not be sealed under the new key, so nothing was changed")]
    Unsealed {
        /// Where it lies, in words.
        place: String,
    },
    /// The records could not be read or written.
    #[error(transparent)]
    Records(#[from] records::Error),
}

/// Seals everything that `old` opens under `new`; answers how many texts that were.
///
/// # Errors
/// [`ResealError`]; nothing was changed then.
pub async fn reseal(
    records: &dyn Records,
    old: &Vault,
    new: &Vault,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<usize, ResealError> {
    let mut changes = Vec::new();
    for (place, sealed) in records.sealed().await? {
        let purpose = purpose(&place);
        if new.open(&purpose, &sealed).is_ok() {
            continue;
        }
        let secret = old.open(&purpose, &sealed).map_err(|error| ResealError::Closed {
            place: in_words(&place),
            reason: match error {
                VaultError::OtherKey => "the old key that was given did not seal it",
                VaultError::Damaged => "the sealed text is damaged",
            },
        })?;
        let anew = new.seal(&purpose, secret.expose_secret(), entropy);
        let anew = anew.map_err(|_| ResealError::Unsealed { place: in_words(&place) })?;
        changes.push(Change::Reseal(place, anew));
    }
    let count = changes.len();
    if count > 0 {
        changes.push(audit(count, new, now));
        records.apply(changes).await?;
    }
    Ok(count)
}

fn audit(count: usize, new: &Vault, at: Timestamp) -> Change {
    Change::Audit(Box::new(AuditEntry {
        id: 0,
        at,
        actor: "cli".to_owned(),
        role: Role::Owner,
        address: None,
        action: "accounts.reseal".to_owned(),
        target: "encryption_key".to_owned(),
        before: None,
        after: Some(json!({ "key": new.name(), "resealed": count }).to_string()),
    }))
}

/// What a text at that place is sealed for.
fn purpose(place: &SealedPlace) -> String {
    match place {
        SealedPlace::Setting(name) => secrets::purpose(name),
        SealedPlace::Webhook(team) => webhooks::purpose(team),
        SealedPlace::Credential(account) => credential::purpose(account),
        SealedPlace::Account(account) => accounts::purpose(account),
    }
}

fn in_words(place: &SealedPlace) -> String {
    match place {
        SealedPlace::Setting(name) => format!("the setting {name}"),
        SealedPlace::Webhook(team) => format!("the webhook secret of {team}"),
        SealedPlace::Credential(account) => format!("the replaced key of {account}"),
        SealedPlace::Account(account) => format!("the key of {account}"),
    }
}
