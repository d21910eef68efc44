//! Counts of requests by name, behind one short lock.
//!
//! One lock for all names admits a request under several of them in one step; what it guards is a
//! few hash lookups a request.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use provider::{Clock, Timestamp};

use super::sent::NEVER;
use crate::{Admission, Denied, DeniedReason, Ended, Quota, QuotaLoad, Quotas};

const MINUTE: Duration = Duration::from_secs(60);

/// [`Quotas`] within one process.
pub struct MemoryQuotas {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for MemoryQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQuotas").field("names", &self.tracked()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    counts: HashMap<Arc<str>, Count>,
    /// Every name once, with the moment at which it may be idle.
    reviews: VecDeque<(Timestamp, Arc<str>)>,
}

#[derive(Debug, Default)]
struct Count {
    under_way: u32,
    /// Requests of the last minute, oldest first.
    accepted: VecDeque<Timestamp>,
}

/// What an admission holds under one name.
struct Place {
    name: Arc<str>,
    /// Where it counts in the minute.
    accepted: Option<Timestamp>,
}

impl MemoryQuotas {
    /// Minutes by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// How many names are remembered.
    pub fn tracked(&self) -> usize {
        self.state.lock().counts.len()
    }

    fn admission(&self, places: Vec<Place>) -> Admission {
        if places.is_empty() {
            return Admission::none();
        }
        let state = Arc::clone(&self.state);
        Admission::new(move |ended| {
            let mut state = state.lock();
            for place in &places {
                state.end(place, ended);
            }
        })
    }
}

impl State {
    /// The count of a name; one that is new will be reviewed.
    fn count(&mut self, name: &str, now: Timestamp) -> (Arc<str>, &mut Count) {
        let known = self.counts.get_key_value(name).map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| {
            let name = Arc::<str>::from(name);
            self.reviews.push_back((now.plus(MINUTE), Arc::clone(&name)));
            name
        });
        let count = self.counts.entry(Arc::clone(&name)).or_default();
        (name, count)
    }

    /// Forgets names that have become idle, at most `most` of them: with every request a few, so
    /// that no request pays for many.
    fn forget_idle(&mut self, most: usize, now: Timestamp) {
        for _ in 0..most {
            let Some((_, name)) = self.reviews.pop_front_if(|(due, _)| *due <= now) else { return };
            let Some(count) = self.counts.get_mut(&name) else { continue };
            count.slide(now);
            if count.under_way == 0 && count.accepted.is_empty() {
                self.counts.remove(&name);
            } else {
                self.reviews.push_back((now.plus(MINUTE), name));
            }
        }
    }

    /// Whether all of these quotas have a place now.
    fn check(&mut self, quotas: &[Quota<'_>], now: Timestamp) -> Result<(), Denied> {
        let mut full: Option<Denied> = None;
        let mut busy: Option<Denied> = None;
        let none = Count::default();
        for (quota, asked) in quotas.iter().enumerate() {
            let count = match self.counts.get_mut(asked.name) {
                Some(count) => {
                    count.slide(now);
                    &*count
                }
                None => &none,
            };
            if let Some(limit) = asked.requests_per_minute.filter(|most| count.requests() >= *most)
            {
                let retry_at = count.opens_at(limit);
                let denied = Denied { quota, reason: DeniedReason::Rate, limit, retry_at };
                let until = |denied: &Denied| denied.retry_at.unwrap_or(NEVER);
                if full.as_ref().is_none_or(|other| until(other) < until(&denied)) {
                    full = Some(denied);
                }
            }
            if let Some(limit) = asked.concurrent.filter(|most| count.under_way >= *most) {
                let reason = DeniedReason::Concurrent;
                busy.get_or_insert(Denied { quota, reason, limit, retry_at: None });
            }
        }
        full.or(busy).map_or(Ok(()), Err)
    }

    fn admit(&mut self, quota: &Quota<'_>, now: Timestamp) -> Place {
        let (name, count) = self.count(quota.name, now);
        count.under_way += 1;
        let accepted = quota.requests_per_minute.map(|_| now);
        count.accepted.extend(accepted);
        Place { name, accepted }
    }

    fn end(&mut self, place: &Place, ended: Ended) {
        let Some(count) = self.counts.get_mut(&place.name) else { return };
        count.under_way = count.under_way.saturating_sub(1);
        if let (Ended::Refused, Some(at)) = (ended, place.accepted) {
            count.forget(at);
        }
    }
}

impl Count {
    /// Passes over what is a minute old. Should the clock have gone back, what was counted since
    /// counts from now on: a name is never shut for longer than a minute.
    fn slide(&mut self, now: Timestamp) {
        while self.accepted.pop_front_if(|at| at.plus(MINUTE) <= now).is_some() {}
        for at in self.accepted.iter_mut().rev().take_while(|at| **at > now) {
            *at = now;
        }
    }

    /// Requests of the minute that was slid to.
    fn requests(&self) -> u32 {
        u32::try_from(self.accepted.len()).unwrap_or(u32::MAX)
    }

    /// When a full minute has a place again: where a limit has become smaller, that may take several
    /// to leave.
    fn opens_at(&self, limit: u32) -> Option<Timestamp> {
        let leaving = self.accepted.len().checked_sub(usize::try_from(limit).ok()?)?;
        self.accepted.get(leaving).map(|at| at.plus(MINUTE))
    }

    /// The request that was counted at that moment counts no more. Where the clock went back after
    /// it, it counts at an earlier one.
    fn forget(&mut self, at: Timestamp) {
        let until = self.accepted.partition_point(|counted| *counted <= at);
        if let Some(place) = until.checked_sub(1) {
            self.accepted.remove(place);
        }
    }
}

#[async_trait::async_trait]
impl Quotas for MemoryQuotas {
    async fn admit(&self, quotas: &[Quota<'_>]) -> Result<Admission, Denied> {
        let places = {
            let mut state = self.state.lock();
            let now = self.clock.now();
            state.forget_idle(quotas.len() + 1, now);
            state.check(quotas, now)?;
            quotas.iter().map(|quota| state.admit(quota, now)).collect()
        };
        Ok(self.admission(places))
    }

    async fn adopt(&self, names: &[&str]) -> Admission {
        let places = {
            let mut state = self.state.lock();
            let now = self.clock.now();
            let adopt = |name: &&str| {
                let (name, count) = state.count(name, now);
                count.under_way += 1;
                Place { name, accepted: None }
            };
            names.iter().map(adopt).collect()
        };
        self.admission(places)
    }

    async fn restore(&self, name: &str, accepted: &[Timestamp]) {
        let mut state = self.state.lock();
        let now = self.clock.now();
        let (_, count) = state.count(name, now);
        count.accepted.extend(accepted);
        count.accepted.make_contiguous().sort_unstable();
        count.slide(now);
    }

    async fn load(&self, quota: &Quota<'_>) -> QuotaLoad {
        let mut state = self.state.lock();
        let now = self.clock.now();
        let (requests, under_way, resets_at) =
            state.counts.get_mut(quota.name).map_or((0, 0, None), |count| {
                count.slide(now);
                let oldest = count.accepted.front().map(|at| at.plus(MINUTE));
                (count.requests(), count.under_way, oldest)
            });
        QuotaLoad {
            requests_left: quota.requests_per_minute.map(|most| most.saturating_sub(requests)),
            resets_at,
            concurrent_left: quota.concurrent.map(|most| most.saturating_sub(under_way)),
        }
    }
}
