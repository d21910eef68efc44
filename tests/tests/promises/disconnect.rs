//! The caller's connection is a spectator: what was begun is finished and kept without it.

use serde_json::{Value, json};
use tests::{Queue, Vendor, micros, pictures, quick_queue, until};
use tokio::task::JoinSet;

use crate::{house, image, run};

async fn slow() -> (Vendor, tests::Gateway) {
    let (vendor, gateway) = house(json!({})).await;
    vendor.set(json!({ "latency_ms": { "min": 300, "max": 300 } })).await;
    (vendor, gateway)
}

#[tokio::test]
async fn a_caller_who_hangs_up_has_paid_and_finds_the_picture() {
    for (path, body) in [
        ("/v1/images/generations", json!({ "prompt": "wait for it" })),
        ("/v1/images/generations", json!({ "prompt": "wait for it", "stream": true })),
        ("/v1/generations", image("wait for it")),
    ] {
        let (vendor, gateway) = slow().await;
        let team = gateway.team("a").await;
        let mut caller = JoinSet::new();
        let client = team.client.clone();
        caller.spawn(async move {
            let headers = [("content-type", "application/json"), ("prefer", "wait=60")];
            drop(client.try_send("POST", path, &headers, body.to_string()).await);
        });
        vendor.asked("generate", 1).await;
        caller.shutdown().await;
        assert!(vendor.charges().await.is_empty(), "the work is still going on");
        let generation: Value = until("the end without a caller", || async {
            let all = team.generations().await;
            all.into_iter().find(|generation| generation["status"] == "completed")
        })
        .await;
        let bytes = team.download(&generation["outputs"][0]).await.body;
        assert_eq!(vendor.charges().await[0]["token"], pictures::token(&bytes).as_str());
        assert_eq!(micros(&generation["cost"]["charged_usd"]), vendor.total().await);
    }
}

#[tokio::test]
async fn a_watcher_who_hangs_up_ends_nothing() {
    let (vendor, gateway) = slow().await;
    let team = gateway.team("a").await;
    let id = team.begin(&image("watched")).await;
    let path = format!("/v1/generations/{id}/events");
    let mut events = team.client.open("GET", &path, &[], "").await.expect("a stream");
    assert_eq!(events.status, 200);
    events.next().await.expect("the present state");
    drop(events);
    assert_eq!(team.ended(&id).await["status"], "completed");
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_in_the_middle_of_a_body_started_nothing() {
    let (vendor, mut gateway) = slow().await;
    let team = gateway.team("a").await;
    let head = format!(
        "POST /v1/images/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{\"prompt\": \"half",
        team.key
    );
    team.client.raw(head.as_bytes()).await;
    assert_eq!(team.generations().await, Vec::<Value>::new());
    assert_eq!(vendor.count("generate").await, 0);
    assert!(gateway.is_alive());
}

/// Told to end, it says so to whoever asks and ends what it has begun, whether or not anybody waits for it.
#[tokio::test]
async fn a_gateway_that_is_told_to_end_finishes_what_nobody_waits_for() {
    let (vendor, mut gateway) = house(json!({ "server": { "shutdown_grace": "60s" } })).await;
    vendor.set(json!({ "latency_ms": { "min": 1500, "max": 1500 } })).await;
    let team = gateway.team("a").await;
    let id = team.begin(&image("nobody waits")).await;
    vendor.asked("generate", 1).await;
    let (anyone, client) = (gateway.anyone(), team.client.clone());
    let asked = async {
        until("not ready any more", || async {
            (anyone.get("/readyz").await.status == 503).then_some(())
        })
        .await;
        client.post("/v1/generations", &image("too late")).await.refusal()
    };
    let ((), refused) = tokio::join!(gateway.stop(), asked);
    assert_eq!((refused.0, refused.1.as_str()), (503, "providers_unavailable"));
    assert_eq!(vendor.charges().await.len(), 1);
    gateway.start_again().await;
    let generation = &gateway.again(&team).generations().await[0];
    assert_eq!((&generation["id"], &generation["status"]), (&json!(id), &json!("completed")));
    assert_eq!(generation["attempts"].as_array().map(Vec::len), Some(1), "{generation}");
}

/// A caller whose picture is in a vendor's queue has it before the gateway ends, if there is time; otherwise
/// it is told, and the picture comes after the next start.
#[tokio::test]
async fn who_waits_for_a_job_while_the_gateway_is_told_to_end_is_answered() {
    for (grace, status) in [("60s", 200), ("1s", 504)] {
        let queue = Queue::start(quick_queue()).await;
        let span = if status == 200 { 2_000 } else { 6_000 };
        queue.set(json!({ "image_latency_ms": { "min": span, "max": span } })).await;
        let change = json!({ "server": { "shutdown_grace": grace } });
        let config = queue.config_at(&queue.url(), json!({}), &change);
        let mut gateway = run().gateway(&config).await;
        let team = gateway.team("a").await;
        let body = json!({ "model": "zsky/image", "prompt": "wait", "size": "256x256" });
        let told_to_end = async {
            until("a job", || async { (queue.jobs().await.len() == 1).then_some(()) }).await;
            gateway.stop().await;
        };
        let asked = team.client.post("/v1/images/generations", &body);
        let (answer, ()) = tokio::join!(asked, told_to_end);
        assert_eq!(answer.status, status, "{grace}");
        let told = answer.header("x-atelier-generation").map(str::to_owned);
        gateway.start_again().await;
        let team = gateway.again(&team);
        let id = team.generations().await[0]["id"].as_str().expect("an id").to_owned();
        assert_eq!(told.as_deref(), Some(&*id), "{grace}");
        assert_eq!(team.ended(&id).await["status"], "completed");
        assert_eq!(queue.jobs().await.len(), 1, "{grace}");
    }
}
