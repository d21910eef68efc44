//! Refused at once, stopped at the output, and a key that was suspended for it.

use crate::client::{Client, KEY, quick, start};
use serde_json::json;

#[tokio::test]
async fn an_unsafe_prompt_is_refused_at_once_and_uses_nothing_by_default() {
    let (_running, client) = start(quick()).await;
    for prompt in ["a Forbidden fruit", "gore, in oil"] {
        let refused = client.image(prompt).await;
        assert_eq!(refused.status, 451);
        assert!(refused.json()["error"].as_str().unwrap().contains("safety"));
    }
    assert_eq!(client.image("Gorean forbiddenness").await.status, 200, "whole words only");
    assert_eq!(client.usage().await["images_used"], 1);
    client.set(json!({ "safety": { "refusals_use_allowance": true } })).await;
    assert_eq!(client.video("forbidden").await.status, 451);
    let usage = client.usage().await;
    assert_eq!((&usage["images_used"], &usage["videos_used"]), (&json!(1), &json!(1)));
    let charges = client.charges().await;
    assert_eq!((&charges[1]["outcome"], &charges[1]["job_id"]), (&json!("refused"), &json!(null)));
}

#[tokio::test]
async fn what_the_output_check_stops_says_why_and_uses_allowance() {
    let (_running, client) = start(quick()).await;
    let (blocked, failed) =
        (client.job("a scandalous fox").await, client.job("unrenderable").await);
    let state = client.state(&blocked).await;
    assert_eq!(state["status"], "blocked");
    assert!(state["error"].as_str().unwrap().contains("safety check"));
    assert!(state.get("result_url").is_none() && state.get("expires_in").is_none());
    let state = client.state(&failed).await;
    assert_eq!(state["status"], "failed");
    assert!(state["error"].is_string());
    assert_eq!(client.usage().await["images_used"], 1);
    client.set(json!({ "safety": { "failures_use_allowance": true } })).await;
    client.job("unrenderable").await;
    assert_eq!(client.usage().await["images_used"], 2);
    let outcomes: Vec<_> = client
        .charges()
        .await
        .iter()
        .map(|charge| charge["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["blocked", "failed"]);
}

async fn attempt(client: &Client, prompts: &[(&str, usize)]) {
    for (prompt, times) in prompts {
        for _ in 0..*times {
            client.image(prompt).await;
        }
    }
}

#[tokio::test]
async fn more_than_half_of_ten_attempts_suspend_the_key_for_a_day() {
    let (_running, client) = start(quick()).await;
    let id = client.job("fine").await;
    attempt(&client, &[("fine", 3), ("forbidden", 2), ("scandalous", 3)]).await;
    assert_eq!(client.get("/v1/usage").await.status, 200, "five of nine, but nine are too few");
    let standing = client.standing().await;
    assert_eq!((&standing["attempts"], &standing["rejected"]), (&json!(9), &json!(5)));
    assert_eq!(client.image("forbidden").await.status, 451, "the sixth of ten");
    for reply in [client.image("fine").await, client.get("/v1/usage").await] {
        assert_eq!(reply.status, 403);
    }
    assert_eq!(client.get(&format!("/v1/jobs/{id}")).await.status, 403);
    assert_eq!(client.with_key("zsky_live_other").image("fine").await.status, 200);
    let until = client.standing().await["suspended_until"].clone();
    assert_eq!(until, "2026-05-11T12:00:00+00:00");
    client.advance(86_400 - 1).await;
    assert_eq!(client.get("/v1/usage").await.status, 403);
    client.advance(1).await;
    assert_eq!(client.get("/v1/usage").await.status, 200);
    assert_eq!(
        client.image("forbidden").await.status,
        451,
        "one attempt is one of one, and too few"
    );
    assert_eq!(client.get("/v1/usage").await.status, 200);
}

#[tokio::test]
async fn half_is_not_more_than_half_and_old_attempts_do_not_count() {
    let (_running, client) = start(quick()).await;
    attempt(&client, &[("fine", 5), ("forbidden", 5)]).await;
    assert_eq!(client.get("/v1/usage").await.status, 200, "five of ten");
    client.advance(30 * 60).await;
    attempt(&client, &[("forbidden", 9)]).await;
    assert_eq!(client.get("/v1/usage").await.status, 200, "nine of nine");
    client.image("forbidden").await;
    assert_eq!(client.get("/v1/usage").await.status, 403, "ten of ten");
}

#[tokio::test]
async fn the_other_reading_wants_ten_rejections() {
    let (_running, client) = start(quick()).await;
    client.set(json!({ "safety": { "suspension": { "minimum_of": "rejections" } } })).await;
    attempt(&client, &[("fine", 8), ("scandalous", 9)]).await;
    assert_eq!(client.get("/v1/usage").await.status, 200, "nine of seventeen");
    client.image("scandalous").await;
    assert_eq!(client.get("/v1/usage").await.status, 403, "ten of eighteen");
}

#[tokio::test]
async fn a_malformed_request_is_no_attempt() {
    let (_running, client) = start(quick()).await;
    attempt(&client, &[("", 30), ("forbidden", 9)]).await;
    assert_eq!(client.standing().await["attempts"], 9);
}

#[tokio::test]
async fn the_control_port_suspends_and_lifts() {
    let (_running, client) = start(quick()).await;
    let for_s = |seconds: u32| json!({ "key": KEY, "for_s": seconds });
    client.control("POST", "/suspension", for_s(60)).await;
    assert_eq!(client.get("/v1/usage").await.status, 403);
    client.control("POST", "/suspension", for_s(0)).await;
    assert_eq!(client.get("/v1/usage").await.status, 200);
}
