//! Accounts that come, rest and go while the gateway runs.
//!
//! The configuration names accounts, and operators add more. What they change is a row before it is
//! so, with the audit's entry in the same write, and a restart makes it so again before anything is
//! sent. An account that was taken out is opened too: what it had begun is still its own to end, its
//! calls and units still count, and it takes nothing new.
//!
//! An account that was added has the place of a configured one of the same name. A name stands for one
//! account at the vendor: who removes it and adds it again gives it another key, not another owner.

use std::{fmt, future::Future, sync::Arc};

use provider::HoldReason;
use records::{Change, StoredAccount};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    Account, AccountLoad, Engine, Refusal, Result, Vendor,
    keys::{Actor, Right},
};

/// The longest credential.
const KEY_CHARS: usize = 4096;

/// Makes an account out of what an operator gives.
pub trait OpenAccount: Send + Sync + fmt::Debug {
    /// An account at a provider of the configuration. `settings` is a JSON object: whatever an account
    /// of the configuration may have besides its key.
    ///
    /// # Errors
    /// A 400 that names what is wrong: `provider`, `name`, or a path below the settings (`plan.images`).
    fn open(
        &self,
        provider: &str,
        name: &str,
        key: SecretString,
        settings: &Value,
    ) -> Result<Account>;
}

/// An account as an operator gives it.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The provider's name in the configuration.
    pub provider: String,
    /// Its own name there.
    pub name: String,
    /// The credential.
    pub key: SecretString,
    /// Whatever an account of the configuration may have besides: a JSON object.
    pub settings: Value,
}

/// What the credential that an account was added with is sealed for.
pub(crate) fn purpose(account: &str) -> String {
    format!("{account}/account")
}

/// Refuses what no vendor can have given out: it travels in a header.
pub(crate) fn check_key(key: &SecretString) -> Result<()> {
    let text = key.expose_secret();
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    match text.is_empty() || text.len() > KEY_CHARS || !plain(text) {
        true => Err(Refusal::field("key", "a key has 1 to 4096 visible ASCII characters")),
        false => Ok(()),
    }
}

/// An account's row as the audit shows it.
fn shown(row: &StoredAccount) -> Value {
    let settings = serde_json::from_str(&row.settings).unwrap_or(Value::Null);
    json!({ "settings": settings, "held": row.held, "removed": row.removed_at.is_some() })
}

impl Engine {
    /// A further account at a provider, in use from now on; one of that name that was removed is there
    /// again, with this credential and these settings.
    ///
    /// # Errors
    /// `forbidden`; `invalid_request` where the provider is not configured, has an account of that name
    /// already, or takes no such settings.
    pub async fn add_account(&self, by: &Actor, new: NewAccount) -> Result<AccountLoad> {
        by.needs(Right::Write)?;
        let (engine, by) = (self.clone(), by.clone());
        self.to_its_end(async move { engine.add(&by, new).await }).await
    }

    async fn add(&self, by: &Actor, new: NewAccount) -> Result<AccountLoad> {
        let NewAccount { provider, name, key, settings } = new;
        let vendor = self.market().vendor(&provider).ok_or_else(|| {
            Refusal::field("provider", format!("no provider {provider:?} is configured"))
        })?;
        check_key(&key)?;
        let account = self.0.parts.opener.open(&provider, &name, key.clone(), &settings)?;
        let account = Arc::new(account);
        let _alone = vendor.changing.lock().await;
        if vendor.current(&name).is_some() {
            let message = format!("{provider} has an account {name:?} already");
            return Err(Refusal::field("name", message));
        }
        let before = self.stored_account(&account.id).await?;
        let now = self.clock().now();
        let row = StoredAccount {
            id: account.id.clone(),
            sealed: Some(self.seal(&purpose(&account.id), &key)?),
            settings: settings.to_string(),
            held: false,
            created_at: now,
            removed_at: None,
        };
        let was = before.as_ref().map(shown);
        let audit = self.keys().entry(by, "account.add", &account.id, was, Some(shown(&row)));
        // What it was rotated to in an earlier life is of the past.
        let forget = self.first_credential(&account, &key)?;
        self.records().apply(vec![Change::Account(Box::new(row)), forget, audit]).await?;
        match vendor.account(&name) {
            None => self.restore_places_of(&account, now).await?,
            Some(past) => {
                // What was planned or begun before it was removed goes on with the new credential.
                let _old = past.key.replace_beside(key);
                if account.limits.overage.is_some() {
                    self.overage_since(&account, now).await?;
                }
            }
        }
        self.health().lift(&account.id, HoldReason::Credential);
        self.health().by_operator(&account.id, false);
        vendor.add(Arc::clone(&account));
        tracing::info!(account = %account.id, "the account was added");
        self.look_soon(vendor, &account);
        Ok(self.load(vendor, &account).await)
    }

