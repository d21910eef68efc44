//! What a vendor can do: data that routing, tests and people read.
//!
//! What is not advertised here is refused before a byte is sent ([`Model::admit`]); what is
//! advertised must work. Both are checked by the conformance suite.

use std::{ops::RangeInclusive, time::Duration};

use crate::{AspectRatio, Kind, MicroUsd, Role, Size, Tariff, Work};

/// A whole vendor: its models, and what is true of every account.
#[derive(Debug, Clone)]
pub struct Description {
    /// The provider's name in the configuration, e.g. `zekron`.
    pub provider: String,
    /// Every model that can be asked for.
    pub models: Vec<Model>,
    /// When to warn that an account's balance is low, and what to do then.
    pub low_balance: Option<LowBalance>,
    /// When to warn that an account's prepaid units run out, and what to do then.
    pub low_allowance: Option<LowAllowance>,
    /// Whether [`Provider::rotate`](crate::Provider::rotate) can replace a credential.
    pub can_rotate: bool,
    /// Whether a replaced credential works on until it is
    /// [retired](crate::Provider::retire); otherwise it is dead at once.
    pub keys_overlap: bool,
    /// Whether [`Provider::account`](crate::Provider::account) can tell anything.
    pub tells_account: bool,
    /// Whether [`Provider::forget`](crate::Provider::forget) can have finished work deleted.
    pub can_forget: bool,
}

impl Description {
    /// The model by the provider's own name; no two share one.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

/// When an account runs dry, and how to fill it: the vendor's own way, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowBalance {
    /// Warn below this.
    pub threshold: MicroUsd,
    /// The vendor's way to top up.
    pub advice: String,
}

/// When prepaid units run out, and how to get more: the vendor's own way, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowAllowance {
    /// Warn where so much of a window's units, in percent, or less is left.
    pub percent: u32,
    /// The vendor's way to more.
    pub advice: String,
}

/// One model of a vendor.
#[derive(Debug, Clone)]
pub struct Model {
    /// The provider's own name, e.g. `zekron-image-1`.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// What it makes.
    pub kind: Kind,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What it costs, as listed by the vendor.
    pub tariff: Tariff,
    /// How long one call usually takes.
    pub usual: Duration,
}

/// What a model can do. Every field says what is possible; nothing is assumed.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Allowed prompt lengths in characters; a range from 0 makes the prompt optional.
    pub prompt_chars: RangeInclusive<usize>,
    /// Takes a negative prompt.
    pub negative_prompt: bool,
    /// Sizes it makes.
    pub sizes: Sizes,
    /// Honours a seed.
    pub seed: bool,
    /// Clip lengths.
    pub seconds: Durations,
    /// Sound with a clip.
    pub audio: Audio,
    /// Most outputs of one call.
    pub max_count: u8,
    /// Inputs it takes; a role that is not listed is refused.
    pub inputs: Vec<InputRule>,
    /// Whether the vendor can be told to keep nothing.
    pub no_retention: bool,
    /// Documented further fields, by the vendor's names.
    pub options: Vec<String>,
    /// How outputs come.
    pub delivery: Delivery,
    /// Whether a lost answer can be found again.
    pub recovery: Recovery,
}

/// The sizes a model makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// It has no size (sound, text).
    Not,
    /// Exactly these; the first is the default.
    Listed(Vec<Size>),
    /// Any within these bounds.
    Within {
        /// Smallest side.
        min: u32,
        /// Largest side.
        max: u32,
        /// What it makes when nobody says.
        default: Size,
    },
    /// Ratios only, the first is the default; the pixels are the vendor's choice.
    Ratios(Vec<AspectRatio>),
}

/// The clip lengths a model makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Durations {
    /// It makes no clips.
    Not,
    /// Any whole second within these, the default beside.
    Within {
        /// Shortest, in seconds.
        min: u32,
        /// Longest, in seconds.
        max: u32,
        /// What it makes when nobody says, in seconds.
        default: u32,
    },
    /// Exactly these seconds; another is snapped to the nearest and reported.
    Listed {
        /// The seconds it makes.
        seconds: Vec<u32>,
        /// What it makes when nobody says, in seconds.
        default: u32,
    },
}

