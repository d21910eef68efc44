//! How far a vendor's estimates are off, learned from its charges.
//!
//! Some vendors charge something else than they estimated: the page of one shows 6 estimated and 24
//! charged. The ratio of the two is a property of the model, known after a few charges, with noise,
//! now and then with an outlier (two calls at once whose cost was read as one difference of
//! balances), and it changes when the vendor changes its prices.
//!
//! # Why this estimator
//! The mean of a few noisy ratios is nearer to the truth than their median (its error is a fifth
//! smaller), but one outlier spoils it. So it is a Huber mean of the ratios' logarithms: near the
//! median every sample counts in full, far from it with bounded weight. The window is short, and when
//! the last samples agree with each other and not with what was before, what was before is forgotten.
#![expect(clippy::float_arithmetic, reason = "ratios are statistics; money stays in integers")]

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// So many samples are kept.
const KEPT: usize = 24;
/// So many of the newest tell a change of price, if they agree with each other.
pub(crate) const RECENT: usize = 4;
/// A sample further from the middle than so many spreads counts less.
const FULL_WEIGHT: f64 = 1.5;
/// The newest are another price when their middle is so many spreads away from the older ones'.
pub(crate) const CHANGE: f64 = 5.0;
/// The spread is at least this (in logarithms, so about 1 %): exact prices have none, and then any
/// rounding would be an outlier.
pub(crate) const LEAST_SPREAD: f64 = 0.01;
/// Rounds of weighing.
const ROUNDS: usize = 12;
/// The bound is at least so much above the expectation, however many samples agree.
pub(crate) const LEAST_MARGIN: f64 = 1.05;

/// Ratios of charge to estimate of one model, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Drift(VecDeque<f64>);

/// What the ratios tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// What an estimate is multiplied by for the expected charge.
    pub ratio: f64,
    /// What it is multiplied by for the most that will be charged.
    pub upper: f64,
    /// How many charges this is from.
    pub samples: usize,
}

impl Drift {
    /// A charge came. Estimates of nothing tell nothing.
    pub fn learn(&mut self, estimated: provider::MicroUsd, charged: provider::MicroUsd) {
        if estimated.micros() <= 0 || charged.micros() < 0 {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(ratio(charged.micros(), estimated.micros()));
        self.forget_what_changed();
    }

    /// What is known now; none before the first charge.
    pub fn learned(&self) -> Option<Learned> {
        let logs = logarithms(self.0.iter());
        let middle = huber(&logs)?;
        let spread = spread(&logs, middle);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        // With few samples nobody knows the tail: one sample says «up to twice as much».
        let few = 1.0 + 1.0 / count(self.0.len());
        let upper = (middle + 3.0 * spread).exp().max(most) * few.max(LEAST_MARGIN);
        Some(Learned { ratio: middle.exp(), upper, samples: self.0.len() })
    }

    /// Drops the older samples where the newest are evidently another price.
    fn forget_what_changed(&mut self) {
        let Some(older) = self.0.len().checked_sub(RECENT).filter(|older| *older > 0) else {
            return;
        };
        if is_another_price(&logarithms(self.0.iter()), older) {
            self.0.drain(..older);
        }
    }
}

/// Whether the ratios from `older` on agree with each other and not with those before. All in logarithms.
pub(crate) fn is_another_price(ratios: &[f64], older: usize) -> bool {
    let (before, recent) = ratios.split_at(older);
    let (Some(was), Some(is)) = (median(before), median(recent)) else { return false };
    let wide = spread(before, was).max(spread(recent, is));
    let agree = recent.iter().all(|log| (log - is).abs() <= CHANGE * LEAST_SPREAD.max(wide));
    agree && (is - was).abs() > CHANGE * wide
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of money needs no more than 53 bits")]
fn ratio(charged: i64, estimated: i64) -> f64 {
    charged as f64 / estimated as f64
}

#[expect(clippy::cast_precision_loss, reason = "at most KEPT")]
fn count(samples: usize) -> f64 {
    samples as f64
}

/// A charge of nothing is a very small ratio, not none.
fn logarithms<'a>(ratios: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    ratios.map(|ratio| ratio.max(1e-6).ln()).collect()
}

pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    match sorted.len() % 2 {
        1 => Some(upper),
        _ => Some((sorted[half - 1] + upper) / 2.0),
    }
}

/// The median distance from the middle, scaled so that it is a normal noise's standard deviation.
pub(crate) fn spread(values: &[f64], middle: f64) -> f64 {
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&distances).map_or(LEAST_SPREAD, |distance| (1.4826 * distance).max(LEAST_SPREAD))
}

/// How much a sample counts that lies so far from where it was expected.
pub(crate) fn weight(distance: f64, spread: f64) -> f64 {
    let full = FULL_WEIGHT * spread;
    (full / distance.abs().max(full)).min(1.0)
}

