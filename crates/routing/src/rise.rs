//! A price for one output that rises with the prompt's length, learned from charges.
//!
//! One vendor publishes a least and a most, says that the prompt's length decides, and keeps the formula
//! to itself. Between the two is taken to be a straight line; charges correct its start and its slope.
//!
//! # Why this estimator
//! What is published counts as two charges of little weight, one at each end, as far off as charges usually are
//! from it: with no charge the line is the published one, with prompts of one length the ends that nobody has
//! seen are off as much, and a few charges outweigh it. A charge far from the line counts with bounded weight
//! (Huber), one that is very far not at all. When the newest charges agree with each other and not with the
//! older ones, the older are forgotten: the vendor has changed its price. The published most is the bound of
//! every charge until one was above it.
#![expect(
    clippy::float_arithmetic,
    reason = "expectations are statistics; money stays in integers"
)]

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::drift::{
    CHANGE, LEAST_MARGIN, LEAST_SPREAD, RECENT, is_another_price, median, spread, weight,
};

/// So many charges are kept.
const KEPT: usize = 48;
/// Each published end counts as so much of a charge.
const PUBLISHED_WEIGHT: f64 = 0.05;
/// Rounds of weighing: a charge is learned from in microseconds, while its caller waits.
const ROUNDS: usize = 4;
/// No price is taken to be less, in micro-USD: ratios to it are taken.
const LEAST: f64 = 1.0;

/// What a vendor publishes for one output, in micro-USD.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// For the shortest prompt.
    pub least: f64,
    /// For a prompt of full length.
    pub most: f64,
}

/// Charges of one model by the prompt's share of the full length (0 to 1), oldest first, in micro-USD an
/// output.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rise(VecDeque<(f64, f64)>);

/// The line that charges tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risen {
    line: Line,
    bound: Bound,
    /// How many charges this is from.
    pub samples: usize,
}

impl Rise {
    /// A charge came: `length` is the prompt's share of the full length, `each` micro-USD an output. What is
    /// known now; none where that is no number and nothing was known before.
    pub fn learn(&mut self, length: f64, each: f64, published: Published) -> Option<Risen> {
        if length.is_finite() && each.is_finite() && each >= 0.0 {
            if self.0.len() == KEPT {
                self.0.pop_front();
            }
            self.0.push_back((length.clamp(0.0, 1.0), each));
        }
        let risen = self.risen(published)?;
        match self.forget_what_changed(risen.line) {
            true => self.risen(published),
            false => Some(risen),
        }
    }

    /// What is known now; none before the first charge.
    pub fn risen(&self, published: Published) -> Option<Risen> {
        let samples = self.0.len();
        if samples == 0 {
            return None;
        }
        let all: Vec<(f64, f64)> = self.0.iter().copied().collect();
        let (line, wide) = Line::through(&all, published);
        let bound = if all.iter().all(|(_, each)| *each <= published.most) {
            Bound::Published(published.most)
        } else {
            let most = all.iter().map(|&(length, each)| each / line.at(length)).fold(1.0, f64::max);
            // With few charges nobody knows the tail: one says «up to twice as much».
            let few = 1.0 + 1.0 / count(samples);
            let margin = (3.0 * wide).exp().max(most) * few.max(LEAST_MARGIN);
            Bound::Margin { margin, least: published.most }
        };
        Some(Risen { line, bound, samples })
    }

    /// Drops the older charges where the newest are evidently another price, seen from the line through
    /// all of them; whether it did.
    fn forget_what_changed(&mut self, line: Line) -> bool {
        let Some(older) = self.0.len().checked_sub(RECENT).filter(|older| *older > 0) else {
            return false;
        };
        let logs: Vec<f64> = self.0.iter().map(|charge| line.distance(charge)).collect();
        let changed = is_another_price(&logs, older);
        if changed {
            self.0.drain(..older);
        }
        changed
    }
}

impl Risen {
    /// What one output is expected to cost with a prompt of that share of the full length, in micro-USD.
    pub fn expected(&self, length: f64) -> f64 {
        self.line.at(length).min(self.upper(length))
    }

