//! An account's credential: many calls use it, and it may be replaced while they do.

use std::{fmt, sync::Arc};

use parking_lot::RwLock;
use provider::HoldReason;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock as Gate};

use crate::{Account, Engine, Hold, Refusal, Result};

/// A credential that can be replaced while it is used.
pub struct Credential {
    now: RwLock<Arc<SecretString>>,
    /// The first one's hash, the configured or given one: where that changes, what was stored is of the
    /// past.
    pub(crate) origin: String,
    /// Held by calls that use the credential as it is now.
    gate: RwLock<Arc<Gate<()>>>,
    /// Held by whoever replaces it: one at a time.
    pub(crate) replacing: Mutex<()>,
}

/// A credential in use: it is not replaced before this is dropped.
pub(crate) struct InUse {
    secret: Arc<SecretString>,
    _gate: Option<OwnedRwLockReadGuard<()>>,
}

impl Credential {
    /// Waits while it is being replaced.
    pub(crate) async fn in_use(&self) -> InUse {
        let gate = Arc::clone(&self.gate.read());
        let gate = gate.read_owned().await;
        InUse { secret: Arc::clone(&self.now.read()), _gate: Some(gate) }
    }

    /// Waits until no call uses it; while the answer is held none begins to.
    pub(crate) async fn unused(&self) -> OwnedRwLockWriteGuard<()> {
        let gate = Arc::clone(&self.gate.read());
        gate.write_owned().await
    }

    /// For the call that replaces it, made while nobody else uses it.
    pub(crate) fn alone(&self) -> InUse {
        InUse { secret: Arc::clone(&self.now.read()), _gate: None }
    }

    pub(crate) fn replace(&self, secret: SecretString) {
        *self.now.write() = Arc::new(secret);
    }

    /// As [`replace`](Credential::replace), while calls with the old one go on; answers the old one and
    /// what those calls hold.
    pub(crate) fn replace_beside(
        &self,
        secret: SecretString,
    ) -> (Arc<SecretString>, Arc<Gate<()>>) {
        let mut gate = self.gate.write();
        let before = std::mem::take(&mut *gate);
        (std::mem::replace(&mut *self.now.write(), Arc::new(secret)), before)
    }
}

impl InUse {
    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl From<SecretString> for Credential {
    fn from(secret: SecretString) -> Self {
        // Under a context of its own: it is the same as no other hash of the credential.
        let context = "atelier 2026 configured credential";
        let hash = blake3::derive_key(context, secret.expose_secret().as_bytes());
        let origin = blake3::Hash::from_bytes(hash).to_hex().to_string();
        let now = RwLock::new(Arc::new(secret));
        Self { now, origin, gate: RwLock::default(), replacing: Mutex::default() }
    }
}

impl From<&str> for Credential {
    fn from(secret: &str) -> Self {
        SecretString::from(secret).into()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InUse(..)")
    }
}

/// What a credential that took the first one's place is sealed for.
pub(crate) fn purpose(account: &str) -> String {
    format!("{account}/credential")
}

impl Engine {
    /// Seals a credential for its place.
    pub(crate) fn seal(&self, purpose: &str, secret: &SecretString) -> Result<String> {
        let entropy = &*self.0.parts.entropy;
        let sealed = self.vault().seal(purpose, secret.expose_secret().as_bytes(), entropy);
        sealed.map_err(|error| Refusal::internal(&error))
    }

    /// Opens a credential that was sealed for this place.
    pub(crate) fn unseal(&self, purpose: &str, sealed: &str) -> Result<SecretString, String> {
        let secret = self.vault().open(purpose, sealed).map_err(|error| error.to_string())?;
        let text = String::from_utf8(secret.expose_secret().to_vec());
        text.map(SecretString::from).map_err(|_| "it is no text".to_owned())
    }

    /// Uses what earlier rotations stored. Runs before anything is sent, and after the accounts that
    /// were added at run time are there.
    pub(crate) async fn restore_credentials(&self) -> records::Result<()> {
        let accounts = self.market().accounts();
        for stored in self.records().credentials().await? {
            let Some(account) = accounts.iter().find(|account| account.id == stored.account) else {
                continue;
            };
            if stored.origin != account.key.origin {
                tracing::info!(account = %account.id, "the configured key is newer than the stored");
                continue;
            }
            if let Some(sealed) = &stored.sealed {
                match self.unseal(&purpose(&account.id), sealed) {
                    Ok(secret) => account.key.replace(secret),
                    Err(reason) => self.cannot_open(account, &reason),
                }
            }
            if stored.begun {
                self.lock_out(account);
            }
        }
        Ok(())
    }

    /// An account's stored credential opens under another encryption key only, or is damaged.
    pub(crate) fn cannot_open(&self, account: &Account, reason: &str) {
        tracing::error!(account = %account.id, %reason, "the stored key cannot be opened");
        let hold = Hold { reason: HoldReason::Credential, until: None };
        self.health().put(&account.id, hold, self.clock().now());
    }
}
