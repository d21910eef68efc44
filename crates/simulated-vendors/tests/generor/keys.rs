//! Keys: made, shown once, listed by prefix, scoped, at most ten, revoked at once.

use crate::client::{Client, SCHNELL, quick, refused, start, told};
use serde_json::{Value, json};

async fn made(client: &Client, scopes: Value) -> (Client, Value) {
    let body = json!({ "name": "My App", "scopes": scopes });
    let reply = client.post("/api-keys", &body).await;
    assert_eq!(reply.status, 201);
    let data = told(&reply);
    (client.with_key(data["api_key"].as_str().unwrap()), data)
}

#[tokio::test]
async fn a_key_is_shown_once_and_then_by_its_prefix() {
    let (_running, client) = start(quick()).await;
    let (other, data) = made(&client, json!(["read", "generate"])).await;
    let whole = data["api_key"].as_str().unwrap();
    let hex = whole.strip_prefix("gnr_live_").unwrap();
    assert!(hex.len() == 40 && hex.chars().all(|letter| letter.is_ascii_hexdigit()));
    assert_eq!(data["prefix"].as_str().unwrap(), &whole[..17]);
    assert_eq!(data["message"], "Save this API key now. It will not be shown again.");
    let list = client.get("/api-keys").await;
    assert!(!list.text().contains(whole));
    let rows = told(&list);
    let shown = json!({
        "key_id": 2, "prefix": &whole[..17], "name": "My App", "scopes": ["read", "generate"],
        "created_at": "2026-05-10 12:00:00",
    });
    assert_eq!((rows.as_array().unwrap().len(), &rows[1]), (2, &shown));
    let (mine, its) = (client.data("/users/me").await, other.data("/users/me").await);
    assert_eq!(mine["user_id"], its["user_id"], "another key of the same account");
}

#[tokio::test]
async fn scopes_are_kept_and_none_means_all() {
    let (_running, client) = start(quick()).await;
    let body = json!({ "prompt": "x", "model_id": SCHNELL });
    for (scopes, allowed) in [
        (json!(["read"]), [true, false, false]),
        (json!(["write"]), [false, true, false]),
        (json!(["generate"]), [false, false, true]),
        (json!([]), [true, true, true]),
        (Value::Null, [true, true, true]),
    ] {
        let (scoped, _) = made(&client, scopes.clone()).await;
        let replies = [
            scoped.get("/credits/balance").await,
            scoped.send("PATCH", "/users/me", json!({ "bio": "b" }).to_string()).await,
            scoped.generate("image", &body).await,
        ];
        for (reply, allowed) in replies.iter().zip(allowed) {
            if allowed {
                told(reply);
            } else {
                assert_eq!(refused(reply), (403, "FORBIDDEN".to_owned()), "{scopes}");
            }
        }
        assert_eq!(scoped.estimate("image", &body).await.status, 200, "free to all");
    }
}

#[tokio::test]
async fn ten_are_the_most_and_a_revoked_one_is_dead_at_once() {
    let (_running, client) = start(quick()).await;
    let (ninth, data) = made(&client, json!([])).await;
    for _ in 0..8 {
        made(&client, json!([])).await;
    }
    let eleventh = client.post("/api-keys", &json!({ "name": "x" })).await;
    assert_eq!(refused(&eleventh), (400, "VALIDATION_ERROR".to_owned()));
    let path = format!("/api-keys/{}", data["key_id"]);
    assert_eq!(client.with_key("gnr_live_simulated").send("DELETE", &path, "").await.status, 404);
    told(&client.send("DELETE", &path, "").await);
    assert_eq!(refused(&ninth.get("/users/me").await), (401, "UNAUTHORIZED".to_owned()));
    assert_eq!(client.send("DELETE", &path, "").await.status, 404);
    made(&client, json!([])).await;
    for bad in [
        json!({}),
        json!({ "name": "x", "scopes": ["admin"] }),
        json!({ "name": "x", "scopes": "read" }),
    ] {
        assert_eq!(client.post("/api-keys", &bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_key_revokes_itself_when_another_took_its_place() {
    let (_running, client) = start(quick()).await;
    client.image("x").await;
    let (heir, _) = made(&client, json!(["read", "write", "generate"])).await;
    told(&heir.send("DELETE", "/api-keys/1", "").await);
    assert_eq!(client.get("/users/me").await.status, 401);
    assert_eq!(heir.data("/creations").await.as_array().unwrap().len(), 1);
}
