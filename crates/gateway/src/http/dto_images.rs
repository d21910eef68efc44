//! OpenAI's image bodies.
//!
//! One shape reads both routes: their fields differ by the pictures that an edit starts from. What
//! OpenAI documents and no vendor here can do anything with (`quality`, `style`...) is checked, taken
//! along as [`without_effect`](engine::Request::without_effect), and told to the caller.

use std::borrow::Cow;

use engine::{Code, Delivery, Market, Refusal, Request};
use provider::{AspectRatio, ImageFormat, Kind, Role};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    dto_request::{Draft, format_schema},
    extras::{add_user, with_extras},
    fields::{Count, Prompt, SizeField},
    inputs::{InputSource, MOST_INPUTS, PictureBody},
    json::unknown_name,
};

/// How OpenAI's answers carry a picture.
#[derive(Deserialize, ToSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResponseFormat {
    /// A link.
    Url,
    /// Base64.
    B64Json,
}

/// How the answer to an image request shall look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// `None`: both, as today's OpenAI models answer with base64 and a link is handy beside it.
    pub(super) format: Option<ResponseFormat>,
    /// As events.
    pub(super) stream: bool,
}

with_extras! {
    /// A request for pictures.
    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(super) struct ImageBody<'a> {
        /// What they shall show, at most 32,000 characters.
        #[schema(value_type = String, example = "a lighthouse at dusk")]
        prompt: Prompt,
        /// An alias, a `provider/model`, or nothing: the default for images.
        #[schema(example = "photo")]
        model: Option<String>,
        /// Pictures wanted, 1 to 10.
        #[schema(value_type = Option<u8>, minimum = 1, maximum = 10)]
        n: Option<Count>,
        /// `auto` or pixels.
        #[schema(value_type = Option<String>, example = "1024x1024")]
        size: Option<SizeField>,
        /// Both where it is left out.
        response_format: Option<ResponseFormat>,
        /// Another format is converted.
        #[schema(schema_with = format_schema)]
        output_format: Option<ImageFormat>,
        /// The final event only.
        stream: Option<bool>,
        /// Goes to `metadata.user`.
        user: Option<String>,
        /// Without effect; `transparent` is refused.
        #[serde(borrow)]
        background: Option<Cow<'a, str>>,
        /// Without effect.
        #[serde(borrow)]
        quality: Option<Cow<'a, str>>,
        /// Without effect.
        #[serde(borrow)]
        style: Option<Cow<'a, str>>,
        /// Without effect.
        #[serde(borrow)]
        moderation: Option<Cow<'a, str>>,
        /// Without effect.
        #[schema(maximum = 100)]
        output_compression: Option<u8>,
        /// Without effect.
        #[schema(maximum = 3)]
        partial_images: Option<u8>,
        /// Without effect.
        #[serde(borrow)]
        complexity: Option<Cow<'a, str>>,
        /// Without effect: nothing about end users goes to a vendor.
        #[serde(borrow)]
        safety_identifier: Option<Cow<'a, str>>,
        /// Edits only; without effect.
        #[serde(borrow)]
        input_fidelity: Option<Cow<'a, str>>,
        /// Edits only: the pictures to start from.
        #[serde(borrow)]
        images: Option<Vec<PictureBody<'a>>>,
        /// Edits only: where to edit.
        #[serde(borrow)]
        mask: Option<PictureBody<'a>>,
        /// What they shall not show.
        #[schema(value_type = Option<String>)]
        negative_prompt: Option<Prompt>,
        /// Width to height.
        #[schema(value_type = Option<String>, example = "16:9")]
        aspect_ratio: Option<AspectRatio>,
        /// For reproducible pictures.
        seed: Option<i64>,
    }
}

/// The fields of the body above that only edits take.
const ONLY_EDITS: [&str; 3] = ["images", "mask", "input_fidelity"];

impl<'a> ImageBody<'a> {
    /// The request for new pictures.
    ///
    /// # Errors
    /// As [`Self::edit`]; a picture to start from is not known here.
    pub(super) fn generation(self, market: &Market) -> Result<(Draft<'a>, Shape), Refusal> {
        let given = [self.images.is_some(), self.mask.is_some(), self.input_fidelity.is_some()];
        if let Some((name, _)) = ONLY_EDITS.iter().zip(given).find(|(_, given)| *given) {
            let mut refusal = unknown_name(name, name, std::iter::empty());
            refusal.message = format!("`{name}` is for /v1/images/edits");
            return Err(refusal);
        }
        self.draft(Vec::new(), market)
    }

