//! An account's credential, and its replacement at the vendor.
//!
//! # What may go wrong
//! A vendor that makes a new credential kills the old one at once and shows the new one once. So no
//! call may be under way on the old one; what comes back is stored, sealed, before it is used; and
//! before the vendor is asked, a row says that it will be. Where the answer is lost, nobody knows the
//! new credential: the account is held, an operator is told, and a restart still knows, until the
//! configuration has another credential.

use std::{fmt, sync::Arc, time::Duration};

use parking_lot::RwLock;
use provider::{HoldReason, Retry};
use records::{Change, StoredCredential};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedRwLockReadGuard, RwLock as Gate, oneshot};

use crate::{Account, Code, Engine, Hold, Refusal, Result, Vendor, turns::AccountPace};

/// How long a replacement waits for the calls that are under way.
const PATIENCE: Duration = Duration::from_secs(60);

/// A credential that can be replaced while it is used.
pub struct Credential {
    now: RwLock<Arc<SecretString>>,
    /// The configured one's hash: where that changes, what was stored is of the past.
    origin: String,
    /// Held by calls that use the credential as it is now.
    gate: RwLock<Arc<Gate<()>>>,
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

    /// For the call that replaces it, made while nobody else uses it.
    fn alone(&self) -> InUse {
        InUse { secret: Arc::clone(&self.now.read()), _gate: None }
    }

    fn replace(&self, secret: SecretString) {
        *self.now.write() = Arc::new(secret);
    }

