//! OpenAI's video routes.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{
    Answer, Call, House,
    painter::{CLIP_TAKES, LARGE, clip, picture},
};

const VIDEOS: &str = "/v1/videos";

impl House {
    /// Starts a clip.
    async fn film(&self, body: &str) -> Value {
        self.post(VIDEOS, body).await.expect(200)
    }

    /// Looks until the clip is over.
    async fn watched(&self, id: &Value) -> Value {
        let id = id.as_str().unwrap();
        let team =
            self.state.engine.keys().authenticate(&self.key, None).await.unwrap().team.id.clone();
        self.state.engine.wait(&team, id, None).await.unwrap();
        self.get(&format!("{VIDEOS}/{id}")).await.expect(200)
    }

    /// Starts a clip and waits for its end.
    async fn filmed(&self, body: &str) -> Value {
        let video = self.film(body).await;
        self.watched(&video["id"]).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(Call { key: Some(&self.key), ..Call::new(Method::DELETE, path) }).await
    }
}

fn content(video: &Value) -> String {
    format!("{VIDEOS}/{}/content", video["id"].as_str().unwrap())
}

#[actix_web::test]
async fn a_video_is_started_looked_at_fetched_and_deleted() {
    let house = House::new().await;
    let body = r#"{"prompt": "waves", "model": "clip", "seconds": "4", "size": "4x2"}"#;
    let answer = house.post(VIDEOS, body).await;
    let begun = answer.expect(200);
    assert_eq!(begun["object"], "video");
    assert_eq!(answer.header("x-atelier-generation"), begun["id"].as_str().unwrap());
    let done = house.watched(&begun["id"]).await;
    let now = house.state.engine.clock().now().seconds();
    let expected = json!({
        "id": begun["id"], "object": "video", "status": "completed", "model": "clip",
        "progress": 100, "created_at": now, "completed_at": now, "expires_at": now + 3600,
        "prompt": "waves", "seconds": "4", "size": "4x2", "error": null,
        "remixed_from_video_id": null,
    });
    assert_eq!(done, expected);
    let looked = house.get(&format!("{VIDEOS}/{}", begun["id"].as_str().unwrap())).await;
    assert_eq!(looked.header("x-atelier-provider"), "painter");
    assert_eq!(looked.header("x-atelier-model"), "painter/film");
    assert_eq!(looked.header("x-atelier-cost-usd"), "0.026700");
    // The native routes know it too, under the same id.
    let native = format!("/v1/generations/{}", begun["id"].as_str().unwrap());
    let native = house.get(&native).await.expect(200);
    assert_eq!((&native["kind"], &native["progress"]), (&json!("video"), &json!(100)));

    let bytes = house.get(&content(&done)).await;
    assert_eq!((bytes.status.as_u16(), &bytes.body), (200, &clip(0)));
    assert_eq!(bytes.header("content-type"), "video/mp4");
    let path = format!("{VIDEOS}/{}", begun["id"].as_str().unwrap());
    let gone = house.delete(&path).await.expect(200);
    assert_eq!(gone, json!({"id": begun["id"], "object": "video.deleted", "deleted": true}));
    house.get(&path).await.refused(404, "not_found", None);
    house.get(&content(&done)).await.refused(404, "not_found", None);
    house.delete(&path).await.refused(404, "not_found", None);
}

#[actix_web::test]
async fn content_comes_in_parts_and_for_its_time_only() {
    let house = House::new().await;
    let done = house.filmed(r#"{"prompt": "large"}"#).await;
    let path = content(&done);
    let headers = [("range", "bytes=400000-")];
    let call = Call { key: Some(&house.key), headers: &headers, ..Call::new(Method::GET, &path) };
    let part = house.send(call).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &clip(LARGE)[400_000..]));
    assert_eq!(house.get(&format!("{path}?variant=video")).await.body, clip(LARGE));
    for variant in ["thumbnail", "spritesheet", ""] {
        let refused = house.get(&format!("{path}?variant={variant}")).await;
        refused.refused(400, "invalid_request", Some("variant"));
    }
    house.clock.advance(Duration::from_secs(3600));
    house.get(&path).await.refused(410, "expired", None);
    // Swept: the bytes and their row are gone, and the answer stays the same.
    let now = house.state.engine.clock().now().plus(Duration::from_secs(1));
    house.state.engine.sweep_once(now).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    house.get(&path).await.refused(410, "expired", None);
}

