//! The vendor's catalogue of models: as it is listed, and as we describe it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use provider::{Description, Kind, LowBalance, Timestamp};
use provider_http::lenient;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Config, capabilities,
    credits::Credits,
    facts::{Facts, Media, Ratio, Takes},
};

/// The one model that the page itself shows looking at pictures.
const VISION: u32 = 34;
/// Other types than these may hold one another: a list by type, of lists by provider, and so on.
const DEPTH_MAX: usize = 4;

/// One state of the catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// When it was read; never, where it is the page's own examples.
    pub(crate) at: Option<Timestamp>,
    /// As it is listed.
    pub(crate) listed: Vec<Listed>,
    /// As it is described.
    pub(crate) description: Arc<Description>,
    facts: HashMap<String, Arc<Facts>>,
}

/// A model as the vendor lists it. What is not as the page says is missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Listed {
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) name: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient::name")]
    pub(crate) media: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) provider: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) credit_cost: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) supports_img2img: Option<bool>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) supports_aspect_ratio: Option<bool>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) aspect_ratios: Option<Vec<ListedRatio>>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) supported_durations: Option<Vec<u32>>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) default_duration: Option<u32>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) supports_audio: Option<bool>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) audio_cost_multiplier: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) supports_end_frame: Option<bool>,
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) group_name: Option<String>,
}

/// A proportion as the vendor lists it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ListedRatio {
    #[serde(deserialize_with = "lenient::field")]
    id: Option<u32>,
    #[serde(deserialize_with = "lenient::name")]
    ratio: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    label: Option<String>,
}

const ADVICE: &str = "Buy credits on the vendor's site, signed in as the account that the key belongs \
    to: its API takes no payments, and lists what was bought among the transactions.";

impl Catalogue {
    /// Describes these models.
    pub(crate) fn new(config: &Config, listed: Vec<Listed>, at: Option<Timestamp>) -> Self {
        let by_id: BTreeMap<u32, Facts> =
            listed.iter().rev().filter_map(Listed::facts).map(|facts| (facts.id, facts)).collect();
        let models = by_id.values().map(|of| capabilities::model(of, config.usd_per_credit));
        let description = Arc::new(Description {
            provider: config.name.clone(),
            models: models.collect(),
            low_balance: Some(LowBalance {
                threshold: config.low_balance_usd,
                advice: ADVICE.to_owned(),
            }),
            low_allowance: None,
            can_rotate: true,
            // Rotation makes a new key; the old one works until it is revoked.
            keys_overlap: true,
            tells_account: true,
            can_forget: true,
        });
        let named = |facts: Facts| (facts.name.clone(), Arc::new(facts));
        Self { at, listed, description, facts: by_id.into_values().map(named).collect() }
    }

    /// The same models, read again.
    pub(crate) fn read_again(&self, at: Timestamp) -> Self {
        Self {
            at: Some(at),
            listed: self.listed.clone(),
            description: Arc::clone(&self.description),
            facts: self.facts.clone(),
        }
    }

    /// What is known of a model, by its name.
    pub(crate) fn facts(&self, model: &str) -> Option<&Arc<Facts>> {
        self.facts.get(model)
    }
}

/// Every model in an answer, whatever it is grouped by. A model's type is the name of its group where it
/// does not say itself.
pub(crate) fn collect(data: Value, of: Option<Media>) -> Vec<Listed> {
    let mut found = Vec::new();
    gather(data, of, DEPTH_MAX, &mut found);
    found
}

fn gather(data: Value, of: Option<Media>, depth: usize, found: &mut Vec<Listed>) {
    match data {
        Value::Array(rows) => {
            rows.into_iter().for_each(|row| gather(row, of, depth.saturating_sub(1), found));
        }
        Value::Object(row) if row.contains_key("id") => {
            let Ok(mut listed) = serde_json::from_value::<Listed>(Value::Object(row)) else {
                return;
            };
            let own = listed.media.as_deref().and_then(Media::of);
            listed.media = own.or(of).map(|media| media.name().to_owned());
            if listed.facts().is_some() {
                found.push(listed);
            }
        }
        Value::Object(groups) if depth > 0 => {
            for (name, group) in groups {
                gather(group, Media::of(&name).or(of), depth - 1, found);
            }
        }
        _ => {}
    }
}

impl Listed {
    /// What follows of it; none without an id, or where neither the id nor the list tells a type.
    fn facts(&self) -> Option<Facts> {
        let id: u32 = self.id.as_deref()?.parse().ok()?;
        let told = self.media.as_deref().and_then(Media::of);
        // Ids give the type, but for three types that have no range.
        let media =
            told.filter(|told| told.has_no_range()).or_else(|| Media::of_id(id)).or(told)?;
        let sees = media == Media::Text && (id == VISION || self.supports_img2img == Some(true));
        let kind = if sees { Kind::Vision } else { media.kind() };
        let takes = self.takes(id, media, kind);
        let mut durations = match media {
            Media::Video => self.supported_durations.clone().unwrap_or_default(),
            _ => Vec::new(),
        };
        durations.retain(|seconds| *seconds > 0);
        durations.sort_unstable();
        durations.dedup();
        let once = Credits::whole(1);
        Some(Facts {
            id,
            name: id.to_string(),
            media,
            kind,
            title: self.name.clone().unwrap_or_else(|| format!("Generor {id}")),
            provider: self.provider.clone().unwrap_or_default(),
            credit_cost: self.credit_cost.filter(|cost| cost.is_price()),
            ratios: self.ratios(media, takes),
            durations,
            default_duration: self.default_duration.filter(|seconds| *seconds > 0),
            supports_audio: media == Media::Video && self.supports_audio == Some(true),
            audio_multiplier: self.audio_cost_multiplier.unwrap_or(once).max(once),
            takes,
        })
    }

