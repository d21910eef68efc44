//! Who may ask: teams' keys, the operators' keys, and the operator's own.
//!
//! A key is a secret of our own making, so a fast keyed hash is enough to keep it (no one can try
//! 2^160 of them): the records hold BLAKE3 under a pepper, and neither a copy of the database nor
//! one of the pepper alone can test a key. Looking a key up compares hashes that only the holder of
//! the pepper can compute, so the time that a comparison takes tells nothing about any key.
//!
//! # Why a cache, and what it may forget
//! Every request begins here; a good key is kept in memory with its team, so that the usual request
//! reads no database. A change in this process empties the cache before it answers. One in another
//! process is seen when the entry is `CACHE_LIFE` old. Operators come rarely: they are read from the
//! records each time.
//!
//! # Who may change what
//! Every change names the [`Actor`] who makes it; whether they may is decided here, and what they did
//! is written to the audit in the same commit.

mod actor;
mod audit;
mod authenticate;
mod cache;
mod networks;
mod rules;
mod team_keys;
mod teams;
#[cfg(test)]
mod tests;
mod users;

pub use actor::{Actor, Right};
pub use team_keys::{KeyPatch, NewKey};
pub use teams::{NewTeam, TeamPatch};
pub use users::NewUser;

use std::{fmt, sync::Arc, time::Duration};

use provider::{Clock, Ids};
use records::{Change, KeyHash, Records};
use secrecy::SecretString;

use self::cache::Cache;
use crate::{Code, Refusal, Result};

/// What every key of a team begins with.
pub(crate) const TEAM_PREFIX: &str = "atl_";
/// What every key of an operator begins with.
const USER_PREFIX: &str = "adm_";
/// Random characters of a key, 5 bits each.
const RANDOM_CHARS: usize = 40;
/// How much of a key is kept in clear, to tell keys apart.
pub(crate) const SHOWN_CHARS: usize = 8;
/// Longer texts are no keys of anybody's; they are not even hashed.
const LONGEST: usize = 512;
/// How long a key is good without a look into the records.
const CACHE_LIFE: Duration = Duration::from_secs(5);
/// Keys kept in memory at most; past it the cache begins anew.
const CACHE_SIZE: usize = 10_000;

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

/// Teams, their keys, the operators with theirs, and the audit of what was changed.
pub struct Keyring {
    records: Arc<dyn Records>,
    ids: Ids,
    clock: Arc<dyn Clock>,
    pepper: [u8; 32],
    cache: Cache,
    /// A change reads what is there, changes a part of it and writes the whole: one after the other, so
    /// that none undoes another's, and the audit tells what really was before.
    changing: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

/// A new text of a key, and what is kept of it.
struct Fresh {
    text: SecretString,
    hash: KeyHash,
    prefix: String,
}

impl Keyring {
    /// A keyring over these records. The pepper must be the same for as long as the records live.
    pub fn new(
        records: Arc<dyn Records>,
        ids: Ids,
        clock: Arc<dyn Clock>,
        pepper: [u8; 32],
    ) -> Self {
        let changing = tokio::sync::Mutex::default();
        Self { records, ids, clock, pepper, cache: Cache::default(), changing }
    }

    fn hash(&self, text: &str) -> KeyHash {
        KeyHash(*blake3::keyed_hash(&self.pepper, text.as_bytes()).as_bytes())
    }

    fn fresh(&self, begins: &str) -> Fresh {
        let text = format!("{begins}{}", self.ids.secret(RANDOM_CHARS));
        let prefix = text.chars().take(SHOWN_CHARS).collect();
        Fresh { hash: self.hash(&text), prefix, text: text.into() }
    }

    /// What to keep of the operator's key.
    pub fn admin_key(&self, text: &str) -> AdminKey {
        AdminKey(self.hash(text).0)
    }

    /// A new operator's key, to be told once.
    pub fn new_admin_key(&self) -> SecretString {
        self.fresh(USER_PREFIX).text
    }

    /// Whether this is the operator's key; takes the same time whatever it is.
    pub fn is_admin(&self, admin: &AdminKey, text: &str) -> bool {
        // `blake3::Hash` compares in constant time.
        text.len() <= LONGEST
            && blake3::Hash::from_bytes(admin.0)
                == blake3::keyed_hash(&self.pepper, text.as_bytes())
    }

    /// Makes changes and forgets who was good before them, also where nobody waits for the end any more.
    ///
    /// # Errors
    /// `not_found`, naming `what`, where a row of them is not there.
    async fn commit(&self, changes: Vec<Change>, what: &str) -> Result<()> {
        let _forgets = self.cache.forgets();
        match self.records.apply(changes).await {
            Ok(()) => Ok(()),
            Err(records::Error::Stale(_)) => Err(Refusal::not_found(what)),
            Err(other) => Err(other.into()),
        }
    }
}

fn invalid() -> Refusal {
    Refusal::new(Code::InvalidApiKey, "this API key is not valid")
}
