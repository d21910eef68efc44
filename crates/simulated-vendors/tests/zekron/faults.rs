//! Every fault: what the customer sees, and whether the charge stands. A charge is made once or not at all.

use crate::client::{Client, GENERATE, PREVIEW, Reply, quick};
use serde_json::{Value, json};
use simulated_vendors::{
    Fault, FaultKind, FaultRate, Placement, Running, Zekron, zekron::Settings,
};

async fn start(settings: Settings) -> (Running, Client) {
    let running = Zekron::start(settings, Placement::default()).await.unwrap();
    let client = Client::of(&running);
    (running, client)
}

/// Strikes one generation with the fault, and answers what came back and how many charges were made.
async fn struck(client: &Client, path: &str, fault: Value) -> (Result<Reply, String>, usize) {
    let before = client.charges().await.len();
    client.fault(fault).await;
    let body = json!({ "prompt": "a fault", "size": "512x512", "options": { "size": "256x256" } });
    let reply = client.try_post(path, &body).await;
    (reply, client.charges().await.len() - before)
}

#[tokio::test]
async fn faults_before_the_work_cost_nothing() {
    let (_running, client) = start(quick()).await;
    for path in [GENERATE, PREVIEW] {
        for (fault, status) in [
            ("status_500", 500),
            ("status_500_html", 500),
            ("status_502", 502),
            ("status_503", 503),
            ("rate_limited", 429),
            ("unpaid", 402),
            ("unauthorised", 401),
            ("blocked", 400),
        ] {
            let fault = json!({ "kind": fault, "retry_after_s": 7 });
            let (reply, charged) = struck(&client, path, fault.clone()).await;
            let reply = reply.unwrap();
            assert_eq!((reply.status, charged), (status, 0), "{path} {fault}");
            let waits = (status == 429).then_some("7");
            assert_eq!(reply.header("retry-after"), waits);
            let html = fault["kind"].as_str().unwrap().ends_with("html") || status > 501;
            assert_eq!(reply.text().starts_with("<html>"), html, "{path} {fault}");
        }
        let (reply, charged) = struck(&client, path, json!({ "kind": "reset_before" })).await;
        assert!(reply.unwrap_err().contains("ConnectionReset"));
        assert_eq!(charged, 0);
    }
}

#[tokio::test]
async fn faults_after_the_work_leave_one_charge() {
    let (_running, client) = start(quick()).await;
    for path in [GENERATE, PREVIEW] {
        for (fault, status) in [
            ("status_500", 500),
            ("status_500_html", 500),
            ("status_502", 502),
            ("status_503", 503),
            ("malformed_json", 200),
            ("wrong_content_type", 200),
            ("duplicate_headers", 200),
            ("slow", 200),
            ("unknown_fields", 200),
            ("missing_cost", 200),
            ("wrong_mime", 200),
            ("bad_picture", 200),
            ("empty_body", 200),
        ] {
            let fault = json!({ "kind": fault, "after_work": true, "delay_ms": 1 });
            let (reply, charged) = struck(&client, path, fault.clone()).await;
            assert_eq!((reply.unwrap().status, charged), (status, 1), "{path} {fault}");
        }
        let (reply, charged) = struck(&client, path, json!({ "kind": "reset_after" })).await;
        assert!(reply.unwrap_err().contains("ConnectionReset"));
        assert_eq!(charged, 1);
    }
}

#[tokio::test]
async fn a_cut_body_announces_its_whole_length() {
    let (_running, client) = start(quick()).await;
    let (reply, charged) = struck(&client, GENERATE, json!({ "kind": "truncated_body" })).await;
    let reply = reply.unwrap();
    assert_eq!((reply.status, charged), (200, 1));
    assert!(reply.header("content-length").unwrap().parse::<usize>().unwrap() > 10_000);
    assert!(reply.body.is_err(), "the body broke off");
}

