//! Another credential for an account: made by the vendor, or by hand.
//!
//! # What may go wrong
//! A vendor that makes a new credential kills the old one at once and shows the new one once. So no
//! call may be under way on the old one; what comes back is stored, sealed, before it is used; and
//! before the vendor is asked, a row says that it will be. Where the answer is lost, nobody knows the
//! new credential: the account is held, an operator is told, and a restart still knows, until there
//! is another credential, in the configuration or given by hand.

use std::{sync::Arc, time::Duration};

use provider::{HoldReason, Retry};
use records::{Change, StoredCredential};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    Account, Code, Engine, Hold, Refusal, Result, Vendor,
    accounts::check_key,
    credential::purpose,
    keys::{Actor, Right},
    turns::AccountPace,
};

/// How long a replacement waits for the calls that are under way.
const PATIENCE: Duration = Duration::from_secs(60);

/// One replacement under way.
struct Replacement {
    engine: Engine,
    by: Actor,
    vendor: Arc<Vendor>,
    account: Arc<Account>,
}

impl Engine {
    /// Another credential for an account, used from then on. With `new` it is that one, made by hand;
    /// otherwise the vendor makes it. No call is lost: where the vendor kills the old one, those under
    /// way end first, and those that come wait.
    ///
    /// # Errors
    /// `forbidden`; `not_found`; `invalid_request` for a `key` that can be none; without one,
    /// `unsupported_parameter` where the vendor gives credentials out by hand only,
    /// `providers_unavailable` where calls do not end in time or the vendor refused, and
    /// `provider_error` where its answer was lost, and with it the credential: the account is then on
    /// hold.
    pub async fn rotate(
        &self,
        by: &Actor,
        provider: &str,
        account: &str,
        new: Option<SecretString>,
    ) -> Result<()> {
        by.needs(Right::Write)?;
        let (vendor, account) = self.current_account(provider, account)?;
        let description = vendor.description();
        match &new {
            Some(new) => check_key(new)?,
            None if !description.can_rotate => {
                let message = "the provider gives its keys out by hand only: give the new `key`";
                return Err(Refusal::new(Code::UnsupportedParameter, message));
            }
            None => {}
        }
        let replacement = Replacement { engine: self.clone(), by: by.clone(), vendor, account };
        self.to_its_end(async move {
            let account = Arc::clone(&replacement.account);
            let _alone = account.key.replacing.lock().await;
            match new {
                Some(new) => replacement.by_hand(new).await,
                None if description.keys_overlap => replacement.beside_the_old_one().await,
                None => replacement.instead_of_the_old_one().await,
            }
        })
        .await
    }

    /// The credential that an account begins with, as the newest there is: whatever it was rotated to
    /// before is of the past.
    pub(crate) fn first_credential(&self, account: &Account, key: &SecretString) -> Result<Change> {
        Ok(Change::Credential(Box::new(StoredCredential {
            account: account.id.clone(),
            origin: account.key.origin.clone(),
            sealed: Some(self.seal(&purpose(&account.id), key)?),
            begun: false,
            at: self.clock().now(),
        })))
    }

    /// Nobody knows the account's credential.
    pub(crate) fn lock_out(&self, account: &Account) {
        tracing::error!(
            account = %account.id,
            "the provider made a new key and its answer was lost: make a new key by hand there, and \
             rotate the account to it, or put it into the configuration and restart",
        );
        let hold = Hold { reason: HoldReason::Credential, until: None };
        self.health().put(&account.id, hold, self.clock().now());
        // Should the key we have be good after all, the next look at the account lifts the hold.
        self.health().answered(&account.id, true);
    }
}

impl Replacement {
    /// The old one may be good still: calls with it go on.
    async fn by_hand(self, new: SecretString) -> Result<()> {
        let audit = self.audit("given by hand");
        self.store(&new, audit).await?;
        let _old = self.account.key.replace_beside(new);
        self.works_again();
        self.engine.look_soon(&self.vendor, &self.account);
        Ok(())
    }

