//! Good keys in memory.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use provider::Timestamp;
use records::{Key, KeyHash, Team};

use super::{CACHE_LIFE, CACHE_SIZE, invalid, networks::Networks};
use crate::{Caller, Code, Refusal, Result};

/// A use is told to the records when the last one that was told is so old.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// When a use of a key was last told to the records, shared by all of the key's texts.
#[derive(Debug, Clone)]
pub(super) struct LastUse(Arc<AtomicI64>);

impl LastUse {
    /// Whether this use is to be told. Of many at once it is one.
    pub(super) fn is_news(&self, now: Timestamp) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        now.since(Timestamp::from_millis(last)) >= TOLD_EVERY
            && self
                .0
                .compare_exchange(last, now.millis(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// A key as it was found, and when.
#[derive(Debug)]
pub(super) struct Known {
    caller: Caller,
    networks: Networks,
    last_use: LastUse,
    seen: Timestamp,
}

/// Somebody whose key is good, and whether this use is to be told to the records.
pub(super) type Admitted = (Caller, bool);

impl Known {
    pub(super) fn new(key: Key, team: Team, last_use: LastUse, seen: Timestamp) -> Self {
        let networks = Networks::of(&key.networks);
        Self {
            caller: Caller { team: Arc::new(team), key: Arc::new(key) },
            networks,
            last_use,
            seen,
        }
    }

    /// Lets somebody in, if the key is good now and may come from there.
    pub(super) fn admit(&self, from: Option<IpAddr>, now: Timestamp) -> Result<Admitted> {
        if !self.is_alive(now) {
            return Err(invalid());
        }
        if !self.networks.admit(from) {
            let message = "this key may not be used from this address";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        Ok((self.caller.clone(), self.last_use.is_news(now)))
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        let Caller { team, key } = &self.caller;
        team.revoked_at.is_none()
            && key.revoked_at.is_none()
            && key.expires_at.is_none_or(|end| end > now)
    }
}

/// How many changes there were when somebody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Edition(u64);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<KeyHash, Known>,
    /// By the id of a key or an operator. Changes do not touch it: a use is no less told by them.
    told: HashMap<String, LastUse>,
    /// Grows with every change: what was read before one is not kept after it.
    edition: Edition,
}

/// Good keys in memory.
#[derive(Debug, Default)]
pub(super) struct Cache(RwLock<Inner>);

impl Cache {
    /// Asks what is known of a key, if anything is; otherwise what to remember the answer with.
    pub(super) fn ask<T>(
        &self,
        hash: &KeyHash,
        now: Timestamp,
        question: impl FnOnce(&Known) -> T,
    ) -> Result<T, Edition> {
        let inner = self.0.read();
        match inner.known.get(hash) {
            Some(known) if now.since(known.seen) < CACHE_LIFE => Ok(question(known)),
            _ => Err(inner.edition),
        }
    }

    /// Keeps a key that is good, unless something was changed since it was asked for.
    pub(super) fn remember(&self, hash: KeyHash, known: Known, edition: Edition) {
        let mut inner = self.0.write();
        if inner.edition != edition || !known.is_alive(known.seen) {
            return;
        }
        if inner.known.len() >= CACHE_SIZE {
            inner.known.clear();
        }
        inner.known.insert(hash, known);
    }

    /// When a use of a key or an operator was last told, by this process or as the records have it.
    pub(super) fn last_use(&self, id: &str, stored: Option<Timestamp>) -> LastUse {
        let mut inner = self.0.write();
        let stored = stored.map_or(i64::MIN, Timestamp::millis);
        if let Some(last) = inner.told.get(id) {
            last.0.fetch_max(stored, Ordering::Relaxed);
            return last.clone();
        }
        if inner.told.len() >= CACHE_SIZE {
            inner.told.clear();
        }
        let last = LastUse(Arc::new(AtomicI64::new(stored)));
        inner.told.insert(id.to_owned(), last.clone());
        last
    }

    /// Forgets everybody when it is dropped.
    pub(super) fn forgets(&self) -> Forgets<'_> {
        Forgets(self)
    }
}

/// Forgets everybody when it is dropped: also when nobody waits any more for the change that it is about.
pub(super) struct Forgets<'a>(&'a Cache);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.0.write();
        inner.edition.0 += 1;
        inner.known.clear();
    }
}
