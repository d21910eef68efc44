//! The native request.

use engine::{Delivery, Market, Refusal, Request};
use provider::{AspectRatio, ImageFormat, Kind};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    extras::with_extras,
    fields::{Count, Prompt, Seconds, SizeField, Words, kind_schema, words},
    inputs::{InputBody, InputSource, MOST_INPUTS},
};

/// A request as it was read: everything but its inputs' bytes.
pub(super) struct Draft<'a> {
    pub(super) request: Request,
    pub(super) inputs: Vec<InputSource<'a>>,
}

with_extras! {
    /// A request for one generation.
    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(super) struct GenerationBody<'a> {
        /// What to make; may be left out where `model` tells it.
        #[schema(schema_with = kind_schema)]
        kind: Option<Kind>,
        /// An alias, a `provider/model`, or nothing: the kind's default alias.
        #[schema(example = "photo")]
        model: Option<String>,
        /// What it shall show or say, at most 32,000 characters; may be left out where the model works
        /// from inputs alone.
        #[schema(value_type = Option<String>, example = "a lighthouse at dusk")]
        prompt: Option<Words>,
        /// What it shall not show.
        #[schema(value_type = Option<String>)]
        negative_prompt: Option<Prompt>,
        /// `auto` or pixels.
        #[schema(value_type = Option<String>, example = "1024x1024")]
        size: Option<SizeField>,
        /// Width to height.
        #[schema(value_type = Option<String>, example = "16:9")]
        aspect_ratio: Option<AspectRatio>,
        /// Outputs wanted, 1 to 10.
        #[schema(value_type = Option<u8>, minimum = 1, maximum = 10)]
        count: Option<Count>,
        /// For reproducible outputs.
        seed: Option<i64>,
        /// Length of a clip.
        #[schema(value_type = Option<u32>)]
        seconds: Option<Seconds>,
        /// Sound with a clip.
        audio: Option<bool>,
        /// Pictures, clips and sounds to start from.
        #[serde(borrow)]
        inputs: Option<Vec<InputBody<'a>>>,
        /// How the outputs shall come.
        output: Option<OutputBody>,
    }
}

/// How outputs shall come.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputBody {
    /// Another format is converted.
    #[schema(schema_with = format_schema)]
    format: Option<ImageFormat>,
    /// Signed links, base64 in the answer, or neither.
    #[schema(schema_with = delivery_schema)]
    delivery: Option<Delivery>,
}

type AnySchema = utoipa::openapi::RefOr<utoipa::openapi::Schema>;

pub(super) fn format_schema() -> AnySchema {
    words(&ImageFormat::ALL.map(ImageFormat::as_str))
}

fn delivery_schema() -> AnySchema {
    words(&["url", "b64", "none"])
}

impl<'a> GenerationBody<'a> {
    /// The request that this body asks for.
    ///
    /// # Errors
    /// `invalid_request` and `unsupported_parameter`, naming the field.
    pub(super) fn draft(mut self, market: &Market) -> Result<Draft<'a>, Refusal> {
        let extras = self.extras();
        let inputs = self.inputs.unwrap_or_default();
        if inputs.len() > MOST_INPUTS {
            let message = format!("{} inputs are more than {MOST_INPUTS}", inputs.len());
            return Err(Refusal::field("inputs", message));
        }
        // With inputs it is the model's to say whether it needs words beside them.
        let prompt = match (self.prompt, inputs.is_empty()) {
            (None, true) => return Err(Refusal::field("prompt", "`prompt` is missing")),
            (Some(words), true) if words.0.is_empty() => {
                return Err(Refusal::field("prompt", "`prompt` is empty"));
            }
            (words, _) => words.map(|words| words.0).unwrap_or_default(),
        };
        let mut sources = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.into_iter().enumerate() {
            sources.push(input.source(&format!("inputs[{index}]"))?);
        }
        let output = self.output.unwrap_or_default();
        let mut request = Request::image(prompt);
        request.kind = self.kind;
        request.model = self.model;
        request.size = self.size.and_then(|size| size.0);
        request.count = self.count.map_or(1, |count| count.0);
        request.seconds = self.seconds.map(|seconds| seconds.0);
        request.audio = self.audio;
        request.format = output.format;
        request.delivery = output.delivery.unwrap_or_default();
        request.negative_prompt = self.negative_prompt.map(|text| text.0);
        request.aspect_ratio = self.aspect_ratio;
        request.seed = self.seed;
        extras.write(&mut request, market)?;
        Ok(Draft { request, inputs: sources })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::{CacheUse, Code};

    use super::*;
    use crate::http::json::parse;

