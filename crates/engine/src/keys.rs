//! Who may ask: teams' keys and the operator's.
//!
//! A key is a secret of our own making, so a fast keyed hash is enough to keep it (no one can try
//! 2^160 of them): the records hold BLAKE3 under a pepper, and neither a copy of the database nor
//! one of the pepper alone can test a key. Looking a key up compares hashes that only the holder of
//! the pepper can compute, so the time that a comparison takes tells nothing about any key.
//!
//! # Why a cache, and what it may forget
//! Every request begins here; a good key is kept in memory with its team, so that the usual request
//! reads no database. A revocation in this process empties the cache before it answers. One in
//! another process is seen when the entry is [`CACHE_LIFE`] old.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use parking_lot::RwLock;
use provider::{Clock, Ids, Timestamp};
use records::{Change, Key, KeyHash, Page, Records, Scope, Team};
use secrecy::SecretString;

use crate::{Caller, Code, Refusal, Result};

/// What every key of a team begins with.
const PREFIX: &str = "atl_";
/// Random characters of a key, 5 bits each.
const RANDOM_CHARS: usize = 40;
/// How much of a key is kept in clear, to tell keys apart.
const SHOWN_CHARS: usize = 8;
/// Longer texts are no keys of anybody's; they are not even hashed.
const LONGEST: usize = 512;
/// How long a key is good without a look into the records.
const CACHE_LIFE: Duration = Duration::from_secs(5);
/// Keys kept in memory at most; past it the cache begins anew.
const CACHE_SIZE: usize = 10_000;
/// The longest name of a team or key, in characters.
const LONGEST_NAME: usize = 200;

/// The hash of the operator's key.
#[derive(Clone, Copy)]
pub struct AdminKey([u8; 32]);

impl AdminKey {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(*blake3::Hash::from_hex(text).ok()?.as_bytes()))
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(..)")
    }
}

/// As it is kept: the hash in hex, which is no secret without the pepper.
impl fmt::Display for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

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
    /// Until when, if it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A good key as it was found, and when.
#[derive(Debug)]
struct Known {
    caller: Caller,
    seen: Timestamp,
}

#[derive(Debug, Default)]
struct Cache {
    known: HashMap<KeyHash, Known>,
    /// Grows with every revocation: what was read before one is not kept after it.
    revocations: u64,
}