/// Sound with a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audio {
    /// Never any.
    Never,
    /// Always; `audio: false` cannot be honoured.
    Always,
    /// As asked.
    Choice,
}

/// Inputs of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRule {
    /// What they are for.
    pub role: Role,
    /// How many at least: 0 where the model works without.
    pub min: usize,
    /// How many at most.
    pub max: usize,
    /// Media types it takes; a trailing `*` stands for any, as in `image/*`.
    pub media_types: Vec<String>,
    /// Whether the vendor must fetch it from an address of ours.
    pub by_url: bool,
}

/// How outputs come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// With the answer to `submit`.
    Inline,
    /// By an address or reference, fetched afterwards.
    Remote,
}

/// Whether a lost answer can be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// The vendor's history tells what became of it.
    History,
    /// Nothing tells: a lost answer is a loss, booked as uncertain.
    Nothing,
}

/// One thing that was asked for and is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The parameter by its name in the normalized API.
    pub param: String,
    /// Why, in words for the caller.
    pub reason: String,
}

impl Sizes {
    /// The exact pixels for a request, `None` where the vendor chooses them.
    ///
    /// # Errors
    /// The reason, where the model cannot make the asked size or ratio.
    pub fn resolve(
        &self,
        size: Option<Size>,
        ratio: Option<AspectRatio>,
    ) -> Result<Option<Size>, String> {
        match self {
            Self::Not => match (size, ratio) {
                (None, None) => Ok(None),
                _ => Err("the model has no sizes".to_owned()),
            },
            Self::Listed(sizes) => {
                let fits = |s: &&Size| {
                    size.is_none_or(|asked| **s == asked) && ratio.is_none_or(|r| s.ratio() == r)
                };
                sizes.iter().find(fits).copied().map(Some).ok_or_else(|| self.reason(size, ratio))
            }
            Self::Within { min, max, default } => {
                let found = size.or_else(|| ratio.map_or(Some(*default), |r| fit(r, *min, *max)));
                let side = |n: u32| (*min..=*max).contains(&n);
                found
                    .filter(|s| side(s.width) && side(s.height))
                    .filter(|s| ratio.is_none_or(|r| s.ratio() == r))
                    .map(Some)
                    .ok_or_else(|| self.reason(size, ratio))
            }
            Self::Ratios(ratios) => {
                let asked = ratio.or_else(|| size.map(Size::ratio));
                let known = asked.is_none_or(|r| ratios.contains(&r));
                if known { Ok(None) } else { Err(self.reason(size, ratio)) }
            }
        }
    }

    fn reason(&self, size: Option<Size>, ratio: Option<AspectRatio>) -> String {
        let asked = match (size, ratio) {
            (Some(size), _) => format!("size {size}"),
            (None, Some(ratio)) => format!("aspect ratio {ratio}"),
            (None, None) => "no size".to_owned(),
        };
        let list = |all: &[String]| all.join(", ");
        match self {
            Self::Not => "the model has no sizes".to_owned(),
            Self::Listed(sizes) => {
                let all: Vec<String> = sizes.iter().map(ToString::to_string).collect();
                format!("{asked} is not one of {}", list(&all))
            }
            Self::Within { min, max, .. } => format!("{asked} is not within {min} to {max} a side"),
            Self::Ratios(ratios) => {
                let all: Vec<String> = ratios.iter().map(ToString::to_string).collect();
                format!("{asked} is none of the ratios {}", list(&all))
            }
        }
    }
}

/// The largest size of exactly this ratio whose sides are at most 1024 and within the bounds.
fn fit(ratio: AspectRatio, min: u32, max: u32) -> Option<Size> {
    let text = ratio.to_string();
    let unit: Size = text.replace(':', "x").parse().ok()?;
    let longest = unit.width.max(unit.height);
    let factor = max.min(1024.max(min)) / longest;
    let size = Size::new(unit.width * factor, unit.height * factor);
    (factor > 0 && size.width.min(size.height) >= min).then_some(size)
}

