//! A request body read field by field, each checked for its type as the page gives it.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The type of a documented field that is passed on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Integer,
    Boolean,
    TextOrInteger,
    Temperature,
    Thinking,
}

/// The documented fields that change words alone: checked, and kept in the books.
pub(crate) const PASSED_ON: [(&str, Shape); 20] = [
    ("language", Shape::Text),
    ("temperature", Shape::Temperature),
    ("preference", Shape::TextOrInteger),
    ("preference_two", Shape::TextOrInteger),
    ("user_text", Shape::Text),
    ("user_text_two", Shape::Text),
    ("avoid_duplicates", Shape::Boolean),
    ("thinking_mode", Shape::Thinking),
    ("story_context", Shape::Text),
    ("character_context", Shape::TextOrInteger),
    ("character_name", Shape::TextOrInteger),
    ("character_id", Shape::TextOrInteger),
    ("support_for", Shape::Integer),
    ("mode", Shape::Text),
    ("model_speech", Shape::Integer),
    ("item_index", Shape::Integer),
    ("total_count", Shape::Integer),
    ("translation_of", Shape::Integer),
    ("source_language", Shape::Text),
    ("generate_audio", Shape::Boolean),
];

impl Shape {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Boolean => value.is_boolean(),
            Self::TextOrInteger => value.is_string() || value.is_i64(),
            Self::Temperature => value.as_f64().is_some_and(|heat| (0.0..=2.0).contains(&heat)),
            Self::Thinking => matches!(value.as_str(), Some("off" | "on" | "high")),
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Integer => "an integer",
            Self::Boolean => "a boolean",
            Self::TextOrInteger => "a string or an integer",
            Self::Temperature => "a number between 0.0 and 2.0",
            Self::Thinking => "one of off, on, high",
        }
    }
}

/// A body that is a JSON object.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body)
            .map(Self)
            .map_err(|_| Refusal::invalid("The request body must be a JSON object"))
    }

    /// The field, unless it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn of_shape(&self, name: &str, shape: Shape) -> Result<Option<&Value>, Refusal> {
        match self.get(name) {
            Some(value) if !shape.fits(value) => {
                Err(Refusal::invalid(format!("{name} must be {}", shape.wanted())))
            }
            value => Ok(value),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        Ok(self.of_shape(name, Shape::Text)?.and_then(Value::as_str))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        Ok(self.of_shape(name, Shape::Integer)?.and_then(Value::as_i64))
    }

    /// An integer between those two.
    pub(crate) fn within(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.integer(name)? else { return Ok(None) };
        let value = u32::try_from(value).ok().filter(|value| (least..=most).contains(value));
        let message = || Refusal::invalid(format!("{name} must be between {least} and {most}"));
        value.map(Some).ok_or_else(message)
    }

    /// An id.
    pub(crate) fn id(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.integer(name)? else { return Ok(None) };
        let value = u64::try_from(value).ok();
        value.map(Some).ok_or_else(|| Refusal::invalid(format!("{name} must be positive")))
    }

    /// A text that has to be there, of at most so many characters.
    pub(crate) fn needed(&self, name: &str, longest: usize) -> Result<String, Refusal> {
        match self.text(name)?.map(str::trim) {
            Some(text) if text.chars().count() > longest => {
                Err(Refusal::invalid(format!("{name} must be at most {longest} characters")))
            }
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(Refusal::invalid(format!("{name} is required"))),
        }
    }

    /// Strings in an array.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        let wrong = || Refusal::invalid(format!("{name} must be an array of strings"));
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(texts)) => {
                texts.iter().map(|text| text.as_str().ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    pub(crate) fn object(&self, name: &str) -> Result<Map<String, Value>, Refusal> {
        match self.get(name) {
            None => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            // PHP writes an empty object so, and this vendor reads what the like of it write.
            Some(Value::Array(nothing)) if nothing.is_empty() => Ok(Map::new()),
            Some(_) => Err(Refusal::invalid(format!("{name} must be an object"))),
        }
    }
}
