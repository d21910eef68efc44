//! How many requests are still to come: a rate, a week's shape, and how far both may be off.
//!
//! The rate is what was seen by the time that passed, in hours of the week's shape. The shape is a
//! factor for the day of the week times one for the hour of the day, each drawn towards 1 as if a
//! day's worth of ordinary hours had been seen besides: sensible from the first hour, when nothing is
//! known.
#![expect(clippy::float_arithmetic, reason = "forecasts are statistics; money stays in integers")]

use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const WEEK: usize = 168;

/// So many hours' worth of ordinary demand are added to each factor of the shape: one day.
const ORDINARY_HOURS: f64 = 24.0;
/// Hours that are added to the time that passed, so that the first request is not a flood.
const FIRST_HOUR: f64 = 1.0;
/// Days differ by half their mean where nothing is known, and that counts as so many days seen.
const UNSEEN_VARIANCE: f64 = 0.25;
const UNSEEN_DAYS: f64 = 2.0;
/// A forecast is never doubted by more than this.
const MOST_DOUBT: f64 = 0.8;

/// What was seen since a beginning.
#[derive(Debug, Clone)]
pub struct Demand {
    since: i64,
    seen: f64,
    by_hour: [f64; WEEK],
    by_day: BTreeMap<i64, f64>,
}

/// What is expected, as of a moment.
#[derive(Debug, Clone)]
pub struct Expected {
    shape: [f64; WEEK],
    rate: f64,
}

impl Demand {
    /// Nothing seen yet. The moment is in Unix milliseconds, as everywhere here.
    pub const fn new(since: i64) -> Self {
        Self { since, seen: 0.0, by_hour: [0.0; WEEK], by_day: BTreeMap::new() }
    }

    /// A request came.
    pub fn saw(&mut self, at: i64) {
        self.saw_many(at, 1);
    }

    /// So many requests came in the hour that a moment lies in.
    pub fn saw_many(&mut self, at: i64, requests: u64) {
        #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
        let requests = requests as f64;
        self.seen += requests;
        self.by_hour[hour_of_week(at)] += requests;
        *self.by_day.entry(at.div_euclid(DAY)).or_default() += requests;
    }

    /// What is expected from now on.
    pub fn expected(&self, now: i64) -> Expected {
        let shape = self.shape(now);
        let passed = hours(&shape, self.since, now);
        Expected { shape, rate: self.seen / (passed + FIRST_HOUR) }
    }

    /// The relative standard error of the number of requests from now until a moment: the rate is
    /// known by so many days, and the days to come will differ as much.
    pub fn doubt(&self, expected: &Expected, now: i64, until: i64) -> f64 {
        let mut sum = UNSEEN_DAYS * UNSEEN_VARIANCE;
        let mut days = 0.0;
        for day in self.since.div_euclid(DAY)..now.div_euclid(DAY) {
            let usual = expected.requests((day * DAY).max(self.since), (day + 1) * DAY);
            if usual > 0.0 {
                let off = self.by_day.get(&day).copied().unwrap_or(0.0) / usual - 1.0;
                sum += off * off;
                days += 1.0;
            }
        }
        let variance = sum / (days + UNSEEN_DAYS);
        let left = (length(now, until) / 24.0).max(0.5);
        (variance * (1.0 / (days + 1.0) + 1.0 / left)).sqrt().min(MOST_DOUBT)
    }

    fn shape(&self, now: i64) -> [f64; WEEK] {
        let mut passed = [0.0; WEEK];
        let mut at = self.since;
        while at < now {
            passed[hour_of_week(at)] += length(at, now.min(at + HOUR));
            at += HOUR;
        }
        let all: f64 = passed.iter().sum();
        let mut shape = [1.0; WEEK];
        if all < 1.0 {
            return shape;
        }
        let rate = self.seen / all;
        let factor = |same: &dyn Fn(usize) -> bool| {
            let hours = || (0..WEEK).filter(|hour| same(*hour));
            let seen: f64 = hours().map(|hour| self.by_hour[hour]).sum();
            let usual: f64 = hours().map(|hour| passed[hour] * rate).sum();
            let ordinary = rate * ORDINARY_HOURS;
            if usual + ordinary > 0.0 { (seen + ordinary) / (usual + ordinary) } else { 1.0 }
        };
        let days: Vec<f64> = (0..7).map(|day| factor(&|hour| hour / 24 == day)).collect();
        let hours: Vec<f64> = (0..24).map(|of| factor(&|hour| hour % 24 == of)).collect();
        for (hour, value) in shape.iter_mut().enumerate() {
            *value = days[hour / 24] * hours[hour % 24];
        }
        shape
    }
}