impl Model {
    /// A model that was there once: its name, and that it can do nothing.
    pub fn past(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            kind,
            capabilities: Capabilities {
                prompt_chars: 0..=0,
                negative_prompt: false,
                sizes: Sizes::Not,
                seed: false,
                seconds: Durations::Not,
                audio: Audio::Never,
                max_count: 0,
                inputs: Vec::new(),
                no_retention: false,
                options: Vec::new(),
                delivery: Delivery::Remote,
                recovery: Recovery::Nothing,
            },
            tariff: Tariff::Unlisted,
            usual: Duration::ZERO,
        }
    }

    /// Checks every parameter of a request against what this model advertises.
    ///
    /// # Errors
    /// Every parameter that it cannot honour, each with its reason.
    pub fn admit(&self, work: &Work) -> Result<(), Vec<Unsupported>> {
        let mut missing = Vec::new();
        let mut no = |param: &str, reason: String| {
            missing.push(Unsupported { param: param.to_owned(), reason });
        };
        let can = &self.capabilities;
        if work.kind != self.kind {
            no("kind", format!("the model makes {}, not {}", self.kind, work.kind));
        }
        let chars = work.prompt_chars();
        if !can.prompt_chars.contains(&chars) {
            let (min, max) = (can.prompt_chars.start(), can.prompt_chars.end());
            no("prompt", format!("a prompt of {chars} characters is not within {min} to {max}"));
        }
        if work.negative_prompt.is_some() && !can.negative_prompt {
            no("negative_prompt", "the model takes no negative prompt".to_owned());
        }
        if let Err(reason) = can.sizes.resolve(work.size, work.aspect_ratio) {
            no(if work.size.is_some() { "size" } else { "aspect_ratio" }, reason);
        }
        if work.seed.is_some() && !can.seed {
            no("seed", "the model honours no seed".to_owned());
        }
        if work.count == 0 || work.count > can.max_count {
            no("count", format!("one call makes 1 to {} outputs", can.max_count));
        }
        if !work.retain && !can.no_retention {
            no("store", "the vendor cannot be told to keep nothing".to_owned());
        }
        for name in work.options.keys().filter(|name| !can.options.contains(name)) {
            no(
                &format!("provider_options.{name}"),
                "the vendor documents no such field".to_owned(),
            );
        }
        if let Some(reason) = can.refuses_clip(work) {
            no(reason.0, reason.1);
        }
        if let Some(reason) = can.refuses_inputs(work) {
            no("inputs", reason);
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }
}

impl Capabilities {
    fn refuses_clip(&self, work: &Work) -> Option<(&'static str, String)> {
        match (&self.seconds, work.seconds) {
            (Durations::Not, Some(_)) => {
                return Some(("seconds", "the model makes no clips".to_owned()));
            }
            (Durations::Within { min, max, .. }, Some(n)) if !(*min..=*max).contains(&n) => {
                return Some(("seconds", format!("{n} s is not within {min} to {max} s")));
            }
            _ => {}
        }
        match (self.audio, work.audio) {
            (Audio::Never, Some(true)) => Some(("audio", "the model makes no sound".to_owned())),
            (Audio::Always, Some(false)) => {
                Some(("audio", "the model's clips always have sound".to_owned()))
            }
            _ => None,
        }
    }

    fn refuses_inputs(&self, work: &Work) -> Option<String> {
        for rule in &self.inputs {
            let given = work.inputs.iter().filter(|input| input.role == rule.role).count();
            if given < rule.min {
                let (least, role) = (rule.min, rule.role.as_str());
                return Some(format!("the model needs {least} of role `{role}`, {given} given"));
            }
        }
        for input in &work.inputs {
            let Some(rule) = self.inputs.iter().find(|rule| rule.role == input.role) else {
                let role = input.role.as_str();
                return Some(format!("the model takes no input of role `{role}`"));
            };
            let takes = |kind: &String| match kind.strip_suffix('*') {
                Some(prefix) => input.media_type.starts_with(prefix),
                None => *kind == input.media_type,
            };
            if !rule.media_types.iter().any(takes) {
                return Some(format!("the model takes no {} here", input.media_type));
            }
            let same = work.inputs.iter().filter(|other| other.role == input.role).count();
            if same > rule.max {
                return Some(format!("{same} inputs of one role where at most {} fit", rule.max));
            }
            if rule.by_url && input.url.is_none() {
                return Some("the vendor must fetch this input, and cannot reach us".to_owned());
            }
        }
        None
    }
}