    /// The request for pictures that start from others: those in the body, and those in `files`.
    ///
    /// # Errors
    /// `invalid_request` and `unsupported_parameter`, naming the field.
    pub(super) fn edit(
        mut self,
        files: Vec<InputSource<'a>>,
        market: &Market,
    ) -> Result<(Draft<'a>, Shape), Refusal> {
        let mut inputs = files;
        for (index, picture) in self.images.take().unwrap_or_default().into_iter().enumerate() {
            inputs.push(picture.source(Role::Source, &format!("images[{index}]"))?);
        }
        if !inputs.iter().any(|input| input.role == Role::Source) {
            return Err(Refusal::field("image", "an edit takes at least one `image`"));
        }
        if let Some(mask) = self.mask.take() {
            inputs.push(mask.source(Role::Mask, "mask")?);
        }
        if inputs.len() > MOST_INPUTS {
            let message = format!("{} pictures are more than {MOST_INPUTS}", inputs.len());
            return Err(Refusal::field("image", message));
        }
        self.draft(inputs, market)
    }

    fn draft(
        mut self,
        inputs: Vec<InputSource<'a>>,
        market: &Market,
    ) -> Result<(Draft<'a>, Shape), Refusal> {
        let shape = Shape { format: self.response_format, stream: self.stream.unwrap_or_default() };
        let extras = self.extras();
        let mut request = Request::image("");
        self.note_without_effect(&mut request)?;
        request.prompt = self.prompt.0;
        request.kind = Some(Kind::Image);
        request.model = self.model;
        request.count = self.n.map_or(1, |count| count.0);
        request.size = self.size.and_then(|size| size.0);
        request.format = self.output_format;
        request.negative_prompt = self.negative_prompt.map(|text| text.0);
        request.aspect_ratio = self.aspect_ratio;
        request.seed = self.seed;
        extras.write(&mut request, market)?;
        request.delivery = match (shape.format, request.store) {
            // Nothing is kept that a link could lead to: the bytes come in the answer or never.
            (Some(ResponseFormat::B64Json) | None, false) => Delivery::None,
            (Some(ResponseFormat::B64Json), true) => Delivery::B64,
            (Some(ResponseFormat::Url) | None, _) => Delivery::Url,
        };
        add_user(&mut request, self.user)?;
        Ok((Draft { request, inputs }, shape))
    }

