//! The vendor's JSON around what it makes. Strict in what is sent, lenient in what is read: a field
//! that cannot be read counts as missing, and what that means is decided where the field is used.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use provider::Timestamp;
use provider_http::lenient;

use crate::credits::Credits;

/// What every JSON answer is wrapped in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Envelope {
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) success: Option<bool>,
    pub(crate) data: Option<Value>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) error: Option<Refused>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) meta: Option<Meta>,
}

/// An error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) code: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) message: Option<String>,
}

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) has_next: Option<bool>,
}

/// The data of `POST /generators/{slug}/generate`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Made {
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) creations: Option<Vec<Value>>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) credit_cost: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) credit_cost_estimated: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) credits_remaining: Option<Credits>,
    pub(crate) adjustments: Option<Value>,
}

/// A creation as lists and `GET /creations/{id}` show it, but for what it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Creation {
    #[serde(deserialize_with = "lenient::name")]
    creation_id: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) generator: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) prompt: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(rename = "type", deserialize_with = "lenient::field")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) status: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) model_id: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) generator_data: Option<Map<String, Value>>,
}

impl Creation {
    /// Its number, under either name. (No alias: an answer may have both.)
    pub(crate) fn number(&self) -> Option<&str> {
        self.creation_id.as_deref().or(self.id.as_deref())
    }
}

/// The data of `GET /credits/balance`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Balance {
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) total: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) paid: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) free: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) earned: Option<Credits>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) max: Option<Credits>,
}

/// `POST /api-keys`.
#[derive(Debug, Serialize)]
pub(crate) struct NewKey<'a> {
    pub(crate) name: &'a str,
    /// None for a key that may do everything, as the page has it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) scopes: &'a [String],
}

/// A row of `GET /api-keys`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeyRow {
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) key_id: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) prefix: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) scopes: Option<Vec<String>>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) is_active: Option<bool>,
    #[serde(deserialize_with = "lenient::field")]
    pub(crate) active: Option<bool>,
    #[serde(deserialize_with = "lenient::name")]
    pub(crate) revoked_at: Option<String>,
}

impl KeyRow {
    /// Its number, under either name.
    pub(crate) fn number(&self) -> Option<&str> {
        self.key_id.as_deref().or(self.id.as_deref())
    }

    /// The page says that revoking deactivates; whether the list goes on showing it, it does not.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_active.or(self.active) != Some(false) && self.revoked_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_of_other_types_are_missing_fields() {
        let made: Made = serde_json::from_value(json!({
            "creations": {"creation_id": 1}, "credit_cost": -3, "credits_remaining": "35998",
            "adjustments": [], "aa_unknown": 1
        }))
        .unwrap();
        assert!(made.creations.is_none() && made.credit_cost.is_some_and(|cost| !cost.is_price()));
        assert!(made.credits_remaining.is_some());
        let both: Creation = serde_json::from_value(json!({"creation_id": 1, "id": 2})).unwrap();
        assert_eq!(both.number(), Some("1"), "an answer may have both names");
        let envelope: Envelope = serde_json::from_value(json!({"success": "yes"})).unwrap();
        assert!(envelope.success.is_none() && envelope.data.is_none());
    }
}
