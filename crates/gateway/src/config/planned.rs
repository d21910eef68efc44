//! Options of vendors whose adapters come with a later version.
//!
//! Their configuration is held to the contract already, so that a file written today is still good
//! when the adapter is there; then each of these types moves into its adapter's crate.

use std::collections::BTreeMap;

use provider::MicroUsd;
use serde::Deserialize;

/// `ZSky`'s.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(crate) struct Zsky {
    accounts: BTreeMap<String, ZskyAccount>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct ZskyAccount {
    plan: Plan,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Plan {
    monthly_fee_usd: MicroUsd,
    images: u32,
    videos: u32,
    daily_images: u32,
    daily_videos: u32,
    overage: Overage,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            monthly_fee_usd: MicroUsd::from_micros(99_000_000),
            images: 1000,
            videos: 300,
            daily_images: 200,
            daily_videos: 50,
            overage: Overage::default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Overage {
    enabled: bool,
    image_usd: MicroUsd,
    video_usd: MicroUsd,
    monthly_cap_usd: MicroUsd,
}

impl Default for Overage {
    fn default() -> Self {
        Self {
            enabled: false,
            image_usd: MicroUsd::from_micros(50_000),
            video_usd: MicroUsd::from_micros(500_000),
            monthly_cap_usd: MicroUsd::ZERO,
        }
    }
}

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
