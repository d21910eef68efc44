//! The promises, one file each. Every test starts its own vendor and its own gateway.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper of tests fails by panicking, like the tests"
)]

mod administration;
mod allowance_month;
mod backup;
mod bad_input;
mod budget_rush;
mod budgets;
mod cache;
mod chat;
mod disconnect;
mod first_light;
mod free_credits;
mod free_tier;
mod generor_table;
mod idempotency;
mod keys;
mod lanes;
mod limits;
mod month_turn;
mod native;
mod never_lost;
mod no_blind_retry;
mod no_retention;
mod openai_sdks;
mod outages;
mod own_clock;
mod paid_once;
mod policies;
mod prices;
mod queue_crash;
mod queue_limits;
mod queue_safety;
mod replay;
mod revocation;
mod secrets_stay;
mod speech;
mod spending;
mod stolen_database;
mod studio_account;
mod studio_crash;
mod studio_delete;
mod studio_kinds;
mod studio_knowledge;
mod studio_lost;
mod studio_wishes;
mod surface;
mod vendor_limits;
mod videos;
mod walls;
mod webhooks;

use std::process::Output;

use serde_json::{Value, json};
use tests::{Gateway, Run, Vendor, config, quick};

/// The program under test, as it was built a moment ago.
fn run() -> Run {
    Run::of(env!("CARGO_BIN_EXE_atelier-under-test"))
}

/// A vendor without waiting and a gateway with that change of its configuration.
async fn house(change: Value) -> (Vendor, Gateway) {
    let vendor = Vendor::start(quick()).await;
    let gateway = run().gateway(&config(&vendor, &change)).await;
    (vendor, gateway)
}

/// The smallest request.
fn image(prompt: &str) -> Value {
    json!({ "kind": "image", "prompt": prompt, "size": "512x512" })
}

/// What a command printed.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command that did not fail told programs.
fn json_of(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)))
}
