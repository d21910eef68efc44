//! `X-ZSky-Store: 0`: the bytes come with the answer and are kept nowhere.

use crate::client::{Client, IMAGES, VIDEOS, quick, start};
use crate::wire::Reply;
use serde_json::json;
use simulated_vendors::zsky::Latency;

async fn inline(client: &Client, path: &str, prompt: &str) -> Reply {
    let body = json!({ "prompt": prompt, "width": 256, "height": 256 }).to_string();
    client.try_send("POST", path, &[("x-zsky-store", "0")], body).await.unwrap()
}

#[tokio::test]
async fn every_shape_holds_the_bytes() {
    let (_running, client) = start(quick()).await;
    let media = inline(&client, IMAGES, "a fox").await;
    assert_eq!((media.status, media.header("content-type")), (200, Some("image/png")));
    assert!(image::load_from_memory(media.bytes()).is_ok());
    let clip = inline(&client, VIDEOS, "a fox").await;
    assert_eq!(
        (clip.header("content-type"), &clip.bytes()[4..8]),
        (Some("video/mp4"), &b"ftyp"[..])
    );
    client.set(json!({ "inline": "json" })).await;
    let reply = inline(&client, IMAGES, "a fox").await.json();
    let bytes = base64_simd::STANDARD.decode_to_vec(reply["data"].as_str().unwrap()).unwrap();
    assert!(image::load_from_memory(&bytes).is_ok());
    assert_eq!(reply["status"], "completed");
    client.set(json!({ "inline": "data_url" })).await;
    let reply = inline(&client, IMAGES, "a fox").await.json();
    assert!(reply["data"].as_str().unwrap().starts_with("data:image/png;base64,"));
    let usage = client.usage().await;
    assert_eq!((&usage["images_used"], &usage["videos_used"]), (&json!(3), &json!(1)));
}

#[tokio::test]
async fn the_job_can_not_be_asked_for() {
    let (_running, client) = start(quick()).await;
    inline(&client, IMAGES, "a secret").await;
    let books = client.books().await;
    assert!(!books.to_string().contains("a secret"), "the books keep no words of it: {books}");
    assert_eq!(books["charges"][0]["units"], 1);
    let id = books["jobs"][0]["job_id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/jobs/{id}")).await.status, 404);
    assert_eq!(client.send("DELETE", &format!("/v1/jobs/{id}"), "").await.status, 404);
}

#[tokio::test]
async fn what_is_stopped_or_fails_inline_is_a_status() {
    let (_running, client) = start(quick()).await;
    assert_eq!(inline(&client, IMAGES, "scandalous").await.status, 451);
    assert_eq!(inline(&client, IMAGES, "unrenderable").await.status, 500);
    assert_eq!(client.usage().await["images_used"], 1, "the one whose output was checked");
}

#[tokio::test]
async fn the_answer_takes_the_jobs_time_and_a_place_in_the_queue() {
    let mut settings = quick();
    settings.limits.concurrent_jobs = 1;
    settings.image_latency_ms = Latency { min: 60_000, max: 60_000 };
    let (_running, client) = start(settings).await;
    let waiting = inline(&client, IMAGES, "slow");
    let looking = async {
        while client.books().await["jobs"].as_array().unwrap().is_empty() {}
        assert_eq!(client.image("no place").await.status, 429);
        client.advance(60).await;
        assert_eq!(client.image("a place").await.status, 200);
    };
    tokio::select! {
        _ = waiting => panic!("an answer came before its time"),
        () = looking => {}
    }
    assert_eq!(client.charges().await.len(), 1, "the customer hung up and the work was done");
}