    async fn instead_of_the_old_one(self) -> Result<()> {
        let Self { engine, vendor, account, .. } = &self;
        let until = engine.clock().now().plus(PATIENCE);
        let alone = tokio::select! {
            alone = account.key.unused() => alone,
            () = engine.clock().sleep_until(until) => {
                let message = "calls under way with the old key did not end; nothing was changed";
                return Err(Refusal::new(Code::ProvidersUnavailable, message));
            }
        };
        self.note(None, true, None).await?;
        let pace = AccountPace::with(engine, account, account.key.alone());
        let answer = vendor.adapter.rotate(pace.call()).await;
        let done = match answer {
            Ok(new) => {
                let kept = self.store(&new, self.audit("made by the provider")).await;
                self.complain(&kept);
                // Whether or not it could be stored: the old one is dead.
                account.key.replace(new);
                self.works_again();
                kept
            }
            Err(error) if matches!(error.retry(), Retry::Unknown { .. }) => {
                tracing::error!(account = %account.id, ?error, "the answer to a rotation was lost");
                engine.lock_out(account);
                engine.must_apply(vec![self.audit("lost")]).await;
                Err(Refusal::new(Code::ProviderError, error.public().to_owned()))
            }
            Err(error) => {
                tracing::warn!(account = %account.id, ?error, "the key was not replaced");
                self.note(None, false, None).await?;
                Err(Refusal::new(Code::ProvidersUnavailable, error.public().to_owned()))
            }
        };
        drop(alone);
        done
    }

    /// The vendor lets both live: the new one is used from here on, and the old one is retired when no
    /// call uses it any more. An answer that is lost costs nothing but a key that nobody knows.
    async fn beside_the_old_one(self) -> Result<()> {
        let Self { engine, vendor, account, .. } = &self;
        let pace = AccountPace::new(engine, account).await;
        let new = vendor.adapter.rotate(pace.call()).await.map_err(|error| {
            tracing::warn!(account = %account.id, ?error, "the key was not replaced");
            Refusal::new(Code::ProvidersUnavailable, error.public().to_owned())
        })?;
        drop(pace);
        let kept = self.store(&new, self.audit("made by the provider")).await;
        self.complain(&kept);
        kept?;
        let (old, gate) = account.key.replace_beside(new);
        self.works_again();
        let (engine, vendor, account) = (engine.clone(), Arc::clone(vendor), Arc::clone(account));
        self.engine.spawn(async move {
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
    async fn store(&self, new: &SecretString, audit: Change) -> Result<()> {
        let sealed = self.engine.seal(&purpose(&self.account.id), new)?;
        self.note(Some(sealed), false, Some(audit)).await
    }

    /// A credential that the vendor made and shows no more could not be stored.
    fn complain(&self, kept: &Result<()>) {
        if let Err(error) = kept {
            tracing::error!(account = %self.account.id, %error, "a new key could not be stored: rotate again");
        }
    }

    fn works_again(&self) {
        self.engine.health().lift(&self.account.id, HoldReason::Credential);
        tracing::info!(account = %self.account.id, "the key was replaced");
    }

    fn audit(&self, credential: &str) -> Change {
        let after = Some(json!({ "credential": credential }));
        self.engine.keys().entry(&self.by, "account.rotate", &self.account.id, None, after)
    }

    /// Writes what is known of the credential.
    async fn note(&self, sealed: Option<String>, begun: bool, audit: Option<Change>) -> Result<()> {
        let row = StoredCredential {
            account: self.account.id.clone(),
            origin: self.account.key.origin.clone(),
            sealed,
            begun,
            at: self.engine.clock().now(),
        };
        let changes = [Change::Credential(Box::new(row))].into_iter().chain(audit).collect();
        Ok(self.engine.records().apply(changes).await?)
    }
}
