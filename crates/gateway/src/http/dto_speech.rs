//! OpenAI's speech, in: a text to be spoken.

use engine::{Delivery, Market, Refusal, Request};
use provider::Kind;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use super::{
    counterparts::pass_on, dto_request::Draft, extras::with_extras, fields::Prompt,
    messages::unsupported,
};

/// Formats of sound, by OpenAI's names.
#[derive(Deserialize, ToSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum SoundFormat {
    Mp3,
    Opus,
    Aac,
    Flac,
    Wav,
    Pcm,
}

impl SoundFormat {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Wav => "wav",
            Self::Pcm => "pcm",
        }
    }

    /// Whether sound of this media type is of this format. Samples without a head can't be told from
    /// anything else.
    pub(super) fn is(self, media_type: &str) -> bool {
        match self {
            Self::Mp3 => media_type == "audio/mpeg",
            Self::Opus => media_type == "audio/ogg",
            Self::Aac => media_type == "audio/aac",
            Self::Flac => media_type == "audio/flac",
            Self::Wav => media_type == "audio/wav",
            Self::Pcm => false,
        }
    }
}

/// How the sound is sent.
#[derive(Deserialize, ToSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum StreamFormat {
    Audio,
    Sse,
}

with_extras! {
    /// A text to be spoken.
    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(super) struct SpeechBody {
        /// What is spoken, at most 32,000 characters.
        #[schema(value_type = String, example = "The lighthouse is open.")]
        input: Prompt,
        /// An alias, a `provider/model`, or nothing: the default for speech.
        #[schema(example = "voice")]
        model: Option<String>,
        /// Heeded where every candidate documents an option of this name, else without effect.
        #[schema(value_type = Option<String>, example = "alloy")]
        voice: Option<Voice>,
        /// Heeded where every candidate documents an option of this name, else without effect.
        instructions: Option<String>,
        /// Heeded where every candidate documents an option of this name, else without effect.
        #[schema(value_type = Option<f64>, minimum = 0.25, maximum = 4)]
        speed: Option<Number>,
        /// Sound is not converted: it comes as the provider made it, and another format than this is told
        /// in `x-atelier-adjusted`.
        response_format: Option<SoundFormat>,
        /// Only `audio`.
        stream_format: Option<StreamFormat>,
        /// For reproducible sound.
        seed: Option<i64>,
    }
}

/// A voice by its name, or as OpenAI's SDKs write one of the caller's own: `{"id": "..."}`.
struct Voice(String);

impl<'de> Deserialize<'de> for Voice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = match Value::deserialize(deserializer)? {
            Value::String(name) => Some(name),
            Value::Object(mut object) if object.len() == 1 => match object.remove("id") {
                Some(Value::String(id)) => Some(id),
                _ => None,
            },
            _ => None,
        };
        found
            .filter(|name| !name.is_empty())
            .map(Self)
            .ok_or_else(|| de::Error::custom("it is neither a name nor `{\"id\": \"...\"}`"))
    }
}

impl SpeechBody {
    /// The request that this body asks for, and the format of the sound.
    ///
    /// # Errors
    /// `invalid_request` and `unsupported_parameter`, naming the field.
    pub(super) fn draft(
        mut self,
        market: &Market,
    ) -> Result<(Draft<'static>, Option<SoundFormat>), Refusal> {
        if self.stream_format == Some(StreamFormat::Sse) {
            let message = "the sound comes as it is, not in events";
            return Err(unsupported("stream_format", message));
        }
        let speed = self.speed.as_ref().map(|speed| speed.as_f64().unwrap_or_default());
        if speed.is_some_and(|speed| !(0.25..=4.0).contains(&speed)) {
            return Err(Refusal::field("speed", "`speed` is within 0.25 to 4"));
        }
        let extras = self.extras();
        let mut request = Request::image(self.input.0);
        request.kind = Some(Kind::Speech);
        request.model = self.model;
        request.seed = self.seed;
        extras.write(&mut request, market)?;
        request.delivery = if request.store { Delivery::Url } else { Delivery::None };
        let format = self.response_format.map(|format| Value::from(format.as_str()));
        for (name, given) in [
            ("voice", self.voice.map(|voice| Value::from(voice.0))),
            ("instructions", self.instructions.map(Value::from)),
            // The usual speed asks for nothing.
            ("speed", self.speed.filter(|_| speed != Some(1.0)).map(Value::Number)),
            // What will come is known when it is there; who is strict must know before.
            ("response_format", format.filter(|_| request.strict)),
        ] {
            if let Some(value) = given {
                pass_on(&mut request, market, name, value)?;
            }
        }
        Ok((Draft { request, inputs: Vec::new() }, self.response_format))
    }
}
