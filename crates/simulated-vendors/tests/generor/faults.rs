//! Every fault: what the customer sees, and whether there is a charge.

use crate::client::{Client, SCHNELL, fetch, quick, start};
use crate::wire::Reply;
use serde_json::{Value, json};
use simulated_vendors::{Fault, FaultKind, FaultRate};

const GENERATE: &str = "/generators/image/generate";

fn body() -> String {
    json!({ "prompt": "a fault", "model_id": SCHNELL }).to_string()
}

/// Strikes one call, and answers what came back and how many charges there are for it.
async fn struck(client: &Client, fault: Value) -> (Result<Reply, String>, usize) {
    let before = client.charges().await.len();
    client.fault(fault).await;
    let reply = client.try_send("POST", GENERATE, body()).await;
    (reply, client.charges().await.len() - before)
}

#[tokio::test]
async fn faults_before_the_work_cost_nothing() {
    let (_running, client) = start(quick()).await;
    for (kind, status, code) in [
        ("status_500", 500, "SERVER_ERROR"),
        ("status_500_html", 500, ""),
        ("status_502", 502, ""),
        ("status_503", 503, ""),
        ("rate_limited", 429, "RATE_LIMIT_EXCEEDED"),
        ("unpaid", 402, "INSUFFICIENT_CREDITS"),
        ("unauthorised", 401, "UNAUTHORIZED"),
        ("blocked", 400, "VALIDATION_ERROR"),
    ] {
        let fault = json!({ "kind": kind, "on": "generate", "retry_after_s": 7 });
        let (reply, charges) = struck(&client, fault).await;
        let reply = reply.unwrap();
        assert_eq!((reply.status, charges), (status, 0), "{kind}");
        if code.is_empty() {
            assert!(reply.text().starts_with("<html>"), "{kind}");
        } else {
            assert_eq!(reply.json()["error"]["code"], code);
            assert!(reply.header("x-ratelimit-limit").is_some());
        }
        assert_eq!(reply.header("retry-after"), (status == 429).then_some("7"));
    }
    let (reply, charges) = struck(&client, json!({ "kind": "reset_before" })).await;
    assert!(reply.unwrap_err().contains("ConnectionReset"));
    assert_eq!(charges, 0);
    for (kind, status) in [("job_failed", 500), ("job_blocked", 400)] {
        let (reply, charges) = struck(&client, json!({ "kind": kind })).await;
        assert_eq!((reply.unwrap().status, charges), (status, 0), "{kind}");
    }
    assert_eq!(client.data("/creations").await, json!([]));
    assert_eq!(client.total().await, 36_025);
}

#[tokio::test]
async fn a_lost_answer_leaves_a_charge_a_creation_and_a_transaction() {
    let (_running, client) = start(quick()).await;
    for (kind, status) in [
        ("status_500", 500),
        ("status_502", 502),
        ("status_503", 503),
        ("malformed_json", 201),
        ("wrong_content_type", 201),
        ("empty_body", 201),
        ("slow", 201),
    ] {
        let fault = json!({ "kind": kind, "after_work": true, "delay_ms": 1 });
        let (reply, charges) = struck(&client, fault).await;
        assert_eq!((reply.unwrap().status, charges), (status, 1), "{kind}");
    }
    let (reply, charges) = struck(&client, json!({ "kind": "truncated_body" })).await;
    assert!(reply.unwrap().body.is_err());
    assert_eq!(charges, 1);
    let (reply, charges) = struck(&client, json!({ "kind": "reset_after" })).await;
    assert!(reply.unwrap_err().contains("ConnectionReset"));
    assert_eq!(charges, 1);
    let own = client.data("/creations").await;
    assert_eq!(own.as_array().unwrap().len(), 9);
    let rows = client.data("/credits/transactions?type=spend").await;
    assert_eq!(rows.as_array().unwrap().len(), 9);
    assert_eq!(rows[0]["creation_id"], own[0]["creation_id"]);
    assert_eq!(client.total().await, 36_025 - 9 * 24);
}

#[tokio::test]
async fn odd_answers_are_odd_and_charged() {
    let (_running, client) = start(quick()).await;
    let (reply, charges) = struck(&client, json!({ "kind": "missing_cost" })).await;
    let data = reply.unwrap().json()["data"].clone();
    assert!(data.get("credit_cost").is_none() && data["creations"].is_array() && charges == 1);
    let (reply, _) = struck(&client, json!({ "kind": "unknown_fields" })).await;
    assert_eq!(reply.unwrap().json()["data"]["render_region"], "eu-9");
}

#[tokio::test]
async fn every_kind_of_place_has_faults_of_its_own() {
    let (_running, client) = start(quick()).await;
    let url = client.image("x").await["creations"][0]["image_url"].as_str().unwrap().to_owned();
    for (class, path) in [
        ("estimate", "/generators/image/estimate"),
        ("creations", "/creations"),
        ("balance", "/credits/balance"),
        ("transactions", "/credits/transactions"),
        ("catalogue", "/models"),
        ("keys", "/api-keys"),
        ("community", "/feed"),
    ] {
        client.fault(json!({ "kind": "status_500", "on": class })).await;
        let reply = if class == "estimate" {
            client.send("POST", path, body()).await
        } else {
            client.get(path).await
        };
        assert_eq!(reply.status, 500, "{class}");
    }
    client
        .fault(json!([
            { "kind": "bad_picture", "on": "results" },
            { "kind": "truncated_body", "on": "results" },
            { "kind": "wrong_mime", "on": "results" },
            { "kind": "status_503", "on": "results" },
        ]))
        .await;
    let bad = fetch(&url).await;
    assert!(bad.status == 200 && image::load_from_memory(bad.bytes()).is_err());
    assert!(fetch(&url).await.body.is_err());
    assert_eq!(fetch(&url).await.header("content-type"), Some("application/x-generor"));
    assert_eq!(fetch(&url).await.status, 503);
    assert!(image::load_from_memory(fetch(&url).await.bytes()).is_ok());
    let counts = client.control("GET", "/requests", Value::Null).await["counts"].clone();
    assert_eq!(
        (&counts["by_class"]["results"], &counts["by_class"]["estimate"]),
        (&json!(5), &json!(1))
    );
    assert_eq!(counts["by_status"]["500"], 7);
}

#[tokio::test]
async fn chance_strikes_and_the_books_count_what_was_done() {
    let rate = |kind| FaultRate { per_million: 200_000, fault: Fault::new(kind) };
    let mut settings = quick();
    settings.faults = vec![rate(FaultKind::ResetBefore), rate(FaultKind::ResetAfter)];
    let (_running, client) = start(settings).await;
    let (mut told, mut lost) = (0, 0);
    for _ in 0..60 {
        match client.try_send("POST", GENERATE, body()).await {
            Ok(_) => told += 1,
            Err(_) => lost += 1,
        }
    }
    let charges = client.charges().await.len();
    assert!(lost > 5 && charges > told && charges < 60, "{told} told, {lost} lost, {charges} made");
    let standing = client.books().await["keys"][0].clone();
    assert_eq!(standing["spent"], 24 * charges);
    assert_eq!(standing["credits"], 36_025 - 24 * charges);
}
