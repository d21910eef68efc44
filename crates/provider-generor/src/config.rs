//! How an operator describes Generor. The shapes and names are the contract's.

use std::collections::BTreeMap;

use provider::{Kind, MicroUsd};
use serde::Deserialize;

use crate::options::is_slug;

/// `providers.NAME` of type `generor`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The provider's name in the configuration; set by the gateway.
    #[serde(skip)]
    pub name: String,
    /// Ends in `/api/v1`; set by the gateway.
    #[serde(skip)]
    pub base_url: String,
    /// What one credit costs us, whichever purse it comes from.
    pub usd_per_credit: MicroUsd,
    /// Below this an account's balance is reported as low.
    pub low_balance_usd: MicroUsd,
    /// Whether creations are shown to everybody where the caller does not say.
    pub privacy: Privacy,
    /// What a charge may come to, in times of its estimate, before any charge of the model was seen.
    pub estimate_ceiling: u32,
    /// The generator of each kind where the caller names none.
    pub generators: BTreeMap<Kind, String>,
    /// Longest time that the vendor works on a call, in seconds.
    pub work_ceiling_s: u32,
    /// Accounts by name.
    pub accounts: BTreeMap<String, AccountConfig>,
}

/// Some forty pictures at the page's 24 credits: enough time for an operator to read the alert.
const LOW_BALANCE: MicroUsd = MicroUsd::from_micros(1_000_000);

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "generor".to_owned(),
            base_url: "https://generor.com/api/v1".to_owned(),
            usd_per_credit: MicroUsd::from_micros(1000),
            low_balance_usd: LOW_BALANCE,
            privacy: Privacy::Private,
            estimate_ceiling: 5,
            generators: BTreeMap::new(),
            work_ceiling_s: 600,
            accounts: BTreeMap::new(),
        }
    }
}

/// Who sees what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Its owner.
    Private,
    /// Everybody: the vendor's own default.
    Public,
}

/// One account's options beside its key and limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// What the vendor sold us; its rate limits follow.
    pub tier: Tier,
}

/// A tier of the vendor's page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the page's")]
pub enum Tier {
    #[default]
    Free,
    Basic,
    Pro,
    Enterprise,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address of the API is none.
    #[error("base_url is not an http or https URL with a host and without query or credentials")]
    BaseUrl,
    /// Work without a price would never be held against a budget.
    #[error("usd_per_credit must be more than 0: what we pay for one credit, in US dollars")]
    UsdPerCredit,
    /// Below its estimate no charge was ever promised to stay.
    #[error(
        "estimate_ceiling must be 1 to 100: what a charge may come to, in times of its estimate"
    )]
    EstimateCeiling,
    /// A generator's name that cannot stand in an address.
    #[error("generators.{0}: a generator's name is of letters, digits, `-` and `_`, 64 at most")]
    Generator(Kind),
    /// A call takes seconds to minutes.
    #[error(
        "work_ceiling_s must be 1 to 3600: the longest time that one call may take, in seconds"
    )]
    WorkCeiling,
}

impl Config {
    /// Refuses values with which nothing could work.
    ///
    /// # Errors
    /// What is wrong, by its key.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.usd_per_credit <= MicroUsd::ZERO {
            return Err(ConfigError::UsdPerCredit);
        }
        if !(1..=100).contains(&self.estimate_ceiling) {
            return Err(ConfigError::EstimateCeiling);
        }
        if let Some((kind, _)) = self.generators.iter().find(|(_, slug)| !is_slug(slug)) {
            return Err(ConfigError::Generator(*kind));
        }
        if !(1..=3600).contains(&self.work_ceiling_s) {
            return Err(ConfigError::WorkCeiling);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Config, String> {
        let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn an_empty_configuration_is_the_default_one_and_private() {
        let config = read("{}").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.privacy, Privacy::Private);
        assert_eq!(config.usd_per_credit.micros(), 1000);
    }

    #[test]
    fn the_contracts_example_is_read() {
        let json = r#"{"usd_per_credit": 0.001, "privacy": "public", "estimate_ceiling": 100,
            "low_balance_usd": "2.50", "work_ceiling_s": 3600, "generators": {"text": "story", "sound_effect": "sfx-2"},
            "accounts": {"main": {"tier": "pro"}}}"#;
        let config = read(json).unwrap();
        assert_eq!(config.accounts["main"].tier, Tier::Pro);
        assert_eq!(config.generators[&Kind::SoundEffect], "sfx-2");
        assert_eq!(config.privacy, Privacy::Public);
        assert_eq!(config.low_balance_usd.micros(), 2_500_000);
    }

    #[test]
    fn values_out_of_range_are_refused_by_their_key() {
        for (json, key) in [
            (r#"{"usd_per_credit": 0}"#, "usd_per_credit"),
            (r#"{"usd_per_credit": "-0.001"}"#, "usd_per_credit"),
            (r#"{"estimate_ceiling": 0}"#, "estimate_ceiling"),
            (r#"{"estimate_ceiling": 101}"#, "estimate_ceiling"),
            (r#"{"generators": {"text": "../x"}}"#, "generators.text"),
            (r#"{"generators": {"image": ""}}"#, "generators.image"),
            (r#"{"work_ceiling_s": 0}"#, "work_ceiling_s"),
            (r#"{"work_ceiling_s": 3601}"#, "work_ceiling_s"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.starts_with(key), "{json}: {error}");
        }
    }

    #[test]
    fn unknown_keys_and_values_are_refused() {
        for bad in [
            r#"{"name": "x"}"#,
            r#"{"privacy": "secret"}"#,
            r#"{"generators": {"smell": "x"}}"#,
            r#"{"usd_per_credit": "dear"}"#,
            r#"{"accounts": {"main": {"teir": "free"}}}"#,
            r#"{"accounts": {"main": {"tier": "gold"}}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
