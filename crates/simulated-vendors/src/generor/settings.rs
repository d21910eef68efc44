//! What can be set of the simulated Generor. Every field has the value of the vendor's own page for its default; where
//! the page is silent, the default is the reading that a careful customer takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    catalogue::{MediaType, Model},
    models,
};
use crate::{faults::FaultRate, keys::ApiKey, latency::Latency, pictures::Format};

/// The settings of the simulated Generor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The keys that are accepted. When empty, any key that begins `gnr_live_` is an account of its own. Keys that
    /// were made through the API are accepted either way.
    pub keys: Vec<ApiKey>,
    /// The catalogue, by id. A merge patch adds a model, changes one, or removes it with null.
    pub models: BTreeMap<u32, Model>,
    /// What is charged, in percent of the estimate, by model; 100 where a model is not listed. The page's example is
    /// estimated at 6 credits and charged 24.
    pub charged_percent: BTreeMap<u32, u64>,
    /// By how many percent a charge is off at most, either way: evenly, by the seed and the call's number. Credits are
    /// whole, so that a charge of few of them is off by less, or not at all.
    pub charge_noise_percent: u8,
    /// From how many items on `count` % are off.
    pub discount_from: u32,
    /// Whether `credit_cost` is the difference of two balances, read before and after the work: with two
    /// generations at once it then tells the cost of both. The books tell each one's.
    pub cost_by_balance: bool,
    /// What an account begins with.
    pub opening: Purses,
    /// The `max` of a balance: how many free credits bonuses fill up to.
    pub free_max: u64,
    /// Free credits that come at every midnight of UTC, up to `free_max`. The page names daily bonuses and says neither
    /// how much they bring nor when: none until it is set.
    pub daily_bonus: u64,
    /// The tier of an account that was not put into another.
    pub tier: Tier,
    /// Requests per key, and per address without one.
    pub limits: Limits,
    /// How long a generation takes.
    pub latency_ms: Latencies,
    /// The format of pictures in the answers of `generate`.
    pub image_format: Format,
    /// The format of pictures in creations, which the page shows as another one.
    pub creation_format: Format,
    /// For load: instead of drawing, serve distinct valid PNGs padded to about this many bytes.
    pub picture_bytes: Option<usize>,
    /// Where references are fetched from.
    pub fetch_from: FetchFrom,
    /// A larger reference is refused.
    pub max_reference_bytes: usize,
    /// The shape of a transaction, which the page does not show.
    pub transactions: TransactionShape,
    /// A prompt with one of these words is refused with 400.
    pub refused_words: Vec<String>,
    /// A prompt with one of these words fails with 500 when its time has passed, and costs nothing.
    pub failing_words: Vec<String>,
    /// How far the vendor's clock is from the machine's, at start and after a reset.
    pub clock_offset_ms: i64,
    /// Faults by chance.
    pub faults: Vec<FaultRate>,
    /// The randomness of latencies, media, keys and faults.
    pub seed: u64,
    /// A longer request body is refused with 400.
    pub max_body_bytes: usize,
    /// The address of the site in absolute addresses, without `/api/v1`; the server's own when null.
    pub public_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            keys: Vec::new(),
            models: models::models(),
            charged_percent: BTreeMap::from([(10003, 400)]),
            charge_noise_percent: 0,
            discount_from: 2,
            cost_by_balance: false,
            opening: Purses { paid: 35_775, free: 200, earned: 50 },
            free_max: 250,
            daily_bonus: 0,
            tier: Tier::Free,
            limits: Limits::default(),
            latency_ms: Latencies::default(),
            image_format: Format::Webp,
            creation_format: Format::Png,
            picture_bytes: None,
            fetch_from: FetchFrom::Nearby,
            max_reference_bytes: 20 * 1024 * 1024,
            transactions: TransactionShape::Linked,
            refused_words: words(&["forbidden", "gore"]),
            failing_words: words(&["unrenderable"]),
            clock_offset_ms: 0,
            faults: Vec::new(),
            seed: 0,
            max_body_bytes: 1024 * 1024,
            public_url: None,
        }
    }
}

