//! What can be set of the simulated ZSky. Every field has the value of the vendor's own page for its default; where the
//! page is silent, the default is the reading that a careful customer takes.

use serde::{Deserialize, Serialize};

use crate::{faults::FaultRate, keys::ApiKey, latency::Latency, pictures::Format};

/// The settings of the simulated ZSky.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The keys that are accepted. When empty, any key that begins `zsky_live_` is an account of its own. Keys that
    /// were issued in a rotation are accepted either way.
    pub keys: Vec<ApiKey>,
    /// Per key.
    pub limits: Limits,
    /// What the flat price includes, and what is past it.
    pub allowance: Allowance,
    /// What is refused, stopped or lost, and what follows.
    pub safety: Safety,
    /// How long an image takes, by the vendor's clock.
    pub image_latency_ms: Latency,
    /// How long a clip takes, by the vendor's clock. The page says about 60 s.
    pub video_latency_ms: Latency,
    /// What a job's status is until it ends. The page shows `queued` for queued and running alike.
    pub working_status: String,
    /// How the bytes come when `X-ZSky-Store: 0` asks for them inline.
    pub inline: Inline,
    /// The format of the images.
    pub image_format: Format,
    /// For load: instead of drawing, serve distinct valid PNGs padded to about this many bytes.
    pub picture_bytes: Option<usize>,
    /// How far the vendor's clock is from the machine's, at start and after a reset.
    pub clock_offset_ms: i64,
    /// How long a signed link opens.
    pub link_expiry_s: u32,
    /// How long a job and its result are kept.
    pub retention_s: u32,
    /// The field in which a rotation shows the new key; the page does not name it.
    pub rotated_key_field: String,
    /// Whether a 429 says when to come back. The page promises no `Retry-After`.
    pub retry_after: bool,
    /// Faults by chance.
    pub faults: Vec<FaultRate>,
    /// The randomness of latencies, pictures, ids, signatures and faults.
    pub seed: u64,
    /// A longer request body is refused with 400.
    pub max_body_bytes: usize,
    /// The address of the storage host in signed links; the results port's own when null.
    pub results_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            limits: Limits::default(),
            allowance: Allowance::default(),
            safety: Safety::default(),
            image_latency_ms: Latency { min: 2000, max: 4000 },
            video_latency_ms: Latency { min: 6000, max: 12_000 },
            working_status: "queued".to_owned(),
            inline: Inline::Media,
            image_format: Format::Webp,
            picture_bytes: None,
            clock_offset_ms: 0,
            link_expiry_s: 24 * 60 * 60,
            retention_s: 7 * 24 * 60 * 60,
            rotated_key_field: "api_key".to_owned(),
            retry_after: false,
            faults: Vec::new(),
            seed: 0,
            max_body_bytes: 1024 * 1024,
            results_url: None,
        }
    }
}

/// The limits of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests in a sliding minute.
    pub per_minute: usize,
    /// Whether requests that generate nothing count among them. The page does not say; its own sample polls every
    /// two seconds.
    pub polls_count: bool,
    /// Jobs that have not ended.
    pub concurrent_jobs: usize,
    /// Images in a day of UTC.
    pub images_per_day: u32,
    /// Clips in a day of UTC.
    pub videos_per_day: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_minute: 20,
            polls_count: false,
            concurrent_jobs: 3,
            images_per_day: 200,
            videos_per_day: 50,
        }
    }
}

/// What a month has, and what is past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allowance {
    /// Images in a calendar month of UTC.
    pub images: u32,
    /// Clips in a calendar month of UTC.
    pub videos: u32,
    /// An image past them, for a key that has opted in.
    pub image_overage_cents: u32,
    /// A clip past them, for a key that has opted in.
    pub video_overage_cents: u32,
    /// Whether `images_used` and `videos_used` count those past the allowance too.
    pub used_includes_overage: bool,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            images: 1000,
            videos: 300,
            image_overage_cents: 5,
            video_overage_cents: 50,
            used_includes_overage: true,
        }
    }
}

/// What is refused, stopped or lost, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safety {
    /// A prompt with one of these words is refused at once, with 451.
    pub refused_words: Vec<String>,
    /// A prompt with one of these words makes a job that ends `blocked`.
    pub blocked_words: Vec<String>,
    /// A prompt with one of these words makes a job that ends `failed`.
    pub failing_words: Vec<String>,
    /// Whether a 451 uses allowance. The page says so of `blocked` jobs only.
    pub refusals_use_allowance: bool,
    /// Whether a failed job uses allowance.
    pub failures_use_allowance: bool,
    /// When a key is suspended.
    pub suspension: Suspension,
}

impl Default for Safety {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            refused_words: words(&["forbidden", "gore"]),
            blocked_words: words(&["scandalous", "unseemly"]),
            failing_words: words(&["unrenderable"]),
            refusals_use_allowance: false,
            failures_use_allowance: false,
            suspension: Suspension::default(),
        }
    }
}

/// «More than 50% of the last 30 minutes' attempts, minimum 10 events».
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suspension {
    /// How long an attempt counts.
    pub window_s: u32,
    /// More of the attempts than this, in percent, must have been rejected.
    pub over_percent: u32,
    /// So many events there must have been.
    pub minimum: usize,
    /// Which events.
    pub minimum_of: Events,
    /// How long the key is refused.
    pub lasts_s: u32,
}

impl Default for Suspension {
    fn default() -> Self {
        Self {
            window_s: 30 * 60,
            over_percent: 50,
            minimum: 10,
            minimum_of: Events::Attempts,
            lasts_s: 24 * 60 * 60,
        }
    }
}

/// The two readings of the page's «events».
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Events {
    /// Everything that was sent to be generated and was not malformed.
    Attempts,
    /// Only what was rejected.
    Rejections,
}

/// How bytes come inline; the page does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inline {
    /// The body is the media.
    Media,
    /// JSON, the bytes in base64.
    Json,
    /// JSON, the bytes in a data URL.
    DataUrl,
}
