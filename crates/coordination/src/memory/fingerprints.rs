//! Counts of equal attempts, and a bell that rings when a count falls to nothing.

use std::{
    collections::{HashMap, hash_map},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::{Notify, futures::OwnedNotified};

use crate::{Fingerprints, Flight, LostFlight, Place};

/// [`Fingerprints`] within one process.
#[derive(Debug, Default)]
pub struct MemoryFingerprints(Arc<Mutex<HashMap<Key, Counts>>>);

/// The account, a zero byte (no account's name has one), the fingerprint.
type Key = Box<[u8]>;

#[derive(Debug, Default)]
struct Counts {
    in_flight: usize,
    lost: usize,
    bell: Arc<Notify>,
}

#[derive(Debug)]
struct MemoryPlace {
    key: Key,
    all: Arc<Mutex<HashMap<Key, Counts>>>,
}

impl MemoryFingerprints {
    /// How many different attempts are in flight or lost.
    pub fn tracked(&self) -> usize {
        self.0.lock().len()
    }

    fn place(&self, key: Key) -> Arc<dyn Place> {
        Arc::new(MemoryPlace { key, all: Arc::clone(&self.0) })
    }

    /// Counts an attempt in, or says what to wait for. The listening begins under the lock, so that
    /// no ring is missed.
    fn begin(&self, key: &Key) -> Result<(), OwnedNotified> {
        let mut all = self.0.lock();
        let counts = all.entry(key.clone()).or_default();
        if counts.lost > 0 {
            return Err(Arc::clone(&counts.bell).notified_owned());
        }
        counts.in_flight += 1;
        Ok(())
    }
}

fn key(account: &str, fingerprint: &[u8]) -> Key {
    [account.as_bytes(), b"\0", fingerprint].concat().into_boxed_slice()
}

#[async_trait::async_trait]
impl Fingerprints for MemoryFingerprints {
    async fn enter(&self, account: &str, fingerprint: &[u8]) -> Flight {
        let key = key(account, fingerprint);
        while let Err(ring) = self.begin(&key) {
            ring.await;
        }
        Flight::new(self.place(key))
    }

    async fn adopt_lost(&self, account: &str, fingerprint: &[u8]) -> LostFlight {
        let key = key(account, fingerprint);
        self.0.lock().entry(key.clone()).or_default().lost += 1;
        LostFlight::new(self.place(key))
    }
}

impl MemoryPlace {
    /// Changes the counts, rings if one fell to nothing, and forgets them where both did.
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut all = self.all.lock();
        let hash_map::Entry::Occupied(mut entry) = all.entry(self.key.clone()) else { return };
        let counts = entry.get_mut();
        change(counts);
        if counts.in_flight == 0 || counts.lost == 0 {
            counts.bell.notify_waiters();
        }
        if counts.in_flight == 0 && counts.lost == 0 {
            entry.remove();
        }
    }
}

#[async_trait::async_trait]
impl Place for MemoryPlace {
    fn lose(&self) {
        self.change(|counts| {
            counts.in_flight -= 1;
            counts.lost += 1;
        });
    }

    fn land(&self) {
        self.change(|counts| counts.in_flight -= 1);
    }

    fn resolve(&self) {
        self.change(|counts| counts.lost -= 1);
    }

    async fn settled(&self) {
        loop {
            let ring = {
                let all = self.all.lock();
                match all.get(&self.key) {
                    Some(counts) if counts.in_flight > 0 => {
                        Arc::clone(&counts.bell).notified_owned()
                    }
                    _ => return,
                }
            };
            ring.await;
        }
    }
}
