//! OpenAI's video bodies, in and out.

use engine::{Code, Generation, Market, Refusal, Request, Status};
use provider::{AspectRatio, Kind, Role, Timestamp};
use serde::Serialize;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    dto_request::Draft,
    extras::{add_user, with_extras},
    fields::{Prompt, SizeField, words},
    inputs::{InputSource, PictureBody},
    progress::progress,
};

with_extras! {
    /// A request for a clip.
    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(super) struct VideoBody<'a> {
        /// What it shall show, at most 32,000 characters.
        #[schema(value_type = String, example = "waves against a lighthouse")]
        prompt: Prompt,
        /// An alias, a `provider/model`, or nothing: the default for clips.
        #[schema(example = "clip")]
        model: Option<String>,
        /// Its length: a whole number, as a number or a text.
        #[schema(value_type = Option<String>, example = "5")]
        seconds: Option<ClipSeconds>,
        /// `auto` or pixels.
        #[schema(value_type = Option<String>, example = "1280x720")]
        size: Option<SizeField>,
        /// A picture to start from.
        #[serde(borrow)]
        input_reference: Option<PictureBody<'a>>,
        /// Goes to `metadata.user`.
        user: Option<String>,
        /// Sound with it.
        audio: Option<bool>,
        /// What it shall not show.
        #[schema(value_type = Option<String>)]
        negative_prompt: Option<Prompt>,
        /// Width to height.
        #[schema(value_type = Option<String>, example = "16:9")]
        aspect_ratio: Option<AspectRatio>,
        /// For reproducible clips.
        seed: Option<i64>,
    }

    /// Only `true`: the content is fetched later, so it must be kept until then.
    store
}

/// Seconds as OpenAI's SDKs write them, in a text, or as a number.
struct ClipSeconds(u32);

impl<'de> Deserialize<'de> for ClipSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_u64().and_then(|n| u32::try_from(n).ok()),
            _ => None,
        };
        found.filter(|seconds| *seconds > 0).map(Self).ok_or_else(|| {
            de::Error::custom("it is no whole number of seconds such as `5` or `\"5\"`")
        })
    }
}

impl<'a> VideoBody<'a> {
    /// The request that this body asks for; `file` is the picture of a form.
    ///
    /// # Errors
    /// `invalid_request` and `unsupported_parameter`, naming the field.
    pub(super) fn draft(
        mut self,
        file: Option<InputSource<'a>>,
        market: &Market,
    ) -> Result<Draft<'a>, Refusal> {
        const REFERENCE: &str = "input_reference";
        if self.store == Some(false) {
            let message = "a video's content is fetched later, so it is kept until then; \
                           `POST /v1/generations` can answer with bytes that are not kept";
            return Err(Refusal::new(Code::UnsupportedParameter, message).at("store"));
        }
        let extras = self.extras();
        let named = self.input_reference.map(|given| given.source(Role::Source, REFERENCE));
        let inputs = match (file, named.transpose()?) {
            (Some(_), Some(_)) => {
                return Err(Refusal::field(REFERENCE, "`input_reference` is given twice"));
            }
            (file, named) => file.or(named).into_iter().collect(),
        };
        let mut request = Request::image(self.prompt.0);
        request.kind = Some(Kind::Video);
        request.model = self.model;
        request.size = self.size.and_then(|size| size.0);
        request.seconds = self.seconds.map(|seconds| seconds.0);
        request.audio = self.audio;
        request.negative_prompt = self.negative_prompt.map(|text| text.0);
        request.aspect_ratio = self.aspect_ratio;
        request.seed = self.seed;
        extras.write(&mut request, market)?;
        add_user(&mut request, self.user)?;
        Ok(Draft { request, inputs })
    }
}

/// A video job. Times are Unix seconds.
#[derive(Serialize, ToSchema)]
pub(super) struct VideoDto<'a> {
    /// The generation's id: the native routes know it too.
    #[schema(example = "gen_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    pub(super) id: &'a str,
    /// `video`
    object: &'static str,
    #[schema(schema_with = status_schema)]
    status: &'static str,
    /// As it was asked for.
    model: &'a str,
    /// Percent; while it is made an estimate from the time that the model usually takes.
    #[schema(maximum = 100)]
    progress: u8,
    created_at: i64,
    completed_at: Option<i64>,
    /// Until when the content can be fetched.
    expires_at: Option<i64>,
    prompt: Option<String>,
    /// Its length as it is, or as it was asked for; `null` where neither is known yet.
    seconds: Option<String>,
    /// Pixels as they are, or as they were asked for; `auto` where neither is known yet.
    size: String,
    error: Option<VideoError<'a>>,
    /// Remixes are not made here: `null`.
    remixed_from_video_id: Option<&'a str>,
}

/// Why there is no video.
#[derive(Serialize, ToSchema)]
struct VideoError<'a> {
    /// The contract's code; `content_blocked` where a provider's safety check stopped it.
    code: &'a str,
    message: &'a str,
}

fn status_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    words(&["queued", "in_progress", "completed", "failed"])
}

