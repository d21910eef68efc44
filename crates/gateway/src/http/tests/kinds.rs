//! Every kind through the native route.

use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::{
    House,
    painter::{clip, picture},
    talents::{DRAWING, sound},
};

const NATIVE: &str = "/v1/generations";

impl House {
    /// Makes something and waits for it.
    async fn made(&self, body: &Value) -> Value {
        self.post_with(NATIVE, &body.to_string(), &[("prefer", "wait=9")]).await.expect(201)
    }
}

fn input(role: &str, bytes: &[u8]) -> Value {
    json!({ "role": role, "data": STANDARD.encode_to_string(bytes) })
}

#[actix_web::test]
async fn every_kind_is_made() {
    let house = House::new().await;
    let source = input("source", &picture(0));
    for (kind, body, media_type) in [
        ("image", json!({ "prompt": "x" }), "image/png"),
        ("video", json!({ "prompt": "x", "seconds": 4, "audio": true }), "video/mp4"),
        ("text", json!({ "prompt": "x" }), "text/plain"),
        ("vision", json!({ "inputs": [source] }), "text/plain"),
        ("vision", json!({ "prompt": "", "inputs": [source] }), "text/plain"),
        ("speech", json!({ "prompt": "x" }), "audio/wav"),
        ("music", json!({ "prompt": "x" }), "audio/wav"),
        ("sound_effect", json!({ "prompt": "x" }), "audio/wav"),
        ("upscale", json!({ "inputs": [source] }), "image/png"),
        ("vector", json!({ "prompt": "x" }), "image/svg+xml"),
        ("background_removal", json!({ "inputs": [source] }), "image/png"),
    ] {
        let mut body = body;
        body["kind"] = json!(kind);
        let made = house.made(&body).await;
        let output = &made["outputs"][0];
        assert_eq!((&made["status"], &made["kind"]), (&json!("completed"), &json!(kind)), "{made}");
        assert_eq!(output["mime_type"], media_type, "{made}");
        let is_text = media_type == "text/plain";
        assert_eq!((output["text"].is_string(), output["url"].is_string()), (is_text, !is_text));
        if kind == "vector" {
            assert_eq!(output["bytes"], DRAWING.len());
        }
        let told = house.post("/v1/estimates", &body.to_string()).await.expect(200);
        assert_eq!(told["data"][0]["usable"], true, "{told}");
    }
    let listed = house.get("/v1/generations?kind=vision").await.expect(200);
    let text = &listed["data"][0]["outputs"][0]["text"];
    assert_eq!(text, &format!("eyes: \"\" Source image/png {}", picture(0).len()));
}

#[actix_web::test]
async fn what_a_model_needs_is_its_to_say() {
    let house = House::new().await;
    let source = input("source", &picture(0));
    for (body, status, code, param) in [
        // Without words and inputs nothing is asked for.
        (json!({ "kind": "vision" }), 400, "invalid_request", Some("prompt")),
        (json!({ "kind": "upscale", "prompt": "" }), 400, "invalid_request", Some("prompt")),
        (json!({ "kind": "upscale", "prompt": "x" }), 422, "no_candidate", None),
        (json!({ "kind": "image", "inputs": [source] }), 422, "no_candidate", None),
        (json!({ "kind": "text", "prompt": "x", "seconds": 3 }), 422, "no_candidate", None),
        (json!({ "kind": "speech", "prompt": "x", "size": "2x1" }), 422, "no_candidate", None),
    ] {
        house.post(NATIVE, &body.to_string()).await.refused(status, code, param);
    }
}

#[actix_web::test]
async fn inputs_are_what_their_role_says() {
    let house = House::new().await;
    let song = |input: Value| json!({ "kind": "music", "prompt": "x", "inputs": [input] });
    for good in [input("video", &clip(0)), input("audio", &sound(0)), input("reference", &sound(0))]
    {
        assert_eq!(house.made(&song(good.clone())).await["status"], "completed", "{good}");
    }
    for bad in [
        input("video", &sound(0)),
        input("video", &picture(0)),
        input("audio", &clip(0)),
        input("reference", b"hello"),
    ] {
        let refused = house.post(NATIVE, &song(bad).to_string()).await;
        refused.refused(400, "invalid_request", Some("inputs[0].data"));
    }
    // A picture may be a reference, but this model listens.
    let seen = song(input("reference", &picture(0)));
    house.post(NATIVE, &seen.to_string()).await.refused(422, "no_candidate", None);
    let mislabelled = json!({
        "role": "audio", "data": STANDARD.encode_to_string(sound(0)), "mime_type": "audio/mpeg",
    });
    let refused = house.post(NATIVE, &song(mislabelled).to_string()).await;
    refused.refused(400, "invalid_request", Some("inputs[0].mime_type"));
}

#[actix_web::test]
async fn words_that_nobody_may_keep_are_told_once() {
    let house = House::new().await;
    let body = json!({
        "kind": "text", "prompt": "hush", "store": false, "output": { "delivery": "none" },
    });
    let made = house.post(NATIVE, &body.to_string()).await.expect(201);
    let text = &made["outputs"][0]["text"];
    assert!(text.as_str().unwrap().contains("\"hush\""), "{made}");
    let path = format!("{NATIVE}/{}", made["id"].as_str().unwrap());
    let later = house.get(&path).await.expect(200);
    assert_eq!(later["status"], "completed");
    assert_eq!(later["outputs"][0]["text"], Value::Null, "{later}");
}
