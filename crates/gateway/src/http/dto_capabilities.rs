//! What models can do, as callers and operators see it.

use provider::{Audio, Capabilities, Durations, InputRule, Role, Sizes};
use serde::Serialize;
use utoipa::ToSchema;

/// What a model can do.
#[derive(Serialize, ToSchema)]
pub(super) struct CapabilitiesDto {
    prompt_chars: Span,
    negative_prompt: bool,
    sizes: SizesDto,
    seed: bool,
    seconds: SecondsDto,
    /// `never`, `always` or `choice`.
    audio: &'static str,
    /// Most outputs of one call.
    max_count: u8,
    inputs: Vec<InputRuleDto>,
    /// Whether the vendor can be told to keep nothing.
    no_retention: bool,
    /// Further fields, for `provider_options`.
    options: Vec<String>,
}

/// From here to there, both included.
#[derive(Serialize, ToSchema)]
struct Span {
    min: usize,
    max: usize,
}

/// The sizes a model makes.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SizesDto {
    /// It has none.
    None,
    /// Exactly these; the first is the default.
    Listed { sizes: Vec<String> },
    /// Any within these bounds, in pixels a side.
    Within { min: u32, max: u32, default: String },
    /// Ratios; the first is the default.
    Ratios { ratios: Vec<String> },
}

/// The clip lengths a model makes.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SecondsDto {
    /// It makes no clips.
    None,
    /// Any whole second.
    Within { min: u32, max: u32, default: u32 },
    /// Exactly these.
    Listed { seconds: Vec<u32>, default: u32 },
}

/// Inputs of one role.
#[derive(Serialize, ToSchema)]
struct InputRuleDto {
    #[schema(value_type = String)]
    role: Role,
    /// At least so many; 0 where the model works without.
    min: usize,
    /// At most so many.
    max: usize,
    mime_types: Vec<String>,
}

impl From<&Capabilities> for CapabilitiesDto {
    fn from(can: &Capabilities) -> Self {
        let sizes = match &can.sizes {
            Sizes::Not => SizesDto::None,
            Sizes::Listed(sizes) => {
                SizesDto::Listed { sizes: sizes.iter().map(ToString::to_string).collect() }
            }
            Sizes::Within { min, max, default } => {
                SizesDto::Within { min: *min, max: *max, default: default.to_string() }
            }
            Sizes::Ratios(ratios) => {
                SizesDto::Ratios { ratios: ratios.iter().map(ToString::to_string).collect() }
            }
        };
        let seconds = match &can.seconds {
            Durations::Not => SecondsDto::None,
            Durations::Within { min, max, default } => {
                SecondsDto::Within { min: *min, max: *max, default: *default }
            }
            Durations::Listed { seconds, default } => {
                SecondsDto::Listed { seconds: seconds.clone(), default: *default }
            }
        };
        Self {
            prompt_chars: Span { min: *can.prompt_chars.start(), max: *can.prompt_chars.end() },
            negative_prompt: can.negative_prompt,
            sizes,
            seed: can.seed,
            seconds,
            audio: match can.audio {
                Audio::Never => "never",
                Audio::Always => "always",
                Audio::Choice => "choice",
            },
            max_count: can.max_count,
            inputs: can.inputs.iter().map(InputRuleDto::from).collect(),
            no_retention: can.no_retention,
            options: can.options.clone(),
        }
    }
}

impl From<&InputRule> for InputRuleDto {
    fn from(rule: &InputRule) -> Self {
        Self { role: rule.role, min: rule.min, max: rule.max, mime_types: rule.media_types.clone() }
    }
}
