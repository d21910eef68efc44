//! What is ordered: a request body, checked as the page says.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::Refusal;

const LONGEST_PROMPT: usize = 2000;

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A picture.
    Image,
    /// A clip with sound.
    Video,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
        }
    }
}

/// One thing to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Image or video.
    pub kind: Kind,
    /// The prompt, whole.
    pub prompt: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// In frames; of clips only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// As asked, if it was; an integer of any size that JSON readers agree on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// What was to be left out; of images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<String>,
}

impl Order {
    pub(crate) fn read(kind: Kind, body: &[u8]) -> Result<Self, Refusal> {
        let body: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_| Refusal::bad("Malformed request body: a JSON object is required"))?;
        let prompt = match text(&body, "prompt")? {
            Some(prompt) if !prompt.trim().is_empty() => prompt,
            _ => return Err(Refusal::bad("prompt is required")),
        };
        if prompt.chars().count() > LONGEST_PROMPT {
            return Err(Refusal::bad("prompt must be at most 2000 characters"));
        }
        let seed = integer(&body, "seed")?;
        let side = |name, default, most| within(&body, name, default, 256, most);
        match kind {
            Kind::Image => Ok(Self {
                kind,
                prompt,
                width: side("width", 1024, 2048)?,
                height: side("height", 1024, 2048)?,
                length: None,
                seed,
                negative: text(&body, "negative")?.filter(|negative| !negative.is_empty()),
            }),
            Kind::Video => Ok(Self {
                kind,
                prompt,
                width: side("width", 1280, 2560)?,
                height: side("height", 720, 2560)?,
                length: Some(within(&body, "length", 121, 25, 241)?),
                seed,
                negative: None,
            }),
        }
    }
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad(format!("{name} must be a string"))),
    }
}

fn integer(body: &Map<String, Value>, name: &str) -> Result<Option<i64>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .map(Some)
            .ok_or_else(|| Refusal::bad(format!("{name} must be an integer"))),
    }
}

fn within(
    body: &Map<String, Value>,
    name: &str,
    default: u32,
    least: u32,
    most: u32,
) -> Result<u32, Refusal> {
    let Some(value) = integer(body, name)? else { return Ok(default) };
    u32::try_from(value)
        .ok()
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| Refusal::bad(format!("{name} must be between {least} and {most}")))
}

/// Whether the prompt has one of those words, whole, whatever its case.
pub(crate) fn has_word(prompt: &str, words: &[String]) -> bool {
    let prompt = prompt.to_lowercase();
    let mut spoken = prompt.split(|letter: char| !letter.is_alphanumeric());
    spoken.any(|spoken| words.iter().any(|word| word.to_lowercase() == spoken))
}
