//! Rates: by tier and window with the page's headers, and fifteen a minute for those without a key.

use crate::client::{Client, KEY, SCHNELL, quick, refused, start};
use crate::wire::Reply;
use serde_json::json;
use simulated_vendors::generor::Settings;

const NAMES: [&str; 4] =
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-tier"];

fn told(reply: &Reply) -> [String; 4] {
    NAMES.map(|name| reply.header(name).unwrap().to_owned())
}

fn strict() -> Settings {
    Settings { limits: Settings::default().limits, ..quick() }
}

async fn ask(client: &Client, times: usize) {
    for _ in 0..times {
        assert_eq!(client.get("/credits/balance").await.status, 200);
    }
}

#[tokio::test]
async fn every_answer_tells_the_limit_and_a_refused_one_when_to_come_back() {
    let (_running, client) = start(strict()).await;
    client.set_clock("2024-02-20T16:00:15Z").await;
    ask(&client, 1).await;
    let second = client.get("/credits/balance").await;
    assert_eq!(told(&second), ["30", "28", "1708444860", "free"], "the page's own headers");
    assert_eq!(told(&client.get("/nothing").await)[1], "27");
    ask(&client, 27).await;
    let body = json!({ "prompt": "x", "model_id": SCHNELL });
    let reply = client.generate("image", &body).await;
    assert_eq!(refused(&reply), (429, "RATE_LIMIT_EXCEEDED".to_owned()));
    assert_eq!(reply.header("retry-after"), Some("45"));
    assert_eq!(told(&reply), ["30", "0", "1708444860", "free"]);
    assert!(client.charges().await.is_empty());
    assert_eq!(client.with_key("gnr_live_simulated").get("/credits/balance").await.status, 200);
    client.advance(45).await;
    assert_eq!(told(&client.get("/credits/balance").await)[1], "29");
}

#[tokio::test]
async fn a_tier_changes_all_three_windows() {
    let (_running, client) = start(strict()).await;
    client
        .set(json!({ "limits": { "pro": { "per_minute": 9, "per_hour": 4, "per_day": 6 } } }))
        .await;
    client.control("POST", "/tier", json!({ "key": KEY, "tier": "pro" })).await;
    ask(&client, 4).await;
    let reply = client.get("/credits/balance").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("3600")));
    assert_eq!(told(&reply)[..2], ["4", "0"]);
    client.advance(3600).await;
    ask(&client, 2).await;
    let reply = client.get("/credits/balance").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("39600")), "until midnight");
    client.set_clock("2026-05-11T00:00:00Z").await;
    let reply = client.get("/credits/balance").await;
    assert_eq!((reply.status, told(&reply)[3].as_str()), (200, "pro"));
}

#[tokio::test]
async fn nobody_has_fifteen_a_minute_by_address_and_bytes_are_not_counted() {
    let (_running, client) = start(strict()).await;
    let nobody = client.nobody();
    client.image("x").await;
    for _ in 0..14 {
        assert_eq!(nobody.get("/models").await.status, 200);
    }
    assert_eq!(client.with_key("none").get("/models").await.status, 401);
    for reply in [nobody.get("/generators").await, client.with_key("none").get("/models").await] {
        assert_eq!(refused(&reply), (429, "RATE_LIMIT_EXCEEDED".to_owned()));
        assert_eq!(told(&reply)[0], "15");
    }
    assert_eq!(client.get("/models").await.status, 200, "a key has its own");
    let url = format!("{}/users/2/img/image-6144.png", client.site());
    assert_eq!(crate::client::fetch(&url).await.status, 200);
    assert_eq!(crate::client::fetch(&url).await.header("x-ratelimit-limit"), None);
}