    /// As [`replace`](Credential::replace), while calls with the old one go on; answers the old one and
    /// what those calls hold.
    fn replace_beside(&self, secret: SecretString) -> (Arc<SecretString>, Arc<Gate<()>>) {
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
        Self { now: RwLock::new(Arc::new(secret)), origin, gate: RwLock::default() }
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

/// What a credential is sealed for.
fn purpose(account: &str) -> String {
    format!("{account}/credential")
}

impl Engine {
    /// Has the vendor make a new credential for an account, and uses it from then on. No call is lost:
    /// those under way end first, and those that come wait.
    ///
    /// # Errors
    /// `not_found`; `unsupported_parameter` where the vendor gives credentials out by hand only;
    /// `providers_unavailable` where calls do not end in time, or the vendor refused; `provider_error`
    /// where its answer was lost, and with it the credential: the account is then on hold.
    pub async fn rotate(&self, provider: &str, account: &str) -> Result<()> {
        let found = self.market().vendor(provider).and_then(|vendor| {
            let account = vendor.accounts.iter().find(|known| known.name == account)?;
            Some((vendor, account))
        });
        let (vendor, account) = found.ok_or_else(|| Refusal::not_found("account"))?;
        let description = vendor.description();
        if !description.can_rotate {
            let message = "the provider gives its keys out by hand only";
            return Err(Refusal::new(Code::UnsupportedParameter, message));
        }
        let (engine, vendor, account) = (self.clone(), Arc::clone(vendor), Arc::clone(account));
        // A task of the engine's own: an operator who hangs up must not lose the new credential.
        let (tell, told) = oneshot::channel();
        self.spawn(async move {
            let done = match description.keys_overlap {
                true => engine.add_credential(&vendor, &account).await,
                false => engine.replace_credential(&vendor, &account).await,
            };
            let _ = tell.send(done);
        });
        told.await.map_err(|_| Refusal::internal(&"the engine is stopping"))?
    }

    async fn replace_credential(&self, vendor: &Vendor, account: &Arc<Account>) -> Result<()> {
        let until = self.clock().now().plus(PATIENCE);
        let gate = Arc::clone(&account.key.gate.read());
        let alone = tokio::select! {
            alone = gate.write_owned() => alone,
            () = self.clock().sleep_until(until) => {
                let message = "calls under way with the old key did not end; nothing was changed";
                return Err(Refusal::new(Code::ProvidersUnavailable, message));
            }
        };
        self.note(account, None, true).await?;
        let pace = AccountPace::with(self, account, account.key.alone());
        let answer = vendor.adapter.rotate(pace.call()).await;
        let done = match answer {
            Ok(new) => {
                let kept = self.store_credential(account, &new).await;
                // Whether or not it could be stored: the old one is dead.
                account.key.replace(new);
                self.works_again(account);
                kept
            }
            Err(error) if matches!(error.retry(), Retry::Unknown { .. }) => {
                tracing::error!(account = %account.id, ?error, "the answer to a rotation was lost");
                self.lock_out(account);
                Err(Refusal::new(Code::ProviderError, error.public().to_owned()))
            }
            Err(error) => {
                tracing::warn!(account = %account.id, ?error, "the key was not replaced");
                self.note(account, None, false).await?;
                Err(Refusal::new(Code::ProvidersUnavailable, error.public().to_owned()))
            }
        };
        drop(alone);
        done
    }

    /// The vendor lets both live: the new one is used from here on, and the old one is retired when no
    /// call uses it any more. An answer that is lost costs nothing but a key that nobody knows.
    async fn add_credential(&self, vendor: &Arc<Vendor>, account: &Arc<Account>) -> Result<()> {
        let pace = AccountPace::new(self, account).await;
        let new = vendor.adapter.rotate(pace.call()).await.map_err(|error| {
            tracing::warn!(account = %account.id, ?error, "the key was not replaced");
            Refusal::new(Code::ProvidersUnavailable, error.public().to_owned())
        })?;
        drop(pace);
        self.store_credential(account, &new).await?;
        let (old, gate) = account.key.replace_beside(new);
        self.works_again(account);
        let (engine, vendor, account) = (self.clone(), Arc::clone(vendor), Arc::clone(account));
        self.spawn(async move {
            tokio::select! {
                _alone = gate.write_owned() => {}
                () = engine.stopping().cancelled() => {}
            }
            let pace = AccountPace::new(&engine, &account).await;
            match vendor.adapter.retire(pace.call(), &old).await {
                Ok(()) => tracing::info!(account = %account.id, "the old key was retired"),
                Err(error) => tracing::error!(
                    account = %account.id, ?error, "the old key still works: retire it by hand",
                ),
            }
        });
        Ok(())
    }

    /// A new credential is stored before anybody uses it.
    async fn store_credential(&self, account: &Account, new: &SecretString) -> Result<()> {
        let secret = new.expose_secret().as_bytes();
        let entropy = &*self.0.parts.entropy;
        let sealed = self.vault().seal(&purpose(&account.id), secret, entropy);
        let sealed = sealed.map_err(|error| Refusal::internal(&error))?;
        let kept = self.note(account, Some(sealed), false).await;
        if let Err(error) = &kept {
            tracing::error!(
                account = %account.id, %error,
                "a new key could not be stored: it is used until this process ends; rotate again",
            );
        }
        kept
    }

    fn works_again(&self, account: &Account) {
        self.health().lift(&account.id, HoldReason::Credential);
        tracing::info!(account = %account.id, "the key was replaced");
    }

    /// Writes what is known of an account's credential.
    async fn note(&self, account: &Account, sealed: Option<String>, begun: bool) -> Result<()> {
        let row = StoredCredential {
            account: account.id.clone(),
            origin: account.key.origin.clone(),
            sealed,
            begun,
            at: self.clock().now(),
        };
        Ok(self.records().apply(vec![Change::Credential(Box::new(row))]).await?)
    }

    /// Nobody knows the account's credential.
    fn lock_out(&self, account: &Account) {
        tracing::error!(
            account = %account.id,
            "the provider made a new key and its answer was lost: make a new key by hand there, put \
             it into the configuration, and restart",
        );
        let hold = Hold { reason: HoldReason::Credential, until: None };
        self.health().put(&account.id, hold, self.clock().now());
        // Should the key we have be good after all, the next look at the account lifts the hold.
        self.health().answered(&account.id, true);
    }

    /// Uses what earlier rotations stored. Runs before anything is sent.
    pub(crate) async fn restore_credentials(&self) -> records::Result<()> {
        let accounts = || self.market().vendors().flat_map(|vendor| &vendor.accounts);
        for stored in self.records().credentials().await? {
            let Some(account) = accounts().find(|account| account.id == stored.account) else {
                continue;
            };
            if stored.origin != account.key.origin {
                tracing::info!(account = %account.id, "the configured key is newer than the stored");
                continue;
            }
            if let Some(sealed) = &stored.sealed {
                self.open_credential(account, sealed);
            }
            if stored.begun {
                self.lock_out(account);
            }
        }
        Ok(())
    }

    fn open_credential(&self, account: &Account, sealed: &str) {
        let opened = self.vault().open(&purpose(&account.id), sealed);
        let text = opened.map_err(|error| error.to_string()).and_then(|secret| {
            let text = String::from_utf8(secret.expose_secret().to_vec());
            text.map_err(|_| "it is no text".to_owned())
        });
        match text {
            Ok(text) => account.key.replace(text.into()),
            Err(reason) => {
                tracing::error!(account = %account.id, %reason, "the stored key cannot be opened");
                let hold = Hold { reason: HoldReason::Credential, until: None };
                self.health().put(&account.id, hold, self.clock().now());
            }
        }
    }
}
