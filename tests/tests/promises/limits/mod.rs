//! How fast teams and keys may ask, and how scarce places at a vendor are shared between them.

mod pace;
mod shares;

use serde_json::{Value, json};
use tests::{Gateway, Vendor, config, quick};

use crate::run;

/// A gateway that has so many calls at once under way at its vendor, which takes its time for as long as
/// a test wants it to.
async fn slow_house(concurrent: u32, latency_ms: u64) -> (Vendor, Gateway) {
    let vendor = Vendor::start(quick()).await;
    latency(&vendor, latency_ms).await;
    let limits = json!({ "concurrent": concurrent });
    let change =
        json!({ "providers": { "zekron": { "accounts": { "main": { "limits": limits } } } } });
    let gateway = run().gateway(&config(&vendor, &change)).await;
    (vendor, gateway)
}

/// From the next call on a picture takes so long.
async fn latency(vendor: &Vendor, millis: u64) {
    vendor.set(json!({ "latency_ms": { "min": millis, "max": millis } })).await;
}

/// A team's limits as a field of it.
fn limits(limits: Value) -> Value {
    json!({ "limits": limits })
}
