//! Choices that the vendor may not have as they were asked for: proportion, length, sound. What is used
//! instead is told in the adjustments.

use provider::{Adjustment, Adjustments, Error, Result, Unsupported, Work};
use serde_json::{Value, json};

use crate::{
    facts::{Facts, Media},
    options::{RATIO, refused},
    schema::text,
};

/// A proportion by its place in the model's list, or as the caller said it in the vendor's words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proportion<'a> {
    Listed(usize),
    Said(&'a Value),
}

/// The proportion that is sent; none where nobody said one.
///
/// # Errors
/// Where the model does not make it, or the request says it twice.
pub(crate) fn ratio<'a>(
    facts: &Facts,
    work: &'a Work,
    adjustments: &mut Adjustments,
) -> Result<Option<Proportion<'a>>> {
    let asked = work.aspect_ratio.or_else(|| work.size.map(provider::Size::ratio));
    let (asked, said) = match (asked, work.options.get(RATIO)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(refused(RATIO, "the request says the proportion twice: give one"));
        }
        (None, Some(said)) => {
            let name = text(said).unwrap_or_default();
            return match facts.ratios.iter().any(|ratio| ratio.is(&name)) {
                true => Ok(Some(Proportion::Said(said))),
                false => Err(refused(RATIO, list(facts))),
            };
        }
        (Some(asked), None) => (asked, work.size),
    };
    let place = facts.ratios.iter().position(|ratio| ratio.exact == Some(asked));
    let Some(place) = place else {
        let param = if said.is_some() { "size" } else { "aspect_ratio" }.to_owned();
        return Err(Error::unsupported(vec![Unsupported { param, reason: list(facts) }]));
    };
    if let Some(size) = said {
        let reason = "the vendor takes proportions and chooses the pixels".to_owned();
        let (requested, used) = (json!(size), json!(asked));
        adjustments.insert("size".to_owned(), Adjustment { requested, used, reason });
    }
    Ok(Some(Proportion::Listed(place)))
}

fn list(facts: &Facts) -> String {
    let all: Vec<&str> = facts.ratios.iter().map(|ratio| ratio.ratio.as_str()).collect();
    format!("the model makes the proportions {}", all.join(", "))
}

/// The length that is sent: one that the model makes.
pub(crate) fn seconds(facts: &Facts, work: &Work, adjustments: &mut Adjustments) -> Option<u32> {
    let asked = work.seconds?;
    let used = facts.snapped(asked);
    if used != asked {
        let reason = "snapped to the nearest length that the model makes".to_owned();
        let (requested, used) = (json!(asked), json!(used));
        adjustments.insert("seconds".to_owned(), Adjustment { requested, used, reason });
    }
    Some(used)
}

/// The switch for sound, where the model has one.
pub(crate) fn audio(facts: &Facts, work: &Work, adjustments: &mut Adjustments) -> Option<bool> {
    let asked = work.audio.filter(|_| facts.media == Media::Video)?;
    if facts.supports_audio {
        return Some(asked);
    }
    let reason = "the model has no switch for sound: it decides by itself".to_owned();
    let adjustment = Adjustment { requested: json!(asked), used: Value::Null, reason };
    adjustments.insert("audio".to_owned(), adjustment);
    None
}
