//! Pictures in every shape that a caller can ask for.

use actix_web::http::Method;
use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::{
    Answer, Call, House,
    painter::{LARGE, picture},
};

fn pixels(value: &Value) -> Vec<u8> {
    STANDARD.decode_to_vec(value.as_str().unwrap()).unwrap()
}

/// The path and query of a link of ours.
fn path(link: &Value) -> String {
    link.as_str().unwrap().strip_prefix("http://atelier.test").unwrap().to_owned()
}

#[actix_web::test]
async fn an_openai_client_gets_its_picture_both_ways() {
    let house = House::new().await;
    let url = "/v1/images/generations";
    for (size, prompt) in [(0, "small"), (LARGE, "large")] {
        let answer = house.post(url, &format!(r#"{{"prompt": "{prompt}"}}"#)).await;
        let body = answer.expect(200);
        assert_eq!(pixels(&body["data"][0]["b64_json"]), picture(size), "{prompt}");
        assert_eq!(body["output_format"], "png");
        assert_eq!(body["size"], "2x1");
        assert_eq!(body["created"], 1_800_000_000);
        let link = path(&body["data"][0]["url"]);
        let file = house.send(Call::new(Method::GET, &link)).await;
        assert_eq!((file.status.as_u16(), file.body), (200, picture(size)), "{prompt}");
        facts(&answer);
    }
    let only = |format: &str| format!(r#"{{"prompt": "x", "response_format": "{format}"}}"#);
    let body = house.post(url, &only("url")).await.expect(200);
    assert!(body["data"][0].get("b64_json").is_none() && body["data"][0]["url"].is_string());
    let body = house.post(url, &only("b64_json")).await.expect(200);
    assert!(body["data"][0].get("url").is_none() && body["data"][0]["b64_json"].is_string());
    let body = house.post(url, r#"{"prompt": "x", "n": 3}"#).await.expect(200);
    assert_eq!(body["data"].as_array().unwrap().len(), 3);
}

fn facts(answer: &Answer) {
    assert!(answer.header("x-atelier-generation").starts_with("gen_"));
    assert!(answer.header("x-request-id").starts_with("req_"));
    for (name, value) in [
        ("x-atelier-provider", "painter"),
        ("x-atelier-model", "painter/oil"),
        ("x-atelier-account", "main"),
        ("x-atelier-cost-usd", "0.026700"),
        ("x-atelier-cache", "miss"),
        ("x-atelier-adjusted", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

#[actix_web::test]
async fn what_has_no_effect_is_told() {
    let house = House::new().await;
    let body = r#"{"prompt": "x", "quality": "high", "style": "vivid", "cache": "off"}"#;
    let answer = house.post("/v1/images/generations", body).await;
    answer.expect(200);
    assert_eq!(answer.header("x-atelier-adjusted"), "quality,style");
    assert_eq!(answer.header("x-atelier-cache"), "off");
}

#[actix_web::test]
async fn a_stream_carries_the_final_event() {
    let house = House::new().await;
    let body = r#"{"prompt": "x", "stream": true, "partial_images": 0}"#;
    let answer = house.post("/v1/images/generations", body).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let (name, data) = answer.text().trim_end().split_once('\n').unwrap();
    assert_eq!(name, "event: image_generation.completed");
    let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(event["type"], "image_generation.completed");
    assert_eq!(pixels(&event["b64_json"]), picture(0));
}

#[actix_web::test]
async fn edits_take_forms_and_json() {
    let house = House::new().await;
    let bytes = picture(0);
    let form = |fields: &[(&str, &str)], files: &[&str]| {
        let mut body = Vec::new();
        for (name, text) in fields {
            let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(format!("{head}{text}\r\n").as_bytes());
        }
        for name in files {
            let head = format!(
                "--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\
                 content-type: image/png\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(&bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b--\r\n");
        body
    };
    let send = async |body: Vec<u8>| {
        let headers = [("content-type", "multipart/form-data; boundary=b")];
        let call = Call::new(Method::POST, "/v1/images/edits");
        house
            .send(Call { key: Some(&house.key), headers: &headers, body: body.into(), ..call })
            .await
    };
    let words = [("prompt", "x"), ("n", "1"), ("size", "auto")];
    for files in [&["image"][..], &["image[]", "image[]"], &["image", "mask"]] {
        let body = send(form(&words, files)).await.expect(200);
        assert_eq!(pixels(&body["data"][0]["b64_json"]), picture(0), "{files:?}");
    }
    send(form(&words, &[])).await.refused(400, "invalid_request", Some("image"));
    let strange = form(&words, &["image", "picture"]);
    send(strange).await.refused(400, "unsupported_parameter", Some("picture"));
    let strange = form(&[("prompt", "x"), ("sise", "1x1")], &["image"]);
    send(strange).await.refused(400, "unsupported_parameter", Some("sise"));
    let wrong = form(&[("prompt", "x"), ("n", "two")], &["image"]);
    send(wrong).await.refused(400, "invalid_request", Some("n"));

    let b64 = STANDARD.encode_to_string(&bytes);
    let body =
        format!(r#"{{"prompt": "x", "images": [{{"image_url": "data:image/png;base64,{b64}"}}]}}"#);
    let body = house.post("/v1/images/edits", &body).await.expect(200);
    assert_eq!(pixels(&body["data"][0]["b64_json"]), picture(0));
}

#[actix_web::test]
async fn a_bad_end_is_an_error_for_openai_and_a_generation_for_us() {
    let house = House::new().await;
    for (prompt, status, code, ended) in [
        ("blocked", 451, "content_blocked", "blocked"),
        ("broken", 502, "provider_error", "failed"),
    ] {
        let body = format!(r#"{{"prompt": "{prompt}", "model": "photo"}}"#);
        let answer = house.post("/v1/images/generations", &body).await;
        answer.refused(status, code, None);
        let id = answer.header("x-atelier-generation");
        let seen = house.get(&format!("/v1/generations/{id}")).await.expect(200);
        assert_eq!((&seen["status"], &seen["error"]["code"]), (&ended.into(), &code.into()));

        let answer = house.post_with("/v1/generations", &body, &[("prefer", "wait=9")]).await;
        let seen = answer.expect(201);
        assert_eq!(seen["status"], ended);
        assert_eq!(seen["cost"]["charged_usd"], "0.000000");
    }
}

#[actix_web::test]
async fn a_native_generation_has_every_key_of_the_contract() {
    let house = House::new().await;
    let body = r#"{"kind": "image", "prompt": "x", "metadata": {"any": "string"}}"#;
    let answer = house.post_with("/v1/generations", body, &[("prefer", "wait=30")]).await;
    let made = answer.expect(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/generations/{id}"));
    let output = &made["outputs"][0];
    let at = "2027-01-15T08:00:00.000Z";
    let wanted = json!({
        "id": id, "object": "generation", "kind": "image", "status": "completed",
        "model": "photo", "created_at": at, "completed_at": at, "progress": 100,
        "outputs": [{
            "asset": output["asset"], "url": output["url"], "b64": null, "text": null,
            "mime_type": "image/png", "width": 2, "height": 1, "seconds": null, "bytes": picture(0).len(),
            "expires_at": "2027-01-15T09:00:00.000Z",
        }],
        "provider": "painter", "provider_model": "painter/oil", "account": "main",
        "cost": {"estimated_usd": "0.026700", "charged_usd": "0.026700"},
        "cache": "miss", "adjustments": {},
        "attempts": [{
            "provider": "painter", "account": "main", "outcome": "completed",
            "charged_usd": "0.026700", "started_at": at, "ended_at": at,
        }],
        "error": null, "metadata": {"any": "string"},
    });
    assert_eq!(made, wanted);
    assert!(output["asset"].as_str().unwrap().starts_with("ast_"));
    assert_eq!(house.get(&format!("/v1/generations/{id}")).await.expect(200), wanted);
}

#[actix_web::test]
async fn bytes_come_inline_where_they_were_asked_for() {
    let house = House::new().await;
    let wait = [("prefer", "wait=30")];
    for (output, store, inline, linked) in [
        (r#"{"delivery": "b64"}"#, true, true, true),
        (r#"{"delivery": "none"}"#, true, false, false),
        (r#"{"delivery": "none"}"#, false, true, false),
    ] {
        let body = format!(
            r#"{{"kind": "image", "prompt": "large", "output": {output}, "store": {store}}}"#
        );
        let made = house.post_with("/v1/generations", &body, &wait).await.expect(201);
        let output = &made["outputs"][0];
        assert_eq!(output["b64"].is_string(), inline, "{body}");
        assert_eq!(output["url"].is_string(), linked, "{body}");
        assert_eq!(output["asset"].is_string(), store, "{body}");
        if inline {
            assert_eq!(pixels(&output["b64"]), picture(LARGE), "{body}");
        }
    }
}

#[actix_web::test]
async fn without_a_wish_to_wait_the_answer_comes_at_once_and_events_tell_the_rest() {
    let house = House::new().await;
    let body = r#"{"kind": "image", "prompt": "x"}"#;
    let made = house.post("/v1/generations", body).await.expect(202);
    let id = made["id"].as_str().unwrap();
    for _ in 0..2 {
        let events = house.get(&format!("/v1/generations/{id}/events")).await;
        assert_eq!(events.header("content-type"), "text/event-stream");
        let last = events.text().trim_end().rsplit("\n\n").next().unwrap();
        let (name, data) = last.split_once('\n').unwrap();
        assert_eq!(name, "event: generation.completed");
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!((&data["id"], &data["status"]), (&made["id"], &"completed".into()));
    }
    house.post(&format!("/v1/generations/{id}/cancel"), "").await.refused(
        409,
        "not_cancellable",
        None,
    );
}

#[actix_web::test]
async fn a_wait_that_is_over_answers_with_what_there_is() {
    let house = House::new().await;
    let body = r#"{"kind": "image", "prompt": "slow"}"#;
    let call = house.post_with("/v1/generations", body, &[("prefer", "wait=5")]);
    tokio::pin!(call);
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut call => break answer,
            () = tokio::task::yield_now() => {
                house.clock.advance(std::time::Duration::from_millis(20));
            }
        }
    };
    assert_eq!(answer.expect(202)["status"], "running");
}

#[actix_web::test]
async fn a_repetition_with_the_same_key_is_the_same_generation() {
    let house = House::new().await;
    let key = [("idempotency-key", "once"), ("prefer", "wait=30")];
    let body = r#"{"kind": "image", "prompt": "x"}"#;
    let first = house.post_with("/v1/generations", body, &key).await.expect(201);
    let same = r#"{ "prompt" : "x", "kind":"image", "count": 1}"#;
    let again = house.post_with("/v1/generations", same, &key).await;
    assert_eq!(again.expect(201)["id"], first["id"]);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = r#"{"kind": "image", "prompt": "y"}"#;
    let answer = house.post_with("/v1/generations", other, &key).await;
    answer.refused(409, "idempotency_conflict", None);
    let elsewhere = house.post_with("/v1/images/generations", r#"{"prompt": "x"}"#, &key).await;
    elsewhere.refused(409, "idempotency_conflict", None);

    let refused = [("idempotency-key", "later")];
    let bad = r#"{"prompt": "x", "n": 0}"#;
    house.post_with("/v1/images/generations", bad, &refused).await.refused(
        400,
        "invalid_request",
        Some("n"),
    );
    let good = r#"{"prompt": "x"}"#;
    let first = house.post_with("/v1/images/generations", good, &refused).await;
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = house.post_with("/v1/images/generations", good, &refused).await;
    assert_eq!(again.expect(200), first.expect(200));
    assert_eq!(again.header("x-atelier-generation"), first.header("x-atelier-generation"));
    let made = house.get("/v1/generations").await.expect(200);
    assert_eq!(made["data"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn the_list_pages_and_a_deleted_generation_is_gone() {
    let house = House::new().await;
    let mut ids = Vec::new();
    for prompt in ["a", "b", "c"] {
        let body = format!(r#"{{"kind": "image", "prompt": "{prompt}"}}"#);
        let made = house.post_with("/v1/generations", &body, &[("prefer", "wait=9")]).await;
        ids.push(made.expect(201)["id"].as_str().unwrap().to_owned());
        house.clock.advance(std::time::Duration::from_millis(1));
    }
    let first = house.get("/v1/generations?limit=2&kind=image").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(
        (&first["has_more"], &first["data"][0]["id"]),
        (&true.into(), &ids[2].clone().into())
    );
    let rest = house.get(&format!("/v1/generations?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(rest["has_more"], false);
    assert_eq!(rest["next_cursor"], Value::Null);
    assert_eq!(rest["data"][0]["id"], ids[0]);
    assert_eq!(house.get("/v1/generations?kind=video").await.expect(200)["data"], json!([]));

    let link = path(&first["data"][0]["outputs"][0]["url"]);
    let gone = format!("/v1/generations/{}", ids[2]);
    let mine = Call { key: Some(&house.key), ..Call::new(Method::DELETE, &gone) };
    let stranger = Call { key: Some(&house.stranger), ..Call::new(Method::DELETE, &gone) };
    house.send(stranger).await.refused(404, "not_found", None);
    assert_eq!(house.send(mine).await.expect(200)["deleted"], true);
    house.get(&gone).await.refused(404, "not_found", None);
    house.send(Call::new(Method::GET, &link)).await.refused(404, "not_found", None);
    let usage = house.get("/v1/usage?from=2027-01-15").await.expect(200);
    // The span ends before what happens in this very moment.
    assert_eq!(usage["charged_usd"], "0.080100", "{usage}");
    assert_eq!(usage["data"][0]["model"], "painter/oil");
}

#[actix_web::test]
async fn estimates_and_models_tell_what_is_known() {
    let house = House::new().await;
    let body = r#"{"kind": "image", "prompt": "x", "count": 2}"#;
    let told = house.post("/v1/estimates", body).await.expect(200);
    let wanted = json!([{
        "provider": "painter", "model": "painter/oil", "account": "main",
        "estimated_usd": "0.053400", "upper_usd": "0.053400", "source": "listed",
        "age_s": 0, "wait_s": 0, "usable": true, "reason": null,
        "worth_usd": "0.000000", "verdict": "first: it charges 0.053400, 1.0 s",
    }]);
    assert_eq!(told["data"], wanted);
    let models = house.get("/v1/models").await.expect(200);
    assert_eq!(models["object"], "list");
    let ids: Vec<_> = models["data"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
    assert_eq!(ids[..4], ["clip", "photo", "painter/oil", "painter/film"]);
    assert_eq!(ids.len(), 13);
    for unknown in ["expected_usd", "upper_usd", "source", "age_s", "candidates"] {
        assert_eq!(models["data"][0][unknown].is_null(), unknown != "candidates", "{unknown}");
    }
    let model = house.get("/v1/models/painter/oil").await.expect(200);
    assert_eq!(model, models["data"][2]);
    assert_eq!((&model["object"], &model["owned_by"]), (&"model".into(), &"painter".into()));
    assert_eq!(model["capabilities"]["sizes"]["sizes"], json!(["2x1", "4x2"]));
    assert_eq!(model["price"]["most_usd"], "0.026700");
    let expected = json!(["0.026700", "0.026700", "listed", 0]);
    let told = ["expected_usd", "upper_usd", "source", "age_s"].map(|name| &model[name]);
    assert_eq!(json!(told), expected);
    let rule = json!({"role": "source", "min": 1, "max": 2, "mime_types": ["image/*"]});
    let eyes = house.get("/v1/models/painter/eyes").await.expect(200);
    assert_eq!(eyes["capabilities"]["inputs"], json!([rule]));
}

#[actix_web::test]
async fn a_generation_tells_why_it_went_where_it_went() {
    let house = House::new().await;
    let body = r#"{"kind": "image", "prompt": "x", "count": 2}"#;
    let made = house.post_with("/v1/generations", body, &[("prefer", "wait=30")]).await.expect(201);
    let path = format!("/v1/generations/{}/decision", made["id"].as_str().unwrap());
    let why = house.get(&path).await.expect(200);
    let wanted = json!({ "policy": "cost", "candidates": [{
        "model": "painter/oil", "account": "main", "rank": 1, "units": 0,
        "estimated_usd": "0.053400", "worth_usd": "0.000000", "risk_usd": "0.000000", "time_s": 1.0,
        "verdict": "first: it charges 0.053400, 1.0 s",
    }]});
    assert_eq!(why, wanted);
    house.get("/v1/generations/gen_none/decision").await.refused(404, "not_found", None);
}

#[actix_web::test]
async fn operators_see_how_routing_stands() {
    let house = House::new().await;
    let told = house.operate(Method::GET, "/admin/v1/routing", "").await.expect(200);
    assert_eq!(told["policy"], "cost");
    let photo = told["aliases"].as_array().unwrap().iter().find(|one| one["alias"] == "photo");
    let best = &photo.unwrap()["candidates"][0];
    assert_eq!((&best["model"], &best["usable"]), (&json!("painter/oil"), &json!(true)), "{told}");
    assert!(told["shadow_prices"].is_array(), "{told}");
}
