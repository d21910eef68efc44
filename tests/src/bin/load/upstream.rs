//! The vendor behind both proxies: it answers at once, and has no limits that anybody could reach.

use serde_json::{Value, json};

use crate::{Result, Setup, vendor_process::VendorProcess};

/// The gateway's key at the vendor.
pub(crate) const GATEWAYS_KEY: &str = "zk_gateway_of_the_bench";
/// The key that goes through nginx.
pub(crate) const NGINX_KEY: &str = "zk_nginx_of_the_bench";

/// A running vendor.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    vendor: VendorProcess,
}

impl Upstream {
    pub(crate) async fn start(setup: &Setup) -> Result<Self> {
        let vendor = VendorProcess::start(setup, "zekron").await?;
        vendor
            .set(json!({
                "latency_ms": { "min": 0, "max": 0 },
                "limits": { "per_minute": 1_000_000_000, "concurrent": 1_000_000 },
                "starting_balance_micros": 1_000_000_000_000_u64,
            }))
            .await?;
        Ok(Self { url: vendor.url.clone(), vendor })
    }

    /// Changes settings.
    pub(crate) async fn set(&self, change: Value) -> Result<()> {
        self.vendor.set(change).await
    }

    /// How many charges a key has had, and what they came to in micro-dollars.
    pub(crate) async fn spent(&self, key: &str) -> Result<(u64, i64)> {
        let books = self.vendor.books().await?;
        // The books show the beginning of a key only; ours differ in it.
        let beginning = key.get(..6).unwrap_or(key);
        let ours = |standing: &&Value| {
            standing["key"].as_str().is_some_and(|shown| shown.starts_with(beginning))
        };
        let standing = books["keys"].as_array().into_iter().flatten().find(ours);
        let number = |name: &str| standing.and_then(|s| s[name].as_u64()).unwrap_or(0);
        Ok((number("charges"), i64::try_from(number("spent_micros"))?))
    }
}
