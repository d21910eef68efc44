//! How long each account takes for each model, and how often it fails, as this process has seen it.
//!
//! Counts in buckets whose bounds grow by a fifth, halved every [`HALF_LIFE`]: what a vendor was like
//! an hour ago is forgotten, its size does not grow with the traffic, and taking note is a few
//! additions behind a lock of its own. Nothing is kept across restarts: a few minutes' work tells it
//! again, and until then the vendor's word stands.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use coordination::Lane;
use parking_lot::{Mutex, RwLock};
use provider::Timestamp;

/// What was seen weighs half after so long.
const HALF_LIFE: Duration = Duration::from_secs(300);
/// What one new sample counts, so that halving leaves something of it.
const ONE: u32 = 1 << 10;
/// Buckets of each doubling of the time.
const PER_DOUBLING: u32 = 4;
/// From a millisecond to more than an hour.
const BUCKETS: usize = 92;

/// What is known of an account at a model.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// Half of the work that went well took no longer.
    pub p50: Duration,
    /// All but a twentieth of it took no longer.
    pub p95: Duration,
    /// The share of failures that were the vendor's, 0 to 1.
    pub error_share: f64,
    /// How many samples all of this rests on, older ones counted as less.
    pub samples: u32,
}

/// Failures of an account at a model, for comparing accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Failures {
    pub(crate) failed: u32,
    pub(crate) all: u32,
}

/// What this process has seen of every account.
#[derive(Debug, Default)]
pub(crate) struct Records(RwLock<HashMap<String, Models>>);

/// What was seen of an account, by model.
type Models = BTreeMap<String, Arc<Mutex<Track>>>;

#[derive(Debug)]
struct Track {
    halved_at: Timestamp,
    failed: u32,
    well: u32,
    /// Those that went well, by how long they took.
    buckets: [u32; BUCKETS],
}

impl Records {
    /// Takes note of an end: how long it took, or, where the vendor failed, nothing.
    pub(crate) fn note(&self, lane: Lane<'_>, took: Option<Duration>, now: Timestamp) {
        let track = self.track(lane, now);
        let mut track = track.lock();
        track.fade(now);
        match took {
            Some(took) => {
                track.well = track.well.saturating_add(ONE);
                let place = &mut track.buckets[bucket(took)];
                *place = place.saturating_add(ONE);
            }
            None => track.failed = track.failed.saturating_add(ONE),
        }
    }

    /// What is known of an account at a model; nothing is no samples.
    pub(crate) fn of(&self, lane: Lane<'_>, now: Timestamp) -> Seen {
        self.look(lane, now, Track::seen).unwrap_or_default()
    }

    /// How often an account failed at a model.
    pub(crate) fn failures(&self, lane: Lane<'_>, now: Timestamp) -> Failures {
        self.look(lane, now, Track::failures).unwrap_or_default()
    }

    /// The models of an account of which anything is known.
    pub(crate) fn models(&self, account: &str) -> Vec<String> {
        self.0.read().get(account).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    fn look<T>(&self, lane: Lane<'_>, now: Timestamp, of: impl FnOnce(&Track) -> T) -> Option<T> {
        let all = self.0.read();
        let mut track = all.get(lane.account)?.get(lane.model)?.lock();
        track.fade(now);
        Some(of(&track))
    }

    fn track(&self, lane: Lane<'_>, now: Timestamp) -> Arc<Mutex<Track>> {
        if let Some(track) = self.0.read().get(lane.account).and_then(|of| of.get(lane.model)) {
            return Arc::clone(track);
        }
        let mut all = self.0.write();
        let models = all.entry(lane.account.to_owned()).or_default();
        let new = || Arc::new(Mutex::new(Track::new(now)));
        Arc::clone(models.entry(lane.model.to_owned()).or_insert_with(new))
    }
}

impl Track {
    fn new(now: Timestamp) -> Self {
        Self { halved_at: now, failed: 0, well: 0, buckets: [0; BUCKETS] }
    }

