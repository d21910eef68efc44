//! What an operator says about this provider: the plan of each account, and where to stop before the
//! vendor does.

use std::collections::BTreeMap;

use provider::MicroUsd;
use serde::Deserialize;

/// The configuration of the provider; of its accounts only what this vendor adds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The provider's name in the configuration: a key of a map there, so it is not read here.
    #[serde(skip, default = "default_name")]
    pub name: String,
    /// Where the API is; the paths of `v1` are appended.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The accounts by name. One that is not here has the documented plan.
    #[serde(default)]
    pub accounts: BTreeMap<String, AccountConfig>,
    /// Longest time from a job's submit to its end, in seconds.
    #[serde(default = "default_work_ceiling_s")]
    pub work_ceiling_s: u32,
}

/// What this vendor adds to an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// What was bought.
    pub plan: Plan,
    /// Where to stop before the vendor suspends the key.
    pub safety: Safety,
}

/// The flat plan: what a month costs and how much of each kind is in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// What a month costs, for reports: no single piece of work costs anything.
    pub monthly_fee_usd: MicroUsd,
    /// Images in a calendar month.
    pub images: u32,
    /// Videos in a calendar month.
    pub videos: u32,
    /// Images in a day; the vendor lifts it on request.
    pub daily_images: u32,
    /// Videos in a day; the vendor lifts it on request.
    pub daily_videos: u32,
    /// What may be bought past the month's units.
    pub overage: PlanOverage,
}

/// Units past the month's, opt-in at the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanOverage {
    /// Whether the vendor was told to go on for money. Off, a used-up month is a hard stop.
    pub enabled: bool,
    /// For one image.
    pub image_usd: MicroUsd,
    /// For one video.
    pub video_usd: MicroUsd,
    /// Most money in one month; what is left of it carries over.
    pub monthly_cap_usd: MicroUsd,
}

/// Our own lines before the vendor's: it suspends a key for a day when more than half of the last 30
/// minutes' attempts were rejected, of at least ten.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safety {
    /// From this share of rejections on, teams that caused some are kept away. Percent.
    pub team_percent: u32,
    /// Of at least so many attempts.
    pub team_least: u32,
    /// From this share on, the account takes no work at all. Percent.
    pub account_percent: u32,
    /// Of at least so many attempts.
    pub account_least: u32,
    /// A team with so many rejections and nothing else takes a rest.
    pub unbroken: u32,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address of the API is none.
    #[error("base_url is not an http or https URL with a host and without query or credentials")]
    BaseUrl,
    /// No call can end in no time.
    #[error("work_ceiling_s is 0: a job takes a minute and more")]
    WorkCeiling,
    /// An account's value is out of its range.
    #[error("accounts.{account}.{field}: {reason}")]
    Account {
        /// The account's name.
        account: String,
        /// The value's path within it.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The vendor suspends past this share, in percent,
pub(crate) const VENDOR_PERCENT: u32 = 50;
/// of at least so many attempts.
pub(crate) const VENDOR_LEAST: u32 = 10;

fn default_name() -> String {
    "zsky".to_owned()
}

fn default_base_url() -> String {
    "https://zsky.ai".to_owned()
}

/// The page says that a video renders in about a minute, and names no longest time. A submit whose
/// answer was lost holds one of three slots until its job can't be running any more, so the ceiling is
/// five renders and not the longest time imaginable.
const fn default_work_ceiling_s() -> u32 {
    300
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: default_name(),
            base_url: default_base_url(),
            accounts: BTreeMap::new(),
            work_ceiling_s: default_work_ceiling_s(),
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            monthly_fee_usd: MicroUsd::from_micros(99_000_000),
            images: 1000,
            videos: 300,
            daily_images: 200,
            daily_videos: 50,
            overage: PlanOverage::default(),
        }
    }
}

impl Default for PlanOverage {
    fn default() -> Self {
        Self {
            enabled: false,
            image_usd: MicroUsd::from_micros(50_000),
            video_usd: MicroUsd::from_micros(500_000),
            monthly_cap_usd: MicroUsd::ZERO,
        }
    }
}