    fn read(body: &str) -> Result<Request, Refusal> {
        let body: GenerationBody<'_> = parse(body.as_bytes())?;
        body.draft(&Market::default()).map(|draft| draft.request)
    }

    #[test]
    fn bad_requests_name_the_field() {
        let long = format!(r#"{{"prompt": "{}"}}"#, "x".repeat(40_000));
        let invalid = |param| (Code::InvalidRequest, param);
        let unknown = |param| (Code::UnsupportedParameter, param);
        for (body, wanted) in [
            (r#"{}"#, invalid("prompt")),
            (r#"{"prompt": ""}"#, invalid("prompt")),
            (r#"{"prompt": 5}"#, invalid("prompt")),
            (long.as_str(), invalid("prompt")),
            (r#"{"prompt": "x", "size": "0x9"}"#, invalid("size")),
            (r#"{"prompt": "x", "aspect_ratio": "wide"}"#, invalid("aspect_ratio")),
            (r#"{"prompt": "x", "count": 11}"#, invalid("count")),
            (r#"{"prompt": "x", "kind": "picture"}"#, invalid("kind")),
            (r#"{"prompt": "x", "seed": 1.5}"#, invalid("seed")),
            (r#"{"prompt": "x", "seconds": 0}"#, invalid("seconds")),
            (r#"{"prompt": "x", "output": {"format": "bmp"}}"#, invalid("output.format")),
            (r#"{"prompt": "x", "output": {"delivery": 1}}"#, invalid("output.delivery")),
            (r#"{"prompt": "x", "routing": {"policy": "luck"}}"#, invalid("routing.policy")),
            (
                r#"{"prompt": "x", "routing": {"max_cost_usd": "-1"}}"#,
                invalid("routing.max_cost_usd"),
            ),
            (
                r#"{"prompt": "x", "routing": {"providers": ["no"]}}"#,
                invalid("routing.providers[0]"),
            ),
            (r#"{"prompt": "x", "routing": {"on_blocked": "go"}}"#, invalid("routing.on_blocked")),
            (r#"{"prompt": "x", "cache": "maybe"}"#, invalid("cache")),
            (r#"{"prompt": "x", "metadata": {"a": 1}}"#, invalid("metadata.a")),
            (r#"{"prompt": "x", "inputs": [{"role": "source"}]}"#, invalid("inputs[0]")),
            (
                r#"{"prompt": "x", "inputs": [{"role": "source", "data": 1}]}"#,
                invalid("inputs[0].data"),
            ),
            (r#"{"prompt": "x", "webhook": {}}"#, invalid("webhook.url")),
            (
                r#"{"prompt": "x", "webhook": {"url": "https://a", "events": ["generation.done"]}}"#,
                invalid("webhook.events[0]"),
            ),
            (r#"{"prompt": "x", "webhook": {"url": "https://a", "on": 1}}"#, unknown("webhook.on")),
            (r#"{"prompt": "x", "n": 1}"#, unknown("n")),
            (r#"{"prompt": "x", "routing": {"deadline": 1}}"#, unknown("routing.deadline")),
            (
                r#"{"prompt": "x", "provider_options": {"acme": {}}}"#,
                unknown("provider_options.acme"),
            ),
        ] {
            let refusal = read(body).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.param.as_deref()),
                (wanted.0, Some(wanted.1)),
                "{body}"
            );
        }
    }

    #[test]
    fn a_full_request_is_read_whole() {
        let body = r#"{"kind": "video", "model": "clip", "prompt": "x", "negative_prompt": "y",
            "size": "64x32", "aspect_ratio": "2:1", "count": 3, "seed": -7, "seconds": 5,
            "audio": true, "output": {"format": "webp", "delivery": "b64"},
            "routing": {"policy": "latency", "max_cost_usd": "0.05", "deadline_s": 60,
                        "on_blocked": "next"},
            "cache": "off", "strict": true, "store": false, "metadata": {"any": "string"}}"#;
        let request = read(body).unwrap();
        assert_eq!(request.kind, Some(Kind::Video));
        assert_eq!(request.model.as_deref(), Some("clip"));
        assert_eq!(request.size, Some(provider::Size::new(64, 32)));
        assert_eq!((request.count, request.seed, request.seconds), (3, Some(-7), Some(5)));
        assert_eq!((request.audio, request.strict, request.store), (Some(true), true, false));
        assert_eq!(request.format, Some(ImageFormat::Webp));
        assert_eq!(request.delivery, Delivery::B64);
        assert_eq!(request.cache, Some(CacheUse::Off));
        assert_eq!(request.routing.deadline, Some(Duration::from_secs(60)));
        assert!(request.routing.next_on_blocked);
        assert_eq!(request.metadata["any"], "string");
    }
}