impl<'a> VideoDto<'a> {
    /// A generation as OpenAI shows videos; `request` is what it was asked for with.
    pub(super) fn new(
        generation: &'a Generation,
        request: Option<Request>,
        market: &Market,
        now: Timestamp,
    ) -> Self {
        let output = generation.outputs.first();
        let made = output.and_then(|output| output.width.zip(output.height));
        let made = made.map(|(width, height)| format!("{width}x{height}"));
        let asked = request.as_ref();
        let size = made.or_else(|| asked?.size.map(|size| size.to_string()));
        Self {
            id: &generation.id,
            object: "video",
            status: status(generation.status),
            model: &generation.model,
            progress: progress(generation, market, now),
            created_at: generation.created_at.seconds(),
            completed_at: generation.completed_at.map(Timestamp::seconds),
            expires_at: output.and_then(|output| output.expires_at).map(Timestamp::seconds),
            seconds: seconds(generation, asked),
            size: size.unwrap_or_else(|| "auto".to_owned()),
            error: error(generation),
            remixed_from_video_id: None,
            prompt: request.map(|request| request.prompt),
        }
    }
}

/// OpenAI knows four states; what did not come to a video has failed.
const fn status(status: Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Running => "in_progress",
        Status::Completed => "completed",
        Status::Failed | Status::Blocked | Status::Cancelled => "failed",
    }
}

/// The clip's own length first, then what was used instead of what was asked for, then that.
fn seconds(generation: &Generation, asked: Option<&Request>) -> Option<String> {
    let made = generation.outputs.first().and_then(|output| output.millis);
    // To the nearest second: a clip of five has often a frame more or less.
    let made = made.map(|millis| ((millis + 500) / 1000).max(1).to_string());
    let used = || match &generation.adjustments.get("seconds")?.used {
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    made.or_else(used).or_else(|| asked?.seconds.map(|seconds| seconds.to_string()))
}

fn error(generation: &Generation) -> Option<VideoError<'_>> {
    let told = generation.error.as_ref();
    let told = told.map(|failure| VideoError { code: &failure.code, message: &failure.message });
    let otherwise = |code, message| Some(VideoError { code, message });
    match generation.status {
        Status::Queued | Status::Running | Status::Completed => None,
        Status::Blocked => {
            let message = told.map_or("a provider's safety check stopped it", |told| told.message);
            otherwise(Code::ContentBlocked.as_str(), message)
        }
        Status::Cancelled => {
            told.or_else(|| otherwise(Status::Cancelled.as_str(), "it was cancelled"))
        }
        Status::Failed => {
            told.or_else(|| otherwise(Code::ProviderError.as_str(), "no provider made it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    fn read(body: &str) -> Result<Draft<'_>, Refusal> {
        parse::<VideoBody<'_>>(body.as_bytes())?.draft(None, &Market::default())
    }

    #[test]
    fn seconds_are_a_number_or_a_text() {
        let seconds = |text: &str| {
            let body = format!(r#"{{"prompt": "x", "seconds": {text}}}"#);
            read(&body).map(|draft| draft.request.seconds).map_err(|refusal| refusal.param)
        };
        assert_eq!(seconds("5"), Ok(Some(5)));
        assert_eq!(seconds("\"12\""), Ok(Some(12)));
        for bad in ["\"five\"", "\"\"", "\"5.5\"", "5.5", "0", "\"0\"", "-1", "true", "[5]"] {
            assert_eq!(seconds(bad), Err(Some("seconds".to_owned())), "{bad}");
        }
        assert_eq!(read(r#"{"prompt": "x"}"#).unwrap().request.seconds, None);
    }

    #[test]
    fn a_full_body_is_read_whole() {
        let body = r#"{"prompt": "x", "model": "clip", "seconds": "5", "size": "1280x720",
            "input_reference": {"file_id": "ast_1"}, "user": "u", "audio": false,
            "negative_prompt": "y", "seed": 3, "strict": true, "store": true,
            "cache": "off", "metadata": {"a": "b"}, "webhook": {"url": "https://a"}}"#;
        let Draft { request, inputs } = read(body).unwrap();
        assert_eq!((request.kind, request.model.as_deref()), (Some(Kind::Video), Some("clip")));
        assert_eq!((request.audio, request.seed, request.strict), (Some(false), Some(3), true));
        assert_eq!(request.size, Some(provider::Size::new(1280, 720)));
        assert_eq!(request.metadata["user"], "u");
        assert_eq!(request.webhook.unwrap().url, "https://a");
        assert_eq!(inputs.len(), 1);
        assert_eq!((inputs[0].role, &*inputs[0].param), (Role::Source, "input_reference.file_id"));
    }

    #[test]
    fn bad_bodies_name_the_field() {
        let (invalid, unknown) = (Code::InvalidRequest, Code::UnsupportedParameter);
        for (body, code, param) in [
            ("{}", invalid, "prompt"),
            (r#"{"prompt": "x", "size": "large"}"#, invalid, "size"),
            (r#"{"prompt": "x", "input_reference": {}}"#, invalid, "input_reference"),
            (r#"{"prompt": "x", "input_reference": "a"}"#, invalid, "input_reference"),
            (r#"{"prompt": "x", "store": false}"#, unknown, "store"),
            (r#"{"prompt": "x", "n": 2}"#, unknown, "n"),
            (r#"{"prompt": "x", "remix_id": "a"}"#, unknown, "remix_id"),
            (
                r#"{"prompt": "x", "webhook": {"url": "https://a", "events": ["done"]}}"#,
                invalid,
                "webhook.events[0]",
            ),
        ] {
            let refusal = read(body).err().unwrap();
            assert_eq!((refusal.code, refusal.param.as_deref()), (code, Some(param)), "{body}");
        }
    }
}
