//! What one vendor's model is asked to do.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AspectRatio, ImageFormat, Kind, Size};

/// A request in the vocabulary of all vendors, addressed to one model of one provider.
///
/// `None` means that the caller did not say; the model's own default then holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// What to make.
    pub kind: Kind,
    /// The model by the provider's own name, e.g. `zekron-image-1`.
    pub model: String,
    /// What it shall show or say. Empty only where the model does not require one.
    pub prompt: String,
    /// What it shall not show.
    pub negative_prompt: Option<String>,
    /// Exact pixels.
    pub size: Option<Size>,
    /// Width to height, where exact pixels do not matter.
    pub aspect_ratio: Option<AspectRatio>,
    /// How many outputs this one call shall make (1 to the model's `max_count`).
    pub count: u8,
    /// For reproducible outputs.
    pub seed: Option<i64>,
    /// Length of a clip in seconds.
    pub seconds: Option<u32>,
    /// Whether a clip shall have sound.
    pub audio: Option<bool>,
    /// Pictures, clips and sounds to start from.
    pub inputs: Vec<Input>,
    /// The format the caller wants; a vendor that cannot choose ignores it and the gateway converts.
    pub format: Option<ImageFormat>,
    /// Whether the vendor may keep the result.
    pub retain: bool,
    /// Documented fields of this vendor under their own names (`provider_options.NAME`).
    pub options: BTreeMap<String, Value>,
}

impl Work {
    /// A picture of `prompt` by `model`, with nothing else asked for.
    pub fn image(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        Self {
            kind: Kind::Image,
            model: model.into(),
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
            retain: true,
            options: BTreeMap::new(),
        }
    }

    /// Length of the prompt in characters (Unicode scalar values), as vendors count them.
    pub fn prompt_chars(&self) -> usize {
        self.prompt.chars().count()
    }
}

/// What an input is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The picture to edit or to start from.
    Source,
    /// A picture, clip or sound to be like.
    Reference,
    /// The first frame of a clip.
    FirstFrame,
    /// The last frame of a clip.
    LastFrame,
    /// Where to edit.
    Mask,
    /// The clip to edit or extend.
    Video,
    /// The sound to continue.
    Audio,
}

impl Role {
    /// The name outside, e.g. `first_frame`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Reference => "reference",
            Self::FirstFrame => "first_frame",
            Self::LastFrame => "last_frame",
            Self::Mask => "mask",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

/// One input: bytes we hold, and a link under which a vendor can fetch them where it must.
#[derive(Clone, PartialEq)]
pub struct Input {
    /// What it is for.
    pub role: Role,
    /// What the bytes are, found by looking at them, e.g. `image/png`.
    pub media_type: String,
    /// The bytes.
    pub bytes: Bytes,
    /// A short-lived signed link of ours, where the vendor can reach us.
    pub url: Option<String>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("role", &self.role)
            .field("media_type", &self.media_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What was used instead of what was asked for, and why. Never silent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adjustment {
    /// What the caller asked for.
    pub requested: Value,
    /// What was used.
    pub used: Value,
    /// Why, in words for the caller.
    pub reason: String,
}

/// Adjustments by the name of the parameter.
pub type Adjustments = BTreeMap<String, Adjustment>;
