//! What is ordered: the body of `estimate` and `generate`, checked as the page says and made into one thing to do.
//!
//! What the page says is dropped or ignored is dropped or ignored here without a word in the answer, and kept in
//! the order (`dropped`, `ignored`), so that a test can see at the control port what a customer was not told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    catalogue::{MATCH_INPUT, MediaType, Model, Ratio, ratios},
    fields::{Fields, PASSED_ON},
    generators::{Generator, RATIO_FIELD},
    refusal::Refusal,
    settings::Settings,
};

const LONGEST_PROMPT: usize = 10_000;
const MOST_REFERENCE_IMAGES: usize = 9;
const MOST_REFERENCE_VIDEOS: usize = 3;

/// What a body is read for: an estimate needs less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Estimate,
    Generate,
}

/// Something of the customer's that the vendor is to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The field that named it.
    pub field: String,
    /// Where it is.
    pub url: String,
}

/// One call's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The generator's slug.
    pub generator: String,
    /// The model.
    pub model_id: u32,
    /// What it makes.
    #[serde(rename = "type")]
    pub media: MediaType,
    /// The prompt, whole.
    pub prompt: String,
    /// 0 is public, and the default.
    pub privacy_mode: u8,
    /// The team that it is made for.
    pub team_id: Option<u64>,
    /// How many items.
    pub count: u32,
    /// Of clips: how long, as it will be.
    pub seconds: Option<u32>,
    /// Of clips: how long, as it was asked, where that is not the same.
    pub asked_seconds: Option<i64>,
    /// The proportion as the page names it.
    pub aspect_ratio: Option<String>,
    /// In pixels, of what has any.
    pub size: Option<(u32, u32)>,
    /// Whether audio was paid for besides.
    pub audio: bool,
    /// What is fetched, in the order in which it was named.
    pub references: Vec<Reference>,
    /// The parameters that were used.
    pub parameters: BTreeMap<String, String>,
    /// The parameters that were dropped silently.
    pub dropped: Vec<String>,
    /// The documented fields that this model ignores.
    pub ignored: Vec<String>,
    /// The other documented fields, as they were given.
    pub fields: Map<String, Value>,
}

/// A body against what it asks for.
struct Reading<'a> {
    fields: Fields,
    generator: &'a Generator,
    model: &'a Model,
    ignored: Vec<String>,
}

impl Order {
    pub(crate) fn read(
        body: &[u8],
        generator: &Generator,
        settings: &Settings,
        purpose: Purpose,
    ) -> Result<Self, Refusal> {
        let fields = Fields::read(body)?;
        let model_id = fields.id("model_id")?;
        let model_id = model_id.ok_or_else(|| Refusal::invalid("model_id is required"))?;
        let known = u32::try_from(model_id).ok().and_then(|id| settings.models.get_key_value(&id));
        let must_see = generator.slug == "vision";
        let known = known.filter(|(_, model)| {
            model.media == generator.media && (model.supports_img2img || !must_see)
        });
        let (model_id, model) = known.ok_or_else(|| {
            Refusal::invalid(format!("model_id {model_id} is not valid for this generator"))
        })?;
        let mut reading = Reading { fields, generator, model, ignored: Vec::new() };
        let prompt = reading.prompt(purpose)?;
        let privacy_mode = reading.fields.within("privacy_mode", 0, 1)?.unwrap_or(0);
        let fields = reading.passed_on()?;
        let (mut parameters, dropped) = reading.parameters()?;
        let count = reading.count(&parameters)?;
        let references = reading.references()?;
        if purpose == Purpose::Generate {
            reading.check_needs(&references)?;
        }
        let ratio = reading.ratio(&parameters, &references)?;
        let (seconds, asked_seconds) = reading.seconds()?;
        if reading.generator.media == MediaType::Image
            && let Some(ratio) = ratio
        {
            parameters.insert(RATIO_FIELD.to_owned(), ratio.id.to_string());
        }
        parameters.insert(generator.model_field(), model.dropdown.to_string());
        if count > 1 {
            parameters.insert(generator.count_field(), count.to_string());
        }
        Ok(Self {
            generator: generator.slug.to_owned(),
            model_id: *model_id,
            media: model.media,
            prompt,
            privacy_mode: u8::from(privacy_mode == 1),
            team_id: reading.fields.id("team_id")?,
            count,
            seconds,
            asked_seconds,
            aspect_ratio: ratio.map(|ratio| ratio.ratio.to_owned()),
            size: reading.size(ratio),
            audio: reading.audio(),
            references,
            parameters,
            dropped,
            ignored: reading.ignored,
            fields,
        })
    }
}

