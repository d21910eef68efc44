//! One request in the vendor's words: what `/generate` is sent, and what `/estimate` is asked.

use std::sync::Arc;

use bytes::Bytes;
use provider::{Adjustments, Kind, Result, Work};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    Config,
    capabilities::default_seconds,
    choices::{Proportion, audio, ratio, seconds},
    config::Privacy,
    credits::Credits,
    facts::{Facts, Media},
    key::Key,
    knowledge::Known,
    options::{self, GENERATOR, PARAMETERS, PASSED_ON, PRIVACY, refused},
    parameters::{Parameter, Parameters},
    references::References,
};

/// A request as the vendor is sent it. It borrows the [`Work`] that it was read of: quotes are asked
/// for by the thousand, and most are answered without a byte of JSON.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// The generator.
    pub(crate) slug: &'a str,
    /// The model.
    pub(crate) facts: Arc<Facts>,
    /// How many items.
    pub(crate) count: u8,
    /// How long a clip, as it is sent: a length that the model makes. None where nobody said.
    pub(crate) seconds: Option<u32>,
    /// The prompt as it is sent, under which the creation stands in the vendor's books; none where the
    /// caller gave none and the model needs none.
    pub(crate) prompt: Option<&'a str>,
    /// What is used instead of what was asked for, as far as it is known before the vendor is asked.
    pub(crate) adjustments: Adjustments,
    pub(crate) references: References<'a>,
    audio: Option<bool>,
    private: bool,
    ratio: Option<Proportion<'a>>,
    parameters: Vec<Parameter<'a>>,
    fields: Vec<(&'static options::Field, &'a Value)>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    model_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy_mode: Option<u8>,
    count: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generate_audio: Option<bool>,
    #[serde(flatten)]
    references: References<'a>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: Map<String, Value>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl<'a> Order<'a> {
    /// Reads a request that the model's advertised capabilities admit ([`provider::Model::admit`]).
    ///
    /// # Errors
    /// [`provider::ErrorKind::Unsupported`] for what only this vendor's own rules refuse: an option of
    /// the wrong shape, an input that has no field, a generator that is not there.
    pub(crate) fn read(
        config: &'a Config,
        known: &Known,
        facts: &Arc<Facts>,
        work: &'a Work,
    ) -> Result<Self> {
        for (name, value) in &work.options {
            options::check(name, value)?;
        }
        let slug = slug(config, known, facts, work)?;
        let mut adjustments = Adjustments::new();
        let ratio = ratio(facts, work, &mut adjustments)?;
        let seconds = seconds(facts, work, &mut adjustments);
        let audio = audio(facts, work, &mut adjustments);
        let references = References::of(&work.inputs, facts.takes)?;
        let parameters = match work.options.get(PARAMETERS).and_then(Value::as_object) {
            Some(asked) => {
                let schema = known.schema(slug);
                let reading = Parameters { config, slug, schema: schema.as_deref() };
                reading.read(asked, &mut adjustments)?
            }
            None => Vec::new(),
        };
        let private = match work.options.get(PRIVACY).and_then(Value::as_i64) {
            Some(mode) => mode != 0,
            None => config.privacy == Privacy::Private,
        };
        let passed_on = PASSED_ON.iter();
        let fields = passed_on.filter_map(|field| Some((field, work.options.get(field.name)?)));
        Ok(Self {
            slug,
            facts: Arc::clone(facts),
            count: work.count,
            seconds,
            prompt: prompt(facts.media, &work.prompt),
            adjustments,
            references,
            audio,
            private,
            ratio,
            parameters,
            fields: fields.collect(),
        })
    }

    /// The body of `/generate`.
    pub(crate) fn generate_body(&self) -> Bytes {
        let fields = self.fields.iter().map(|(field, value)| (field.name, *value));
        self.body(Body {
            prompt: self.prompt,
            privacy_mode: Some(self.private.into()),
            aspect_ratio: self.ratio.map(|ratio| self.proportion(ratio)),
            references: self.references.clone(),
            parameters: map(self.parameters.iter().map(|of| (of.id, of.value))),
            fields: map(fields),
            ..self.priced()
        })
    }

    /// The body of `/estimate`: what a price can depend on, and nothing that is the caller's own. It goes
    /// out without a credential, so neither the prompt nor an address is in it.
    pub(crate) fn estimate_body(&self) -> Bytes {
        self.body(self.priced())
    }

    fn priced(&self) -> Body<'a> {
        let fields = self.fields.iter().filter(|(field, _)| field.priced);
        Body {
            prompt: None,
            model_id: self.facts.id,
            privacy_mode: None,
            count: self.count,
            aspect_ratio: None,
            seconds: self.seconds,
            generate_audio: self.audio,
            references: self.references.anonymous(),
            parameters: map(self.priced_parameters().map(|of| (of.id, of.value))),
            fields: map(fields.map(|(field, value)| (field.name, *value))),
        }
    }

    fn body(&self, body: Body<'_>) -> Bytes {
        // Numbers, texts and maps of texts: none of them can fail to be JSON.
        serde_json::to_vec(&body).unwrap_or_default().into()
    }

    fn proportion(&self, ratio: Proportion<'_>) -> Value {
        match ratio {
            Proportion::Listed(place) => json!(self.facts.ratios.get(place).map(|of| &of.ratio)),
            Proportion::Said(value) => value.clone(),
        }
    }

    /// The generator's own fields that a price can depend on, by name.
    pub(crate) fn priced_parameters(&self) -> impl Iterator<Item = &Parameter<'a>> {
        self.parameters.iter().filter(|of| of.priced)
    }

    /// What determines the price, in a name of fixed length. The order of the fields is a part of what is
    /// kept across restarts: a change of it makes what was kept unknown, and nothing worse.
    pub(crate) fn key(&self) -> Key {
        let mut hash = blake3::Hasher::new();
        let mut text = |text: &str| {
            hash.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(text.as_bytes());
        };
        text(self.slug);
        for of in self.priced_parameters() {
            text(of.id);
            each(of.value, &mut text);
        }
        text("");
        for (field, value) in self.fields.iter().filter(|(field, _)| field.priced) {
            text(field.name);
            each(value, &mut text);
        }
        let seconds = self.seconds.unwrap_or(0).to_le_bytes();
        let audio = self.audio.map_or(2, u8::from);
        hash.update(&self.facts.id.to_le_bytes());
        hash.update(&seconds);
        hash.update(&[self.count, audio]);
        hash.update(&self.references.counts());
        let mut key = [0; 16];
        hash.finalize_xof().fill(&mut key);
        Key(key)
    }

    /// The catalogue's price: per item or per second, the page does not say which, so the larger of the
    /// two readings; none where nothing is listed.
    pub(crate) fn listed(&self) -> Option<Credits> {
        let seconds = self.seconds.or_else(|| default_seconds(&self.facts)).unwrap_or(1).max(1);
        let each = self.facts.credit_cost?.times(seconds.into()).times(self.count.into());
        let sound = if self.audio == Some(true) { self.facts.audio_multiplier } else { once() };
        let times = self.parameters.iter().map(|of| of.multiplier);
        Some(times.fold(each.scaled(sound.max(once())), Credits::scaled))
    }
}

