//! Fields of vendors' answers, read leniently: a field that is not what the vendor's page says is a
//! missing field, and spoils none of the others. For `#[serde(deserialize_with)]`.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// A field that is missing where it is not what the page says.
///
/// # Errors
/// Where the answer is no JSON at all.
pub fn field<'de, D: Deserializer<'de>, T: DeserializeOwned>(d: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(d)?).ok())
}

/// A name that may be a number.
///
/// # Errors
/// Where the answer is no JSON at all.
pub fn name<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(d)? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}
