//! A customer's key at the vendor, and what the books may remember of it: never the key itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A key that the vendor accepts. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key from its text.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub(crate) fn matches(&self, presented: &str) -> bool {
        self.0 == presented
    }

    pub(crate) fn fingerprint(&self) -> String {
        KeyId::of(&self.0).fingerprint
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Who a key is: the hash decides, the fingerprint is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyId {
    pub(crate) hash: String,
    pub(crate) fingerprint: String,
}

impl KeyId {
    pub(crate) fn of(key: &str) -> Self {
        let hash = blake3::hash(key.as_bytes()).to_hex().to_string();
        // A short key must not be shown whole by its own fingerprint.
        let shown = (key.chars().count() / 2).min(6);
        let prefix: String = key.chars().take(shown).collect();
        let digest = hash.get(..8).unwrap_or_default();
        Self { fingerprint: format!("{prefix}..{digest}"), hash }
    }
}