#[tokio::test]
async fn a_flood_is_as_long_as_ordered_and_still_json() {
    let (_running, client) = start(quick()).await;
    let fault = json!({ "kind": "oversized_body", "bytes": 3_000_000 });
    let (reply, charged) = struck(&client, GENERATE, fault).await;
    let reply = reply.unwrap();
    assert_eq!((reply.bytes().len(), charged), (3_000_000, 1));
    assert_eq!(reply.json()["success"], true);
}

#[tokio::test]
async fn oddities_are_where_they_are_said_to_be() {
    let (_running, client) = start(quick()).await;
    let odd = async |kind: &str| {
        let (reply, _) = struck(&client, GENERATE, json!({ "kind": kind })).await;
        reply.unwrap()
    };
    let unknown = odd("unknown_fields").await.json();
    assert_eq!(unknown["data"]["type"], "remix");
    assert!(unknown["queue_region"].is_string() && unknown["data"]["moderation"].is_array());
    assert!(odd("missing_cost").await.json()["data"].get("cost").is_none());
    let mime = odd("wrong_mime").await.json()["data"]["image"]["mime_type"].clone();
    assert_eq!(mime, "application/x-zekron");
    assert!(serde_json::from_slice::<Value>(odd("malformed_json").await.bytes()).is_err());
    assert_eq!(odd("wrong_content_type").await.header("content-type"), Some("text/html"));
    assert_eq!(odd("duplicate_headers").await.headers.get_all("x-request-id").iter().count(), 2);
    assert!(odd("empty_body").await.bytes().is_empty());
    client.fault(json!({ "kind": "unknown_fields", "on": "generations" })).await;
    let history = client.get("/v1/generations").await.json();
    assert_eq!(history["data"]["generations"][0]["status"], "archived");
}

#[tokio::test]
async fn a_customer_who_hangs_up_is_charged_all_the_same() {
    let (_running, client) = start(quick()).await;
    client.fault(json!({ "kind": "hang", "after_work": true })).await;
    let waiting = client.generate("given up");
    tokio::select! {
        _ = waiting => panic!("a hung request was answered"),
        () = charged(&client) => {}
    }
    let history = client.get("/v1/generations").await.json();
    assert_eq!(history["data"]["generations"][0]["prompt"], "given up");
    let log = client.control("GET", "/requests", Value::Null).await;
    assert_eq!(log["requests"][0]["status"], Value::Null);
    assert!(
        !log.to_string().contains(crate::client::KEY),
        "the log shows a fingerprint, not the key"
    );
}

async fn charged(client: &Client) {
    while client.charges().await.is_empty() {}
}

#[tokio::test]
async fn chance_strikes_and_the_books_count_what_was_made() {
    let rate = |kind, per_million| {
        let fault = Fault { after_work: true, ..Fault::new(kind) };
        FaultRate { per_million, fault }
    };
    let faults = vec![rate(FaultKind::ResetBefore, 200_000), rate(FaultKind::ResetAfter, 200_000)];
    let mut settings = Settings { faults, picture_bytes: Some(2000), ..quick() };
    settings.limits.per_minute = 1000;
    let (_running, client) = start(settings).await;
    let (mut answered, mut lost) = (0, 0);
    for number in 0..60 {
        let body = json!({ "prompt": format!("picture {number}") });
        match client.try_post(GENERATE, &body).await {
            Ok(reply) => {
                assert_eq!(reply.status, 200);
                answered += 1;
            }
            Err(_) => lost += 1,
        }
    }
    let books = client.books().await;
    let charges = books["charges"].as_array().unwrap();
    assert!(lost > 5 && charges.len() > answered && charges.len() < 60, "{lost} lost");
    let spent: u64 = charges.iter().map(|charge| charge["cost_micros"].as_u64().unwrap()).sum();
    assert_eq!(books["keys"][0]["spent_micros"], spent);
    assert_eq!(books["keys"][0]["balance_micros"], 10_000_000 - spent);
    assert_eq!(books["requests"]["by_status"]["reset"], lost);
}
