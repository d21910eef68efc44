//! Walls between teams: what is another team's cannot be told from what never was.

mod house;
mod routes;
mod table;

use serde_json::{Value, json};
use tests::{Client, Form, Reply, pictures};

use crate::{house, image};

/// An answer without what differs from request to request, and without the id that was asked for.
fn told(reply: &Reply, id: &str) -> (u16, String, Vec<String>) {
    let request = reply.header("x-request-id").unwrap_or_default().to_owned();
    let body = reply.text().replace(&request, "REQUEST").replace(id, "ID");
    let headers =
        reply.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let mut headers: Vec<String> =
        headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    (reply.status, body, headers)
}

/// The same request for another team's id and for one that never was.
async fn assert_same(client: &Client, method: &str, path: &str, theirs: &str, never: &str) {
    let json = [("content-type", "application/json")];
    let foreign = client.send(method, &path.replace("ID", theirs), &json, "").await;
    let absent = client.send(method, &path.replace("ID", never), &json, "").await;
    assert_eq!(foreign.status, 404, "{method} {path}: {}", foreign.text());
    assert_eq!(foreign.refusal().1, "not_found", "{method} {path}");
    assert_eq!(told(&foreign, theirs), told(&absent, never), "{method} {path}");
}

/// The same id with its last characters turned: as long, as well-formed, and nobody's.
fn neighbour(id: &str) -> String {
    let (head, tail) = id.split_at(id.len() - 4);
    let turned: String = tail.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
    format!("{head}{turned}")
}

#[tokio::test]
async fn another_teams_work_is_not_there() {
    let (vendor, gateway) = house(json!({})).await;
    let (ours, theirs) = (gateway.team("ours").await, gateway.team("theirs").await);
    let generation = theirs.generate(&image("their secret harbour")).await;
    let id = generation["id"].as_str().expect("an id");
    let asset = generation["outputs"][0]["asset"].as_str().expect("an asset");

    let never = neighbour(id);
    for (method, path) in [
        ("GET", "/v1/generations/ID"),
        ("DELETE", "/v1/generations/ID"),
        ("POST", "/v1/generations/ID/cancel"),
        ("GET", "/v1/generations/ID/events"),
    ] {
        assert_same(&ours.client, method, path, id, &never).await;
        assert_same(&ours.client, method, path, id, "gen_1").await;
    }
    assert_same(&ours.client, "GET", "/v1/assets/ID", asset, &neighbour(asset)).await;

    assert_eq!(ours.generations().await, Vec::<Value>::new());
    let usage = ours.client.get("/v1/usage").await.expect(200).json();
    assert_eq!((&usage["charged_usd"], &usage["data"]), (&json!("0.000000"), &json!([])));

    // Nothing of it happened to theirs.
    assert_eq!(theirs.generation(id).await["status"], "completed");
    assert_eq!(theirs.download(&generation["outputs"][0]).await.status, 200);
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn another_teams_picture_is_no_input() {
    let (vendor, gateway) = house(json!({})).await;
    let (ours, theirs) = (gateway.team("ours").await, gateway.team("theirs").await);
    let form = Form::new().file("file", "image/png", &pictures::picture(image::ImageFormat::Png));
    let upload = [("content-type", &*Form::content_type())];
    let asset = theirs.client.send("POST", "/v1/assets", &upload, form.body()).await.expect(201);
    let asset = asset.json()["id"].as_str().expect("an id").to_owned();
    let with = |id: &str| json!({ "kind": "image", "prompt": "x", "inputs": [{ "role": "source", "asset": id }] });
    let never = neighbour(&asset);
    let foreign = ours.client.post("/v1/generations", &with(&asset)).await;
    let absent = ours.client.post("/v1/generations", &with(&never)).await;
    assert!((400..500).contains(&foreign.status), "{}", foreign.text());
    assert_eq!(foreign.refusal().2.as_deref(), Some("inputs[0].asset"));
    assert_eq!(told(&foreign, &asset), told(&absent, &never));
    assert!(vendor.charges().await.is_empty());
    assert_eq!(theirs.generate(&with(&asset)).await["status"], "completed");
}

#[tokio::test]
async fn teams_may_use_the_same_idempotency_key() {
    let (vendor, gateway) = house(json!({})).await;
    let mut ids = Vec::new();
    for name in ["ours", "theirs"] {
        let team = gateway.team(name).await;
        let headers = [("idempotency-key", "monday"), ("prefer", "wait=60")];
        let answer = team.client.post_with("/v1/generations", &image(name), &headers).await;
        let answer = answer.expect(201);
        assert_eq!(answer.header("idempotent-replayed"), None);
        ids.push(answer.json()["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(vendor.charges().await.len(), 2);
}

#[tokio::test]
async fn a_list_shows_the_teams_own_page_by_page() {
    let (_vendor, gateway) = house(json!({})).await;
    let (ours, theirs) = (gateway.team("ours").await, gateway.team("theirs").await);
    let mut wanted = Vec::new();
    for number in 0..5 {
        let made = ours.generate(&image(&format!("ours {number}"))).await;
        wanted.push(made["id"].clone());
        theirs.generate(&image(&format!("theirs {number}"))).await;
    }
    wanted.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for size in [2, 2, 1] {
        let path = format!("/v1/generations?limit=2{cursor}");
        let page = ours.client.get(&path).await.expect(200).json();
        let data = page["data"].as_array().expect("a list");
        assert_eq!((data.len(), page["has_more"].as_bool()), (size, Some(size == 2)), "{page}");
        seen.extend(data.iter().map(|generation| generation["id"].clone()));
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(seen, wanted, "newest first, each once");
}
