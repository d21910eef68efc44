//! No blind retry: after an ambiguous submit the vendor's books are read first, and where there are
//! none, nobody pays a second time in silence.

use serde_json::{Value, json};
use tests::{Ledger, micros};

use crate::{house, image};

#[tokio::test]
async fn work_that_was_done_is_never_asked_for_again() {
    for (kind, more) in [
        ("reset_after", json!({})),
        ("truncated_body", json!({})),
        ("malformed_json", json!({})),
        ("empty_body", json!({})),
        ("status_500", json!({ "after_work": true })),
        ("status_502", json!({ "after_work": true })),
    ] {
        let (vendor, gateway) = house(json!({})).await;
        let team = gateway.team("a").await;
        vendor.fault_on_generate(kind, more).await;
        let generation = team.generate(&image(kind)).await;
        assert_eq!(generation["status"], "completed", "{kind}: {generation}");
        assert_eq!(vendor.count("generate").await, 1, "{kind}: asked once");
        assert!(vendor.count("generations").await >= 1, "{kind}: the books were read");
        assert_eq!(micros(&generation["cost"]["charged_usd"]), vendor.total().await, "{kind}");
    }
}

#[tokio::test]
async fn work_that_was_not_done_is_asked_for_again_once_that_is_certain() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("reset_before", json!({})).await;
    let generation = team.generate(&image("again, but not at once")).await;
    assert_eq!(generation["status"], "completed", "{generation}");
    let outcomes: Vec<_> = attempts(&generation).map(|a| a["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "completed"]);
    assert_eq!(vendor.charges().await.len(), 1);
    // Between the two tries the books were read, and the last time after the work must have ended.
    let paths: Vec<String> = vendor
        .requests()
        .await
        .iter()
        .map(|r| r["path"].as_str().unwrap_or("").to_owned())
        .collect();
    let of = |path: &str| paths.iter().filter(|p| *p == path).count();
    assert_eq!(of("/v1/generate"), 2);
    let first = paths.iter().position(|p| p == "/v1/generate").unwrap_or(0);
    let last = paths.iter().rposition(|p| p == "/v1/generate").unwrap_or(0);
    let looks = paths[first..last].iter().filter(|p| *p == "/v1/generations").count();
    assert!(looks >= 2, "{paths:?}");
}

#[tokio::test]
async fn without_books_a_lost_answer_is_booked_at_its_ceiling_and_not_tried_again() {
    let preview = json!({ "providers": { "zekron": { "dialect": "preview" } } });
    let (vendor, gateway) = house(preview).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("reset_after", json!({})).await;
    let generation = team.generate(&image("who knows")).await;
    assert_eq!(generation["status"], "failed", "{generation}");
    assert_eq!(generation["error"]["code"], "provider_error");
    let attempt = &generation["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["uncertain"]), (&json!("unknown"), &json!(true)));
    assert_eq!(vendor.count("generate").await, 1, "nothing was paid again in silence");
    let booked = micros(&generation["cost"]["charged_usd"]);
    assert_eq!(micros(&generation["cost"]["uncertain_usd"]), booked);
    assert!(booked >= vendor.total().await, "the ceiling covers what it can have been");
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:zekron/main"), booked);
}

#[tokio::test]
async fn a_failure_in_the_vendors_own_words_is_tried_again_at_once() {
    let preview = json!({ "providers": { "zekron": { "dialect": "preview" } } });
    let (vendor, gateway) = house(preview).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("status_500", json!({})).await;
    let generation = team.generate(&image("their words")).await;
    assert_eq!(generation["status"], "completed", "{generation}");
    assert_eq!(vendor.count("generate").await, 2);
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn a_refusal_for_content_ends_it() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("blocked", json!({})).await;
    let generation = team.generate(&image("nothing bad at all")).await;
    assert_eq!(generation["status"], "blocked", "{generation}");
    assert_eq!(attempts(&generation).next().map(|a| a["outcome"].clone()), Some(json!("blocked")));
    vendor.fault_on_generate("blocked", json!({})).await;
    let body = json!({ "prompt": "nothing bad at all, again" });
    let answer = team.client.post("/v1/images/generations", &body).await;
    assert_eq!(answer.refusal(), (451, "content_blocked".to_owned(), None));
    assert_eq!(vendor.count("generate").await, 2, "each was asked once");
    assert!(vendor.charges().await.is_empty());
}

fn attempts(generation: &Value) -> impl Iterator<Item = &Value> {
    generation["attempts"].as_array().into_iter().flatten()
}