    fn fade(&mut self, now: Timestamp) {
        let halvings = now.since(self.halved_at).as_millis() / HALF_LIFE.as_millis();
        let Ok(halvings @ 1..) = u32::try_from(halvings) else { return };
        self.failed = self.failed.checked_shr(halvings).unwrap_or(0);
        for count in &mut self.buckets {
            *count = count.checked_shr(halvings).unwrap_or(0);
        }
        // The sum of what is left of the parts, so that no part is looked for in vain.
        self.well = self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count));
        self.halved_at = self.halved_at.plus(HALF_LIFE.saturating_mul(halvings));
    }

    #[expect(clippy::float_arithmetic, reason = "a share for reports; nothing here is booked")]
    fn seen(&self) -> Seen {
        let all = self.failed.saturating_add(self.well);
        let share = if all == 0 { 0.0 } else { f64::from(self.failed) / f64::from(all) };
        Seen {
            p50: self.percentile(50),
            p95: self.percentile(95),
            error_share: share,
            samples: all / ONE,
        }
    }

    fn failures(&self) -> Failures {
        let all = self.failed.saturating_add(self.well);
        Failures { failed: self.failed / ONE, all: all / ONE }
    }

    /// The upper bound of the bucket in which so many percent of the work had ended.
    fn percentile(&self, percent: u64) -> Duration {
        let wanted = u64::from(self.well) * percent;
        let mut sum = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            sum += u64::from(*count) * 100;
            if sum >= wanted && sum > 0 {
                return upper_bound(index);
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a span: its doublings, and which quarter of the way to the next one.
fn bucket(span: Duration) -> usize {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    let doublings = millis.ilog2();
    let quarter = (millis << (63 - doublings) >> 61) & 3;
    let index = u64::from(doublings * PER_DOUBLING) + quarter;
    usize::try_from(index).map_or(BUCKETS - 1, |index| index.min(BUCKETS - 1))
}

fn upper_bound(index: usize) -> Duration {
    let index = u32::try_from(index).unwrap_or(0) + 1;
    let (doublings, quarter) = (index / PER_DOUBLING, index % PER_DOUBLING);
    let base = 1_u64 << doublings;
    Duration::from_millis(base + base * u64::from(quarter) / u64::from(PER_DOUBLING))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const LANE: Lane<'static> = Lane { account: "a/main", model: "one" };

    #[test]
    fn percentiles_are_right_within_a_fifth() {
        let records = Records::default();
        for millis in 1..=1000_u64 {
            records.note(LANE, Some(Duration::from_millis(millis * 10)), NOW);
        }
        let seen = records.of(LANE, NOW);
        let near = |is: Duration, millis: u64| {
            let is = u64::try_from(is.as_millis()).unwrap();
            is >= millis && is <= millis * 5 / 4
        };
        assert!(near(seen.p50, 5_000) && near(seen.p95, 9_500), "{seen:?}");
        assert_eq!((seen.samples, seen.error_share), (1000, 0.0));
    }

    #[test]
    fn every_span_lies_in_its_bucket() {
        for millis in (0..200_000).chain([3_600_000, u64::MAX / 2]) {
            let index = bucket(Duration::from_millis(millis));
            assert!(index < BUCKETS);
            let below = index.checked_sub(1).map_or(Duration::ZERO, upper_bound);
            let span = Duration::from_millis(millis.max(1));
            if index < BUCKETS - 1 {
                // Of the first buckets some are narrower than the clock.
                assert!(below <= span && span <= upper_bound(index), "{millis}: {index}");
            }
        }
    }

    #[test]
    fn the_past_fades() {
        let records = Records::default();
        for _ in 0..64 {
            records.note(LANE, None, NOW);
        }
        assert_eq!(records.failures(LANE, NOW), Failures { failed: 64, all: 64 });
        let later = NOW.plus(HALF_LIFE * 2);
        for _ in 0..48 {
            records.note(LANE, Some(Duration::from_secs(1)), later);
        }
        let seen = records.of(LANE, later);
        assert_eq!((seen.samples, seen.error_share), (64, 0.25));
        assert_eq!(records.of(LANE, later.plus(HALF_LIFE * 40)), Seen::default());
        assert_eq!(records.of(Lane { model: "two", ..LANE }, later), Seen::default());
    }
}