fn huber(values: &[f64]) -> Option<f64> {
    let mut middle = median(values)?;
    let wide = spread(values, middle);
    for _ in 0..ROUNDS {
        let of = |value: &f64| weight(value - middle, wide);
        let all: f64 = values.iter().map(of).sum();
        middle = values.iter().map(|value| of(value) * value).sum::<f64>() / all;
    }
    Some(middle)
}

#[cfg(test)]
mod tests {
    use provider::MicroUsd;

    use super::*;

    fn of(ratios: &[f64]) -> Drift {
        let mut drift = Drift::default();
        for ratio in ratios {
            drift.learn(MicroUsd::from_micros(100_000), micros(ratio * 100_000.0));
        }
        drift
    }

    #[expect(clippy::cast_possible_truncation, reason = "small numbers of a test")]
    fn micros(amount: f64) -> MicroUsd {
        MicroUsd::from_micros(amount.round() as i64)
    }

    /// Uniform in 0..1, the same for the same seed.
    fn random(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24)
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_charge() {
        assert_eq!(Drift::default().learned(), None);
        let mut none = Drift::default();
        none.learn(MicroUsd::ZERO, MicroUsd::from_micros(5));
        assert_eq!(none.learned(), None, "an estimate of nothing tells nothing");
    }

    #[test]
    fn a_fixed_ratio_is_known_at_once_and_its_bound_comes_nearer() {
        let one = of(&[4.0]).learned().unwrap();
        assert!((one.ratio - 4.0).abs() < 1e-9 && (7.9..8.5).contains(&one.upper), "{one:?}");
        let five = of(&[4.0; 5]).learned().unwrap();
        assert!((five.ratio - 4.0).abs() < 1e-9 && (4.8..5.1).contains(&five.upper), "{five:?}");
        let many = of(&[4.0; 60]).learned().unwrap();
        assert_eq!(many.samples, KEPT);
        assert!((4.2..4.4).contains(&many.upper), "{many:?}");
    }

    #[test]
    fn noise_of_eight_percent_is_averaged_out() {
        for seed in 0..200 {
            let mut random = random(seed + 1);
            let ratios: Vec<f64> = (0..5).map(|_| 4.0 * (1.0 + 0.16 * (random() - 0.5))).collect();
            let learned = of(&ratios).learned().unwrap();
            assert!((learned.ratio / 4.0 - 1.0).abs() < 0.1, "{seed}: {ratios:?} {learned:?}");
            assert!(ratios.iter().all(|ratio| *ratio < learned.upper), "{seed}: {learned:?}");
        }
    }

    /// The same with a bell curve: the error of five samples' mean is 3.6 %, so that one in two
    /// hundred is past ten percent by chance.
    #[test]
    fn normal_noise_of_eight_percent_is_averaged_out() {
        let mut past = 0;
        for seed in 0..200 {
            let mut random = random(seed + 1);
            let mut normal = || (0..12).map(|_| random()).sum::<f64>() - 6.0;
            let ratios: Vec<f64> = (0..5).map(|_| 4.0 * (1.0 + 0.08 * normal())).collect();
            let learned = of(&ratios).learned().unwrap();
            past += usize::from((learned.ratio / 4.0 - 1.0).abs() >= 0.1);
        }
        assert!(past <= 4, "{past} of 200 were off by ten percent");
    }

    #[test]
    fn an_outlier_moves_little() {
        for place in 0..5 {
            let mut ratios = [3.9, 4.1, 4.0, 4.05, 3.95];
            ratios[place] = 40.0;
            let learned = of(&ratios).learned().unwrap();
            assert!((learned.ratio / 4.0 - 1.0).abs() < 0.06, "{place}: {learned:?}");
        }
    }

    #[test]
    fn a_change_of_price_is_learned_within_four_charges() {
        let mut ratios = vec![4.0; 20];
        ratios.extend([1.0; 4]);
        let learned = of(&ratios).learned().unwrap();
        assert_eq!(learned.samples, 4);
        assert!((learned.ratio - 1.0).abs() < 1e-9 && learned.upper < 1.5, "{learned:?}");
        // Three could be chance.
        let early = of(&ratios[..23]).learned().unwrap();
        assert!((early.ratio / 4.0 - 1.0).abs() < 0.1, "{early:?}");
    }

    #[test]
    fn work_that_was_free_is_no_number_to_divide_by() {
        let learned = of(&[0.0; 5]).learned().unwrap();
        assert!(learned.ratio < 1e-5 && learned.upper.is_finite());
    }

    #[test]
    fn it_is_kept_as_a_plain_list() {
        let drift = of(&[4.0, 4.5]);
        let json = serde_json::to_string(&drift).unwrap();
        assert_eq!(json, "[4.0,4.5]");
        assert_eq!(serde_json::from_str::<Drift>(&json).unwrap(), drift);
    }
}