impl Default for Safety {
    fn default() -> Self {
        Self { team_percent: 30, team_least: 6, account_percent: 45, account_least: 8, unbroken: 3 }
    }
}

impl Config {
    /// Refuses values that no account can have.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.work_ceiling_s == 0 {
            return Err(ConfigError::WorkCeiling);
        }
        for (name, account) in &self.accounts {
            account.validate().map_err(|(field, reason)| ConfigError::Account {
                account: name.clone(),
                field,
                reason,
            })?;
        }
        Ok(())
    }
}

impl AccountConfig {
    fn validate(&self) -> Result<(), (&'static str, &'static str)> {
        let Safety { team_percent, team_least, account_percent, account_least, unbroken } =
            self.safety;
        let no_percentage = "must be 1 to 100";
        let too_late = "must lie before the vendor's line of 50 % of 10 attempts";
        let plan = &self.plan;
        let overage = &plan.overage;
        let negative = |amount: MicroUsd| amount < MicroUsd::ZERO;
        let wrong = [
            ("safety.team_percent", no_percentage, !(1..=100).contains(&team_percent)),
            ("safety.account_percent", no_percentage, !(1..=100).contains(&account_percent)),
            ("safety.account_percent", too_late, account_percent >= VENDOR_PERCENT),
            ("safety.team_least", "must be at least 1", team_least == 0),
            ("safety.account_least", "must be at least 1", account_least == 0),
            ("safety.account_least", too_late, account_least >= VENDOR_LEAST),
            ("safety.unbroken", "must be at least 1", unbroken == 0),
            ("plan.monthly_fee_usd", "must not be negative", negative(plan.monthly_fee_usd)),
            ("plan.overage.image_usd", "must not be negative", negative(overage.image_usd)),
            ("plan.overage.video_usd", "must not be negative", negative(overage.video_usd)),
            (
                "plan.overage.monthly_cap_usd",
                "must not be negative",
                negative(overage.monthly_cap_usd),
            ),
        ];
        let first = wrong.into_iter().find(|(_, _, wrong)| *wrong);
        first.map_or(Ok(()), |(field, reason, _)| Err((field, reason)))
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
    fn an_empty_configuration_is_the_default_one() {
        assert_eq!(read("{}"), Ok(Config::default()));
        let config = read(r#"{"accounts": {"main": {}}}"#).unwrap();
        assert_eq!(config.accounts["main"], AccountConfig::default());
        assert_eq!(config.accounts["main"].plan.monthly_fee_usd.micros(), 99_000_000);
    }

    #[test]
    fn unknown_keys_are_refused() {
        for bad in [
            r#"{"name": "x"}"#,
            r#"{"dialect": "v1"}"#,
            r#"{"accounts": {"main": {"tier": "max"}}}"#,
            r#"{"accounts": {"main": {"plan": {"image": 1}}}}"#,
            r#"{"accounts": {"main": {"plan": {"overage": {"cap": 1}}}}}"#,
            r#"{"accounts": {"main": {"safety": {"percent": 1}}}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused_by_their_path() {
        for (field, value) in [
            ("safety.team_percent", 0),
            ("safety.team_percent", 101),
            ("safety.account_percent", 0),
            ("safety.account_percent", 50),
            ("safety.account_percent", 101),
            ("safety.team_least", 0),
            ("safety.account_least", 0),
            ("safety.account_least", 10),
            ("safety.unbroken", 0),
            ("plan.monthly_fee_usd", -1),
            ("plan.overage.image_usd", -1),
            ("plan.overage.video_usd", -1),
            ("plan.overage.monthly_cap_usd", -1),
        ] {
            let nested = field
                .rsplit('.')
                .fold(value.to_string(), |inner, name| format!("{{\"{name}\": {inner}}}"));
            let error = read(&format!("{{\"accounts\": {{\"main\": {nested}}}}}")).unwrap_err();
            assert!(error.starts_with(&format!("accounts.main.{field}: ")), "{error}");
        }
        assert!(read(r#"{"work_ceiling_s": 0}"#).is_err());
        let closest = r#"{"accounts": {"main": {"safety":
            {"account_percent": 49, "account_least": 9, "team_percent": 100}}}}"#;
        assert!(read(closest).is_ok());
    }
}