impl Reading<'_> {
    /// The page marks it required, and optional for what looks at a picture: those need the picture instead.
    fn prompt(&self, purpose: Purpose) -> Result<String, Refusal> {
        let looks = self.model.needs.iter().any(|field| field == "image_url");
        let is_optional = purpose == Purpose::Estimate || self.generator.slug == "vision" || {
            let from_picture = [MediaType::Upscale, MediaType::Backgroundremoval];
            looks && from_picture.contains(&self.model.media)
        };
        match self.fields.text("prompt")? {
            None if is_optional => Ok(String::new()),
            Some(prompt) if is_optional && prompt.trim().is_empty() => Ok(String::new()),
            _ => self.fields.needed("prompt", LONGEST_PROMPT),
        }
    }

    fn passed_on(&self) -> Result<Map<String, Value>, Refusal> {
        let mut passed = Map::new();
        for (name, shape) in PASSED_ON {
            if let Some(value) = self.fields.of_shape(name, shape)? {
                passed.insert(name.to_owned(), value.clone());
            }
        }
        Ok(passed)
    }

    /// Those that the schema knows, and the names of those that it does not.
    fn parameters(&self) -> Result<(BTreeMap<String, String>, Vec<String>), Refusal> {
        let (mut used, mut dropped) = (BTreeMap::new(), Vec::new());
        for (id, value) in self.fields.object("parameters")? {
            let value = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            if self.generator.takes(&id, &value) {
                used.insert(id, value);
            } else if id != self.generator.model_field() {
                dropped.push(id);
            }
        }
        Ok((used, dropped))
    }

    fn count(&self, parameters: &BTreeMap<String, String>) -> Result<u32, Refusal> {
        let by_dropdown = parameters.get(&self.generator.count_field());
        let by_dropdown = by_dropdown.and_then(|count| count.parse().ok());
        Ok(self.fields.within("count", 1, 10)?.or(by_dropdown).unwrap_or(1))
    }

    fn references(&mut self) -> Result<Vec<Reference>, Refusal> {
        let model = self.model;
        let ends = model.video.as_ref().is_some_and(|video| video.supports_end_frame);
        let takes = [
            ("image_url", model.supports_img2img),
            ("ending_frame_url", ends),
            ("video_url", model.source_video),
            ("reference_audio", model.reference_audio),
        ];
        let mut references = Vec::new();
        for (field, takes_it) in takes {
            let url = self.fields.text(field)?.map(str::to_owned);
            self.refer(&mut references, field, url.into_iter().collect(), usize::from(takes_it))?;
        }
        let images = (model.reference_images, MOST_REFERENCE_IMAGES);
        let videos = (model.reference_videos, MOST_REFERENCE_VIDEOS);
        for (field, (of_model, most)) in
            [("reference_images", images), ("reference_videos", videos)]
        {
            let urls: Vec<_> = self.fields.texts(field)?.into_iter().map(str::to_owned).collect();
            if urls.len() > most {
                return Err(Refusal::invalid(format!("{field} takes up to {most} URLs")));
            }
            self.refer(&mut references, field, urls, of_model)?;
        }
        Ok(references)
    }

    fn refer(
        &mut self,
        references: &mut Vec<Reference>,
        field: &str,
        urls: Vec<String>,
        most: usize,
    ) -> Result<(), Refusal> {
        if urls.iter().any(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err(Refusal::invalid(format!("{field} must be a valid URL")));
        }
        if most == 0 {
            if !urls.is_empty() {
                self.ignored.push(field.to_owned());
            }
            return Ok(());
        }
        if urls.len() > most {
            return Err(Refusal::invalid(format!("{field}: this model takes up to {most}")));
        }
        let field = field.to_owned();
        references.extend(urls.into_iter().map(|url| Reference { field: field.clone(), url }));
        Ok(())
    }

    fn check_needs(&self, references: &[Reference]) -> Result<(), Refusal> {
        let given = |field: &&String| references.iter().any(|of| of.field == **field);
        let missing = self.model.needs.iter().find(|field| !given(field));
        missing.map_or(Ok(()), |field| {
            Err(Refusal::invalid(format!("{field} is required for this model")))
        })
    }

    fn ratio(
        &mut self,
        parameters: &BTreeMap<String, String>,
        references: &[Reference],
    ) -> Result<Option<&'static Ratio>, Refusal> {
        if !matches!(self.model.media, MediaType::Image | MediaType::Video) {
            return Ok(None);
        }
        let known = ratios(self.model.media);
        let by_id = |id: i64| known.iter().find(|ratio| i64::from(ratio.id) == id);
        let asked = match self.fields.get("aspect_ratio") {
            None => {
                let dropdown = parameters.get(RATIO_FIELD).and_then(|id| by_id(id.parse().ok()?));
                return Ok(dropdown.or_else(|| known.first()));
            }
            Some(Value::String(name)) => known
                .iter()
                .find(|ratio| ratio.ratio == name || ratio.label.eq_ignore_ascii_case(name))
                .or_else(|| by_id(name.parse().ok()?)),
            Some(value) => value.as_i64().and_then(by_id),
        };
        let has_input = references.iter().any(|of| of.field == "image_url");
        let asked = asked.filter(|ratio| ratio.ratio != MATCH_INPUT || has_input);
        let asked = asked.ok_or_else(|| Refusal::invalid("aspect_ratio is not valid"))?;
        if !self.model.supports_aspect_ratio {
            self.ignored.push("aspect_ratio".to_owned());
            return Ok(known.first());
        }
        Ok(Some(asked))
    }

    /// How long it will be, and how long it was to be where that differs: the nearest that the model has, the lower
    /// of two that are equally near.
    fn seconds(&mut self) -> Result<(Option<u32>, Option<i64>), Refusal> {
        let asked = self.fields.integer("seconds")?;
        let Some(video) = &self.model.video else {
            if asked.is_some() {
                self.ignored.push("seconds".to_owned());
            }
            return Ok((None, None));
        };
        let Some(asked) = asked else { return Ok((Some(video.default_duration), None)) };
        if asked < 1 {
            return Err(Refusal::invalid("seconds must be positive"));
        }
        let distance = |seconds: &&u32| (i64::from(**seconds).abs_diff(asked), **seconds);
        let nearest = video.supported_durations.iter().min_by_key(distance).copied();
        let used = nearest.unwrap_or(video.default_duration);
        Ok((Some(used), (i64::from(used) != asked).then_some(asked)))
    }

    fn audio(&mut self) -> bool {
        let asked = self.fields.get("generate_audio").and_then(Value::as_bool);
        let able = self.model.video.as_ref().is_some_and(|video| video.supports_audio);
        if asked.is_some() && !able {
            self.ignored.push("generate_audio".to_owned());
        }
        able && asked == Some(true)
    }

    fn size(&self, ratio: Option<&Ratio>) -> Option<(u32, u32)> {
        let (width, height) = match (self.model.media, ratio) {
            (MediaType::Vector, _) => (1024, 1024),
            (_, Some(ratio)) => ratio.size,
            _ => return None,
        };
        let quality = self.model.video.as_ref().map(|video| video.quality.as_str());
        Some(match quality {
            Some("480p") => ((width * 2 / 3) & !1, height * 2 / 3),
            Some("1080p") => (width * 3 / 2, height * 3 / 2),
            _ => (width, height),
        })
    }
}

/// Whether the prompt has one of those words, whole, whatever its case.
pub(crate) fn has_word(prompt: &str, words: &[String]) -> bool {
    let prompt = prompt.to_lowercase();
    let mut spoken = prompt.split(|letter: char| !letter.is_alphanumeric());
    spoken.any(|spoken| words.iter().any(|word| word.to_lowercase() == spoken))
}
