//! Answers in a bounded memory, weighed in bytes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache as Weighed};
use parking_lot::RwLock;
use provider::{Clock, Timestamp};

use crate::{Cache, CacheKey, Entry, Kin, Purge};

/// What an entry weighs beside its texts: its own fields, and what the maps keep of it.
const OVERHEAD: usize = 1024;
/// The part of the memory that signatures of nearly equal requests may take, one of so many.
const KIN_PART: u64 = 8;
/// Work is over at the latest after so long: then nothing can bring back what was revoked before.
const WORK_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// So many answers of one group are compared; past it the oldest is forgotten there.
const GROUP: usize = 256;

/// [`Cache`] within one process. Time is the given clock's.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    idle: Option<Duration>,
    entries: Weighed<CacheKey, Arc<Kept>>,
    groups: Weighed<CacheKey, Group>,
    /// What was revoked lately, and when. Whoever puts something in reads it meanwhile, so that nothing
    /// slips in between a revocation's note and its search.
    revoked: RwLock<Vec<(Timestamp, Purge)>>,
}

/// The answers of a group by their signatures, oldest first.
type Group = Arc<Vec<(CacheKey, Arc<[u32]>)>>;

/// An entry, and when it was asked for last.
struct Kept {
    entry: Arc<Entry>,
    used: AtomicI64,
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache")
            .field("entries", &self.entries.entry_count())
            .finish_non_exhaustive()
    }
}

fn weight(kept: &Kept) -> u32 {
    let Entry { labels, body, kin, .. } = &*kept.entry;
    let names: usize = labels.models.iter().map(|name| name.len() + size_of::<Box<str>>()).sum();
    let signature = kin.as_ref().map_or(0, |kin| kin.signature.len() * size_of::<u32>());
    let texts = body.len() + labels.team.len() + labels.asked_with.len() + names + signature;
    u32::try_from(texts + OVERHEAD).unwrap_or(u32::MAX)
}

fn group_weight(group: &Group) -> u32 {
    // Signatures are the entries' own and weighed with them, but may outlive them here.
    let each = |(_, signature): &(CacheKey, Arc<[u32]>)| {
        size_of::<(CacheKey, Arc<[u32]>)>() + signature.len() * size_of::<u32>()
    };
    u32::try_from(group.iter().map(each).sum::<usize>() + OVERHEAD).unwrap_or(u32::MAX)
}

impl MemoryCache {
    /// Answers of so many bytes in all; one that was not asked for since `idle` is forgotten, where that
    /// is given.
    pub fn new(clock: Arc<dyn Clock>, bytes: u64, idle: Option<Duration>) -> Self {
        let for_kin = bytes / KIN_PART;
        Self {
            clock,
            idle,
            entries: Weighed::builder()
                .max_capacity(bytes - for_kin)
                .weigher(|_, kept: &Arc<Kept>| weight(kept))
                // What was just paid for is kept, however often others were asked for.
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            groups: Weighed::builder()
                .max_capacity(for_kin)
                .weigher(|_, group| group_weight(group))
                .build(),
            revoked: RwLock::default(),
        }
    }

    /// How much the entries weigh, and how many there are.
    pub fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        self.groups.run_pending_tasks();
        let bytes = self.entries.weighted_size() + self.groups.weighted_size();
        (bytes, self.entries.entry_count())
    }

    /// The entry, if it may be given now; one whose time is over is forgotten.
    fn good(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        let kept = self.entries.get(key)?;
        let now = self.clock.now();
        let used = Timestamp::from_millis(kept.used.load(Ordering::Relaxed));
        let is_idle = self.idle.is_some_and(|idle| now.since(used) >= idle);
        if kept.entry.until <= now || is_idle {
            self.entries.invalidate(key);
            return None;
        }
        kept.used.fetch_max(now.millis(), Ordering::Relaxed);
        Some(Arc::clone(&kept.entry))
    }

    fn join_group(&self, key: CacheKey, kin: &Kin) {
        let signature = Arc::clone(&kin.signature);
        self.groups.entry(kin.group).and_compute_with(|group| {
            let known = group.map(moka::Entry::into_value).unwrap_or_default();
            let others = known.iter().filter(|(other, _)| *other != key);
            let mut all: Vec<_> = others.cloned().collect();
            let over = (all.len() + 1).saturating_sub(GROUP);
            all.drain(..over);
            all.push((key, signature));
            Op::Put(Arc::new(all))
        });
    }
}

#[async_trait::async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        self.good(key)
    }

    async fn nearest(&self, kin: &Kin, least: u32) -> Option<(CacheKey, Arc<Entry>)> {
        let group = self.groups.get(&kin.group)?;
        let mut near: Vec<(u32, usize)> = group
            .iter()
            .enumerate()
            .map(|(place, (_, signature))| (kin.nearness(signature), place))
            .filter(|(nearness, _)| *nearness >= least)
            .collect();
        near.sort_unstable();
        // What the group remembers may be gone: then the next nearest.
        near.into_iter().rev().find_map(|(_, place)| {
            let (key, _) = group[place];
            self.good(&key).map(|entry| (key, entry))
        })
    }

    async fn put(&self, key: CacheKey, entry: Entry) {
        let revoked = self.revoked.read();
        let since = |at: Timestamp| entry.asked_at <= at;
        if revoked.iter().any(|(at, what)| since(*at) && what.fits(&key, &entry)) {
            return;
        }
        if let Some(kin) = &entry.kin {
            self.join_group(key, kin);
        }
        let used = AtomicI64::new(self.clock.now().millis());
        self.entries.insert(key, Arc::new(Kept { entry: Arc::new(entry), used }));
    }

    async fn remove(&self, key: &CacheKey) {
        self.entries.invalidate(key);
    }

    async fn purge(&self, what: &Purge) -> u64 {
        let now = self.clock.now();
        {
            let mut revoked = self.revoked.write();
            revoked.retain(|(at, other)| now.since(*at) < WORK_AT_MOST && other != what);
            revoked.push((now, what.clone()));
        }
        let meant = self.entries.iter().filter(|(key, kept)| what.fits(key, &kept.entry));
        let keys: Vec<Arc<CacheKey>> = meant.map(|(key, _)| key).collect();
        let removed = keys.iter().filter_map(|key| self.entries.remove(&**key)).count();
        u64::try_from(removed).unwrap_or(u64::MAX)
    }
}