    /// Checks the fields that have no effect here and takes them along. `auto` asks for nothing.
    fn note_without_effect(&self, request: &mut Request) -> Result<(), Refusal> {
        if self.background.as_deref() == Some("transparent") {
            let message = "no provider makes transparent backgrounds";
            return Err(Refusal::new(Code::UnsupportedParameter, message).at("background"));
        }
        let words: [(&str, Option<&str>, &[&str]); 6] = [
            ("background", self.background.as_deref(), &["auto", "opaque"]),
            (
                "quality",
                self.quality.as_deref(),
                &["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"],
            ),
            ("style", self.style.as_deref(), &["vivid", "natural"]),
            ("moderation", self.moderation.as_deref(), &["auto", "low"]),
            ("input_fidelity", self.input_fidelity.as_deref(), &["high", "low"]),
            ("complexity", self.complexity.as_deref(), &["low", "medium", "high"]),
        ];
        for (name, given, known) in words {
            let Some(given) = given else { continue };
            if !known.contains(&given) {
                let message = format!("`{name}` is one of `{}`", known.join("`, `"));
                return Err(Refusal::field(name, message));
            }
            if given != "auto" {
                request.without_effect.insert(name.to_owned(), Value::from(given));
            }
        }
        if let Some(given) = self.safety_identifier.as_deref() {
            request.without_effect.insert("safety_identifier".to_owned(), Value::from(given));
        }
        let numbers = [
            ("output_compression", self.output_compression, 100),
            ("partial_images", self.partial_images, 3),
        ];
        for (name, given, most) in numbers {
            let Some(given) = given else { continue };
            if given > most {
                return Err(Refusal::field(name, format!("`{name}` is at most {most}")));
            }
            // No partial picture was asked for, and none comes: that is as asked.
            if (name, given) != ("partial_images", 0) {
                request.without_effect.insert(name.to_owned(), Value::from(given));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    fn read(body: &str) -> Result<(Request, Shape), Refusal> {
        let body: ImageBody<'_> = parse(body.as_bytes())?;
        let (draft, shape) = body.generation(&Market::default())?;
        Ok((draft.request, shape))
    }

    fn edit(body: &str) -> Result<usize, Refusal> {
        let body: ImageBody<'_> = parse(body.as_bytes())?;
        Ok(body.edit(Vec::new(), &Market::default())?.0.inputs.len())
    }

    #[test]
    fn bad_requests_name_the_field() {
        let invalid = |param| (Code::InvalidRequest, param);
        let unknown = |param| (Code::UnsupportedParameter, param);
        for (body, wanted) in [
            (r#"{}"#, invalid("prompt")),
            (r#"{"prompt": null}"#, invalid("prompt")),
            (r#"{"prompt": "x", "n": "2"}"#, invalid("n")),
            (r#"{"prompt": "x", "n": 0}"#, invalid("n")),
            (r#"{"prompt": "x", "size": "0x9"}"#, invalid("size")),
            (r#"{"prompt": "x", "quality": "best"}"#, invalid("quality")),
            (r#"{"prompt": "x", "style": 3}"#, invalid("style")),
            (r#"{"prompt": "x", "output_compression": 101}"#, invalid("output_compression")),
            (r#"{"prompt": "x", "partial_images": 4}"#, invalid("partial_images")),
            (r#"{"prompt": "x", "response_format": "b64"}"#, invalid("response_format")),
            (r#"{"prompt": "x", "output_format": "gif"}"#, invalid("output_format")),
            (r#"{"prompt": "x", "user": "a", "metadata": {"user": "b"}}"#, invalid("user")),
            (r#"{"prompt": "x", "background": "transparent"}"#, unknown("background")),
            (r#"{"prompt": "x", "background": "blue"}"#, invalid("background")),
            (r#"{"prompt": "x", "images": []}"#, unknown("images")),
            (r#"{"prompt": "x", "input_fidelity": "high"}"#, unknown("input_fidelity")),
            (r#"{"prompt": "x", "count": 1}"#, unknown("count")),
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
    fn what_has_no_effect_is_taken_along() {
        let body = r#"{"prompt": "x", "quality": "high", "style": "vivid", "moderation": "low",
            "output_compression": 50, "background": "opaque", "partial_images": 2, "user": "u"}"#;
        let (request, _) = read(body).unwrap();
        let names: Vec<_> = request.without_effect.keys().map(String::as_str).collect();
        let all = [
            "background",
            "moderation",
            "output_compression",
            "partial_images",
            "quality",
            "style",
        ];
        assert_eq!(names, all);
        assert_eq!(request.metadata["user"], "u");
        let body = r#"{"prompt": "x", "quality": "auto", "size": "auto", "moderation": "auto",
            "background": "auto", "partial_images": 0}"#;
        assert!(read(body).unwrap().0.without_effect.is_empty());
    }

    #[test]
    fn the_answers_shape_decides_the_delivery() {
        let of = |extra: &str| {
            let (request, shape) = read(&format!(r#"{{"prompt": "x"{extra}}}"#)).unwrap();
            (shape.format, request.delivery)
        };
        let b64 = Some(ResponseFormat::B64Json);
        assert_eq!(of(""), (None, Delivery::Url));
        assert_eq!(of(r#", "response_format": "b64_json""#), (b64, Delivery::B64));
        let url = (Some(ResponseFormat::Url), Delivery::Url);
        assert_eq!(of(r#", "response_format": "url""#), url);
        assert_eq!(of(r#", "store": false"#), (None, Delivery::None));
    }

    #[test]
    fn edits_take_pictures_in_openais_shape_and_in_ours() {
        let count = |images: &str| edit(&format!(r#"{{"prompt": "x", "images": {images}}}"#));
        assert_eq!(count(r#"[{"image_url": "data:image/png;base64,AA=="}]"#).unwrap(), 1);
        assert_eq!(count(r#"[{"file_id": "ast_1"}, {"data": "AA=="}]"#).unwrap(), 2);
        let masked = r#"{"prompt": "x", "images": [{"asset": "ast_1"}], "mask": {"file_id": "m"}}"#;
        assert_eq!(edit(masked).unwrap(), 2);
        for (images, param) in [
            ("[]", "image"),
            ("null", "image"),
            ("[{}]", "images[0]"),
            (r#"[{"file_id": "a", "image_url": "b"}]"#, "images[0]"),
            (r#"[{"file_id": 4}]"#, "images[0].file_id"),
        ] {
            assert_eq!(count(images).unwrap_err().param.as_deref(), Some(param), "{images}");
        }
    }
}
