//! Teams' keys.

use std::{collections::BTreeMap, time::Duration};

use provider::Timestamp;
use records::{Budget, Change, Key, KeyFilter, Limits, Page, Rules, Scope};
use secrecy::SecretString;
use serde_json::json;

use super::{
    Actor, Fresh, Keyring, Right, SHOWN_CHARS, TEAM_PREFIX, audit,
    rules::{
        check_budgets, check_end, check_grace, check_limits, check_metadata, check_name,
        check_networks, check_rules, check_scopes,
    },
    teams::in_body,
};
use crate::{Code, Refusal, Result};

/// What a new key shall be good for.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose.
    pub team: String,
    /// For people.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Models and aliases; empty means all of the team's.
    pub models: Vec<String>,
    /// What it may spend, and how fast it may ask.
    pub rules: Rules,
    /// The networks (CIDR) or addresses that it may come from; empty means all.
    pub networks: Vec<String>,
    /// The operator's own words.
    pub metadata: BTreeMap<String, String>,
    /// Until when, if it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// What shall be different about a key; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct KeyPatch {
    /// For people.
    pub name: Option<String>,
    /// What it may be used for.
    pub scopes: Option<Vec<Scope>>,
    /// Models and aliases; empty means all of the team's.
    pub models: Option<Vec<String>>,
    /// All of its budgets.
    pub budgets: Option<Vec<Budget>>,
    /// All of its limits.
    pub limits: Option<Limits>,
    /// All of the networks (CIDR) or addresses that it may come from; empty means all.
    pub networks: Option<Vec<String>>,
    /// All of the operator's own words.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Until when; inner none means that it does not end by itself.
    pub expires_at: Option<Option<Timestamp>>,
}

impl NewKey {
    fn check(&self, now: Timestamp) -> Result<()> {
        check_name(&self.name)?;
        check_scopes(&self.scopes)?;
        check_rules(&self.rules)?;
        check_networks(&self.networks)?;
        check_metadata(&self.metadata)?;
        check_end(self.expires_at, now)
    }
}

impl KeyPatch {
    fn check(&self, now: Timestamp) -> Result<()> {
        self.name.as_deref().map_or(Ok(()), check_name)?;
        self.scopes.as_deref().map_or(Ok(()), check_scopes)?;
        self.budgets.as_deref().map_or(Ok(()), check_budgets)?;
        self.limits.as_ref().map_or(Ok(()), check_limits)?;
        self.networks.as_deref().map_or(Ok(()), check_networks)?;
        self.metadata.as_ref().map_or(Ok(()), check_metadata)?;
        check_end(self.expires_at.flatten(), now)
    }

    fn apply(self, key: &Key) -> Key {
        let was = key.clone();
        Key {
            name: self.name.unwrap_or(was.name),
            scopes: self.scopes.unwrap_or(was.scopes),
            models: self.models.unwrap_or(was.models),
            rules: Rules {
                budgets: self.budgets.unwrap_or(was.rules.budgets),
                limits: self.limits.unwrap_or(was.rules.limits),
                ..was.rules
            },
            networks: self.networks.unwrap_or(was.networks),
            metadata: self.metadata.unwrap_or(was.metadata),
            expires_at: self.expires_at.unwrap_or(was.expires_at),
            ..was
        }
    }
}

/// A team's admin decides who of the team may ask, not for what money and which models.
fn check_reach(by: &Actor, gives_models: bool, gives_budgets: bool) -> Result<()> {
    if by.of_team().is_none() {
        return Ok(());
    }
    for (given, field) in [(gives_models, "models"), (gives_budgets, "budget")] {
        if given {
            let message = format!("a team's admin may not set {field:?} of a key");
            return Err(Refusal::new(Code::Forbidden, message).at(field));
        }
    }
    Ok(())
}