    /// The account takes no new work; what it has begun goes on to its end.
    ///
    /// # Errors
    /// `forbidden`; `not_found`.
    pub async fn remove_account(&self, by: &Actor, provider: &str, name: &str) -> Result<()> {
        by.needs(Right::Write)?;
        let (vendor, account) = self.current_account(provider, name)?;
        let (engine, by) = (self.clone(), by.clone());
        self.to_its_end(async move {
            let _alone = vendor.changing.lock().await;
            let removed_at = Some(engine.clock().now());
            let change = |row| StoredAccount { held: false, removed_at, ..row };
            engine.change_account(&by, "account.remove", &account, change).await?;
            engine.take_out(&vendor, &account);
            tracing::info!(account = %account.id, "the account was removed");
            Ok(())
        })
        .await
    }

    /// The account takes no new work from now on, or takes it again.
    ///
    /// # Errors
    /// `forbidden`; `not_found`.
    pub async fn hold_account(
        &self,
        by: &Actor,
        provider: &str,
        name: &str,
        held: bool,
    ) -> Result<AccountLoad> {
        by.needs(Right::Write)?;
        let (vendor, account) = self.current_account(provider, name)?;
        let (engine, by) = (self.clone(), by.clone());
        self.to_its_end(async move {
            let _alone = vendor.changing.lock().await;
            if engine.health().is_held_by_operator(&account.id) != held {
                let action = if held { "account.hold" } else { "account.release" };
                let change = |row| StoredAccount { held, ..row };
                engine.change_account(&by, action, &account, change).await?;
                engine.health().by_operator(&account.id, held);
                tracing::info!(account = %account.id, held, "an operator's hold");
            }
            Ok(engine.load(&vendor, &account).await)
        })
        .await
    }

    /// One account, if it takes new work.
    ///
    /// # Errors
    /// `not_found`.
    pub(crate) fn current_account(
        &self,
        provider: &str,
        name: &str,
    ) -> Result<(Arc<Vendor>, Arc<Account>)> {
        let found = self.market().vendor(provider).and_then(|vendor| {
            let account = vendor.current(name)?;
            Some((Arc::clone(vendor), account))
        });
        found.ok_or_else(|| Refusal::not_found("account"))
    }

    /// Runs a change to its end, whether or not its caller waits for that.
    pub(crate) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel();
        self.spawn(async move {
            let _ = tell.send(work.await);
        });
        told.await.map_err(|_| Refusal::internal(&"the engine is stopping"))?
    }

    async fn stored_account(&self, id: &str) -> Result<Option<StoredAccount>> {
        Ok(self.records().accounts().await?.into_iter().find(|row| row.id == id))
    }

    /// Writes an account's row anew; an account of the configuration gets its first one.
    async fn change_account(
        &self,
        by: &Actor,
        action: &str,
        account: &Account,
        change: impl FnOnce(StoredAccount) -> StoredAccount,
    ) -> Result<()> {
        let configured = || StoredAccount {
            id: account.id.clone(),
            sealed: None,
            settings: "{}".to_owned(),
            held: false,
            created_at: self.clock().now(),
            removed_at: None,
        };
        let before = self.stored_account(&account.id).await?.unwrap_or_else(configured);
        let was = shown(&before);
        let after = change(before);
        let audit = self.keys().entry(by, action, &account.id, Some(was), Some(shown(&after)));
        Ok(self.records().apply(vec![Change::Account(Box::new(after)), audit]).await?)
    }

    /// No plan has it any more, and plans that have it pass it over.
    fn take_out(&self, vendor: &Vendor, account: &Account) {
        self.health().by_operator(&account.id, true);
        vendor.take_out(&account.name);
    }

    /// Makes so again what operators changed. Runs before anything is sent.
    pub(crate) async fn restore_accounts(&self) -> records::Result<()> {
        for row in self.records().accounts().await? {
            let (provider, name) = row.id.split_once('/').unwrap_or((&row.id, ""));
            let Some(vendor) = self.market().vendor(provider) else {
                tracing::warn!(account = %row.id, "its provider is no longer configured");
                continue;
            };
            if let Some(sealed) = &row.sealed {
                match self.reopen(vendor, name, &row, sealed) {
                    Ok(account) => vendor.add(account),
                    Err(refusal) => {
                        let param = refusal.param.as_deref().unwrap_or("");
                        tracing::error!(
                            account = %row.id, param, reason = %refusal.message,
                            "the account's settings fit the provider no longer: it is left out",
                        );
                        continue;
                    }
                }
            }
            let Some(account) = vendor.current(name) else { continue };
            match row.removed_at {
                Some(_) => self.take_out(vendor, &account),
                None => self.health().by_operator(&account.id, row.held),
            }
        }
        Ok(())
    }

    /// An account as it was added. One whose credential cannot be opened is there on hold: what it had
    /// begun must not be taken for nobody's.
    fn reopen(
        &self,
        vendor: &Vendor,
        name: &str,
        row: &StoredAccount,
        sealed: &str,
    ) -> Result<Arc<Account>> {
        let settings = serde_json::from_str(&row.settings).unwrap_or(Value::Null);
        let (key, unopened) = match self.unseal(&purpose(&row.id), sealed) {
            Ok(key) => (key, None),
            Err(reason) => (SecretString::default(), Some(reason)),
        };
        let account = self.0.parts.opener.open(&vendor.name, name, key, &settings)?;
        if let Some(reason) = unopened {
            self.cannot_open(&account, &reason);
        }
        Ok(Arc::new(account))
    }
}
