//! What the page says of fields, to the letter, and the codes of its table.

use crate::client::{SCHNELL, quick, refused, start, told};
use serde_json::{Value, json};

#[tokio::test]
async fn every_documented_field_is_checked() {
    let (_running, client) = start(quick()).await;
    let image = |change: Value| merged(json!({ "prompt": "x", "model_id": SCHNELL }), change);
    let url = "http://127.0.0.1:1/x";
    let bad = [
        ("image", json!({ "model_id": SCHNELL })),
        ("image", json!({ "prompt": "x" })),
        ("image", image(json!({ "prompt": "  " }))),
        ("image", image(json!({ "prompt": "ö".repeat(10_001) }))),
        ("image", image(json!({ "prompt": 7 }))),
        ("image", image(json!({ "model_id": 37 }))),
        ("image", image(json!({ "model_id": "10003" }))),
        ("image", image(json!({ "model_id": 19_999 }))),
        ("image", image(json!({ "privacy_mode": 2 }))),
        ("image", image(json!({ "privacy_mode": true }))),
        ("image", image(json!({ "team_id": "a" }))),
        ("image", image(json!({ "count": 0 }))),
        ("image", image(json!({ "count": 11 }))),
        ("image", image(json!({ "count": 1.5 }))),
        ("image", image(json!({ "parameters": "x" }))),
        ("image", image(json!({ "image_url": "data:image/png;base64,AAAA" }))),
        ("image", image(json!({ "image_url": 7 }))),
        ("image", image(json!({ "reference_images": url }))),
        ("image", image(json!({ "reference_images": vec![url; 10] }))),
        ("image", image(json!({ "language": 5 }))),
        ("joke", json!({ "prompt": "x", "model_id": 37, "temperature": 2.1 })),
        ("joke", json!({ "prompt": "x", "model_id": 37, "thinking_mode": "deep" })),
        ("joke", json!({ "prompt": "x", "model_id": 37, "avoid_duplicates": "yes" })),
        ("joke", json!({ "prompt": "x", "model_id": 37, "preference": [] })),
        ("joke", json!({ "prompt": "x", "model_id": 37, "support_for": "6144" })),
        ("video", json!({ "prompt": "x", "model_id": 20061, "seconds": "5" })),
        ("video", json!({ "prompt": "x", "model_id": 20061, "seconds": 0 })),
        ("video", json!({ "prompt": "x", "model_id": 20061, "reference_videos": vec![url; 4] })),
        ("video", json!({ "prompt": "x", "model_id": 20010, "reference_images": vec![url; 4] })),
        ("video", json!({ "prompt": "x", "model_id": 20050 })),
        ("video", json!({ "prompt": "x", "model_id": 20051 })),
        ("video", json!({ "prompt": "x", "model_id": 20030 })),
        ("vision", json!({ "model_id": 34 })),
        ("vision", json!({ "model_id": 37, "prompt": "x" })),
        ("image", json!([1])),
    ];
    for (slug, body) in bad {
        let refusal = refused(&client.generate(slug, &body).await);
        assert_eq!(refusal, (400, "VALIDATION_ERROR".to_owned()), "{body}");
    }
    assert_eq!(client.send("POST", "/generators/image/generate", "{").await.status, 400);
    assert_eq!(client.books().await["generations"], json!([]));
    let good = [
        ("image", image(json!({ "prompt": "ö".repeat(10_000), "count": 10, "privacy_mode": 1 }))),
        ("image", image(json!({ "parameters": [], "team_id": null }))),
        (
            "joke",
            json!({
                "prompt": "x", "model_id": 37, "temperature": 2, "thinking_mode": "high",
                "preference": 3, "preference_two": "dry", "avoid_duplicates": true,
                "user_text": "a", "user_text_two": "b", "story_context": "c", "mode": "d",
                "character_context": "e", "character_name": "f", "character_id": 7,
                "support_for": 1, "model_speech": 30001, "item_index": 1, "total_count": 2,
                "translation_of": 1, "source_language": "en-US", "language": "auto",
            }),
        ),
    ];
    for (slug, body) in good {
        assert_eq!(client.generate(slug, &body).await.status, 201, "{body}");
    }
    assert_eq!(client.order().await["fields"].as_object().unwrap().len(), 19);
}

#[tokio::test]
async fn an_estimate_needs_no_prompt_no_key_and_no_references() {
    let (_running, client) = start(quick()).await;
    let nobody = client.nobody();
    told(&nobody.estimate("video", &json!({ "model_id": 20050, "seconds": 6 })).await);
    told(&nobody.estimate("vision", &json!({ "model_id": 34 })).await);
    let dead = json!({ "model_id": 10001, "image_url": "http://127.0.0.1:1/x.png" });
    told(&nobody.estimate("image", &dead).await);
    let bad = nobody.estimate("image", &json!({ "model_id": 10001, "count": 11 })).await;
    assert_eq!(refused(&bad), (400, "VALIDATION_ERROR".to_owned()));
}

#[tokio::test]
async fn doors_methods_and_paths_answer_in_the_envelope() {
    let (_running, client) = start(quick()).await;
    let nobody = client.nobody();
    for path in [
        "/users/me",
        "/creations",
        "/credits/balance",
        "/credits/transactions",
        "/feed",
        "/teams",
        "/api-keys",
        "/creations/1/status",
    ] {
        assert_eq!(refused(&nobody.get(path).await), (401, "UNAUTHORIZED".to_owned()), "{path}");
    }
    let body = json!({ "prompt": "x", "model_id": SCHNELL });
    assert_eq!(nobody.generate("image", &body).await.status, 401);
    for key in ["gnr_test_1", "gnr_live_", "zk_simulated"] {
        let stranger = client.with_key(key);
        assert_eq!(stranger.get("/users/me").await.status, 401);
        assert_eq!(stranger.get("/models").await.status, 401, "even where none is needed");
    }
    assert_eq!(client.with_key("gnr_live_simulated").get("/users/me").await.status, 200);
    assert_eq!(refused(&client.get("/nothing").await), (404, "NOT_FOUND".to_owned()));
    let wrong = client.send("PUT", "/creations/1", "").await;
    assert_eq!(refused(&wrong), (405, "METHOD_NOT_ALLOWED".to_owned()));
    assert_eq!(wrong.header("allow"), Some("GET, PATCH, DELETE"));
    assert_eq!(client.generate("nothing", &body).await.status, 404);
}

#[tokio::test]
async fn only_listed_keys_open_when_there_is_a_list() {
    let (_running, client) = start(quick()).await;
    client.set(json!({ "keys": ["gnr_live_listed_and_long"] })).await;
    assert_eq!(client.get("/users/me").await.status, 401);
    assert_eq!(client.with_key("gnr_live_listed_and_long").get("/users/me").await.status, 200);
    let shown = client.control("GET", "/settings", Value::Null).await;
    assert!(!shown.to_string().contains("and_long"), "keys are shown as fingerprints");
}

fn merged(mut body: Value, change: Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}