#[actix_web::test]
async fn what_runs_has_no_content_yet_and_says_how_far_it_is() {
    let house = House::new().await;
    let video = house.film(r#"{"prompt": "slow", "seconds": 5}"#).await;
    let path = format!("{VIDEOS}/{}", video["id"].as_str().unwrap());
    let native = format!("/v1/generations/{}", video["id"].as_str().unwrap());
    let mut seen = Vec::new();
    for percent in [0, 40, 80, 95, 95] {
        let now = house.get(&path).await.expect(200);
        assert_eq!((&now["status"], &now["seconds"]), (&json!("in_progress"), &json!("5")));
        assert_eq!(now["progress"], percent, "{now}");
        assert_eq!(house.get(&native).await.expect(200)["progress"], percent);
        seen.push(now["progress"].as_u64().unwrap());
        house.clock.advance(CLIP_TAKES * 2 / 5);
    }
    assert!(seen.is_sorted());
    house.get(&content(&video)).await.refused(409, "not_ready", None);
    house.delete(&path).await.refused(409, "not_ready", None);
}

#[actix_web::test]
async fn what_came_to_nothing_has_failed() {
    let house = House::new().await;
    for (prompt, code) in [("blocked", "content_blocked"), ("broken", "provider_error")] {
        let body = json!({"prompt": prompt, "routing": {"providers": ["painter"]}}).to_string();
        let video = house.filmed(&body).await;
        assert_eq!((&video["status"], &video["error"]["code"]), (&json!("failed"), &json!(code)));
        assert!(!video["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!((&video["size"], &video["seconds"]), (&json!("auto"), &Value::Null));
        house.get(&content(&video)).await.refused(404, "not_found", None);
    }
}

#[actix_web::test]
async fn lists_page_as_openais_do_and_as_ours_do() {
    let house = House::new().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        house.clock.advance(Duration::from_millis(1));
        let made = house.filmed(&json!({"prompt": format!("clip {n}")}).to_string()).await;
        ids.push(made["id"].clone());
        house.post("/v1/images/generations", r#"{"prompt": "no clip"}"#).await.expect(200);
    }
    for (order, wanted) in [("asc", ids.clone()), ("desc", ids.iter().rev().cloned().collect())] {
        for word in ["after", "cursor"] {
            let (mut seen, mut from) = (Vec::new(), String::new());
            loop {
                let path = format!("{VIDEOS}?limit=2&order={order}{from}");
                let page = house.get(&path).await.expect(200);
                let data = page["data"].as_array().unwrap();
                assert_eq!(page["object"], "list");
                assert_eq!(page["first_id"], data[0]["id"]);
                assert_eq!(page["last_id"], data[data.len() - 1]["id"]);
                seen.extend(data.iter().map(|video| video["id"].clone()));
                if page["has_more"] == json!(false) {
                    assert_eq!(page["next_cursor"], Value::Null);
                    break;
                }
                assert_eq!(page["next_cursor"], page["last_id"]);
                from = format!("&{word}={}", page["last_id"].as_str().unwrap());
            }
            assert_eq!(seen, wanted, "{order} by {word}");
        }
    }
    let none = Call { key: Some(&house.stranger), ..Call::new(Method::GET, VIDEOS) };
    let none = house.send(none).await.expect(200);
    assert_eq!(
        none,
        json!({"object": "list", "data": [], "has_more": false, "first_id": null,
               "last_id": null, "next_cursor": null})
    );
    for (query, param) in [
        ("limit=0", "limit"),
        ("order=newest", "order"),
        ("after=a%20b", "after"),
        ("cursor=a%20b", "cursor"),
        ("after=gen_1&cursor=gen_2", "cursor"),
    ] {
        let refused = house.get(&format!("{VIDEOS}?{query}")).await;
        refused.refused(400, "invalid_request", Some(param));
    }
}

/// A form as OpenAI's SDKs send it: the words, and the picture where there is one.
fn form(fields: &[(&str, &str)], picture: Option<&[u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, text) in fields {
        let part =
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    if let Some(picture) = picture {
        body.extend_from_slice(
            b"--b\r\ncontent-disposition: form-data; name=\"input_reference\"; filename=\"a.png\"\
              \r\ncontent-type: image/png\r\n\r\n",
        );
        body.extend_from_slice(picture);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

async fn send_form(house: &House, body: Vec<u8>) -> Answer {
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    let call = Call::new(Method::POST, VIDEOS);
    house.send(Call { key: Some(&house.key), headers: &headers, body: body.into(), ..call }).await
}

#[actix_web::test]
async fn forms_are_read_as_the_sdks_send_them() {
    let house = House::new().await;
    let words = [("prompt", "from a picture"), ("seconds", "4"), ("audio", "true")];
    let whole = form(&words, Some(&picture(0)));
    let video = send_form(&house, whole.clone()).await.expect(200);
    assert_eq!(house.watched(&video["id"]).await["seconds"], "4");
    let native = format!("/v1/generations/{}", video["id"].as_str().unwrap());
    assert_eq!(house.get(&native).await.expect(200)["status"], "completed");
    send_form(&house, form(&words, None)).await.expect(200);
    // An object within a form, as the SDKs write it.
    let named = [("prompt", "x"), ("input_reference[file_id]", "ast_none")];
    let refused = send_form(&house, form(&named, None)).await;
    refused.refused(400, "invalid_request", Some("input_reference.file_id"));
    let text = [("prompt", "x"), ("input_reference", r#"{"file_id": "ast_none"}"#)];
    let refused = send_form(&house, form(&text, None)).await;
    refused.refused(400, "invalid_request", Some("input_reference.file_id"));
    let both = [("prompt", "x"), ("input_reference[file_id]", "ast_none")];
    let refused = send_form(&house, form(&both, Some(&picture(0)))).await;
    refused.refused(400, "invalid_request", Some("input_reference"));
    let noise = form(&[("prompt", "x")], Some(b"no picture"));
    send_form(&house, noise).await.refused(400, "invalid_image", Some("input_reference"));
    let odd = form(&[("prompt", "x"), ("frames", "9")], None);
    send_form(&house, odd).await.refused(400, "unsupported_parameter", Some("frames"));
}

#[actix_web::test]
async fn bad_requests_name_the_field() {
    let house = House::new().await;
    let (invalid, unknown) = ("invalid_request", "unsupported_parameter");
    for (body, status, code, param) in [
        ("{}", 400, invalid, Some("prompt")),
        (r#"{"prompt": "x", "seconds": "soon"}"#, 400, invalid, Some("seconds")),
        (r#"{"prompt": "x", "frames": 9}"#, 400, unknown, Some("frames")),
        (r#"{"prompt": "x", "model": "photo"}"#, 400, invalid, Some("kind")),
        (r#"{"prompt": "x", "model": "none"}"#, 404, "model_not_found", Some("model")),
        (r#"{"prompt": "x", "store": false}"#, 400, unknown, Some("store")),
        (r#"{"prompt": "x", "seconds": 99}"#, 422, "no_candidate", None),
    ] {
        house.post(VIDEOS, body).await.refused(status, code, param);
    }
    let headers = [("content-type", "text/plain")];
    let call = Call::new(Method::POST, VIDEOS);
    let call = Call { key: Some(&house.key), headers: &headers, body: "x".into(), ..call };
    house.send(call).await.refused(415, "unsupported_media_type", None);
}

#[actix_web::test]
async fn only_the_teams_own_clips_are_videos() {
    let house = House::new().await;
    let video = house.filmed(r#"{"prompt": "mine"}"#).await;
    let id = video["id"].as_str().unwrap();
    let image = house.post("/v1/generations", r#"{"kind": "image", "prompt": "x"}"#).await;
    let image = image.expect(202)["id"].as_str().unwrap().to_owned();
    let stranger = Some(house.stranger.as_str());
    for (key, id) in [(stranger, id), (Some(&house.key), &image), (Some(&house.key), "gen_none")] {
        for (method, path) in [
            (Method::GET, format!("{VIDEOS}/{id}")),
            (Method::GET, format!("{VIDEOS}/{id}/content")),
            (Method::DELETE, format!("{VIDEOS}/{id}")),
        ] {
            let answer = house.send(Call { key, ..Call::new(method, &path) }).await;
            answer.refused(404, "not_found", None);
            assert_eq!(answer.json()["error"]["message"], "there is no such video");
        }
    }
    house.get(&content(&video)).await;
}

#[actix_web::test]
async fn a_repetition_with_the_same_key_is_the_same_video() {
    let house = House::new().await;
    let key = [("idempotency-key", "monday")];
    let body = r#"{"prompt": "once"}"#;
    let first = house.post_with(VIDEOS, body, &key).await.expect(200);
    let again = house.post_with(VIDEOS, body, &key).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200)["id"], first["id"]);
    let other = house.post_with(VIDEOS, r#"{"prompt": "twice"}"#, &key).await;
    other.refused(409, "idempotency_conflict", None);
}
