//! Credits: the vendor's own money, which has no documented rate.

use provider::MicroUsd;
use serde::{Deserialize, Serialize};

/// An amount of credits, to the millionth: the page shows whole ones and does not say that all are.
///
/// It is read as money is, from a number or a decimal string, and rounds up where it must.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(crate) struct Credits(MicroUsd);

/// Millionths in one.
const ONE: i64 = 1_000_000;

impl Credits {
    /// That many whole credits.
    pub(crate) fn whole(credits: u64) -> Self {
        Self(MicroUsd::from_micros(i64::try_from(credits).unwrap_or(i64::MAX).saturating_mul(ONE)))
    }

    /// This amount `count` times.
    pub(crate) fn times(self, count: u64) -> Self {
        Self(self.0.times(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    /// This amount times a factor that is itself a number of millionths, rounded up.
    pub(crate) fn scaled(self, factor: Self) -> Self {
        Self(self.at(factor.0))
    }

    /// In money, at so much for one credit; rounded up, because a bound that is cut off is no bound.
    pub(crate) fn at(self, usd_per_credit: MicroUsd) -> MicroUsd {
        let (one, product) =
            (i128::from(ONE), i128::from(self.0.micros()) * i128::from(usd_per_credit.micros()));
        let up = i128::from(product.rem_euclid(one) != 0);
        MicroUsd::from_micros(i64::try_from(product.div_euclid(one) + up).unwrap_or(i64::MAX))
    }

    /// In whole credits, rounded up.
    pub(crate) fn rounded_up(self) -> u32 {
        let up = i64::from(self.0.micros().rem_euclid(ONE) != 0);
        u32::try_from(self.0.micros().div_euclid(ONE) + up).unwrap_or(0)
    }

    /// Whether it is an amount that something can cost.
    pub(crate) fn is_price(self) -> bool {
        self.0 >= MicroUsd::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Credits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn credits_are_read_and_become_money() {
        let usd = MicroUsd::from_micros(1000);
        for (json, micros) in [("24", 24_000), ("\"24\"", 24_000), ("0.5", 500), ("-3", -3000)] {
            assert_eq!(read(json).at(usd), MicroUsd::from_micros(micros), "{json}");
        }
        assert_eq!(Credits::whole(6).times(5).at(usd).micros(), 30_000);
        let third = MicroUsd::from_micros(333);
        assert_eq!(read("0.01").at(third).micros(), 4, "up, not down");
    }

    #[test]
    fn parts_of_credits_round_up() {
        assert_eq!(read("80").rounded_up(), 80);
        assert_eq!(read("0.2").rounded_up(), 1);
        assert_eq!(read("3").scaled(read("1.5")), read("4.5"));
        assert!(read("0").is_price() && !read("-0.1").is_price());
    }
}
