//! The vendor's JSON. Strict in what is sent, lenient in what is read: a field that cannot be read
//! counts as missing, and what that means is decided where the field is used.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use provider::Timestamp;
use provider_http::lenient;

/// `POST /v1/images/generate` and `POST /v1/videos/generate`. Defaults are sent in so many words: what
/// is recorded is then what was asked for, whatever the vendor's defaults become.
#[derive(Debug, Serialize)]
pub(crate) struct Generate<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Frames; videos only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<i64>,
    /// Images only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) negative: Option<&'a str>,
}

/// A job, as a submit and `GET /v1/jobs/{id}` tell it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Job {
    #[serde(default, deserialize_with = "lenient::name")]
    pub(crate) job_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::name")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "lenient::name")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "lenient::name")]
    pub(crate) result_url: Option<String>,
    /// Seconds that the address is good for.
    #[serde(default, deserialize_with = "count")]
    pub(crate) expires_in: Option<u32>,
    /// Why it was stopped, for people.
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) error: Option<Value>,
}

/// `GET /v1/usage`.
#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    #[serde(default, deserialize_with = "count")]
    pub(crate) videos_used: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) videos_overage: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) base_videos_allowance: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) images_used: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) images_overage: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) base_images_allowance: Option<u32>,
    /// A date, by which the vendor means its first moment in UTC.
    #[serde(default, deserialize_with = "day")]
    pub(crate) month_start: Option<Timestamp>,
}

/// What an answer of failure may hold: the page shows none of them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refused {
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) error: Option<Value>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) message: Option<Value>,
    #[serde(default, deserialize_with = "lenient::field")]
    pub(crate) detail: Option<Value>,
    #[serde(default, deserialize_with = "lenient::name")]
    pub(crate) code: Option<String>,
}

/// A finished job as the records keep it until its bytes are fetched: only this adapter reads it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The job, which a fresh address is asked of.
    pub(crate) job: Option<String>,
    /// The signed address, if the vendor has given one.
    pub(crate) url: Option<String>,
}

/// A count that may be written as a string or with a fraction of nothing (`47`, `"47"`, `47.0`).
fn count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u32>, D::Error> {
    let text = match Value::deserialize(d)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return Ok(None),
    };
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        Some(_) => return Ok(None),
        None => text,
    };
    Ok(whole.parse().ok())
}

fn day<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    let Value::String(text) = Value::deserialize(d)? else { return Ok(None) };
    let midnight = || Timestamp::parse(&format!("{}T00:00:00Z", text.trim()));
    Ok(Timestamp::parse(&text).or_else(midnight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_however_they_are_written() {
        for (text, read) in [
            ("47", Some(47)),
            ("\"47\"", Some(47)),
            ("47.0", Some(47)),
            ("0", Some(0)),
            ("-1", None),
            ("4.7", None),
            ("1e3", Some(1000)),
            ("null", None),
            ("[]", None),
            ("99999999999", None),
        ] {
            let json = format!("{{\"videos_used\": {text}}}");
            let usage: Usage = serde_json::from_str(&json).unwrap();
            assert_eq!(usage.videos_used, read, "{text}");
        }
    }

    #[test]
    fn a_month_begins_at_midnight() {
        let read = |text: &str| {
            let json = format!("{{\"month_start\": {text}}}");
            serde_json::from_str::<Usage>(&json).unwrap().month_start.map(|at| at.to_string())
        };
        let may = Some("2026-05-01T00:00:00.000Z".to_owned());
        assert_eq!(read("\"2026-05-01\""), may);
        assert_eq!(read("\"2026-05-01T00:00:00+00:00\""), may);
        assert_eq!(read("\"May\""), None);
        assert_eq!(read("5"), None);
    }

    #[test]
    fn fields_of_other_types_are_missing_fields() {
        let job: Job = serde_json::from_str(
            r#"{"job_id": 42, "status": null, "kind": [], "result_url": {}, "new": [1]}"#,
        )
        .unwrap();
        assert_eq!(job.job_id.as_deref(), Some("42"));
        assert!(job.status.is_none() && job.kind.is_none() && job.result_url.is_none());
    }
}
