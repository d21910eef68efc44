//! Answers that may be given again.
//!
//! # What an entry is
//! A small document that says what was made and where it lies; never the bytes themselves. What is in it is
//! the caller's own: here it is a key, a document, the moment until which it is good, and the words by which
//! it can be revoked.
//!
//! # What is promised
//! An entry is never given after its moment, nor after it was removed; nor is one kept that was asked for before
//! a revocation that means it, so that work in flight does not bring back what was just revoked. It may be gone at any time before: a
//! cache is a bounded memory, and whoever asks can do without.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use provider::Timestamp;

/// What makes two requests the same work.
pub type CacheKey = [u8; 32];

/// An answer that may be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// By which words it can be revoked.
    pub labels: Labels,
    /// When it was asked for: what was revoked since then is not kept.
    pub asked_at: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
    /// It is not given at this moment or later.
    pub until: Timestamp,
    /// The answer, as whoever put it here writes it.
    pub body: Bytes,
    /// Where it stands among answers to nearly the same, if it may be found there.
    pub kin: Option<Kin>,
}

/// By which words an answer can be revoked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Whose work it was.
    pub team: Box<str>,
    /// The beginning of the key that it was asked for with.
    pub asked_with: Box<str>,
    /// The names of the model: as it was asked for, and that of whoever made it.
    pub models: Box<[Box<str>]>,
}

/// Where an answer stands among those to nearly the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kin {
    /// Only answers of one group are compared: everything else about them is the same.
    pub group: CacheKey,
    /// Two of one group are as near as many places of their signatures are equal. All have one length.
    pub signature: Arc<[u32]>,
}

impl Kin {
    /// How near two are, in thousandths.
    pub fn nearness(&self, other: &[u32]) -> u32 {
        let places = self.signature.len().max(other.len()).max(1);
        let equal = self.signature.iter().zip(other).filter(|(a, b)| a == b).count();
        u32::try_from(equal * 1000 / places).unwrap_or(0)
    }
}

/// Which entries are revoked: those that every given word fits; without any, all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purge {
    /// Whose work.
    pub team: Option<String>,
    /// A name of the model.
    pub model: Option<String>,
    /// The beginning of an entry's own key in hex, or of the key that it was asked for with.
    pub key_prefix: Option<String>,
}

impl Purge {
    /// Whether an entry is meant.
    pub fn fits(&self, key: &CacheKey, entry: &Entry) -> bool {
        let Labels { team, asked_with, models } = &entry.labels;
        let of_team = self.team.as_deref().is_none_or(|named| named == &**team);
        let of_model =
            self.model.as_deref().is_none_or(|named| models.iter().any(|model| &**model == named));
        let of_key = self
            .key_prefix
            .as_deref()
            .is_none_or(|prefix| hex(key).starts_with(prefix) || asked_with.starts_with(prefix));
        of_team && of_model && of_key
    }
}

/// A key as it is written.
pub fn hex(key: &CacheKey) -> String {
    use fmt::Write as _;
    key.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Keeps answers.
#[async_trait::async_trait]
pub trait Cache: Send + Sync + fmt::Debug {
    /// The answer under this key, if there is one.
    async fn get(&self, key: &CacheKey) -> Option<Arc<Entry>>;

    /// The answer of the same group that is nearest to this one, if any is at least as near as `least`
    /// thousandths. Of equally near ones the newest.
    async fn nearest(&self, kin: &Kin, least: u32) -> Option<(CacheKey, Arc<Entry>)>;

    /// Keeps an answer, unless it was revoked while it was made; it takes the place of the one that was
    /// there.
    async fn put(&self, key: CacheKey, entry: Entry);

    /// Forgets the answer under this key.
    async fn remove(&self, key: &CacheKey);

    /// Forgets what was revoked, and says how many there were. What is being made now will not be kept.
    async fn purge(&self, what: &Purge) -> u64;
}