impl Keyring {
    /// A new key and its text, which is told this once.
    ///
    /// # Errors
    /// `forbidden`; `invalid_request` for what makes no sense; `not_found` for a team that is not there,
    /// works no longer, or is none of the actor's business.
    pub async fn create_key(&self, by: &Actor, new: NewKey) -> Result<(Key, SecretString)> {
        by.needs(Right::Keys)?;
        if !by.reaches(&new.team) {
            return Err(in_body(Refusal::not_found("team")));
        }
        check_reach(by, !new.models.is_empty(), !new.rules.budgets.is_empty())?;
        let now = self.clock.now();
        new.check(now)?;
        let _turn = self.changing.lock().await;
        self.named_team(&new.team).await?;
        let Fresh { text, hash, prefix } = self.fresh(TEAM_PREFIX);
        let key = Key {
            id: self.ids.next("key_"),
            team: new.team,
            name: new.name,
            prefix,
            scopes: new.scopes,
            models: new.models,
            rules: new.rules,
            networks: new.networks,
            metadata: new.metadata,
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let entry = self.entry(by, "key.create", &key.id, None, Some(audit::of_key(&key)));
        let changes = vec![Change::Key(key.clone(), hash), entry];
        self.commit(changes, "team").await.map_err(in_body)?;
        Ok((key, text))
    }

    /// A key with what shall be different, from its next request on.
    ///
    /// # Errors
    /// `forbidden`; `invalid_request` for what makes no sense; `not_found` for a key that is not there,
    /// is revoked, or is none of the actor's business.
    pub async fn update_key(&self, by: &Actor, id: &str, patch: KeyPatch) -> Result<Key> {
        by.needs(Right::Keys)?;
        let _turn = self.changing.lock().await;
        let was = self.living_key(by, id).await?;
        check_reach(by, patch.models.is_some(), patch.budgets.is_some())?;
        patch.check(self.clock.now())?;
        let key = patch.apply(&was);
        if key == was {
            return Ok(key);
        }
        let (before, after) = (audit::of_key(&was), audit::of_key(&key));
        let entry = self.difference(by, "key.update", id, before, after);
        self.commit(vec![Change::UpdateKey(key.clone()), entry], "key").await?;
        Ok(key)
    }

    /// Gives a key another text, which is told this once. The old one is good for `grace` more; those of
    /// earlier rotations no longer than it.
    ///
    /// # Errors
    /// `forbidden`; `invalid_request` for a grace of more than 30 days; `not_found` for a key that is not
    /// there, is revoked, or is none of the actor's business.
    pub async fn rotate_key(
        &self,
        by: &Actor,
        id: &str,
        grace: Duration,
    ) -> Result<(Key, SecretString)> {
        by.needs(Right::Keys)?;
        check_grace(grace)?;
        let _turn = self.changing.lock().await;
        let was = self.living_key(by, id).await?;
        let Fresh { text, hash, prefix } = self.fresh(TEAM_PREFIX);
        let old_until = self.clock.now().plus(grace);
        let before = json!({ "prefix": was.prefix });
        let after = json!({ "prefix": prefix, "old_until": old_until });
        let entry = self.entry(by, "key.rotate", id, Some(before), Some(after));
        let rotate =
            Change::RotateKey { id: id.to_owned(), hash, prefix: prefix.clone(), old_until };
        self.commit(vec![rotate, entry], "key").await?;
        Ok((Key { prefix, ..was }, text))
    }

    /// A key is refused from now on, with all of its texts.
    ///
    /// # Errors
    /// `forbidden`; `not_found` for a key that is not there or is none of the actor's business.
    pub async fn revoke_key(&self, by: &Actor, id: &str) -> Result<()> {
        by.needs(Right::Keys)?;
        let _turn = self.changing.lock().await;
        let was = self.reached_key(by, id).await?;
        if was.revoked_at.is_some() {
            return Ok(());
        }
        let at = self.clock.now();
        let key = Key { revoked_at: Some(at), ..was.clone() };
        let (before, after) = (audit::of_key(&was), audit::of_key(&key));
        let entry = self.difference(by, "key.revoke", id, before, after);
        self.commit(vec![Change::RevokeKey(id.to_owned(), at), entry], "key").await
    }

    /// Keys, newest first, revoked ones too. Of a prefix only what is kept of every key is compared: so
    /// the whole text of a key finds it too.
    pub async fn keys(&self, filter: KeyFilter, page: Page) -> Result<Vec<Key>> {
        let shown = |prefix: String| prefix.chars().take(SHOWN_CHARS).collect();
        let filter = KeyFilter { prefix: filter.prefix.map(shown), ..filter };
        Ok(self.records.keys(filter, page).await?)
    }

    /// One key, whether it is good or not.
    pub async fn key(&self, id: &str) -> Result<Option<Key>> {
        Ok(self.records.key(id).await?)
    }

    /// A key that is some of the actor's business: of another it can't be told whether it is there.
    async fn reached_key(&self, by: &Actor, id: &str) -> Result<Key> {
        let key = self.key(id).await?.filter(|key| by.reaches(&key.team));
        key.ok_or_else(|| Refusal::not_found("key"))
    }

    /// The same, if it is not revoked, nor its team.
    async fn living_key(&self, by: &Actor, id: &str) -> Result<Key> {
        let key = self.reached_key(by, id).await?;
        let team = self.team(&key.team).await?;
        if key.revoked_at.is_some() || team.is_none_or(|team| team.revoked_at.is_some()) {
            return Err(Refusal::not_found("key"));
        }
        Ok(key)
    }
}
