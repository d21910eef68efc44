//! A key's limits: sixty requests in a sliding minute of the vendor's clock, and five at once.

use crate::client::{Client, quick};
use serde_json::json;
use simulated_vendors::{Placement, Running, Zekron};

async fn start() -> (Running, Client) {
    let running = Zekron::start(quick(), Placement::default()).await.unwrap();
    let client = Client::of(&running);
    client.control("POST", "/clock", json!({ "set": "2026-01-01T00:00:00Z" })).await;
    (running, client)
}

#[tokio::test]
async fn the_sixty_first_request_of_a_minute_waits_for_the_first_to_leave_it() {
    let (_running, client) = start().await;
    assert_eq!(client.get("/v1/balance").await.status, 200);
    client.control("POST", "/clock", json!({ "advance_ms": 20_500 })).await;
    for _ in 1..60 {
        assert_eq!(client.get("/v1/generations").await.status, 200);
    }
    let refused = client.generate("one too many").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("40")));
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(client.with_key("zk_somebody_else").get("/v1/balance").await.status, 200);
    client.control("POST", "/clock", json!({ "advance_ms": 39_500 })).await;
    assert_eq!(client.get("/v1/balance").await.status, 200, "the first has left the window");
    assert_eq!(client.get("/v1/balance").await.status, 429, "the others have not");
    assert!(client.charges().await.is_empty());
}

#[tokio::test]
async fn the_sixth_at_once_is_refused_and_a_slot_comes_back() {
    let (_running, client) = start().await;
    client.fault(json!({ "kind": "hang", "on": "generate", "times": 5 })).await;
    let mut stuck = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        stuck.spawn(async move { client.generate("never").await.status });
    }
    // A hung request is counted before it hangs: once all five are, the script is used up.
    loop {
        let script = client.control("GET", "/faults", json!(null)).await;
        if script["script"].as_array().unwrap().is_empty() {
            break;
        }
    }
    let refused = client.generate("the sixth").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    stuck.shutdown().await;
    // The vendor notices a customer who hung up when it next looks at the connection.
    while client.generate("again").await.status == 429 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.charges().await.len(), 1);
}
