//! What the page says of requests and statuses, to the letter.

use crate::{
    client::{Client, IMAGES, KEY, VIDEOS, quick, start},
    wire,
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_submission_answers_as_the_page_shows() {
    let (_running, client) = start(quick()).await;
    for (path, kind) in [(IMAGES, "image"), (VIDEOS, "video")] {
        let reply = client.post(path, &json!({ "prompt": "a fox" })).await;
        let id = reply.json()["job_id"].as_str().unwrap().to_owned();
        let poll = format!("/v1/jobs/{id}");
        let shown = json!({ "job_id": id, "status": "queued", "kind": kind, "poll_url": poll });
        assert_eq!((reply.status, reply.json()), (200, shown));
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn every_bound_of_the_page_holds() {
    let (_running, client) = start(quick()).await;
    let (long, longer) = ("ö".repeat(2000), "ö".repeat(2001));
    let good = [
        (
            IMAGES,
            json!({ "prompt": long, "width": 256, "height": 2048, "seed": -3, "negative": "x" }),
        ),
        (VIDEOS, json!({ "prompt": "x", "width": 2560, "height": 256, "length": 25 })),
        (VIDEOS, json!({ "prompt": "x", "length": 241, "seed": 0 })),
    ];
    for (path, body) in good {
        assert_eq!(client.post(path, &body).await.status, 200, "{body}");
    }
    let bad = [
        (IMAGES, json!({})),
        (IMAGES, json!({ "prompt": " " })),
        (IMAGES, json!({ "prompt": 7 })),
        (IMAGES, json!({ "prompt": longer })),
        (IMAGES, json!({ "prompt": "x", "width": 255 })),
        (IMAGES, json!({ "prompt": "x", "height": 2049 })),
        (IMAGES, json!({ "prompt": "x", "width": 512.5 })),
        (IMAGES, json!({ "prompt": "x", "seed": "7" })),
        (IMAGES, json!({ "prompt": "x", "negative": 1 })),
        (VIDEOS, json!({ "prompt": "x", "width": 2561 })),
        (VIDEOS, json!({ "prompt": "x", "length": 24 })),
        (VIDEOS, json!({ "prompt": "x", "length": 242 })),
        (IMAGES, json!(["prompt"])),
        (VIDEOS, Value::Null),
    ];
    for (path, body) in bad {
        let reply = client.post(path, &body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["error"].is_string());
    }
    assert_eq!(client.send("POST", IMAGES, "{\"prompt\":").await.status, 400);
    assert_eq!(client.books().await["jobs"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn keys_are_asked_for_everywhere_and_jobs_are_their_owners() {
    let (_running, client) = start(quick()).await;
    let id = client.job("mine").await;
    for path in ["/v1/usage".to_owned(), format!("/v1/jobs/{id}")] {
        let without = wire::send(&client.base, "GET", &path, &[], "").await.unwrap();
        assert_eq!(without.status, 401);
        for key in ["zk_simulated", "zsky_live_", "zsky_test_1"] {
            assert_eq!(client.with_key(key).get(&path).await.status, 401, "{key}");
        }
    }
    let bearer = [("authorization", "Bearer zsky_live_simulated")];
    let other = wire::send(&client.base, "GET", "/v1/usage", &bearer, "").await.unwrap();
    assert_eq!(other.status, 401, "the page knows one header");
    let stranger: Client = client.with_key("zsky_live_simulated_team");
    assert_eq!(stranger.usage().await["images_used"], 0, "another key is another account");
    let path = format!("/v1/jobs/{id}");
    for method in ["GET", "DELETE"] {
        assert_eq!(stranger.send(method, &path, "").await.status, 404);
    }
    assert_eq!(client.get(&path).await.status, 200);
    assert_eq!(client.get("/v1/jobs/5f3").await.status, 404);
    assert_eq!(client.get("/v2/usage").await.status, 404);
    assert_eq!(client.send("POST", "/v1/usage", "").await.status, 405);
}

#[tokio::test]
async fn only_listed_keys_open_when_there_is_a_list() {
    let (_running, client) = start(quick()).await;
    client.set(json!({ "keys": ["zsky_live_listed"] })).await;
    assert_eq!(client.get("/v1/usage").await.status, 401);
    assert_eq!(client.with_key("zsky_live_listed").get("/v1/usage").await.status, 200);
    let shown = client.control("GET", "/settings", Value::Null).await;
    assert!(!shown.to_string().contains("listed"), "keys are shown as fingerprints");
    assert!(!client.books().await.to_string().contains(KEY));
}
