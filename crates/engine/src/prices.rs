//! What charges have taught about estimates: see [`routing::Drift`].
//!
//! A vendor's word on one call comes with its charge; what the vendor had estimated comes beside it, or
//! is what we had been told before. A model whose vendor binds itself by its prices never teaches
//! anything here, and its quotes stay as they are.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::RwLock;
use provider::{MicroUsd, Price, Quote, QuoteSource};
use routing::{Drift, Learned};

/// The document's name in the records.
pub(crate) const DOCUMENT: &str = "drift";
/// A ratio is applied in millionths: money stays a whole number.
const ONE: i128 = 1_000_000;

/// Drift by `provider/model`.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    models: RwLock<HashMap<String, (Drift, Learned)>>,
    is_new: AtomicBool,
}

impl Prices {
    /// A charge came; what is known of the model now.
    pub(crate) fn learn(
        &self,
        model: &str,
        estimated: MicroUsd,
        charged: MicroUsd,
    ) -> Option<Learned> {
        let mut models = self.models.write();
        let mut drift = models.get(model).map(|(drift, _)| drift.clone()).unwrap_or_default();
        drift.learn(estimated, charged);
        let learned = drift.learned()?;
        models.insert(model.to_owned(), (drift, learned));
        self.is_new.store(true, Ordering::Relaxed);
        Some(learned)
    }

    /// What is known of a model.
    pub(crate) fn learned(&self, model: &str) -> Option<Learned> {
        self.models.read().get(model).map(|(_, learned)| *learned)
    }

    /// The quote as charges say it will be; as it is where nothing was learned.
    pub(crate) fn correct(&self, model: &str, quote: Quote) -> Quote {
        let Some(learned) = self.learned(model) else { return quote };
        let raw = quote.price.expected;
        let price = Price { expected: times(raw, learned.ratio), upper: times(raw, learned.upper) };
        Quote { price, source: QuoteSource::Learned, ..quote }
    }

    /// Everything, where something is new since the last time.
    pub(crate) fn to_keep(&self) -> Option<String> {
        if !self.is_new.swap(false, Ordering::Relaxed) {
            return None;
        }
        let models = self.models.read();
        let all: BTreeMap<&String, &Drift> =
            models.iter().map(|(model, (drift, _))| (model, drift)).collect();
        serde_json::to_string(&all).ok()
    }

    /// Every model of which something is known, with its ratio.
    pub(crate) fn ratios(&self) -> Vec<(String, f64)> {
        let models = self.models.read();
        models.iter().map(|(model, (_, learned))| (model.clone(), learned.ratio)).collect()
    }

    /// What an earlier process had learned.
    pub(crate) fn recall(&self, kept: &str) {
        match serde_json::from_str::<HashMap<String, Drift>>(kept) {
            Ok(all) => {
                let known = all.into_iter().filter_map(|(model, drift)| {
                    let learned = drift.learned()?;
                    Some((model, (drift, learned)))
                });
                self.models.write().extend(known);
            }
            Err(error) => tracing::warn!(%error, "what was learned of prices cannot be read"),
        }
    }
}

/// Rounded up: a price is never made smaller by rounding.
fn times(amount: MicroUsd, ratio: f64) -> MicroUsd {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::float_arithmetic,
        reason = "the ratio is a statistic, made a whole number before it meets money"
    )]
    let millionths = (ratio * 1e6).ceil() as i128;
    let product = i128::from(amount.micros()).saturating_mul(millionths);
    let rounded = product.saturating_add(ONE - 1) / ONE;
    MicroUsd::from_micros(i64::try_from(rounded).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn quote(micros: i64) -> Quote {
        let amount = MicroUsd::from_micros(micros);
        Quote {
            price: Price { expected: amount, upper: amount.times(5) },
            source: QuoteSource::Remembered,
            age: Duration::from_secs(9),
            duration: Duration::from_secs(3),
            adjustments: provider::Adjustments::new(),
        }
    }

    #[test]
    fn a_quote_becomes_what_is_charged() {
        let prices = Prices::default();
        assert_eq!(prices.correct("a/b", quote(6000)), quote(6000));
        for _ in 0..5 {
            prices.learn("a/b", MicroUsd::from_micros(6000), MicroUsd::from_micros(24_000));
        }
        let learned = prices.correct("a/b", quote(6000));
        assert_eq!(learned.price.expected, MicroUsd::from_micros(24_000));
        assert!((24_001..32_000).contains(&learned.price.upper.micros()), "{learned:?}");
        assert_eq!((learned.source, learned.age), (QuoteSource::Learned, Duration::from_secs(9)));
        assert_eq!(prices.correct("a/c", quote(6000)), quote(6000), "another model");
    }

    #[test]
    fn what_was_learned_outlives_the_process() {
        let prices = Prices::default();
        assert_eq!(prices.to_keep(), None);
        prices.learn("a/b", MicroUsd::from_micros(6), MicroUsd::from_micros(24));
        let kept = prices.to_keep().unwrap();
        assert_eq!(prices.to_keep(), None, "nothing is new");
        let again = Prices::default();
        again.recall(&kept);
        assert_eq!(again.learned("a/b"), prices.learned("a/b"));
        again.recall("{ not ours");
        assert_eq!(again.learned("a/b"), prices.learned("a/b"));
    }
}