/// Credits, by where they came from. Whole ones: the page rounds a discount of 0.75 to none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Purses {
    /// Bought.
    pub paid: u64,
    /// Given.
    pub free: u64,
    /// Earned.
    pub earned: u64,
}

impl Purses {
    /// All of them.
    pub fn total(self) -> u64 {
        self.paid.saturating_add(self.free).saturating_add(self.earned)
    }

    /// What is left after so many were spent: free ones first, then earned, then paid.
    pub(crate) fn less(self, credits: u64) -> Self {
        let free = self.free.saturating_sub(credits);
        let credits = credits.saturating_sub(self.free);
        let earned = self.earned.saturating_sub(credits);
        let credits = credits.saturating_sub(self.earned);
        Self { paid: self.paid.saturating_sub(credits), free, earned }
    }
}

/// A tier of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// `free`.
    Free,
    /// `basic`.
    Basic,
    /// `pro`.
    Pro,
    /// `enterprise`.
    Enterprise,
}

impl Tier {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// Requests in a minute, an hour and a day: windows that begin with the clock's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// In a minute.
    pub per_minute: u64,
    /// In an hour.
    pub per_hour: u64,
    /// In a day of UTC.
    pub per_day: u64,
}

/// The limits of the tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// A key of a free account.
    pub free: Rate,
    /// A key of a basic account.
    pub basic: Rate,
    /// A key of a pro account.
    pub pro: Rate,
    /// A key of an enterprise account.
    pub enterprise: Rate,
    /// Without a key, per address.
    pub anonymous_per_minute: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |per_minute, per_hour, per_day| Rate { per_minute, per_hour, per_day };
        Self {
            free: rate(30, 500, 5000),
            basic: rate(60, 2000, 20_000),
            pro: rate(120, 5000, 50_000),
            enterprise: rate(300, 20_000, 200_000),
            anonymous_per_minute: 15,
        }
    }
}

impl Limits {
    pub(crate) fn of(&self, tier: Tier) -> Rate {
        match tier {
            Tier::Free => self.free,
            Tier::Basic => self.basic,
            Tier::Pro => self.pro,
            Tier::Enterprise => self.enterprise,
        }
    }
}

/// How long a generation takes, by what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latencies {
    /// Words.
    pub text: Latency,
    /// Pictures of every kind.
    pub picture: Latency,
    /// Clips.
    pub clip: Latency,
    /// Speech, music and sound effects.
    pub sound: Latency,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            text: Latency { min: 400, max: 1200 },
            picture: Latency { min: 1500, max: 3500 },
            clip: Latency { min: 6000, max: 12_000 },
            sound: Latency { min: 1000, max: 3000 },
        }
    }
}

impl Latencies {
    /// No waiting.
    pub const NONE: Self = Self {
        text: Latency::NONE,
        picture: Latency::NONE,
        clip: Latency::NONE,
        sound: Latency::NONE,
    };

    pub(crate) fn of(&self, media: MediaType) -> Latency {
        match media {
            MediaType::Text => self.text,
            MediaType::Image
            | MediaType::Upscale
            | MediaType::Vector
            | MediaType::Backgroundremoval => self.picture,
            MediaType::Video => self.clip,
            MediaType::Speech | MediaType::Music | MediaType::Soundeffect => self.sound,
        }
    }
}

/// Where references are fetched from. The simulation speaks no TLS: an `https` address can't be fetched either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchFrom {
    /// This machine and private networks alone, so that nobody else hears of a simulation.
    Nearby,
    /// Any host but this machine, as the real vendor would.
    Elsewhere,
    /// Any host.
    Anywhere,
}

/// What a row of `GET /credits/transactions` looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionShape {
    /// `transaction_id`, a signed `amount`, `balance_after`, and the `creation_id`.
    Linked,
    /// `id`, positive `credits`, a `note` and a `date`; nothing tells for which creation.
    Bare,
    /// Numbers as strings, and the creation inside a `reference`.
    Nested,
}
