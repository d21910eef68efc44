//! References: fetched by address, looked at, and refused before any work when they are not what they should be.

use crate::client::{Client, SCHNELL, quick, refused, start, told};
use serde_json::{Value, json};

/// The vendor's own site serves the references: it is on loopback, and its pictures and clips are true ones.
async fn picture(client: &Client) -> String {
    client.image("a reference").await["creations"][0]["image_url"].as_str().unwrap().to_owned()
}

async fn counted(client: &Client) -> u64 {
    let counts = client.control("GET", "/requests", Value::Null).await;
    counts["counts"]["by_class"]["results"].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn references_are_fetched_and_kept_in_their_order() {
    let (_running, client) = start(quick()).await;
    let url = picture(&client).await;
    let body = json!({
        "prompt": "[Image1] walks through [Image2]", "model_id": 20050, "seconds": 6,
        "aspect_ratio": "16:9", "reference_images": [url, format!("{url}?2")],
    });
    told(&client.generate("video", &body).await);
    assert_eq!(counted(&client).await, 2, "the vendor asked for both");
    let references = client.order().await["references"].clone();
    assert_eq!(references[1], json!({ "field": "reference_images", "url": format!("{url}?2") }));
    let seen = json!({ "model_id": 34, "image_url": url, "preference": "detailed" });
    let data = told(&client.generate("vision", &seen).await);
    assert!(data["creations"][0]["text"].as_str().unwrap().contains("1024 by 1024"));
}

#[tokio::test]
async fn what_cannot_be_fetched_or_is_something_else_is_refused_and_free() {
    let (_running, client) = start(quick()).await;
    let url = picture(&client).await;
    let before = client.total().await;
    let site = client.site();
    for (bad, why) in [
        (format!("{site}/users/2/img/image-1.png"), "status 404"),
        ("http://127.0.0.1:1/x.png".to_owned(), "fetched"),
        (format!("{}/models", client.base_url), "not an image"),
        ("https://127.0.0.1/x.png".to_owned(), "only http"),
        ("http://192.0.2.1/x.png".to_owned(), "not allowed"),
    ] {
        let body = json!({ "prompt": "x", "model_id": 10001, "image_url": bad });
        let reply = client.generate("image", &body).await;
        assert_eq!(refused(&reply), (400, "VALIDATION_ERROR".to_owned()));
        assert!(reply.text().contains(why), "{}", reply.text());
    }
    let video = json!({ "prompt": "x", "model_id": 20051, "video_url": url });
    let reply = client.generate("video", &video).await;
    assert!(reply.status == 400 && reply.text().contains("not a video"));
    let audio = json!({ "prompt": "x", "model_id": 20061, "reference_audio": url });
    assert!(client.generate("video", &audio).await.text().contains("not audio"));
    client.set(json!({ "max_reference_bytes": 100 })).await;
    let body = json!({ "prompt": "x", "model_id": 10001, "image_url": url });
    assert_eq!(client.generate("image", &body).await.status, 400);
    client.set(json!({ "max_reference_bytes": 1_000_000, "fetch_from": "elsewhere" })).await;
    assert!(client.generate("image", &body).await.text().contains("not allowed"));
    client.set(json!({ "fetch_from": "anywhere" })).await;
    assert_eq!(client.total().await, before);
    assert_eq!(client.generate("image", &body).await.status, 201);
}

#[tokio::test]
async fn clips_and_sounds_are_references_too() {
    let (_running, client) = start(quick()).await;
    let clip = json!({ "prompt": "x", "model_id": 20060, "seconds": 5 });
    let clip = told(&client.generate("video", &clip).await)["creations"][0]["video_url"].clone();
    let sound = json!({ "prompt": "x", "model_id": 50001 });
    let sound =
        told(&client.generate("soundeffect", &sound).await)["creations"][0]["audio_url"].clone();
    let body = json!({
        "prompt": "x", "model_id": 20060, "video_url": clip, "reference_audio": sound,
        "reference_videos": [clip],
    });
    told(&client.generate("video", &body).await);
    let references = client.order().await["references"].clone();
    let fields: Vec<_> =
        references.as_array().unwrap().iter().map(|of| of["field"].clone()).collect();
    assert_eq!(fields, ["video_url", "reference_audio", "reference_videos"]);
    // A model that can't use them does not fetch them.
    let before = counted(&client).await;
    let body = json!({ "prompt": "x", "model_id": SCHNELL, "reference_audio": sound });
    told(&client.generate("image", &body).await);
    assert_eq!(counted(&client).await, before);
}

#[tokio::test]
async fn a_host_s_name_is_looked_up_and_each_of_its_addresses_tried() {
    let (_running, client) = start(quick()).await;
    let url = picture(&client).await.replace("127.0.0.1", "localhost");
    let body = json!({ "prompt": "x", "model_id": 10001, "image_url": url });
    told(&client.generate("image", &body).await);
}