/// Teams, their keys, and the operator's key.
pub struct Keyring {
    records: Arc<dyn Records>,
    ids: Ids,
    clock: Arc<dyn Clock>,
    pepper: [u8; 32],
    cache: RwLock<Cache>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl Keyring {
    /// A keyring over these records. The pepper must be the same for as long as the records live.
    pub fn new(
        records: Arc<dyn Records>,
        ids: Ids,
        clock: Arc<dyn Clock>,
        pepper: [u8; 32],
    ) -> Self {
        Self { records, ids, clock, pepper, cache: RwLock::default() }
    }

    /// Who this key belongs to.
    ///
    /// # Errors
    /// `invalid_api_key` for what is unknown, expired or revoked: the three look the same.
    pub async fn authenticate(&self, text: &str) -> Result<Caller> {
        if !text.starts_with(PREFIX) || text.len() > LONGEST {
            return Err(invalid());
        }
        let hash = self.hash(text);
        let now = self.clock.now();
        let revocations = {
            let cache = self.cache.read();
            if let Some(known) = cache.known.get(&hash)
                && now.since(known.seen) < CACHE_LIFE
            {
                return alive(&known.caller, now).then(|| known.caller.clone()).ok_or_else(invalid);
            }
            cache.revocations
        };
        let (key, team) = self.records.key_by_hash(&hash).await?.ok_or_else(invalid)?;
        let caller = Caller { team: Arc::new(team), key: Arc::new(key) };
        if !alive(&caller, now) {
            return Err(invalid());
        }
        self.remember(hash, &caller, now, revocations);
        Ok(caller)
    }

    fn remember(&self, hash: KeyHash, caller: &Caller, seen: Timestamp, revocations: u64) {
        let mut cache = self.cache.write();
        if cache.revocations != revocations {
            return;
        }
        if cache.known.len() >= CACHE_SIZE {
            cache.known.clear();
        }
        cache.known.insert(hash, Known { caller: caller.clone(), seen });
    }

    fn forget(&self) {
        let mut cache = self.cache.write();
        cache.revocations += 1;
        cache.known.clear();
    }

    fn hash(&self, text: &str) -> KeyHash {
        KeyHash(*blake3::keyed_hash(&self.pepper, text.as_bytes()).as_bytes())
    }

    /// What to keep of the operator's key.
    pub fn admin_key(&self, text: &str) -> AdminKey {
        AdminKey(self.hash(text).0)
    }

    /// A new operator's key, to be told once.
    pub fn new_admin_key(&self) -> SecretString {
        format!("adm_{}", self.ids.secret(RANDOM_CHARS)).into()
    }

    /// Whether this is the operator's key; takes the same time whatever it is.
    pub fn is_admin(&self, admin: &AdminKey, text: &str) -> bool {
        // `blake3::Hash` compares in constant time.
        text.len() <= LONGEST
            && blake3::Hash::from_bytes(admin.0)
                == blake3::keyed_hash(&self.pepper, text.as_bytes())
    }

    /// A new team.
    ///
    /// # Errors
    /// `invalid_request` for a name that is empty or too long.
    pub async fn create_team(&self, name: &str, models: Vec<String>) -> Result<Team> {
        check_name(name)?;
        let team = Team {
            id: self.ids.next("team_"),
            name: name.to_owned(),
            models,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        self.records.apply(vec![Change::Team(team.clone())]).await?;
        Ok(team)
    }

    /// Teams, newest first, revoked ones too.
    pub async fn teams(&self, page: Page) -> Result<Vec<Team>> {
        Ok(self.records.teams(page).await?)
    }

    /// A team works no longer, nor does any of its keys.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_team(&self, id: &str) -> Result<()> {
        self.revoke(Change::RevokeTeam(id.to_owned(), self.clock.now()), "team").await
    }

    /// A new key and its text, which is told this once.
    ///
    /// # Errors
    /// `invalid_request` for a name, a list of scopes or an end that make no sense; `not_found` for
    /// a team that is not there or works no longer.
    pub async fn create_key(&self, asked: NewKey) -> Result<(Key, SecretString)> {
        check_name(&asked.name)?;
        let now = self.clock.now();
        if asked.scopes.is_empty() {
            return Err(Refusal::field("scopes", "a key without scopes is good for nothing"));
        }
        if asked.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::field("expires_at", "this moment has passed"));
        }
        let team = self.records.team(&asked.team).await?;
        if team.is_none_or(|team| team.revoked_at.is_some()) {
            return Err(Refusal::not_found("team").at("team_id"));
        }
        let text = format!("{PREFIX}{}", self.ids.secret(RANDOM_CHARS));
        let key = Key {
            id: self.ids.next("key_"),
            team: asked.team,
            name: asked.name,
            prefix: text[..SHOWN_CHARS].to_owned(),
            scopes: asked.scopes,
            models: asked.models,
            created_at: now,
            expires_at: asked.expires_at,
            revoked_at: None,
        };
        self.records.apply(vec![Change::Key(key.clone(), self.hash(&text))]).await?;
        Ok((key, text.into()))
    }

    /// Keys of one team or all, newest first, revoked ones too.
    pub async fn keys(&self, team: Option<&str>, page: Page) -> Result<Vec<Key>> {
        Ok(self.records.keys(team, page).await?)
    }

    /// A key is refused from now on.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_key(&self, id: &str) -> Result<()> {
        self.revoke(Change::RevokeKey(id.to_owned(), self.clock.now()), "key").await
    }

    async fn revoke(&self, change: Change, what: &str) -> Result<()> {
        let done = self.records.apply(vec![change]).await;
        self.forget();
        match done {
            Ok(()) => Ok(()),
            Err(records::Error::Stale(_)) => Err(Refusal::not_found(what)),
            Err(other) => Err(other.into()),
        }
    }
}

fn alive(caller: &Caller, now: Timestamp) -> bool {
    caller.team.revoked_at.is_none()
        && caller.key.revoked_at.is_none()
        && caller.key.expires_at.is_none_or(|end| end > now)
}

fn invalid() -> Refusal {
    Refusal::new(Code::InvalidApiKey, "this API key is not valid")
}

fn check_name(name: &str) -> Result<()> {
    let chars = name.chars().count();
    if name.trim().is_empty() || chars > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("a name has 1 to {LONGEST_NAME} characters, none of them control");
        return Err(Refusal::field("name", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
