//! Never lost: what was charged is kept, or its loss is on the books with the evidence.

use serde_json::{Value, json};
use tests::{Ledger, Team, Vendor, micros, pictures};

use crate::{house, image};

/// One picture, paid for once, and its bytes are those that the vendor charged.
async fn assert_kept(team: &Team, vendor: &Vendor, generation: &Value) {
    assert_eq!(generation["status"], "completed", "{generation}");
    let charges = vendor.charges().await;
    assert_eq!(charges.len(), 1, "{charges:?}");
    assert_eq!(micros(&generation["cost"]["charged_usd"]), vendor.total().await);
    let bytes = team.download(&generation["outputs"][0]).await.body;
    assert_eq!(charges[0]["token"], pictures::token(&bytes).as_str());
}

#[tokio::test]
async fn a_charge_whose_answer_a_kill_cut_off_is_found_again() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("slow", json!({ "delay_ms": 600_000 })).await;
    let id = team.begin(&image("charged, then killed")).await;
    vendor.charged(1).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    let generation = team.ended(&id).await;
    assert_kept(&team, &vendor, &generation).await;
    assert_eq!(vendor.count("generate").await, 1, "nothing was paid again");
}

#[tokio::test]
async fn work_that_goes_on_at_the_vendor_while_the_gateway_is_dead_is_found() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 700, "max": 700 } })).await;
    let id = team.begin(&image("still being drawn")).await;
    vendor.asked("generate", 1).await;
    gateway.kill().await;
    assert!(vendor.charges().await.is_empty(), "the work has only begun");
    gateway.start_again().await;
    let team = gateway.again(&team);
    let generation = team.ended(&id).await;
    assert_kept(&team, &vendor, &generation).await;
    assert_eq!(vendor.count("generate").await, 1);
}

#[tokio::test]
async fn a_generation_accepted_a_moment_before_the_kill_is_made() {
    // Nothing went out yet: the only slot is taken by work that never answers.
    let one = json!({ "concurrent": 1, "work_seconds": 1 });
    let change =
        json!({ "providers": { "zekron": { "accounts": { "main": { "limits": one } } } } });
    let (vendor, mut gateway) = house(change).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("hang", json!({})).await;
    let first = team.begin(&image("never answered")).await;
    vendor.asked("generate", 1).await;
    let second = team.begin(&image("in the queue")).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    for id in [first, second] {
        assert_eq!(team.ended(&id).await["status"], "completed");
    }
    assert_eq!(vendor.charges().await.len(), 2);
}

#[tokio::test]
async fn several_kills_in_a_row_change_nothing() {
    let (vendor, mut gateway) = house(json!({})).await;
    let mut team = gateway.team("a").await;
    vendor.fault_on_generate("slow", json!({ "delay_ms": 600_000 })).await;
    // The first looks at the vendor's books find them shut.
    vendor.fault(json!({ "kind": "status_503", "on": "generations", "times": 3 })).await;
    let id = team.begin(&image("killed and killed")).await;
    vendor.charged(1).await;
    for looks in 1..=3 {
        gateway.kill_and_restart().await;
        vendor.asked("generations", looks).await;
    }
    team = gateway.again(&team);
    let generation = team.ended(&id).await;
    assert_kept(&team, &vendor, &generation).await;
}

#[tokio::test]
async fn a_paid_picture_that_expired_at_the_vendor_is_booked_as_lost() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    // The answer is lost, and before the picture can be fetched the vendor has thrown it away.
    vendor.set(json!({ "expiry_s": 0 })).await;
    vendor.fault_on_generate("reset_after", json!({})).await;
    let generation = team.generate(&image("gone before it was fetched")).await;
    assert_eq!(generation["status"], "failed", "{generation}");
    assert_eq!(generation["error"]["code"], "provider_error");
    assert_eq!(generation["outputs"], json!([]));
    let total = vendor.total().await;
    assert!(total > 0);
    assert_eq!(micros(&generation["cost"]["charged_usd"]), total, "the charge stands");
    assert_eq!(micros(&generation["attempts"][0]["charged_usd"]), total, "with its evidence");
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:zekron/main"), total);
    assert_eq!(vendor.count("generate").await, 1, "it was not made again in silence");
}

#[tokio::test]
async fn bytes_that_are_no_picture_are_booked_as_lost() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("bad_picture", json!({})).await;
    let generation = team.generate(&image("ruined")).await;
    assert_eq!(generation["status"], "failed", "{generation}");
    assert_eq!(micros(&generation["cost"]["charged_usd"]), vendor.total().await);
    assert_eq!(vendor.count("generate").await, 1);
}

#[tokio::test]
async fn an_answer_without_its_price_is_looked_up() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("missing_cost", json!({})).await;
    let generation = team.generate(&image("what did it cost?")).await;
    assert_kept(&team, &vendor, &generation).await;
    assert!(generation["cost"].get("uncertain_usd").is_none(), "{generation}");
}
