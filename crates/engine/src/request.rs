//! What a caller asks for, after every surface has been translated into one shape.

use std::{collections::BTreeMap, time::Duration};

use provider::{AspectRatio, ImageFormat, Kind, MicroUsd, Role, Size};
use records::Status;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request for one generation. It is kept with the generation as a document, so that another
/// process can go on with it; `store: false` requests are the exception and live in memory only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What to make. `None` where `model` tells it.
    pub kind: Option<Kind>,
    /// An alias, a `provider/model`, or nothing: the kind's default alias.
    pub model: Option<String>,
    /// What it shall show.
    pub prompt: String,
    /// What it shall not show.
    pub negative_prompt: Option<String>,
    /// Exact pixels; `None` is the model's default.
    pub size: Option<Size>,
    /// Width to height.
    pub aspect_ratio: Option<AspectRatio>,
    /// Outputs wanted, 1-10.
    pub count: u8,
    /// For reproducible outputs.
    pub seed: Option<i64>,
    /// Length of a clip.
    pub seconds: Option<u32>,
    /// Sound with a clip.
    pub audio: Option<bool>,
    /// Inputs, already kept as assets.
    pub inputs: Vec<InputRef>,
    /// The format wanted; another one is converted.
    pub format: Option<ImageFormat>,
    /// How the outputs shall come.
    pub delivery: Delivery,
    /// Wishes about the route.
    pub routing: Wishes,
    /// Whether an earlier answer to the same request may do; none where nobody said.
    #[serde(default)]
    pub cache: Option<CacheUse>,
    /// How old an earlier answer may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// Whether nothing but an earlier answer will do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_cached: bool,
    /// Refuse every adjustment.
    pub strict: bool,
    /// Whether anything may be kept.
    pub store: bool,
    /// The caller's own words.
    pub metadata: BTreeMap<String, String>,
    /// Documented fields of vendors under their own names, by provider.
    pub provider_options: BTreeMap<String, BTreeMap<String, Value>>,
    /// Who is told when it ends.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// Parameters that were understood and that no vendor here heeds (`quality`, `style`...): they
    /// are reported as adjustments, and refused under `strict`.
    pub without_effect: BTreeMap<String, Value>,
}

impl Request {
    /// What may be written of a request whose words nobody may keep.
    pub(crate) fn without_words(&self) -> Self {
        Self {
            prompt: String::new(),
            negative_prompt: None,
            inputs: Vec::new(),
            provider_options: BTreeMap::new(),
            without_effect: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// A picture of `prompt`, nothing else asked for.
    pub fn image(prompt: impl Into<String>) -> Self {
        Self {
            kind: Some(Kind::Image),
            model: None,
            prompt: prompt.into(),
            negative_prompt: None,
            size: None,
            aspect_ratio: None,
            count: 1,
            seed: None,
            seconds: None,
            audio: None,
            inputs: Vec::new(),
            format: None,
            delivery: Delivery::Url,
            routing: Wishes::default(),
            cache: None,
            max_age: None,
            only_cached: false,
            strict: false,
            store: true,
            metadata: BTreeMap::new(),
            provider_options: BTreeMap::new(),
            webhook: None,
            without_effect: BTreeMap::new(),
        }
    }
}

/// An input that is kept as an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRef {
    /// What it is for.
    pub role: Role,
    /// `ast_...`
    pub asset: String,
    /// What the bytes are, found by looking at them.
    pub media_type: String,
    /// Their BLAKE3 hash in hex: what makes two inputs the same.
    pub hash: String,
    /// How many.
    pub bytes: u64,
}

/// Who is told when a generation ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// An address of the caller's.
    pub url: String,
    /// Which ends are told; see [`Webhook::all`].
    pub events: Vec<Status>,
}

/// How outputs shall come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As signed links.
    #[default]
    Url,
    /// As base64 in the answer.
    B64,
    /// Not at all, or inline only where nothing is stored.
    None,
}

/// Whether an earlier answer to the same request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheUse {
    /// It may.
    #[default]
    Use,
    /// Not this time, but the new answer may do for later ones.
    Refresh,
    /// It may not, nor may this one for others.
    Off,
}

/// A caller's wishes about the route.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wishes {
    /// Instead of the configured policy.
    pub policy: Option<routing::Policy>,
    /// Only these providers; empty means all.
    pub providers: Vec<String>,
    /// The most that the whole generation may cost.
    pub max_cost: Option<MicroUsd>,
    /// When the caller stops waiting, counted from acceptance.
    pub deadline: Option<Duration>,
    /// After a safety stop: stop (default), or try the next vendor.
    pub next_on_blocked: bool,
}
