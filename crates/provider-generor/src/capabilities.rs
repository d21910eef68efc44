//! What a model of the catalogue can do, in the words of all vendors.

use std::time::Duration;

use provider::{
    AspectRatio, Audio, Capabilities, Delivery, Durations, InputRule, Kind, MicroUsd, Model,
    Recovery, Role, Sizes, Tariff,
};

use crate::{
    facts::{Facts, Media},
    options,
};

/// The page: «max 10,000 chars».
const PROMPT_CHARS_MAX: usize = 10_000;
/// The page: «Number of items (1-10)».
pub(crate) const COUNT_MAX: u8 = 10;
/// The lengths of a clip where the catalogue lists none: the vendor snaps, and says so.
const SECONDS: std::ops::RangeInclusive<u32> = 1..=30;
/// And its length where nobody says.
const SECONDS_DEFAULT: u32 = 5;

/// The model that these facts are about; a credit costs so much.
pub(crate) fn model(facts: &Facts, usd_per_credit: MicroUsd) -> Model {
    let listed = facts.credit_cost;
    Model {
        name: facts.name.clone(),
        title: facts.title.clone(),
        kind: facts.kind,
        capabilities: capabilities(facts),
        tariff: listed.map_or(Tariff::Unlisted, |cost| Tariff::Credits {
            each: cost.rounded_up(),
            credit: usd_per_credit,
        }),
        usual: usual(facts.media),
    }
}

/// The page: text 5-30 s, images 10-60 s, video several minutes; of the rest it says nothing.
pub(crate) const fn usual(media: Media) -> Duration {
    Duration::from_secs(match media {
        Media::Text => 15,
        Media::Video => 180,
        _ => 30,
    })
}

/// What a clip's length is where nobody says.
pub(crate) fn default_seconds(facts: &Facts) -> Option<u32> {
    (facts.media == Media::Video).then(|| {
        let first = facts.durations.first().copied();
        facts.default_duration.or(first).unwrap_or(SECONDS_DEFAULT)
    })
}

fn capabilities(facts: &Facts) -> Capabilities {
    let least = usize::from(!facts.prompt_is_optional());
    let ratios: Vec<AspectRatio> = facts.ratios.iter().filter_map(|ratio| ratio.exact).collect();
    Capabilities {
        prompt_chars: least..=PROMPT_CHARS_MAX,
        negative_prompt: false,
        sizes: if ratios.is_empty() { Sizes::Not } else { Sizes::Ratios(ratios) },
        seed: false,
        seconds: seconds(facts),
        // A model that has no switch for sound decides by itself; the order says so (an adjustment).
        audio: if facts.media == Media::Video { Audio::Choice } else { Audio::Never },
        max_count: COUNT_MAX,
        inputs: inputs(facts),
        no_retention: false,
        options: options::of(facts),
        delivery: if facts.is_text() { Delivery::Inline } else { Delivery::Remote },
        recovery: Recovery::History,
    }
}

fn seconds(facts: &Facts) -> Durations {
    match default_seconds(facts) {
        None => Durations::Not,
        Some(default) if facts.durations.is_empty() => {
            Durations::Within { min: *SECONDS.start(), max: *SECONDS.end(), default }
        }
        Some(default) => Durations::Listed { seconds: facts.durations.clone(), default },
    }
}

fn inputs(facts: &Facts) -> Vec<InputRule> {
    let takes = facts.takes;
    let rule = |role, min: u8, max: u8, media_types: &[&str]| InputRule {
        role,
        min: min.into(),
        max: max.into(),
        media_types: media_types.iter().map(|&kind| kind.to_owned()).collect(),
        by_url: true,
    };
    let mut rules = Vec::new();
    if takes.picture {
        // A clip's picture may come in either role, so neither of the two can be asked for here.
        let is_clip = facts.kind == Kind::Video;
        let least = u8::from(takes.needs_picture && !is_clip);
        rules.push(rule(Role::Source, least, 1, &["image/*"]));
        if is_clip {
            rules.push(rule(Role::FirstFrame, 0, 1, &["image/*"]));
        }
    }
    if takes.end_frame {
        rules.push(rule(Role::LastFrame, 0, 1, &["image/*"]));
    }
    let kinds =
        [("image/*", takes.images), ("video/*", takes.videos), ("audio/*", u8::from(takes.sound))];
    let taken: Vec<&str> = kinds.iter().filter(|(_, most)| *most > 0).map(|(of, _)| *of).collect();
    if !taken.is_empty() {
        let most = kinds.iter().map(|(_, most)| *most).fold(0, u8::saturating_add);
        rules.push(rule(Role::Reference, takes.needs_images, most, &taken));
    }
    if takes.clip {
        rules.push(rule(Role::Video, u8::from(takes.needs_clip), 1, &["video/*"]));
    }
    if takes.sound {
        rules.push(rule(Role::Audio, 0, 1, &["audio/*"]));
    }
    rules
}
