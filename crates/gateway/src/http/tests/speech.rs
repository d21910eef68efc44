//! OpenAI's speech.

use serde_json::json;

use super::{House, painter::LARGE, talents::sound};

const SPEECH: &str = "/v1/audio/speech";

#[actix_web::test]
async fn a_text_is_spoken() {
    let house = House::new().await;
    for (input, size) in [("hello", 0), ("large", LARGE)] {
        let body = json!({ "model": "painter/reader", "input": input, "voice": "alloy" });
        let answer = house.post(SPEECH, &body.to_string()).await;
        assert_eq!(answer.status.as_u16(), 200, "{input}");
        assert_eq!(answer.body, sound(size), "{input}");
        assert_eq!(answer.header("content-type"), "audio/wav");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-atelier-model"), "painter/reader");
        assert_eq!(answer.header("x-atelier-cost-usd"), "0.026700");
        // Its only candidate documents an option of this name.
        assert_eq!(answer.header("x-atelier-adjusted"), "");
        let id = answer.header("x-atelier-generation");
        let native = house.get(&format!("/v1/generations/{id}")).await.expect(200);
        assert_eq!((&native["kind"], &native["status"]), (&json!("speech"), &json!("completed")));
    }
}

#[actix_web::test]
async fn what_the_sound_is_not_is_told() {
    let house = House::new().await;
    for (more, told) in [
        (json!({ "speed": 1.0, "response_format": "wav", "stream_format": "audio" }), ""),
        (json!({ "response_format": "mp3" }), "response_format"),
        (
            json!({ "speed": 1.5, "instructions": "softly", "response_format": "pcm" }),
            "instructions,speed,response_format",
        ),
        (json!({ "voice": { "id": "voice_1" } }), ""),
    ] {
        let mut body = json!({ "input": "hello" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = house.post(SPEECH, &body.to_string()).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &sound(0)), "{body}");
        assert_eq!(answer.header("x-atelier-adjusted"), told, "{body}");
    }
}

#[actix_web::test]
async fn what_cannot_be_spoken_is_refused_by_name() {
    let house = House::new().await;
    let (invalid, unknown) = ("invalid_request", "unsupported_parameter");
    for (body, code, param) in [
        (json!({}), invalid, "input"),
        (json!({ "input": "" }), invalid, "input"),
        (json!({ "input": "x", "voice": 7 }), invalid, "voice"),
        (json!({ "input": "x", "voice": { "name": "a" } }), invalid, "voice"),
        (json!({ "input": "x", "speed": 5 }), invalid, "speed"),
        (json!({ "input": "x", "response_format": "midi" }), invalid, "response_format"),
        (json!({ "input": "x", "stream_format": "sse" }), unknown, "stream_format"),
        (json!({ "input": "x", "volume": 3 }), unknown, "volume"),
        (
            json!({ "input": "x", "strict": true, "response_format": "wav" }),
            unknown,
            "response_format",
        ),
        (json!({ "input": "x", "strict": true, "speed": 2 }), unknown, "speed"),
        (json!({ "input": "x", "model": "painter/oil" }), invalid, "kind"),
    ] {
        house.post(SPEECH, &body.to_string()).await.refused(400, code, Some(param));
    }
    let blocked = json!({ "input": "blocked" }).to_string();
    house.post(SPEECH, &blocked).await.refused(451, "content_blocked", None);
}

#[actix_web::test]
async fn nothing_kept_is_spoken_once() {
    let house = House::new().await;
    let key = [("idempotency-key", "k")];
    let body = json!({ "input": "large", "store": false }).to_string();
    let answer = house.post_with(SPEECH, &body, &key).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &sound(LARGE)));
    house.post_with(SPEECH, &body, &key).await.refused(410, "expired", None);
    let kept = json!({ "input": "large" }).to_string();
    let first = house.post_with(SPEECH, &kept, &[("idempotency-key", "l")]).await;
    let again = house.post_with(SPEECH, &kept, &[("idempotency-key", "l")]).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &first.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
}
