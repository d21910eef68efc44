//! What an operator says about this provider.

use provider::MicroUsd;
use serde::Deserialize;

/// The configuration of the provider, without its accounts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The provider's name in the configuration: a key of a map there, so it is not read here.
    #[serde(skip, default = "default_name")]
    pub name: String,
    /// Where the API is; the dialects' paths are appended.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The dialect of the one model that has both.
    #[serde(default)]
    pub dialect: Dialect,
    /// How long the vendor may still be working on a call that we lost sight of, in seconds.
    #[serde(default = "default_work_ceiling_s")]
    pub work_ceiling_s: u32,
    /// Below this an account's balance is reported as low.
    #[serde(default = "default_low_balance_usd")]
    pub low_balance_usd: MicroUsd,
}

/// The two dialects of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `POST /v1/generate`.
    #[default]
    V1,
    /// `POST /api/v1/zekron-image-1:image-preview`.
    Preview,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("base_url is not an http or https URL with a host and without query or credentials")]
pub struct ConfigError;

fn default_name() -> String {
    "zekron".to_owned()
}

fn default_base_url() -> String {
    "https://api.zekron.codes".to_owned()
}

const fn default_work_ceiling_s() -> u32 {
    45
}

/// Some seventy pictures: enough time for an operator to read the alert and top up.
const fn default_low_balance_usd() -> MicroUsd {
    MicroUsd::from_micros(2_000_000)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: default_name(),
            base_url: default_base_url(),
            dialect: Dialect::default(),
            work_ceiling_s: default_work_ceiling_s(),
            low_balance_usd: default_low_balance_usd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_the_default_one() {
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
        let config = serde_json::from_str::<Config>(r#"{"dialect": "preview"}"#).unwrap();
        assert_eq!(config.dialect, Dialect::Preview);
    }

    #[test]
    fn unknown_keys_and_dialects_are_refused() {
        for bad in [r#"{"dialekt": "v1"}"#, r#"{"dialect": "v2"}"#, r#"{"name": "x"}"#] {
            assert!(serde_json::from_str::<Config>(bad).is_err(), "{bad}");
        }
    }
}
