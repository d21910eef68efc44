//! The preview dialect, against its page, and what it shares with v1: the account.

use crate::client::{Client, KEY, PREVIEW, quick, send};
use serde_json::{Value, json};
use simulated_vendors::{Placement, Running, Zekron};

async fn start() -> (Running, Client) {
    let running = Zekron::start(quick(), Placement::default()).await.unwrap();
    let client = Client::of(&running);
    (running, client)
}

#[tokio::test]
async fn a_picture_comes_by_address_and_needs_no_key() {
    let (_running, client) = start().await;
    client.control("POST", "/clock", json!({ "set": "2026-01-01T12:00:00Z" })).await;
    let body = json!({
        "prompt": "A futuristic city at night, neon lights, 8k",
        "model": "zekron-image-1:image-preview",
        "options": { "size": "256x256", "negative_prompt": "blurry, low quality" }
    });
    let reply = client.post(PREVIEW, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["success"], true);
    let data = &answer["data"];
    assert!(data["id"].as_str().unwrap().starts_with("img_"));
    assert_eq!(data["model"], "zekron-image-1:image-preview");
    assert_eq!(data["created_at"], "2026-01-01T12:00:00Z");
    assert!(reply.text().contains(r#""cost":0.025129,"#), "{}", reply.text());
    let url = data["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/storage/img_", client.base)) && url.ends_with(".png"));
    let path = url.strip_prefix(&client.base).unwrap();
    let open = send(&client.base, "GET", path, None, "").await.unwrap();
    let picture = image::load_from_memory(open.bytes()).unwrap();
    assert_eq!((picture.width(), picture.height()), (256, 256));
    assert_eq!(client.get(path).await.bytes(), open.bytes());
    assert_eq!(client.charges().await[0]["negative_prompt"], "blurry, low quality");
    client.control("POST", "/clock", json!({ "advance_ms": 86_400_000 })).await;
    let late = send(&client.base, "GET", path, None, "").await.unwrap();
    assert_eq!((late.status, &late.json()["error"]["type"]), (410, &json!("expired")));
}

#[tokio::test]
async fn its_models_have_their_prices_and_the_default_is_the_first() {
    let (_running, client) = start().await;
    let long = "x".repeat(1000);
    for (model, cost) in [
        (Value::Null, 28_000),
        (json!("zekron-image-1"), 28_000),
        (json!("zekron-xl"), 25_000),
        (json!("zekron-flash"), 20_000),
        (json!("zekron-art"), 25_000),
    ] {
        let body = json!({ "prompt": long, "model": model, "options": { "size": "256x256" } });
        assert_eq!(client.post(PREVIEW, &body).await.status, 200);
        assert_eq!(client.charges().await.last().unwrap()["cost_micros"], cost);
    }
}

#[tokio::test]
async fn refusals_have_its_own_shape() {
    let (_running, client) = start().await;
    let kind = async |method: &str, path: &str, key: Option<&str>, body: &str| {
        let reply = send(&client.base, method, path, key, body.to_owned()).await.unwrap();
        let error = reply.json()["error"].clone();
        assert!(error["message"].is_string() && error["suggestion"].is_string(), "{error}");
        (reply.status, error["type"].as_str().unwrap().to_owned())
    };
    let is = |status: u16, kind: &str| (status, kind.to_owned());
    let good = r#"{"prompt":"x"}"#;
    assert_eq!(kind("POST", PREVIEW, None, good).await, is(401, "unauthorized"));
    assert_eq!(kind("POST", PREVIEW, Some("nobody"), good).await, is(401, "unauthorized"));
    assert_eq!(kind("POST", "/api/v1/other", Some(KEY), good).await, is(404, "not_found"));
    for bad in [
        "{",
        "{}",
        r#"{"prompt":"x","model":"dall-e"}"#,
        r#"{"prompt":"x","options":{"size":"2048x2048"}}"#,
        r#"{"prompt":"x","options":{"size":"1024x768"}}"#,
        r#"{"prompt":"x","options":7}"#,
        r#"{"prompt":"x","options":{"negative_prompt":7}}"#,
    ] {
        assert_eq!(kind("POST", PREVIEW, Some(KEY), bad).await, is(400, "bad_request"), "{bad}");
    }
    client.control("POST", "/balance", json!({ "key": KEY, "micros": 24_999 })).await;
    assert_eq!(kind("POST", PREVIEW, Some(KEY), good).await, is(402, "payment_required"));
    client.fault(json!({ "kind": "status_500" })).await;
    assert_eq!(kind("POST", PREVIEW, Some(KEY), good).await, is(500, "server_error"));
    assert!(client.charges().await.is_empty());
}

#[tokio::test]
async fn account_and_limits_are_shared_with_v1_and_the_history_is_not() {
    let (_running, client) = start().await;
    client.control("POST", "/clock", json!({ "set": "2026-01-01T00:00:00Z" })).await;
    client.control("PUT", "/settings", json!({ "limits": { "per_minute": 4 } })).await;
    let small = json!({ "prompt": "x", "options": { "size": "256x256" } });
    assert_eq!(client.post(PREVIEW, &small).await.status, 200);
    assert_eq!(client.generate("x").await.status, 200);
    let history = client.get("/v1/generations").await.json();
    assert_eq!(history["data"]["pagination"]["total"], 1);
    let balance = client.get("/v1/balance").await.json();
    assert_eq!(balance["data"]["total_spent"], "0.050007");
    let refused = client.post(PREVIEW, &small).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
    assert_eq!(refused.json()["error"]["type"], "rate_limit_exceeded");
}
