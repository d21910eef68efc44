//! What the ledger's lines say, and whom they are about: keys and accounts.

use serde::{Deserialize, Serialize};

use super::{
    community::Event,
    generation::{Charge, Generation, Transaction},
    settings::{Purses, Tier},
};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Joined { user_id: u64, key: KeyRow, opening: Purses },
    Begun(Box<Generation>),
    Ended { generation: u64, took_ms: u64, charge: Option<Charge> },
    Changed { creation: u64, privacy_mode: u8, license: u8 },
    Deleted { creation: u64 },
    Credits { user_id: u64, transaction: Transaction },
    Tier { user_id: u64, tier: Tier },
    KeyMade(KeyRow),
    KeyRevoked { key_id: u64 },
    Profile { user_id: u64, bio: String, website: String },
    Community(Event),
    Reset {},
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Read,
    Write,
    Generate,
}

/// A key, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    pub(crate) key_id: u64,
    pub(crate) user_id: u64,
    pub(crate) hash: String,
    pub(crate) fingerprint: String,
    /// What a list shows of it.
    pub(crate) prefix: String,
    pub(crate) name: String,
    /// All when empty.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) made_at_ms: i64,
    pub(crate) alive: bool,
}

impl KeyRow {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.is_empty() || self.scopes.contains(&scope)
    }
}

/// A customer's account.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) user_id: u64,
    /// Hash of its first key.
    pub(crate) account: String,
    pub(crate) fingerprint: String,
    pub(crate) bio: String,
    pub(crate) website: String,
    pub(crate) joined_ms: i64,
    pub(crate) purses: Purses,
    /// Estimates of the work that runs. Of this process alone: work does not outlive it.
    pub(crate) reserved: u64,
    pub(crate) spent: u64,
    pub(crate) charges: usize,
    pub(crate) tier: Option<Tier>,
    pub(crate) transactions: Vec<Transaction>,
}

impl Account {
    pub(crate) fn username(&self) -> String {
        username(self.user_id)
    }
}

pub(crate) fn username(user_id: u64) -> String {
    format!("user{user_id}")
}
