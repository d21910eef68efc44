//! What a model is, and how the page shows it.
//!
//! The page calls one model by two names (37 is «GPT 5 Nano» in a comment and «Gemini 3.5 Flash» in the answer to it; 10003
//! is «Flux Schnell» and «black-forest-labs/flux-schnell»): so a model here has a listed name and, where it differs,
//! one by which answers know it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a model makes. The page's types; a model that looks at pictures is of type `text`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    /// Words.
    Text,
    /// Pictures.
    #[default]
    Image,
    /// Clips.
    Video,
    /// A voice.
    Speech,
    /// Music.
    Music,
    /// Noises.
    Soundeffect,
    /// A picture made larger.
    Upscale,
    /// A drawing that scales.
    Vector,
    /// A picture without its background.
    Backgroundremoval,
}

impl MediaType {
    pub(crate) const ALL: [Self; 9] = [
        Self::Text,
        Self::Image,
        Self::Video,
        Self::Speech,
        Self::Music,
        Self::Soundeffect,
        Self::Upscale,
        Self::Vector,
        Self::Backgroundremoval,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Speech => "speech",
            Self::Music => "music",
            Self::Soundeffect => "soundeffect",
            Self::Upscale => "upscale",
            Self::Vector => "vector",
            Self::Backgroundremoval => "backgroundremoval",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media| media.name() == name)
    }
}

/// What `credit_cost` is the price of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// An item.
    #[default]
    Item,
    /// A second of an item: 20061 is listed with 6, and five seconds of it are estimated at 30.
    Second,
    /// An item, says the estimate; a hundred characters of the prompt, says the charge.
    Characters,
}

/// A model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// The name in lists.
    pub name: String,
    /// The name in the answers of `estimate` and `generate`, where it is another.
    pub reported_name: Option<String>,
    /// What it makes.
    #[serde(rename = "type")]
    pub media: MediaType,
    /// Who runs it.
    pub provider: String,
    /// A sentence.
    pub description: String,
    /// In credits.
    pub credit_cost: u64,
    /// Of what that is the price.
    pub per: Unit,
    /// Its number in the site's own dropdown.
    pub dropdown: u32,
    /// How long an item takes when nobody has tried yet.
    pub seconds: u32,
    /// Whether `image_url` is looked at.
    pub supports_img2img: bool,
    /// Whether `aspect_ratio` is.
    pub supports_aspect_ratio: bool,
    /// The fields without which it makes nothing.
    pub needs: Vec<String>,
    /// How many `reference_images` it takes.
    pub reference_images: usize,
    /// How many `reference_videos` it takes.
    pub reference_videos: usize,
    /// Whether it takes `reference_audio`.
    pub reference_audio: bool,
    /// Whether it takes `video_url`.
    pub source_video: bool,
    /// What a video model has besides.
    pub video: Option<VideoModel>,
}

/// What a video model has besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VideoModel {
    /// In seconds, rising.
    pub supported_durations: Vec<u32>,
    /// In seconds.
    pub default_duration: u32,
    /// Whether `generate_audio` is looked at.
    pub supports_audio: bool,
    /// What audio multiplies the price by.
    pub audio_cost_multiplier: u64,
    /// Whether `ending_frame_url` is looked at.
    pub supports_end_frame: bool,
    /// As `720p`.
    pub quality: String,
    /// What the models of one group share.
    pub group_slug: String,
    /// Their name.
    pub group_name: String,
}

impl Model {
    pub(crate) fn reported_name(&self) -> &str {
        self.reported_name.as_deref().unwrap_or(&self.name)
    }

    /// As the page shows it.
    pub(crate) fn shown(&self, id: u32, models: &BTreeMap<u32, Self>) -> Value {
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("id", json!(id));
        put("name", json!(self.name));
        put("type", json!(self.media));
        put("provider", json!(self.provider));
        put("description", json!(self.description));
        put("credit_cost", json!(self.credit_cost));
        if self.media == MediaType::Image {
            put("supports_img2img", json!(self.supports_img2img));
        }
        if matches!(self.media, MediaType::Image | MediaType::Video) {
            put("supports_aspect_ratio", json!(self.supports_aspect_ratio));
        }
        if self.supports_aspect_ratio {
            put("aspect_ratios", json!(ratios(self.media)));
        }
        if let Some(video) = &self.video {
            let of_group = |model: &&Self| {
                model.video.as_ref().is_some_and(|other| other.group_slug == video.group_slug)
            };
            let siblings = models.iter().filter(|(_, model)| of_group(model));
            let qualities: BTreeMap<_, _> = siblings
                .filter_map(|(id, model)| Some((model.video.as_ref()?.quality.clone(), *id)))
                .collect();
            let usual = if qualities.contains_key("720p") { "720p" } else { &video.quality };
            put("supported_durations", json!(video.supported_durations));
            put("default_duration", json!(video.default_duration));
            put("supports_audio", json!(video.supports_audio));
            put("audio_cost_multiplier", json!(video.audio_cost_multiplier));
            put("supports_end_frame", json!(video.supports_end_frame));
            put("quality", json!(video.quality));
            put("default_quality", json!(usual));
            put("qualities", json!(qualities));
            put("group_slug", json!(video.group_slug));
            put("group_name", json!(video.group_name));
        }
        Value::Object(shown)
    }
}

/// A proportion as the page names it: ids mean other ones for pictures than for clips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) id: u32,
    pub(crate) ratio: &'static str,
    pub(crate) label: &'static str,
    #[serde(skip)]
    pub(crate) size: (u32, u32),
}

const fn ratio(id: u32, ratio: &'static str, label: &'static str, size: (u32, u32)) -> Ratio {
    Ratio { id, ratio, label, size }
}

/// «The same as what was sent in».
pub(crate) const MATCH_INPUT: &str = "match_input_image";

const OF_PICTURES: [Ratio; 6] = [
    ratio(1, "1:1", "Square", (1024, 1024)),
    ratio(2, "3:4", "Vertical", (768, 1024)),
    ratio(3, "4:3", "Horizontal", (1024, 768)),
    ratio(4, "16:9", "Wide", (1280, 720)),
    ratio(5, "9:16", "Tall", (720, 1280)),
    ratio(6, MATCH_INPUT, "Match input image", (1024, 1024)),
];

const OF_CLIPS: [Ratio; 2] =
    [ratio(1, "16:9", "Wide", (1280, 720)), ratio(2, "9:16", "Tall", (720, 1280))];

/// The proportions of that type.
pub(crate) fn ratios(media: MediaType) -> &'static [Ratio] {
    if media == MediaType::Video { &OF_CLIPS } else { &OF_PICTURES }
}
