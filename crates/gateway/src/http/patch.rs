//! Fields of a patch: what is left out stays, `null` clears.

use serde::{Deserialize, Deserializer};

/// A field of a patch: left out it stays, `null` clears it.
pub(super) fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A field of a patch that cannot be cleared: `null` is a wrong value.
pub(super) fn kept<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "given")]
        weight: Option<Option<u32>>,
        #[serde(default, deserialize_with = "kept")]
        name: Option<String>,
    }

    #[test]
    fn left_out_null_and_given_are_three_things() {
        let read = |text| serde_json::from_str::<Body>(text).map(|body| (body.weight, body.name));
        assert_eq!(read("{}").unwrap(), (None, None));
        let both = r#"{"weight": 3, "name": "x"}"#;
        assert_eq!(read(both).unwrap(), (Some(Some(3)), Some("x".to_owned())));
        assert_eq!(read(r#"{"weight": null}"#).unwrap(), (Some(None), None));
        assert!(read(r#"{"name": null}"#).is_err());
    }
}
