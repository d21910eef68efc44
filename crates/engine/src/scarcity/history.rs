//! What was asked for so far: how often and when, and how it was decided.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use provider::{Kind, Timestamp};
use records::Demanded;
use routing::Demand;

use crate::Decision;

/// How far back demand is looked at: enough for the week's shape.
pub const HISTORY: Duration = Duration::from_secs(8 * 7 * 86_400);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// How many requests there were in each hour, by kind.
#[derive(Debug, Default)]
pub struct History {
    hours: BTreeMap<(Timestamp, Kind), u64>,
}

/// A request as it was decided.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Whose.
    pub team: String,
    /// What it made.
    pub kind: Kind,
    /// Every candidate with its price and its units.
    pub decision: Decision,
}

impl History {
    /// A request came.
    pub fn saw(&mut self, at: Timestamp, kind: Kind) {
        let into = at.millis().rem_euclid(i64::try_from(HOUR.as_millis()).unwrap_or(1));
        let hour = Timestamp::from_millis(at.millis() - into);
        *self.hours.entry((hour, kind)).or_default() += 1;
    }

    /// What is known of an hour, instead of what was.
    pub(super) fn told(&mut self, one: &Demanded) {
        self.hours.insert((one.hour, one.kind), one.requests);
    }

    /// The last hour of which something is known.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.hours.last_key_value().map(|((hour, _), _)| *hour)
    }

    /// Keeps what lies within that time.
    pub(super) fn keep(&mut self, from: Timestamp, before: Timestamp) {
        self.hours.retain(|(hour, _), _| *hour >= from && *hour < before);
    }

    /// Forgets what is too old to tell anything at that moment.
    pub fn forget(&mut self, now: Timestamp) {
        self.keep(now.minus(HISTORY), Timestamp::from_millis(i64::MAX));
    }

    /// What is to be expected; none where nothing was seen.
    pub fn demand(&self) -> Option<Demand> {
        let ((first, _), _) = self.hours.first_key_value()?;
        let mut demand = Demand::new(first.millis());
        for ((hour, _), requests) in &self.hours {
            demand.saw_many(hour.millis(), *requests);
        }
        Some(demand)
    }

    /// The share of each kind among all.
    pub fn shares(&self) -> HashMap<Kind, f64> {
        let mut shares = HashMap::new();
        let mut all = 0.0;
        for ((_, kind), requests) in &self.hours {
            let requests = count(*requests);
            *shares.entry(*kind).or_default() += requests;
            all += requests;
        }
        shares.values_mut().for_each(|share| *share /= all);
        shares
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
const fn count(requests: u64) -> f64 {
    requests as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_in_their_hour_and_are_forgotten() {
        let mut history = History::default();
        let at = |hours: i64| Timestamp::from_millis(hours * 3_600_000 + 5);
        for (hour, kind) in [(5, Kind::Image), (5, Kind::Image), (6, Kind::Video), (6, Kind::Image)]
        {
            history.saw(at(hour), kind);
        }
        let shares = history.shares();
        assert!((shares[&Kind::Image] - 0.75).abs() < 1e-9, "{shares:?}");
        assert_eq!(history.last(), Some(Timestamp::from_millis(6 * 3_600_000)));
        assert!(history.demand().is_some());
        history.forget(at(6).plus(HISTORY));
        assert!(history.demand().is_none(), "the last hour began before");
    }
}
