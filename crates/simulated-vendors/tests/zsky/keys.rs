//! Rotation: a new key for the old one, at once, for the same account.

use crate::client::{Client, KEY, quick, start};
use serde_json::json;

async fn rotate(client: &Client) -> Client {
    let reply = client.send("POST", "/v1/keys/rotate", "").await;
    assert_eq!(reply.status, 200);
    let key = reply.json()["api_key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("zsky_live_") && key.len() > 40);
    client.with_key(&key)
}

#[tokio::test]
async fn the_new_key_has_the_account_and_the_old_one_is_dead() {
    let (_running, client) = start(quick()).await;
    let id = client.job("before").await;
    let second = rotate(&client).await;
    for reply in [
        client.get("/v1/usage").await,
        client.image("dead").await,
        client.send("POST", "/v1/keys/rotate", "").await,
    ] {
        assert_eq!(reply.status, 401);
    }
    second.state(&id).await;
    second.job("after").await;
    assert_eq!(second.usage().await["images_used"], 2);
    let third = rotate(&second).await;
    assert_ne!(third.key, second.key);
    assert_eq!(second.get("/v1/usage").await.status, 401);
    assert_eq!(third.usage().await["images_used"], 2);
    let books = client.books().await;
    assert_eq!(books["keys"].as_array().unwrap().len(), 1, "one account");
    assert_ne!(
        books["charges"][0]["key"], books["charges"][1]["key"],
        "but each key its fingerprint"
    );
    for key in [KEY, &second.key, &third.key] {
        assert!(!books.to_string().contains(key));
    }
}

#[tokio::test]
async fn a_listed_key_that_was_rotated_stays_dead_and_its_heir_lives() {
    let mut settings = quick();
    settings.keys = vec![simulated_vendors::ApiKey::new(KEY)];
    let (_running, client) = start(settings).await;
    let heir = rotate(&client).await;
    assert_eq!(
        (client.get("/v1/usage").await.status, heir.get("/v1/usage").await.status),
        (401, 200)
    );
}

#[tokio::test]
async fn an_answer_lost_after_the_rotation_locks_the_account_out() {
    let (_running, client) = start(quick()).await;
    client.fault(json!({ "kind": "reset_before", "on": "rotate" })).await;
    assert!(client.try_send("POST", "/v1/keys/rotate", &[], "").await.is_err());
    assert_eq!(client.get("/v1/usage").await.status, 200, "nothing happened");
    client.fault(json!({ "kind": "reset_after", "on": "rotate" })).await;
    assert!(client.try_send("POST", "/v1/keys/rotate", &[], "").await.is_err());
    assert_eq!(
        client.get("/v1/usage").await.status,
        401,
        "it happened, and nobody knows the new key"
    );
}

#[tokio::test]
async fn a_suspension_follows_the_account_to_its_new_key_and_the_field_can_have_another_name() {
    let (_running, client) = start(quick()).await;
    client.set(json!({ "rotated_key_field": "key" })).await;
    let key = client.send("POST", "/v1/keys/rotate", "").await.json()["key"].clone();
    let heir = client.with_key(key.as_str().unwrap());
    client.control("POST", "/suspension", json!({ "key": heir.key, "for_s": 60 })).await;
    assert_eq!(heir.get("/v1/usage").await.status, 403);
}
