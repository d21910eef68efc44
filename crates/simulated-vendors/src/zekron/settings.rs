//! What can be set of the simulated Zekron. Every field has the value of the vendor's own pages for its default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    faults::FaultRate,
    keys::ApiKey,
    latency::Latency,
    money::Micros,
    pictures::{Format, noise::mix},
};

/// As an image label: what the bytes are.
pub(crate) const ACTUAL: &str = "actual";

/// The settings of the simulated Zekron.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The keys that are accepted. When empty, any key that begins `zk_` is an account of its own.
    pub keys: Vec<ApiKey>,
    /// What a key has before its first charge.
    pub starting_balance_micros: Micros,
    /// Per key, both dialects together.
    pub limits: Limits,
    /// The models of each dialect and what they cost.
    pub prices: Prices,
    /// How far a price may lie from its line, either way, within the model's range.
    pub price_noise_micros: u64,
    /// How long a picture takes.
    pub latency_ms: Latency,
    /// The format of the pictures. The default labels a JPEG `image/png`, as the vendor's own example does.
    pub image_format: Format,
    /// What `mime_type` says of a picture, or `actual` for the truth.
    pub image_label: String,
    /// For load: instead of drawing, serve distinct valid PNGs padded to about this many bytes.
    pub picture_bytes: Option<usize>,
    /// How far the vendor's clock is from the machine's, at start and after a reset.
    pub clock_offset_ms: i64,
    /// How long a picture can be fetched.
    pub expiry_s: u32,
    /// What stands in `error.code` of the v1 dialect.
    pub error_codes: ErrorCodes,
    /// Faults by chance.
    pub faults: Vec<FaultRate>,
    /// The randomness of prices, latencies, pictures, tokens and faults.
    pub seed: u64,
    /// A longer request body is refused with 413.
    pub max_body_bytes: usize,
    /// The address in the `url`s of answers; the server's own when null.
    pub public_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            starting_balance_micros: Micros(10_000_000),
            limits: Limits::default(),
            prices: Prices::default(),
            price_noise_micros: 0,
            latency_ms: Latency { min: 600, max: 1500 },
            image_format: Format::Jpeg,
            image_label: "image/png".to_owned(),
            picture_bytes: None,
            clock_offset_ms: 0,
            expiry_s: 24 * 60 * 60,
            error_codes: ErrorCodes::Mixed,
            faults: Vec::new(),
            seed: 0,
            max_body_bytes: 64 * 1024 * 1024,
            public_url: None,
        }
    }
}

/// The limits of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests of any kind in a sliding minute.
    pub per_minute: usize,
    /// Requests at once.
    pub concurrent: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_minute: 60, concurrent: 5 }
    }
}

/// A model's price: linear in the prompt's length, from `min` for none to `max` for 1,000 characters and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRange {
    /// For an empty prompt.
    pub min: Micros,
    /// For a long one.
    pub max: Micros,
}

impl PriceRange {
    const fn new(min: u64, max: u64) -> Self {
        Self { min: Micros(min), max: Micros(max) }
    }

    pub(crate) fn price(self, prompt_chars: usize, noise: u64, ticket: u64) -> Micros {
        let chars = u64::try_from(prompt_chars).unwrap_or(u64::MAX).min(1000);
        let span = self.max.0.saturating_sub(self.min.0);
        let on_the_line = self.min.0.saturating_add(span.saturating_mul(chars) / 1000);
        if noise == 0 {
            return Micros(on_the_line);
        }
        let width = noise.saturating_mul(2).saturating_add(1);
        let strayed = on_the_line.saturating_add(mix(ticket) % width);
        Micros(strayed.saturating_sub(noise).clamp(self.min.0, self.max.0.max(self.min.0)))
    }
}

/// The models of each dialect. The two pages disagree on the upper price of `zekron-image-1`; each dialect keeps
/// to its own page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Of `POST /v1/generate`.
    pub v1: BTreeMap<String, PriceRange>,
    /// Of `POST /api/v1/zekron-image-1:image-preview`.
    pub preview: BTreeMap<String, PriceRange>,
}

impl Default for Prices {
    fn default() -> Self {
        let v1 = [("zekron-image-1", PriceRange::new(25_000, 29_000))];
        let preview = [
            ("zekron-image-1:image-preview", PriceRange::new(25_000, 28_000)),
            ("zekron-xl", PriceRange::new(20_000, 25_000)),
            ("zekron-flash", PriceRange::new(15_000, 20_000)),
            ("zekron-art", PriceRange::new(20_000, 25_000)),
        ];
        let named = |(name, range): (&str, PriceRange)| (name.to_owned(), range);
        Self {
            v1: v1.into_iter().map(named).collect(),
            preview: preview.into_iter().map(named).collect(),
        }
    }
}

/// The v1 page's example shows a support code where its table promises a word like `missing_prompt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCodes {
    /// A support code for failures of the vendor's own, the table's word for the rest.
    Mixed,
    /// Always the table's word.
    Documented,
    /// Always a support code.
    Support,
}

#[cfg(test)]
mod tests {
    use super::PriceRange;
    use crate::money::Micros;

    #[test]
    fn a_price_follows_the_prompt_and_noise_keeps_within_the_range() {
        let range = PriceRange::new(25_000, 29_000);
        assert_eq!(range.price(0, 0, 1), Micros(25_000));
        assert_eq!(range.price(45, 0, 1), Micros(25_180));
        assert_eq!(range.price(1000, 0, 1), Micros(29_000));
        assert_eq!(range.price(40_000, 0, 1), Micros(29_000));
        let noisy: Vec<_> = (0..200).map(|ticket| range.price(100, 900, ticket).0).collect();
        assert!(noisy.iter().all(|price| (25_000..=26_300).contains(price)));
        assert!(noisy.iter().any(|price| *price != 25_400));
    }
}
