//! The documented fields of `/generate` that no normalized parameter is: who may use them, and what
//! they look like.

use provider::{Error, Unsupported};
use serde_json::Value;

use crate::facts::{Facts, Media};

/// Which generator makes it.
pub(crate) const GENERATOR: &str = "generator";
/// The generator's own fields.
pub(crate) const PARAMETERS: &str = "parameters";
/// Who sees it: 0 everybody, 1 its owner.
pub(crate) const PRIVACY: &str = "privacy_mode";
/// On which terms others may use it: 1 openly, 2 not at all. Set when it is made, not by `/generate`.
pub(crate) const LICENSE: &str = "license";
/// A proportion by the vendor's own names, `match_input_image` among them.
pub(crate) const RATIO: &str = "aspect_ratio";

/// What a field's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Integer,
    Id,
    Boolean,
    TextOrInteger,
    Temperature,
    Thinking,
    Privacy,
    License,
    Slug,
    Object,
}

/// Which models look at a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    Every,
    Text,
    /// Those that make several proportions.
    Ratios,
}

/// A documented field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    shape: Shape,
    who: For,
    /// Whether a price can depend on it: those that choose a way of working, but no free text.
    pub(crate) priced: bool,
}

const fn field(name: &'static str, shape: Shape, who: For) -> Field {
    Field { name, shape, who, priced: false }
}

const fn priced(name: &'static str, shape: Shape, who: For) -> Field {
    Field { name, shape, who, priced: true }
}

/// Those that need more than a look at their shape.
const READ: [Field; 5] = [
    field(GENERATOR, Shape::Slug, For::Every),
    field(PARAMETERS, Shape::Object, For::Every),
    field(PRIVACY, Shape::Privacy, For::Every),
    field(LICENSE, Shape::License, For::Every),
    field(RATIO, Shape::TextOrInteger, For::Ratios),
];

/// Those that are passed on as they are.
pub(crate) const PASSED_ON: [Field; 20] = [
    field("team_id", Shape::Id, For::Every),
    priced("preference", Shape::TextOrInteger, For::Every),
    priced("preference_two", Shape::TextOrInteger, For::Every),
    priced("language", Shape::Text, For::Text),
    field("temperature", Shape::Temperature, For::Text),
    field("user_text", Shape::Text, For::Text),
    field("user_text_two", Shape::Text, For::Text),
    field("avoid_duplicates", Shape::Boolean, For::Text),
    priced("thinking_mode", Shape::Thinking, For::Text),
    field("story_context", Shape::Text, For::Text),
    // The page gives one pair of types for these three.
    field("character_context", Shape::TextOrInteger, For::Text),
    field("character_name", Shape::TextOrInteger, For::Text),
    field("character_id", Shape::TextOrInteger, For::Text),
    field("support_for", Shape::Id, For::Text),
    priced("mode", Shape::Text, For::Text),
    priced("model_speech", Shape::Id, For::Text),
    field("item_index", Shape::Integer, For::Text),
    field("total_count", Shape::Integer, For::Text),
    field("translation_of", Shape::Id, For::Text),
    field("source_language", Shape::Text, For::Text),
];

impl Field {
    fn is_for(&self, facts: &Facts) -> bool {
        match self.who {
            For::Every => true,
            For::Text => facts.media == Media::Text,
            For::Ratios => !facts.ratios.is_empty(),
        }
    }
}

/// The fields that a model of these facts takes beside the normalized parameters.
pub(crate) fn of(facts: &Facts) -> Vec<String> {
    let all = READ.iter().chain(&PASSED_ON).filter(|field| field.is_for(facts));
    all.map(|field| field.name.to_owned()).collect()
}

/// Refuses an option of another shape than the page gives it.
///
/// # Errors
/// [`ErrorKind::Unsupported`](provider::ErrorKind::Unsupported), naming `provider_options.NAME`.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), Error> {
    let field = READ.iter().chain(&PASSED_ON).find(|field| field.name == name);
    match field {
        Some(field) if !field.shape.fits(value) => Err(refused(name, field.shape.wanted())),
        _ => Ok(()),
    }
}

/// An option that cannot be as it is.
pub(crate) fn refused(name: &str, reason: impl Into<String>) -> Error {
    let param = format!("provider_options.{name}");
    Error::unsupported(vec![Unsupported { param, reason: reason.into() }])
}

/// Whether a text can stand in an address as a generator's name.
pub(crate) fn is_slug(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(letter)
}

impl Shape {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Id => value.as_i64().is_some_and(|id| id > 0),
            Self::Boolean => value.is_boolean(),
            Self::TextOrInteger => value.is_string() || value.is_i64(),
            Self::Temperature => value.as_f64().is_some_and(|heat| (0.0..=2.0).contains(&heat)),
            Self::Thinking => matches!(value.as_str(), Some("off" | "on" | "high")),
            Self::Privacy => matches!(value.as_i64(), Some(0 | 1)),
            Self::License => matches!(value.as_i64(), Some(1 | 2)),
            Self::Slug => value.as_str().is_some_and(is_slug),
            Self::Object => value.is_object(),
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Text => "it must be a string",
            Self::Integer => "it must be an integer",
            Self::Id => "it must be a positive integer",
            Self::Boolean => "it must be true or false",
            Self::TextOrInteger => "it must be a string or an integer",
            Self::Temperature => "it must be a number from 0 to 2",
            Self::Thinking => "it must be one of off, on, high",
            Self::Privacy => "it must be 0 (public) or 1 (private)",
            Self::License => "it must be 1 (open) or 2 (exclusive)",
            Self::Slug => "it must be a generator's name: letters, digits, - and _",
            Self::Object => "it must be an object of the generator's fields",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_option_of_the_wrong_shape_is_named() {
        for (name, good, bad) in [
            ("generator", json!("wall-art_2"), json!("../users/me")),
            ("parameters", json!({"a": 1}), json!([])),
            ("privacy_mode", json!(0), json!(2)),
            ("license", json!(2), json!(3)),
            ("license", json!(1), json!("1")),
            ("aspect_ratio", json!(4), json!(true)),
            ("team_id", json!(7), json!(0)),
            ("preference", json!("pun"), json!({})),
            ("temperature", json!(1.5), json!(2.1)),
            ("thinking_mode", json!("high"), json!("deep")),
            ("avoid_duplicates", json!(true), json!("yes")),
            ("item_index", json!(0), json!(0.5)),
            ("user_text", json!(""), json!(1)),
        ] {
            assert!(check(name, &good).is_ok(), "{name}");
            let error = check(name, &bad).unwrap_err();
            assert_eq!(error.reasons()[0].param, format!("provider_options.{name}"));
            assert!(error.reasons()[0].reason.starts_with("it must be"), "{error}");
        }
    }

    #[test]
    fn no_field_stands_in_the_table_twice() {
        let mut names: Vec<_> = READ.iter().chain(&PASSED_ON).map(|field| field.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_slug_cannot_lead_elsewhere() {
        for bad in ["", "a/b", "a b", "..", "é", "a?b", &"a".repeat(65)] {
            assert!(!is_slug(bad), "{bad}");
        }
        assert!(is_slug("story-part"));
    }
}
