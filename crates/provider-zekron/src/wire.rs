//! The vendor's JSON. Strict in what is sent, lenient in what is read: a field that cannot be read
//! counts as missing, and what that means is decided where the field is used.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use provider::{MicroUsd, Timestamp};
use provider_http::lenient;

/// `POST /v1/generate`, but for the sources: those are appended as they are encoded.
#[derive(Debug, Serialize)]
pub(crate) struct Generate<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<String>,
}

/// `POST /api/v1/zekron-image-1:image-preview`.
#[derive(Debug, Serialize)]
pub(crate) struct Preview<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) model: &'a str,
    pub(crate) options: PreviewOptions<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PreviewOptions<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) negative_prompt: Option<&'a str>,
}

/// What every JSON answer of both dialects is wrapped in.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) success: Option<bool>,
    #[serde(default = "none")]
    pub(crate) data: Option<T>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) error: Option<Refused>,
}

fn none<T>() -> Option<T> {
    None
}

/// A made picture, in both dialects' fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Made {
    /// `v1`: the picture's name at the vendor.
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) token: Option<String>,
    /// `preview`: the picture's name at the vendor.
    #[serde(default, deserialize_with = "lenient::name")]
    pub(crate) id: Option<String>,
    /// `v1`.
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) image: Option<Picture>,
    /// `preview`.
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) url: Option<String>,
    #[serde(default, deserialize_with = "money")]
    pub(crate) cost: Option<MicroUsd>,
    #[serde(default, deserialize_with = "money")]
    pub(crate) remaining_balance: Option<MicroUsd>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Picture {
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) url: Option<String>,
    /// The index of the lifted text, once the answer has been streamed.
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) b64_json: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) expires_at: Option<Timestamp>,
}

/// `GET /v1/balance`.
#[derive(Debug, Deserialize)]
pub(crate) struct Balance {
    #[serde(default, deserialize_with = "money")]
    pub(crate) balance: Option<MicroUsd>,
    #[serde(default, deserialize_with = "money")]
    pub(crate) total_spent: Option<MicroUsd>,
}

/// `GET /v1/generations`.
#[derive(Debug, Deserialize)]
pub(crate) struct History {
    pub(crate) generations: Vec<Row>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) pagination: Option<Pagination>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pagination {
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) has_more: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Row {
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) token: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) prompt: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) model: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) size: Option<String>,
    #[serde(default, deserialize_with = "money")]
    pub(crate) cost: Option<MicroUsd>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) status: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient::field")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) created_at: Option<Timestamp>,
}

/// An error, in both dialects' fields.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refused {
    /// `v1`: a name, or a code for the vendor's support.
    #[serde(default, deserialize_with = "lenient::name")]
    pub(crate) code: Option<String>,
    /// `preview`: a name.
    #[serde(default, rename = "type", deserialize_with = "lenient::field")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) message: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) support: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) suggestion: Option<String>,
}

/// Money as a string (`v1`) or a number (`preview`). A number is read to a thousandth of a
/// micro-dollar: what lies beyond is the noise of the vendor's own binary floats.
fn money<'de, D: Deserializer<'de>>(d: D) -> Result<Option<MicroUsd>, D::Error> {
    let text = match Value::deserialize(d)? {
        Value::String(text) => text,
        Value::Number(number) => match number.as_f64() {
            Some(float) => format!("{float:.9}"),
            None => number.to_string(),
        },
        _ => return Ok(None),
    };
    Ok(text.parse().ok().filter(|amount| *amount >= MicroUsd::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(json: &str) -> Option<i64> {
        let made: Made = serde_json::from_str(&format!(r#"{{"cost": {json}}}"#)).unwrap();
        made.cost.map(MicroUsd::micros)
    }

    #[test]
    fn money_is_read_from_strings_and_numbers() {
        assert_eq!(cost(r#""0.0267""#), Some(26_700));
        assert_eq!(cost("0.026"), Some(26_000));
        assert_eq!(cost("0.026000000000000002"), Some(26_000));
        assert_eq!(cost("1"), Some(1_000_000));
        for unreadable in ["null", "{}", r#""free""#, "-1", r#""-0.0267""#] {
            assert_eq!(cost(unreadable), None, "{unreadable}");
        }
    }

    #[test]
    fn fields_of_other_types_are_missing_fields() {
        let made: Made = serde_json::from_str(
            r#"{"id": 42, "token": 7, "image": "gone", "url": null, "new_field": [1]}"#,
        )
        .unwrap();
        assert_eq!(made.id.as_deref(), Some("42"));
        assert!(made.token.is_none() && made.image.is_none() && made.url.is_none());
    }
}