    /// The most that it will cost, in micro-USD.
    pub fn upper(&self, length: f64) -> f64 {
        match self.bound {
            Bound::Published(most) => most,
            Bound::Margin { margin, least } => (self.line.at(length) * margin).max(least),
        }
    }
}

/// The most that is charged.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    /// What the vendor says: no charge was above it.
    Published(f64),
    /// An expectation times the margin, and never less than the vendor says.
    Margin { margin: f64, least: f64 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    start: f64,
    slope: f64,
}

impl Line {
    fn at(self, length: f64) -> f64 {
        (self.start + self.slope * length.clamp(0.0, 1.0)).max(LEAST)
    }

    /// How far a charge lies from it, in logarithms.
    fn distance(self, &(length, each): &(f64, f64)) -> f64 {
        (each.max(LEAST) / self.at(length)).ln()
    }

    /// The line nearest to these charges and, a little, to what is published; and how far charges
    /// usually lie from it, in logarithms.
    fn through(samples: &[(f64, f64)], published: Published) -> (Self, f64) {
        let page = Self { start: published.least, slope: published.most - published.least };
        let off: Vec<f64> = samples.iter().map(|charge| page.distance(charge)).collect();
        let off = median(&off).map_or(1.0, f64::exp);
        let ends = [(0.0, published.least * off), (1.0, published.most * off)];
        let mut line = Self { start: page.start * off, slope: page.slope * off };
        let mut wide = LEAST_SPREAD;
        for _ in 0..ROUNDS {
            let logs: Vec<f64> = samples.iter().map(|charge| line.distance(charge)).collect();
            wide = spread(&logs, 0.0);
            // Huber's weight, and none for what is so far off that four of its like would be another price.
            let is_near = |log: f64| log.abs() <= CHANGE * wide;
            let of = |log: &f64| if is_near(*log) { weight(*log, wide) } else { 0.0 };
            let weights: Vec<f64> = logs.iter().map(of).collect();
            line = Self::weighted(samples, &weights, ends);
        }
        (line, wide)
    }

