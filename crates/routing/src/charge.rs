//! What is to be expected of a charge before it is made: ratios that nobody has seen yet, the part above
//! a ceiling, and how often work is blocked.
#![expect(
    clippy::float_arithmetic,
    reason = "expectations are statistics; money stays in integers"
)]

/// Two models of which nothing is known are added when the spread of ratios is taken.
const UNKNOWN_MODELS: f64 = 2.0;
/// Their spread, in logarithms: estimates are usually wrong by a factor of 1.6 either way.
const UNKNOWN_SPREAD: f64 = 0.5;

/// The ratio of charge to estimate for a model that has not been tried, from those of the others.
///
/// It is one spread better than the usual one. A model that may be the cheapest is so tried once, and
/// then it is known; one that is cheap in hope only costs a single request.
pub fn hoped_ratio(others: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = others.filter(|ratio| *ratio > 0.0).map(f64::ln).collect();
    let (mut count, mut sum) = (UNKNOWN_MODELS, 0.0);
    for log in &logs {
        count += 1.0;
        sum += log;
    }
    let mean = sum / count;
    let squares: f64 = logs.iter().map(|log| (log - mean) * (log - mean)).sum();
    let unknown = UNKNOWN_MODELS * UNKNOWN_SPREAD * UNKNOWN_SPREAD;
    (mean - ((squares + unknown) / count).sqrt()).exp()
}

/// What a charge is expected to exceed a ceiling by, when it lies evenly within a share (`noise`) of
/// the expectation to either side. All in the same unit.
pub fn above(ceiling: f64, expected: f64, noise: f64) -> f64 {
    let (least, most) = (expected * (1.0 - noise), expected * (1.0 + noise));
    if most <= ceiling {
        0.0
    } else if least >= ceiling || most <= least {
        expected - ceiling
    } else {
        (most - ceiling) * (most - ceiling) / (2.0 * (most - least))
    }
}

/// How often a thing happens, of so many times.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    times: f64,
    happened: f64,
}

impl Share {
    /// So many times count as seen at the wider group's share.
    const WIDER: f64 = 20.0;

    /// One more time.
    pub fn learn(&mut self, happened: bool) {
        self.times += 1.0;
        self.happened += f64::from(u8::from(happened));
    }

    /// The share, drawn to the one of the group that this is a part of.
    pub fn drawn_to(self, wider: f64) -> f64 {
        (self.happened + wider * Self::WIDER) / (self.times + Self::WIDER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untried_model_is_hoped_to_be_better_than_the_others() {
        let none = hoped_ratio(std::iter::empty());
        assert!((none - (-0.5_f64).exp()).abs() < 1e-9);
        let dear = hoped_ratio([2.0, 3.0, 4.0, 2.5].into_iter());
        assert!(dear > none && dear < 2.0, "{dear}");
    }

    #[test]
    fn only_what_may_exceed_a_ceiling_costs() {
        assert!(above(110.0, 100.0, 0.08).abs() < 1e-9);
        assert!((above(90.0, 100.0, 0.08) - 10.0).abs() < 1e-9);
        let half = above(100.0, 100.0, 0.08);
        assert!((half - 2.0).abs() < 1e-9, "{half}");
        assert!((above(99.0, 100.0, 0.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_small_share_is_drawn_to_the_wider_one() {
        let mut share = Share::default();
        assert!((share.drawn_to(0.03) - 0.03).abs() < 1e-9);
        for _ in 0..20 {
            share.learn(true);
        }
        assert!((share.drawn_to(0.0) - 0.5).abs() < 1e-9);
    }
}
