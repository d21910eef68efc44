//! Options of vendors whose adapters come with a later version.
//!
//! Their configuration is held to the contract already, so that a file written today is still good
//! when the adapter is there; then each of these types moves into its adapter's crate.

use std::collections::BTreeMap;

use provider::MicroUsd;
use serde::Deserialize;

/// Generor's.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Generor {
    usd_per_credit: MicroUsd,
    privacy: Privacy,
    accounts: BTreeMap<String, GenerorAccount>,
}

impl Default for Generor {
    fn default() -> Self {
        Self {
            usd_per_credit: MicroUsd::from_micros(1000),
            privacy: Privacy::Private,
            accounts: BTreeMap::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Privacy {
    Private,
    Public,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct GenerorAccount {
    tier: Tier,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Tier {
    #[default]
    Free,
    Basic,
    Pro,
    Enterprise,
}