/// One times.
fn once() -> Credits {
    Credits::whole(1)
}

fn map<'v>(fields: impl Iterator<Item = (&'v str, &'v Value)>) -> Map<String, Value> {
    fields.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// The text of a value, without a copy where it is one: `"4"` and `4` mean the same to the vendor.
fn each(value: &Value, put: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => put(text),
        other => put(&other.to_string()),
    }
}

/// The generator: the caller's, the operator's for the kind, or the page's.
fn slug<'a>(config: &'a Config, known: &Known, facts: &Facts, work: &'a Work) -> Result<&'a str> {
    if let Some(asked) = work.options.get(GENERATOR).and_then(Value::as_str) {
        return match known.lists(asked) {
            Some(false) => Err(refused(GENERATOR, "the vendor lists no such generator")),
            _ => Ok(asked),
        };
    }
    Ok(match config.generators.get(&facts.kind) {
        Some(slug) => slug,
        None => default_slug(facts.kind, known.lists("text") == Some(true)),
    })
}

/// The generator of a kind where nobody names one. Most are called as the type is; the page has none
/// called `text`, and makes words with `joke`.
pub(crate) const fn default_slug(kind: Kind, lists_text: bool) -> &'static str {
    match kind {
        Kind::Vision => "vision",
        Kind::Text if lists_text => "text",
        Kind::Text => "joke",
        Kind::Image => Media::Image.name(),
        Kind::Video => Media::Video.name(),
        Kind::Speech => Media::Speech.name(),
        Kind::Music => Media::Music.name(),
        Kind::SoundEffect => Media::SoundEffect.name(),
        Kind::Upscale => Media::Upscale.name(),
        Kind::Vector => Media::Vector.name(),
        Kind::BackgroundRemoval => Media::BackgroundRemoval.name(),
    }
}

/// The page requires a prompt where it may mean nothing.
const fn prompt(media: Media, prompt: &str) -> Option<&str> {
    match (prompt.is_empty(), media) {
        (false, _) => Some(prompt),
        (true, Media::Upscale) => Some("Upscale"),
        (true, Media::BackgroundRemoval) => Some("Remove the background"),
        (true, _) => None,
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
