//! OpenAI's chat completions.

use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::{House, painter::picture};

const CHAT: &str = "/v1/chat/completions";

/// A request with one message of the user's, and what else is in `more`.
fn one(content: &Value, more: Value) -> String {
    let mut body = json!({ "messages": [{ "role": "user", "content": content }] });
    let Value::Object(more) = more else { panic!("{more} is no object") };
    body.as_object_mut().unwrap().extend(more);
    body.to_string()
}

fn hello(more: Value) -> String {
    one(&json!("hello"), more)
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

#[actix_web::test]
async fn a_message_is_answered() {
    let house = House::new().await;
    let answer = house.post(CHAT, &hello(json!({ "model": "painter/prose" }))).await;
    let body = answer.expect(200);
    let id = answer.header("x-atelier-generation");
    let wanted = json!({
        "id": id, "object": "chat.completion", "created": 1_800_000_000, "model": "painter/prose",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "prose: \"hello\"", "refusal": null },
            "logprobs": null, "finish_reason": "stop",
        }],
    });
    assert_eq!(body, wanted);
    for (name, value) in [
        ("x-atelier-provider", "painter"),
        ("x-atelier-model", "painter/prose"),
        ("x-atelier-cost-usd", "0.026700"),
        ("x-atelier-adjusted", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let native = house.get(&format!("/v1/generations/{id}")).await.expect(200);
    assert_eq!((&native["kind"], &native["model"]), (&json!("text"), &json!("painter/prose")));
    assert_eq!(native["outputs"][0]["text"], "prose: \"hello\"");
    let talk = json!({ "model": "painter/prose", "user": "ann", "messages": [
        { "role": "user", "content": "a" }, { "role": "system", "content": "b" },
    ]});
    let talk = house.post(CHAT, &talk.to_string()).await;
    assert_eq!(content(&talk.expect(200)), "prose: \"System: b\\n\\nUser: a\"");
    let id = talk.header("x-atelier-generation");
    let native = house.get(&format!("/v1/generations/{id}")).await.expect(200);
    assert_eq!(native["metadata"], json!({ "user": "ann" }));
}

#[actix_web::test]
async fn a_picture_is_looked_at() {
    let house = House::new().await;
    let data = format!("data:image/png;base64,{}", STANDARD.encode_to_string(picture(0)));
    let picture_part = json!({ "type": "image_url", "image_url": { "url": data } });
    let words = json!({ "type": "text", "text": "what is it?" });
    let size = picture(0).len();
    for (parts, prompt) in
        [(json!([words, picture_part]), "what is it?"), (json!([picture_part]), "")]
    {
        let answer = house.post(CHAT, &one(&parts, json!({}))).await;
        let said = format!("eyes: {prompt:?} Source image/png {size}");
        assert_eq!(content(&answer.expect(200)), said);
        assert_eq!(answer.header("x-atelier-model"), "painter/eyes");
    }
    let at = "messages[0].content[0].image_url.url";
    for (url, code) in [
        ("http://127.0.0.1/a.png", "invalid_request"),
        ("data:image/png;base64,?", "invalid_request"),
        ("data:image/png;base64,aGVsbG8=", "invalid_image"),
    ] {
        let part = json!([{ "type": "image_url", "image_url": { "url": url } }]);
        house.post(CHAT, &one(&part, json!({}))).await.refused(400, code, Some(at));
    }
    // A model of texts takes no picture.
    let blind = one(&json!([picture_part]), json!({ "model": "painter/prose" }));
    house.post(CHAT, &blind).await.refused(422, "no_candidate", None);
    let other = hello(json!({ "model": "painter/oil" }));
    house.post(CHAT, &other).await.refused(400, "invalid_request", Some("model"));
}

#[actix_web::test]
async fn a_stream_is_one_event_and_its_end() {
    let house = House::new().await;
    let model = "painter/prose";
    let answer = house.post(CHAT, &hello(json!({ "model": model, "stream": true }))).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let events: Vec<_> = answer.text().split_terminator("\n\n").collect();
    let [event, "data: [DONE]"] = events[..] else { panic!("{events:?}") };
    let chunk: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
    let wanted = json!({
        "id": answer.header("x-atelier-generation"), "object": "chat.completion.chunk",
        "created": 1_800_000_000, "model": model,
        "choices": [{
            "index": 0,
            "delta": { "role": "assistant", "content": "prose: \"hello\"", "refusal": null },
            "logprobs": null, "finish_reason": "stop",
        }],
    });
    assert_eq!(chunk, wanted);

    let usage =
        json!({ "model": model, "stream": true, "stream_options": { "include_usage": true } });
    let answer = house.post(CHAT, &hello(usage)).await;
    assert_eq!(answer.header("x-atelier-adjusted"), "stream_options.include_usage");
    assert!(answer.text().contains("\"usage\":null"), "{}", answer.text());
    assert!(answer.text().ends_with("\n\ndata: [DONE]\n\n"));
    // What goes wrong before the end is no stream.
    let blocked = one(&json!("blocked"), json!({ "stream": true }));
    house.post(CHAT, &blocked).await.refused(451, "content_blocked", None);
}

#[actix_web::test]
async fn what_nobody_heeds_is_told_and_refused_where_it_is_strict() {
    let house = House::new().await;
    let ignored = json!({
        "max_tokens": 5, "max_completion_tokens": 6, "top_p": 0.5, "frequency_penalty": 1,
        "presence_penalty": -1, "logit_bias": { "1": 2 }, "logprobs": true, "top_logprobs": 2,
        "stop": ["x"], "reasoning_effort": "low", "verbosity": "low", "service_tier": "flex",
        "prompt_cache_key": "k", "prompt_cache_retention": "24h", "prompt_cache_options": {},
        "safety_identifier": "s", "moderation": { "model": "m" }, "prediction": {},
        "web_search_options": {}, "parallel_tool_calls": false, "seed": 7, "temperature": 0.5,
    });
    let names: Vec<_> = ignored.as_object().unwrap().keys().cloned().collect();
    let answer = house.post(CHAT, &hello(ignored.clone())).await;
    answer.expect(200);
    let mut told: Vec<_> = answer.header("x-atelier-adjusted").split(',').collect();
    told.sort_unstable();
    let mut wanted = names.clone();
    wanted.sort();
    assert_eq!(told, wanted);
    for name in names {
        let body = hello(json!({ &name: ignored[&name], "strict": true }));
        house.post(CHAT, &body).await.refused(400, "unsupported_parameter", Some(&name));
    }
    // What asks for nothing else than what happens is no adjustment.
    let usual = json!({
        "n": 1, "stream": false, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0.0,
        "logprobs": false, "stop": null, "service_tier": "auto", "tools": [], "functions": [],
        "tool_choice": "none", "function_call": "auto", "response_format": { "type": "text" },
        "modalities": ["text"], "audio": null, "strict": true,
    });
    let answer = house.post(CHAT, &hello(usual)).await;
    answer.expect(200);
    assert_eq!(answer.header("x-atelier-adjusted"), "");
}

#[actix_web::test]
async fn temperature_is_passed_on_where_every_candidate_knows_it() {
    let house = House::new().await;
    let warm = |more: Value| {
        let mut body = json!({ "temperature": 0.5, "strict": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hello(body)
    };
    let prose = json!({ "model": "painter/prose" });
    let answer = house.post(CHAT, &warm(prose)).await.expect(200);
    assert_eq!(content(&answer), "prose: \"hello\" temperature=0.5");
    let verse = warm(json!({ "model": "painter/verse" }));
    let refused = house.post(CHAT, &verse).await;
    refused.refused(400, "unsupported_parameter", Some("temperature"));
    // Two candidates, of which one knows it: the request would mean two things.
    let either = house.post(CHAT, &warm(json!({}))).await;
    either.refused(400, "unsupported_parameter", Some("temperature"));
    let twice = json!({
        "model": "painter/prose", "provider_options": { "painter": { "temperature": 1 } },
    });
    let twice = house.post(CHAT, &warm(twice)).await;
    twice.refused(400, "invalid_request", Some("temperature"));
}

#[actix_web::test]
async fn what_cannot_be_had_is_refused_by_name() {
    let house = House::new().await;
    let (invalid, unknown) = ("invalid_request", "unsupported_parameter");
    for (more, code, param) in [
        (json!({ "n": 2 }), unknown, "n"),
        (json!({ "n": 0 }), invalid, "n"),
        (json!({ "tools": [{ "type": "function" }] }), unknown, "tools"),
        (json!({ "functions": [{ "name": "f" }] }), unknown, "functions"),
        (json!({ "tool_choice": "required" }), unknown, "tool_choice"),
        (json!({ "function_call": { "name": "f" } }), unknown, "function_call"),
        (json!({ "response_format": { "type": "json_object" } }), unknown, "response_format"),
        (json!({ "modalities": ["text", "audio"] }), unknown, "modalities"),
        (json!({ "audio": { "voice": "alloy" } }), unknown, "audio"),
        (json!({ "temperature": 2.1 }), invalid, "temperature"),
        (json!({ "temperature": "warm" }), invalid, "temperature"),
        (json!({ "top_p": -0.1 }), invalid, "top_p"),
        (json!({ "max_tokens": 0 }), invalid, "max_tokens"),
        (json!({ "stop": 7 }), invalid, "stop"),
        (json!({ "stream_options": {} }), invalid, "stream_options"),
        (json!({ "stream": true, "stream_options": { "a": 1 } }), unknown, "stream_options.a"),
        (json!({ "max_token": 5 }), unknown, "max_token"),
        (json!({ "size": "1x1" }), unknown, "size"),
        (json!({ "messages": "hello" }), invalid, "messages"),
        (json!({ "provider_options": { "acme": {} } }), unknown, "provider_options.acme"),
    ] {
        let body = hello(more.clone());
        let answer = house.post(CHAT, &body).await;
        assert_eq!(answer.status.as_u16(), 400, "{more}");
        answer.refused(400, code, Some(param));
    }
    house.post(CHAT, "{}").await.refused(400, invalid, Some("messages"));
    let nobody = hello(json!({ "model": "gpt-9" }));
    house.post(CHAT, &nobody).await.refused(404, "model_not_found", Some("model"));
    house.post(CHAT, &one(&json!("broken"), json!({}))).await.refused(502, "provider_error", None);
}

#[actix_web::test]
async fn a_repetition_is_the_same_answer() {
    let house = House::new().await;
    let key = [("idempotency-key", "k")];
    let first = house.post_with(CHAT, &hello(json!({})), &key).await;
    let again = house.post_with(CHAT, &hello(json!({ "n": 1 })), &key).await;
    assert_eq!(first.expect(200), again.expect(200));
    assert_eq!(again.header("idempotent-replayed"), "true");
    let streamed = house.post_with(CHAT, &hello(json!({ "stream": true })), &key).await;
    streamed.refused(409, "idempotency_conflict", None);
    let usage = house.get("/v1/usage?from=2027-01-15").await.expect(200);
    assert_eq!(usage["data"][0]["generations"], 1, "{usage}");
}

#[actix_web::test]
async fn what_nobody_may_keep_is_in_the_first_answer_only() {
    let house = House::new().await;
    let (hush, key) = (hello(json!({ "store": false })), [("idempotency-key", "hush")]);
    house.post_with(CHAT, &hush, &key).await.expect(200);
    house.post_with(CHAT, &hush, &key).await.refused(410, "expired", None);
}