impl Expected {
    /// How many requests are expected between two moments.
    pub fn requests(&self, from: i64, until: i64) -> f64 {
        self.rate * hours(&self.shape, from, until)
    }
}

/// Hours between two moments, each weighed by the shape.
fn hours(shape: &[f64; WEEK], from: i64, until: i64) -> f64 {
    let mut sum = 0.0;
    let mut at = from;
    while at < until {
        let next = ((at.div_euclid(HOUR) + 1) * HOUR).min(until);
        sum += shape[hour_of_week(at)] * length(at, next);
        at = next;
    }
    sum
}

#[expect(clippy::cast_precision_loss, reason = "a span of time is far below 2^53 milliseconds")]
fn length(from: i64, until: i64) -> f64 {
    (until - from) as f64 / HOUR as f64
}

/// The hour of the week, from Monday's first; 1970 began on a Thursday.
fn hour_of_week(at: i64) -> usize {
    usize::try_from((at.div_euclid(HOUR) + 72).rem_euclid(168)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 5 January 1970.
    const MONDAY: i64 = 4 * DAY;

    #[test]
    fn the_first_request_is_no_flood() {
        let mut demand = Demand::new(MONDAY);
        demand.saw(MONDAY + 60_000);
        let expected = demand.expected(MONDAY + 60_000);
        let day = expected.requests(MONDAY, MONDAY + DAY);
        assert!((20.0..=24.0).contains(&day), "{day}");
    }

    #[test]
    fn a_week_has_a_shape() {
        let mut demand = Demand::new(MONDAY);
        let end = MONDAY + 28 * DAY;
        for day in 0..28 {
            // Weekdays from nine to five, four an hour; nothing at the weekend.
            for slot in (0..32).filter(|_| day % 7 < 5) {
                demand.saw(MONDAY + day * DAY + 9 * HOUR + slot * HOUR / 4);
            }
        }
        let expected = demand.expected(end);
        let week = expected.requests(end, end + 7 * DAY);
        assert!((150.0..=175.0).contains(&week), "{week}");
        let monday = expected.requests(end, end + DAY);
        let sunday = expected.requests(end + 6 * DAY, end + 7 * DAY);
        assert!(monday > 4.0 * sunday, "{monday} {sunday}");
        let noon = expected.requests(end + 12 * HOUR, end + 13 * HOUR);
        let night = expected.requests(end + 2 * HOUR, end + 3 * HOUR);
        assert!(noon > 4.0 * night, "{noon} {night}");
    }

    #[test]
    fn doubt_shrinks_with_what_was_seen_and_grows_as_the_end_comes_near() {
        let mut demand = Demand::new(MONDAY);
        let doubt =
            |demand: &Demand, now: i64, until: i64| demand.doubt(&demand.expected(now), now, until);
        let first = doubt(&demand, MONDAY + HOUR, MONDAY + 28 * DAY);
        for hour in 0..14 * 24 {
            demand.saw(MONDAY + hour * HOUR);
        }
        let now = MONDAY + 14 * DAY;
        let later = doubt(&demand, now, MONDAY + 28 * DAY);
        assert!(later < first / 3.0, "{first} {later}");
        assert!(doubt(&demand, now, now + DAY) > later);
    }

    #[test]
    fn nothing_seen_is_nothing_expected() {
        let demand = Demand::new(MONDAY);
        assert!(demand.expected(MONDAY + DAY).requests(MONDAY + DAY, MONDAY + 9 * DAY) < 1e-9);
    }
}
