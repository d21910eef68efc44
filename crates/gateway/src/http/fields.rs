//! Fields that say themselves what they take: a wrong value is refused where it is read, so that the
//! refusal carries its path.

use std::{borrow::Cow, collections::BTreeMap};

use provider::{Kind, MicroUsd, Size};
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::{
    ObjectBuilder, RefOr, Schema,
    schema::{SchemaType, Type},
};

/// The longest prompt, in characters.
pub(super) const LONGEST_PROMPT: usize = 32_000;
/// The contract's bound for `count` and `n`.
pub(super) const MOST_OUTPUTS: u8 = 10;
/// OpenAI's bounds for metadata.
const MOST_METADATA: usize = 16;
const LONGEST_METADATA_KEY: usize = 64;
const LONGEST_METADATA_VALUE: usize = 512;

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident($inner:ty), $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$inner>::deserialize(deserializer)?;
                let check: fn(&$inner) -> Result<(), String> = $check;
                check(&value).map_err(de::Error::custom)?;
                Ok(Self(value))
            }
        }
    };
}

checked!(
    /// A prompt, 1 to 32,000 characters.
    Prompt(String),
    |text| match text.is_empty() {
        true => Err("the prompt is empty".to_owned()),
        false => fits(text, LONGEST_PROMPT),
    }
);
checked!(
    /// A prompt where not every model needs one: at most 32,000 characters.
    Words(String),
    |text| fits(text, LONGEST_PROMPT)
);
checked!(
    /// A number of outputs, 1 to 10.
    Count(u8),
    |count| match (1..=MOST_OUTPUTS).contains(count) {
        true => Ok(()),
        false => Err(format!("{count} is not within 1 to {MOST_OUTPUTS}")),
    }
);
checked!(
    /// A whole number of seconds, at least one.
    Seconds(u32),
    |seconds| if *seconds > 0 { Ok(()) } else { Err("it takes at least 1 second".to_owned()) }
);
checked!(
    /// The caller's own words, within OpenAI's bounds.
    Metadata(BTreeMap<String, String>),
    |pairs| {
        if pairs.len() > MOST_METADATA {
            return Err(format!("{} pairs are more than {MOST_METADATA}", pairs.len()));
        }
        pairs.iter().try_for_each(|(key, value)| {
            fits(key, LONGEST_METADATA_KEY)?;
            fits(value, LONGEST_METADATA_VALUE)
        })
    }
);

/// Checks that a text has at most so many characters.
pub(super) fn fits(text: &str, most: usize) -> Result<(), String> {
    // A text has no more characters than bytes: the usual one need not be counted.
    if text.len() <= most {
        return Ok(());
    }
    match text.chars().count() {
        chars if chars <= most => Ok(()),
        chars => Err(format!("{chars} characters are more than {most}")),
    }
}

/// `auto`, or exact pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct SizeField(pub(super) Option<Size>);

impl<'de> Deserialize<'de> for SizeField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        if text == "auto" {
            return Ok(Self(None));
        }
        let size = text.parse().map_err(|()| {
            de::Error::custom("it is neither `auto` nor a size such as `1024x1024`")
        })?;
        Ok(Self(Some(size)))
    }
}

/// An amount that something may cost: a decimal string or a number, not negative.
#[derive(Debug, Clone, Copy)]
pub(super) struct Money(pub(super) MicroUsd);

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = MicroUsd::deserialize(deserializer).ok();
        amount
            .filter(|amount| *amount >= MicroUsd::ZERO)
            .map(Self)
            .ok_or_else(|| de::Error::custom("it is no amount in US dollars such as `\"0.05\"`"))
    }
}

/// One of a few words, as a schema.
pub(super) fn words(words: &[&str]) -> RefOr<Schema> {
    let schema = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(words.iter().copied()));
    RefOr::T(Schema::Object(schema.build()))
}

/// The kinds, as a schema.
pub(super) fn kind_schema() -> RefOr<Schema> {
    words(&Kind::ALL.map(Kind::as_str))
}

/// How a price is known, as a schema.
pub(super) fn source_schema() -> RefOr<Schema> {
    words(&["live", "remembered", "listed", "learned"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    #[test]
    fn sizes_are_auto_or_pixels() {
        let read = |text: &str| parse::<SizeField>(text.as_bytes()).map(|field| field.0).ok();
        assert_eq!(read("\"auto\""), Some(None));
        assert_eq!(read("\"64x32\""), Some(Some(Size::new(64, 32))));
        for bad in ["\"0x9\"", "\"Auto\"", "\"\"", "7", "null", "[1,2]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn money_is_never_negative() {
        let read = |text: &str| parse::<Money>(text.as_bytes()).map(|money| money.0.micros()).ok();
        assert_eq!(read("\"0.05\""), Some(50_000));
        assert_eq!(read("0.05"), Some(50_000));
        for bad in ["\"-1\"", "-0.1", "\"five\"", "true", "null"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn prompts_are_counted_in_characters() {
        let read = |text: String| parse::<Prompt>(format!("\"{text}\"").as_bytes()).is_ok();
        assert!(read("é".repeat(32_000)));
        assert!(!read("é".repeat(32_001)));
        assert!(!read("x".repeat(40_000)));
        assert!(!read(String::new()));
    }

    #[test]
    fn counts_and_seconds_have_bounds() {
        for (text, good) in [("1", true), ("10", true), ("0", false), ("11", false), ("2.5", false)]
        {
            assert_eq!(parse::<Count>(text.as_bytes()).is_ok(), good, "{text}");
        }
        assert!(parse::<Seconds>(b"0").is_err());
    }

    #[test]
    fn metadata_is_bounded() {
        assert!(parse::<Metadata>(b"{\"any\": \"string\"}").is_ok());
        let long = format!("{{\"a\": \"{}\"}}", "x".repeat(513));
        assert!(parse::<Metadata>(long.as_bytes()).is_err());
        let many: Vec<String> = (0..17).map(|n| format!("\"{n}\": \"\"")).collect();
        assert!(parse::<Metadata>(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
    }
}
