//! Idempotency keys: a repetition is answered as the first request was, and pays nothing.

use serde_json::json;
use tests::{Form, Reply, Team, path_of, pictures};
use tokio::task::JoinSet;

use crate::{house, image};

async fn keyed(team: &Team, key: &str, body: &serde_json::Value) -> Reply {
    let headers = [("idempotency-key", key), ("prefer", "wait=60")];
    team.client.post_with("/v1/generations", body, &headers).await
}

#[tokio::test]
async fn a_repetition_answers_with_the_first_ones_generation() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let first = keyed(&team, "k1", &image("once")).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = keyed(&team, "k1", &image("once")).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());

    // The same for OpenAI's routes, where the words of the body may come in any order.
    let headers = [("idempotency-key", "k2")];
    let body = json!({ "prompt": "twice", "size": "512x512" });
    let path = "/v1/images/generations";
    let first = team.client.post_with(path, &body, &headers).await.expect(200);
    let json = [("content-type", "application/json"), ("idempotency-key", "k2")];
    let turned = "{ \"size\":\"512x512\",\n\"prompt\":\"twice\" }";
    let again = team.client.send("POST", path, &json, turned).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("x-atelier-generation"), first.header("x-atelier-generation"));
    assert_eq!(again.json()["data"][0]["b64_json"], first.json()["data"][0]["b64_json"]);

    // And after a kill.
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    let again = keyed(&team, "k1", &image("once")).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(vendor.charges().await.len(), 2);
}

#[tokio::test]
async fn another_body_with_the_same_key_is_a_conflict() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    keyed(&team, "k1", &image("first")).await.expect(201);
    let conflict = keyed(&team, "k1", &image("second")).await;
    assert_eq!(conflict.refusal(), (409, "idempotency_conflict".to_owned(), None));
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn repetitions_in_flight_join_the_first() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 300, "max": 300 } })).await;
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let team = team.clone();
        callers.spawn(async move { keyed(&team, "all at once", &image("one of us")).await });
    }
    let answers = callers.join_all().await;
    let fresh = answers.iter().filter(|a| a.header("idempotent-replayed").is_none()).count();
    assert_eq!(fresh, 1);
    for answer in &answers {
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["id"], answers[0].json()["id"]);
        assert_eq!(answer.json()["status"], "completed");
    }
    assert_eq!(vendor.count("generate").await, 1);
}

#[tokio::test]
async fn a_refused_request_uses_no_key_up() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    for bad in [
        json!({ "kind": "image", "prompt": "x", "size": "0x9" }),
        json!({ "kind": "image", "prompt": "x", "model": "nobody" }),
        json!({ "kind": "image", "prompt": "x", "size": "640x480", "strict": true }),
        json!({ "kind": "image", "prompt": "x", "routing": { "max_cost_usd": "0.000001" } }),
    ] {
        let refused = keyed(&team, "k1", &bad).await;
        assert!((400..500).contains(&refused.status), "{bad}: {}", refused.text());
    }
    let stranger = gateway.anyone().with_key("atl_nobodys");
    let headers = [("idempotency-key", "k1")];
    stranger.post_with("/v1/generations", &image("x"), &headers).await.expect(401);
    let good = keyed(&team, "k1", &image("now right")).await.expect(201);
    assert_eq!(good.header("idempotent-replayed"), None);
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn a_failure_is_repeated_as_it_was() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("blocked", json!({})).await;
    let first = keyed(&team, "k1", &image("refused")).await.expect(201).json();
    assert_eq!(first["status"], "blocked");
    let again = keyed(&team, "k1", &image("refused")).await.expect(201).json();
    assert_eq!(again, first);
    assert_eq!(vendor.count("generate").await, 1);
}

#[tokio::test]
async fn files_are_compared_by_what_they_hold() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let edit = |picture: bytes::Bytes, media_type: &'static str| {
        let form = Form::new().text("prompt", "in winter").file("image", media_type, &picture);
        let client = team.client.clone();
        async move {
            let kind = Form::content_type();
            let headers = [("content-type", kind.as_str()), ("idempotency-key", "e1")];
            client.send("POST", "/v1/images/edits", &headers, form.body()).await
        }
    };
    let (png, jpeg) = (image::ImageFormat::Png, image::ImageFormat::Jpeg);
    let first = edit(pictures::picture(png), "image/png").await.expect(200);
    let again = edit(pictures::picture(png), "application/octet-stream").await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let link =
        |reply: &Reply| reply.json()["data"][0]["url"].as_str().map(path_of).map(str::to_owned);
    assert_eq!(link(&again), link(&first));
    let other = edit(pictures::picture(jpeg), "image/png").await;
    assert_eq!(other.refusal().0, 409);
    assert_eq!(vendor.charges().await.len(), 1);
}