    fn weighted(samples: &[(f64, f64)], weights: &[f64], ends: [(f64, f64); 2]) -> Self {
        let ends = ends.into_iter().map(|end| (end, PUBLISHED_WEIGHT));
        let (mut w, mut x, mut xx, mut y, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((length, each), weight) in
            samples.iter().copied().zip(weights.iter().copied()).chain(ends)
        {
            w += weight;
            x += weight * length;
            xx += weight * length * length;
            y += weight * each;
            xy += weight * length * each;
        }
        // The published ends lie apart, so this is never nothing.
        let slope = (w * xy - x * y) / (w * xx - x * x);
        Self { start: (y - slope * x) / w, slope }
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most KEPT")]
fn count(samples: usize) -> f64 {
    samples as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Published = Published { least: 25_000.0, most: 29_000.0 };

    fn of(samples: impl IntoIterator<Item = (f64, f64)>) -> Rise {
        let mut rise = Rise::default();
        for (length, each) in samples {
            rise.learn(length, each, PAGE);
        }
        rise
    }

    /// Lengths as they come, and 1.5 % of noise, the same in every run.
    fn noisy(count: usize, price: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let mut state = 0x9E37_79B9_u32;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            f64::from(state) / f64::from(u32::MAX)
        };
        let one = |_| {
            let length = random() * 0.6;
            (length, price(length) * (1.0 + 0.03 * (random() - 0.5)))
        };
        (0..count).map(one).collect()
    }

    #[track_caller]
    fn near(is: f64, should: f64, part: f64) {
        assert!((is / should - 1.0).abs() < part, "{is} is not near {should}");
    }

    #[test]
    fn nothing_is_known_before_the_first_charge() {
        assert_eq!(Rise::default().risen(PAGE), None);
        let senseless = of([(f64::NAN, 1.0), (0.1, f64::INFINITY), (0.1, -1.0)]);
        assert_eq!(senseless.risen(PAGE), None);
    }

    #[test]
    fn charges_as_published_change_nothing() {
        let risen = of([0.1, 0.3, 0.2, 0.5].map(|x| (x, 25_000.0 + 4_000.0 * x))).risen(PAGE);
        let risen = risen.unwrap();
        for length in [0.0, 0.25, 1.0] {
            near(risen.expected(length), 25_000.0 + 4_000.0 * length, 1e-9);
        }
    }

    #[test]
    fn start_and_slope_are_learned_through_noise() {
        let truth = |length: f64| 21_000.0 + 7_500.0 * length;
        let risen = of(noisy(40, truth)).risen(PAGE).unwrap();
        for length in [0.0, 0.2, 0.5, 1.0] {
            near(risen.expected(length), truth(length), 0.02);
        }
    }

    #[test]
    fn prompts_of_one_length_say_nothing_of_others() {
        let risen = of([(0.1, 20_000.0); 12]).risen(PAGE).unwrap();
        near(risen.expected(0.1), 20_000.0, 0.01);
        assert!((20_000.0..29_000.0).contains(&risen.expected(1.0)), "{risen:?}");
    }

    #[test]
    fn an_outlier_moves_little() {
        let truth = |length: f64| 25_000.0 + 4_000.0 * length;
        for place in 0..8 {
            let mut samples = noisy(8, truth);
            samples[place].1 *= 10.0;
            near(of(samples).risen(PAGE).unwrap().expected(0.3), truth(0.3), 0.03);
        }
    }

    #[test]
    fn a_change_of_price_is_learned_within_four_charges() {
        let before = noisy(30, |length| 25_000.0 + 4_000.0 * length);
        let after = noisy(4, |length| 40_000.0 + 8_000.0 * length);
        let all: Vec<_> = before.into_iter().chain(after).collect();
        let risen = of(all.iter().copied()).risen(PAGE).unwrap();
        assert_eq!(risen.samples, 4);
        near(risen.expected(0.3), 42_400.0, 0.03);
        // Three could be chance.
        near(of(all[..33].iter().copied()).risen(PAGE).unwrap().expected(0.3), 26_200.0, 0.03);
    }

    #[test]
    fn the_published_bound_holds_until_a_charge_is_above_it() {
        let within = of([(0.2, 29_000.0), (1.0, 29_000.0)]).risen(PAGE).unwrap();
        near(within.upper(0.2), 29_000.0, 1e-12);
        near(within.upper(1.0), 29_000.0, 1e-12);
        assert!(within.expected(1.0) <= 29_000.0, "{within:?}");
        let one = of([(0.2, 31_000.0)]).risen(PAGE).unwrap();
        assert!(one.upper(0.2) > 61_000.0, "one bounds nothing: {one:?}");
        let many = of([(0.2, 31_000.0); 60]).risen(PAGE).unwrap();
        assert_eq!(many.samples, KEPT);
        assert!((32_000.0..34_000.0).contains(&many.upper(0.2)), "{many:?}");
        let cheap = of([(0.2, 31_000.0), (0.2, 9_000.0)]).risen(PAGE).unwrap();
        assert!(cheap.upper(0.0) >= 29_000.0, "never below what is published: {cheap:?}");
    }

    #[test]
    fn work_that_was_free_is_no_number_to_divide_by() {
        let free = of([(0.2, 0.0); 6]).risen(PAGE).unwrap();
        assert!(free.expected(0.2) >= 1.0 && free.upper(1.0).is_finite(), "{free:?}");
    }

    #[test]
    fn it_is_kept_as_a_plain_list() {
        let rise = of([(0.25, 26_000.0), (0.5, 27_000.0)]);
        let json = serde_json::to_string(&rise).unwrap();
        assert_eq!(json, "[[0.25,26000.0],[0.5,27000.0]]");
        assert_eq!(serde_json::from_str::<Rise>(&json).unwrap(), rise);
    }
}
