//! The queue: latencies by the vendor's clock, three at once, twenty a minute, and what a job tells.

use crate::client::{Client, quick, start};
use serde_json::json;
use simulated_vendors::zsky::{Latency, Settings};

fn slow() -> Settings {
    let take = |ms| Latency { min: ms, max: ms };
    Settings { image_latency_ms: take(3000), video_latency_ms: take(9000), ..quick() }
}

#[tokio::test]
async fn a_job_is_queued_until_it_is_due_and_then_completed() {
    let (_running, client) = start(slow()).await;
    let id = client.job("a fox").await;
    let queued = json!({ "job_id": id, "status": "queued", "kind": "image" });
    assert_eq!(client.state(&id).await, queued);
    client.control("POST", "/clock", json!({ "advance_ms": 2999 })).await;
    assert_eq!(client.state(&id).await, queued);
    assert!(client.charges().await.is_empty());
    client.control("POST", "/clock", json!({ "advance_ms": 1 })).await;
    let done = client.state(&id).await;
    assert_eq!((&done["status"], &done["expires_in"]), (&json!("completed"), &json!(86_400)));
    let fields: Vec<_> = done.as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["expires_in", "job_id", "kind", "result_url", "status"]);
    let charges = client.charges().await;
    assert_eq!(charges.len(), 1);
    assert_eq!((&charges[0]["job_id"], &charges[0]["units"]), (&json!(id), &json!(1)));
}

#[tokio::test]
async fn the_status_of_work_can_be_another_word() {
    let (_running, client) = start(slow()).await;
    let id = client.job("a fox").await;
    client.set(json!({ "working_status": "processing" })).await;
    assert_eq!(client.state(&id).await["status"], "processing");
}

#[tokio::test]
async fn the_fourth_at_once_is_refused_and_a_place_comes_back() {
    let (_running, client) = start(slow()).await;
    for _ in 0..2 {
        client.job("x").await;
    }
    assert_eq!(client.video("x").await.status, 200);
    let refused = client.image("one too many").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert!(refused.text().contains("concurrent"));
    assert_eq!(client.with_key("zsky_live_other").image("x").await.status, 200);
    assert_eq!(client.standing_of(3).await, 3);
    client.advance(3).await;
    assert_eq!(client.image("both images are done").await.status, 200);
    assert_eq!(client.image("and one more").await.status, 200);
    assert_eq!(client.image("but not two").await.status, 429, "the clip takes its time");
}

impl Client {
    /// How many of the jobs in the books are in work for the key that has so many.
    async fn standing_of(&self, count: u64) -> u64 {
        let books = self.books().await;
        let working =
            books["keys"].as_array().unwrap().iter().map(|key| key["working"].as_u64().unwrap());
        working.filter(|working| *working == count).sum()
    }
}

#[tokio::test]
async fn the_twenty_first_submission_of_a_minute_is_refused_and_polls_are_free() {
    let mut settings = quick();
    settings.limits.per_minute = 20;
    let (_running, client) = start(settings).await;
    let id = client.job("x").await;
    client.advance(10).await;
    for _ in 1..20 {
        client.job("x").await;
        client.state(&id).await;
    }
    assert_eq!(client.image("one too many").await.status, 429);
    assert_eq!(client.get("/v1/usage").await.status, 200);
    client.set(json!({ "limits": { "polls_count": true }, "retry_after": true })).await;
    let refused = client.get("/v1/usage").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("50")));
    client.advance(50).await;
    assert_eq!(client.get("/v1/usage").await.status, 200, "the first has left the window");
    assert_eq!(client.get("/v1/usage").await.status, 429, "the others have not");
    assert_eq!(client.charges().await.len(), 20);
}

#[tokio::test]
async fn a_job_is_told_of_for_seven_days_and_not_after_it_was_purged() {
    let (_running, client) = start(quick()).await;
    let (kept, purged) = (client.job("x").await, client.job("x").await);
    let path = format!("/v1/jobs/{purged}");
    let gone = client.send("DELETE", &path, "").await;
    assert_eq!((gone.status, gone.bytes().len()), (204, 0));
    assert_eq!(client.send("DELETE", &path, "").await.status, 404);
    assert_eq!(client.get(&path).await.status, 404);
    client.advance(7 * 86_400 - 1).await;
    client.state(&kept).await;
    client.advance(1).await;
    assert_eq!(client.get(&format!("/v1/jobs/{kept}")).await.status, 404);
    assert_eq!(client.charges().await.len(), 2, "what was purged was made all the same");
}
