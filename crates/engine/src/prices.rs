//! What charges have taught about prices: by [`routing::Drift`] how far estimates are off, by
//! [`routing::Rise`] what a prompt's length costs where a vendor publishes a range.
//!
//! A vendor's word on one call comes with its charge; what the vendor had estimated comes beside it, or is
//! what its page lists. A price that was agreed with a vendor for one account is learned for itself: what
//! others pay says nothing of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::RwLock;
use provider::{MicroUsd, Price, Quote, QuoteSource};
use routing::{Drift, Learned, Published, Rise, Risen};
use serde::{Serialize, de::DeserializeOwned};

/// The documents' names in the records.
pub(crate) const DRIFT: &str = "drift";
pub(crate) const RISES: &str = "rises";
/// A ratio is applied in millionths: money stays a whole number.
const ONE: i128 = 1_000_000;

/// What was learned by the name of a price: `provider/model`, and `provider/model@account` where an
/// account has an agreed one.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    ratios: Lessons<Drift, Learned>,
    rises: Lessons<Rise, Risen>,
}

impl Prices {
    /// A charge came for what had been estimated; what is known of the price now.
    pub(crate) fn learn(
        &self,
        price: &str,
        estimated: MicroUsd,
        charged: MicroUsd,
    ) -> Option<Learned> {
        self.ratios.learn(price, |drift| {
            drift.learn(estimated, charged);
            drift.learned()
        })
    }

    /// A charge came for one output at a prompt of this share of the full length.
    pub(crate) fn learn_rise(
        &self,
        price: &str,
        published: Published,
        length: f64,
        each: f64,
    ) -> Option<Risen> {
        self.rises.learn(price, |rise| rise.learn(length, each, published))
    }

    /// How far estimates of a price are off.
    pub(crate) fn learned(&self, price: &str) -> Option<Learned> {
        self.ratios.known(price)
    }

    /// What a price comes to by the prompt's length.
    pub(crate) fn risen(&self, price: &str) -> Option<Risen> {
        self.rises.known(price)
    }

    /// The quote as charges say it will be; as it is where nothing was learned.
    pub(crate) fn correct(&self, price: &str, quote: Quote) -> Quote {
        let Some(learned) = self.learned(price) else { return quote };
        let raw = quote.price.expected;
        let price = Price { expected: times(raw, learned.ratio), upper: times(raw, learned.upper) };
        Quote { price, source: QuoteSource::Learned, ..quote }
    }

    /// The documents in which something is new since the last time.
    pub(crate) fn to_keep(&self) -> Vec<(String, String)> {
        let ratios = self.ratios.to_keep().map(|body| (DRIFT.to_owned(), body));
        let rises = self.rises.to_keep().map(|body| (RISES.to_owned(), body));
        ratios.into_iter().chain(rises).collect()
    }

    /// Every price whose estimates are known to be off, by how much.
    pub(crate) fn ratios(&self) -> Vec<(String, f64)> {
        let known = self.ratios.known.read();
        known.iter().map(|(price, (_, learned))| (price.clone(), learned.ratio)).collect()
    }

    /// What an earlier process had learned of estimates.
    pub(crate) fn recall(&self, kept: &str) {
        self.ratios.recall(kept, |_, drift| drift.learned());
    }

    /// What an earlier process had learned of prompts' lengths; what is published now may be another
    /// price than it was then.
    pub(crate) fn recall_rises(&self, kept: &str, published: impl Fn(&str) -> Option<Published>) {
        self.rises.recall(kept, |price, rise| rise.risen(published(price)?));
    }
}

/// What is learned from, and what is known from it, by the name of a price.
#[derive(Debug)]
struct Lessons<L, K> {
    known: RwLock<HashMap<String, (L, K)>>,
    is_new: AtomicBool,
}

impl<L, K> Default for Lessons<L, K> {
    fn default() -> Self {
        Self { known: RwLock::default(), is_new: AtomicBool::new(false) }
    }
}

impl<L: Default + Serialize + DeserializeOwned, K: Copy> Lessons<L, K> {
    fn learn(&self, price: &str, lesson: impl FnOnce(&mut L) -> Option<K>) -> Option<K> {
        let mut all = self.known.write();
        let now = match all.get_mut(price) {
            Some((of, known)) => {
                *known = lesson(of)?;
                *known
            }
            None => {
                let mut of = L::default();
                let known = lesson(&mut of)?;
                all.insert(price.to_owned(), (of, known));
                known
            }
        };
        self.is_new.store(true, Ordering::Relaxed);
        Some(now)
    }

    fn known(&self, price: &str) -> Option<K> {
        self.known.read().get(price).map(|(_, known)| *known)
    }

    /// Everything, where something is new since the last time.
    fn to_keep(&self) -> Option<String> {
        if !self.is_new.swap(false, Ordering::Relaxed) {
            return None;
        }
        let known = self.known.read();
        let all: BTreeMap<&String, &L> = known.iter().map(|(price, (of, _))| (price, of)).collect();
        serde_json::to_string(&all).ok()
    }

    fn recall(&self, kept: &str, known: impl Fn(&str, &L) -> Option<K>) {
        match serde_json::from_str::<HashMap<String, L>>(kept) {
            Ok(all) => {
                let all = all.into_iter().filter_map(|(price, of)| {
                    let known = known(&price, &of)?;
                    Some((price, (of, known)))
                });
                self.known.write().extend(all);
            }
            Err(error) => tracing::warn!(%error, "what was learned of prices cannot be read"),
        }
    }
}

/// Rounded up: a price is never made smaller by rounding.
pub(crate) fn times(amount: MicroUsd, ratio: f64) -> MicroUsd {
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
        let page = Published { least: 25_000.0, most: 29_000.0 };
        let prices = Prices::default();
        assert_eq!(prices.to_keep(), []);
        prices.learn("a/b", MicroUsd::from_micros(6), MicroUsd::from_micros(24));
        let [(name, drift)] = prices.to_keep().try_into().unwrap();
        assert_eq!(name, DRIFT);
        prices.learn_rise("a/c", page, 0.5, 21_000.0);
        let [(name, rises)] = prices.to_keep().try_into().unwrap();
        assert_eq!((name.as_str(), prices.to_keep()), (RISES, vec![]), "nothing is new");
        let again = Prices::default();
        for _ in 0..2 {
            again.recall(&drift);
            again.recall_rises(&rises, |price| (price == "a/c").then_some(page));
            assert_eq!(again.learned("a/b"), prices.learned("a/b"));
            assert_eq!(again.risen("a/c"), prices.risen("a/c"));
            assert!(again.risen("a/c").is_some());
            again.recall("{ not ours");
        }
        let gone = Prices::default();
        gone.recall_rises(&rises, |_| None);
        assert_eq!(gone.risen("a/c"), None, "the model has another kind of price now");
    }
}
