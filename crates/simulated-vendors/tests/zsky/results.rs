//! Results on the storage host: true files behind links that are signed, expire, and want no key.

use crate::client::{Client, KEY, fetch, link, quick, start};
use serde_json::{Value, json};
use simulated_vendors::zsky::Settings;

fn drawn() -> Settings {
    Settings { picture_bytes: None, ..quick() }
}

async fn count(client: &Client, class: &str) -> Value {
    client.control("GET", "/requests", Value::Null).await["counts"]["by_class"][class].clone()
}

#[tokio::test]
async fn an_image_is_a_webp_of_the_size_and_a_seed_makes_it_again() {
    let (_running, client) = start(drawn()).await;
    let make = async |prompt: &str, seed: Value| {
        let body = json!({ "prompt": prompt, "width": 320, "height": 256, "seed": seed });
        let id = client.post(crate::client::IMAGES, &body).await.json()["job_id"].clone();
        let state = client.state(id.as_str().unwrap()).await;
        fetch(link(&state), &[]).await
    };
    let first = make("a robot in a garden", json!(7)).await;
    assert_eq!((first.status, first.header("content-type")), (200, Some("image/webp")));
    let picture = image::load_from_memory(first.bytes()).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 256));
    assert_eq!(make("a robot in a garden", json!(7)).await.bytes(), first.bytes());
    assert_ne!(make("a robot in a garden", json!(8)).await.bytes(), first.bytes());
    assert_ne!(
        make("a robot in a garden", Value::Null).await.bytes(),
        make("a robot in a garden", Value::Null).await.bytes()
    );
}

#[tokio::test]
async fn a_clip_is_an_mp4() {
    let (_running, client) = start(quick()).await;
    let id = client.video("waves").await.json()["job_id"].clone();
    let state = client.state(id.as_str().unwrap()).await;
    assert!(link(&state).contains(".mp4?"));
    let clip = fetch(link(&state), &[]).await;
    assert_eq!((clip.status, clip.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(&clip.bytes()[4..8], b"ftyp");
}

#[tokio::test]
async fn a_link_lives_a_day_and_is_issued_again_for_seven() {
    let (_running, client) = start(quick()).await;
    let id = client.job("x").await;
    let first = client.state(&id).await;
    assert!(
        link(&first).contains("X-Amz-Expires=86400&") && !link(&first).starts_with(&client.base)
    );
    client.advance(86_399).await;
    assert_eq!(fetch(link(&first), &[]).await.status, 200);
    client.advance(1).await;
    let expired = fetch(link(&first), &[]).await;
    assert_eq!(expired.status, 403);
    assert!(expired.text().contains("expired"));
    let again = client.state(&id).await;
    assert_ne!(link(&again), link(&first));
    assert_eq!(fetch(link(&again), &[]).await.status, 200);
    client.set_clock("2026-05-17T11:59:59Z").await;
    let last = client.state(&id).await;
    assert_eq!(fetch(link(&last), &[]).await.status, 200);
    client.advance(1).await;
    assert_eq!(fetch(link(&last), &[]).await.status, 404, "deleted, though the link is young");
}

#[tokio::test]
async fn a_changed_link_opens_nothing_and_neither_does_a_purged_result() {
    let (_running, client) = start(quick()).await;
    let (id, other) = (client.job("x").await, client.job("y").await);
    let state = client.state(&id).await;
    let url = link(&state);
    for changed in [
        url.replace(&id, &other),
        url.replace("Expires=86400", "Expires=864000"),
        url.replace("X-Amz-Date=2026", "X-Amz-Date=2027"),
        url.split('?').next().unwrap().to_owned(),
    ] {
        assert_ne!(changed, url);
        assert_eq!(fetch(&changed, &[]).await.status, 403, "{changed}");
    }
    assert_eq!(fetch(url, &[]).await.status, 200);
    client.send("DELETE", &format!("/v1/jobs/{id}"), "").await;
    assert_eq!(fetch(url, &[]).await.status, 404);
}

#[tokio::test]
async fn a_credential_that_is_sent_along_is_refused_and_counted() {
    let (_running, client) = start(quick()).await;
    let id = client.job("x").await;
    let state = client.state(&id).await;
    assert_eq!(count(&client, "credential_leak").await, Value::Null);
    let bearer = format!("Bearer {KEY}");
    for header in [("x-api-key", KEY), ("authorization", bearer.as_str())] {
        assert_eq!(fetch(link(&state), &[header]).await.status, 400);
    }
    assert_eq!(count(&client, "credential_leak").await, 2);
    assert_eq!(count(&client, "results").await, Value::Null);
    assert_eq!(fetch(link(&state), &[]).await.status, 200);
    assert_eq!(count(&client, "results").await, 1);
    let log = client.control("GET", "/requests", Value::Null).await;
    assert!(!log.to_string().contains(KEY), "the log shows fingerprints");
}
