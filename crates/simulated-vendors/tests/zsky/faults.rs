//! Every fault: what the customer sees, and whether a job exists.

use crate::client::{Client, IMAGES, fetch, link, quick, start};
use crate::wire::Reply;
use serde_json::{Value, json};
use simulated_vendors::{Fault, FaultKind, FaultRate};

/// Strikes one submission, and answers what came back and how many jobs there are for it.
async fn struck(client: &Client, fault: Value) -> (Result<Reply, String>, usize) {
    let jobs = async || client.books().await["jobs"].as_array().unwrap().len();
    let before = jobs().await;
    client.fault(fault).await;
    let body = json!({ "prompt": "a fault" }).to_string();
    let reply = client.try_send("POST", IMAGES, &[], body).await;
    (reply, jobs().await - before)
}

#[tokio::test]
async fn faults_before_the_work_make_no_job() {
    let (_running, client) = start(quick()).await;
    for (kind, status) in [
        ("status_500", 500),
        ("status_500_html", 500),
        ("status_502", 502),
        ("status_503", 503),
        ("rate_limited", 429),
        ("unauthorised", 401),
        ("blocked", 451),
    ] {
        let (reply, jobs) = struck(&client, json!({ "kind": kind, "on": "generate" })).await;
        let reply = reply.unwrap();
        assert_eq!((reply.status, jobs), (status, 0), "{kind}");
        let is_page = kind.ends_with("html") || status == 502;
        assert_eq!(reply.text().starts_with("<html>"), is_page, "{kind}");
    }
    let (reply, jobs) = struck(&client, json!({ "kind": "reset_before" })).await;
    assert!(reply.unwrap_err().contains("ConnectionReset"));
    assert_eq!(jobs, 0);
    assert!(client.charges().await.is_empty());
}

#[tokio::test]
async fn faults_after_the_work_leave_one_job_that_nobody_can_name() {
    let (_running, client) = start(quick()).await;
    for (kind, status) in [
        ("status_500", 500),
        ("status_503", 503),
        ("status_502", 502),
        ("malformed_json", 200),
        ("wrong_content_type", 200),
        ("unknown_fields", 200),
        ("slow", 200),
        ("empty_body", 200),
    ] {
        let fault = json!({ "kind": kind, "after_work": true, "delay_ms": 1 });
        let (reply, jobs) = struck(&client, fault).await;
        assert_eq!((reply.unwrap().status, jobs), (status, 1), "{kind}");
    }
    let (reply, jobs) = struck(&client, json!({ "kind": "truncated_body" })).await;
    assert!(reply.unwrap().body.is_err());
    assert_eq!(jobs, 1);
    let (reply, jobs) = struck(&client, json!({ "kind": "reset_after" })).await;
    assert!(reply.unwrap_err().contains("ConnectionReset"));
    assert_eq!(jobs, 1);
    assert_eq!(client.usage().await["images_used"], 10);
}

#[tokio::test]
async fn jobs_fail_are_stopped_or_never_end_on_order() {
    let (_running, client) = start(quick()).await;
    for (kind, status) in
        [("job_failed", "failed"), ("job_blocked", "blocked"), ("job_stuck", "queued")]
    {
        client.fault(json!({ "kind": kind, "on": "generate" })).await;
        let id = client.job("on order").await;
        client.advance(86_400).await;
        assert_eq!(client.state(&id).await["status"], status);
    }
    assert_eq!(client.charges().await.len(), 1);
}

#[tokio::test]
async fn polls_usage_and_results_have_faults_of_their_own() {
    let (_running, client) = start(quick()).await;
    let id = client.job("x").await;
    let path = format!("/v1/jobs/{id}");
    client
        .fault(json!([
            { "kind": "status_503", "on": "jobs" },
            { "kind": "unknown_fields", "on": "jobs" },
            { "kind": "status_500", "on": "usage" },
            { "kind": "bad_picture", "on": "results" },
            { "kind": "truncated_body", "on": "results" },
            { "kind": "wrong_mime", "on": "results" },
            { "kind": "status_503", "on": "results" },
        ]))
        .await;
    assert_eq!(client.get(&path).await.status, 503);
    let strange = client.get(&path).await.json();
    assert!(strange["queue_region"].is_string() && strange["status"] == "completed");
    assert_eq!(client.get("/v1/usage").await.status, 500);
    let state = client.state(&id).await;
    let bad = fetch(link(&state), &[]).await;
    assert!(bad.status == 200 && image::load_from_memory(bad.bytes()).is_err());
    assert!(fetch(link(&state), &[]).await.body.is_err());
    assert_eq!(fetch(link(&state), &[]).await.header("content-type"), Some("application/x-zsky"));
    assert_eq!(fetch(link(&state), &[]).await.status, 503);
    assert!(image::load_from_memory(fetch(link(&state), &[]).await.bytes()).is_ok());
}

#[tokio::test]
async fn chance_strikes_and_the_books_count_what_was_made() {
    let rate = |kind| FaultRate { per_million: 200_000, fault: Fault::new(kind) };
    let mut settings = quick();
    settings.faults = vec![rate(FaultKind::ResetBefore), rate(FaultKind::ResetAfter)];
    let (_running, client) = start(settings).await;
    let (mut told, mut lost) = (0, 0);
    for _ in 0..60 {
        let body = json!({ "prompt": "x" }).to_string();
        match client.try_send("POST", IMAGES, &[], body).await {
            Ok(_) => told += 1,
            Err(_) => lost += 1,
        }
    }
    let charges = client.charges().await.len();
    assert!(lost > 5 && charges > told && charges < 60, "{told} told, {lost} lost, {charges} made");
    assert_eq!(client.standing().await["images_used"], charges);
}