    fn ratios(&self, media: Media, takes: Takes) -> Vec<Ratio> {
        let all = match (media, self.supports_aspect_ratio, &self.aspect_ratios) {
            (Media::Image | Media::Video, Some(true) | None, Some(rows)) if !rows.is_empty() => {
                (1..)
                    .zip(rows)
                    .filter_map(|(place, row)| {
                        let ratio = row.ratio.as_deref()?;
                        let label = row.label.as_deref().unwrap_or(ratio);
                        Some(Ratio::new(row.id.unwrap_or(place), ratio, label))
                    })
                    .collect()
            }
            (Media::Image, Some(true) | None, _) => of_pictures(),
            (Media::Video, Some(true) | None, _) => of_clips(),
            _ => Vec::new(),
        };
        all.into_iter().filter(|ratio| ratio.exact.is_some() || takes.picture).collect()
    }

    /// What it takes besides the prompt. Of references the catalogue says nothing: the page names models,
    /// some by id and some by name alone.
    fn takes(&self, id: u32, media: Media, kind: Kind) -> Takes {
        let told = self.supports_img2img;
        let only = |picture, needs_picture| Takes { picture, needs_picture, ..Takes::default() };
        match media {
            Media::Text => only(kind == Kind::Vision, kind == Kind::Vision),
            Media::Image => only(told == Some(true), false),
            Media::Upscale | Media::BackgroundRemoval => only(true, true),
            Media::Vector => only(told != Some(false), false),
            Media::Speech | Media::Music | Media::SoundEffect => Takes::default(),
            Media::Video => self.takes_of_clip(id),
        }
    }

    fn takes_of_clip(&self, id: u32) -> Takes {
        let name = [self.name.as_deref(), self.group_name.as_deref()];
        let name = name.map(Option::unwrap_or_default).join(" ").to_lowercase();
        let word = |word: &str| name.split(|c: char| !c.is_alphanumeric()).any(|of| of == word);
        let horse = name.contains("happy horse");
        let dreamina = matches!(id, 20060..=20062) || name.contains("dreamina seedance 2.0");
        let seedance = dreamina || name.contains("seedance 2.0");
        let many = id == 20050 || (horse && word("r2v"));
        let edits = id == 20051 || (horse && word("edit"));
        let from_words = many || edits || word("t2v");
        let images = match (name.contains("veo 3.1"), seedance || many, edits) {
            (_, true, _) => 9,
            (_, _, true) => 5,
            (true, ..) => 3,
            _ => 0,
        };
        Takes {
            picture: self.supports_img2img.unwrap_or(!from_words),
            needs_picture: word("i2v") && !word("t2v"),
            end_frame: self.supports_end_frame == Some(true),
            images,
            needs_images: u8::from(many),
            videos: if seedance { 3 } else { 0 },
            sound: dreamina,
            clip: edits || dreamina,
            needs_clip: edits,
        }
    }
}

/// The page's table for pictures.
fn of_pictures() -> Vec<Ratio> {
    vec![
        Ratio::new(1, "1:1", "Square"),
        Ratio::new(2, "3:4", "Vertical"),
        Ratio::new(3, "4:3", "Horizontal"),
        Ratio::new(4, "16:9", "Wide"),
        Ratio::new(5, "9:16", "Tall"),
        Ratio::new(6, "match_input_image", "Match input image"),
    ]
}

/// The page's table for clips.
fn of_clips() -> Vec<Ratio> {
    vec![Ratio::new(1, "16:9", "Wide"), Ratio::new(2, "9:16", "Tall")]
}

/// The models that the page itself names, with what it says of them: what there is before the first look
/// at the catalogue. A price that the page does not tell is none.
pub(crate) fn of_the_page() -> Vec<Listed> {
    let model = |id: u32, name: &str, provider: &str, cost: Option<u64>| Listed {
        id: Some(id.to_string()),
        name: Some(name.to_owned()),
        provider: Some(provider.to_owned()),
        credit_cost: cost.map(Credits::whole),
        ..Listed::default()
    };
    let picture = |of: Listed, sees| Listed {
        supports_img2img: Some(sees),
        supports_aspect_ratio: Some(true),
        ..of
    };
    let clip = |of: Listed| Listed { supports_aspect_ratio: Some(true), ..of };
    let dreamina = |id, quality: &str, cost| Listed {
        supported_durations: Some(vec![5, 6, 7, 8, 10, 12, 15]),
        default_duration: Some(8),
        supports_audio: Some(true),
        supports_end_frame: Some(true),
        ..clip(model(id, &format!("Dreamina Seedance 2.0 ({quality})"), "byteplus", cost))
    };
    vec![
        model(VISION, "Qwen VL Max", "", None),
        model(37, "Gemini 3.5 Flash", "", Some(1)),
        picture(model(10001, "Flux 1.1 Pro", "replicate", Some(80)), true),
        picture(model(10003, "Flux Schnell", "replicate", Some(6)), false),
        clip(model(20050, "Happy Horse 1.0 R2V", "", None)),
        clip(model(20051, "Happy Horse Video Edit", "", None)),
        dreamina(20060, "480p", None),
        dreamina(20061, "720p", Some(6)),
        dreamina(20062, "1080p", None),
    ]
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
