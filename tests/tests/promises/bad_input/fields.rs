//! Fields that make no sense.

use serde_json::{Value, json};

use super::{
    Case, IMAGES, INVALID, NATIVE, NOT_JSON, all_refused, assert_untouched, case, invalid, native,
    unknown,
};
use crate::house;

fn bodies() -> Vec<Case> {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    vec![
        case("nothing", IMAGES, "", NOT_JSON),
        case("text", IMAGES, "a lighthouse", NOT_JSON),
        case("half an object", IMAGES, "{\"prompt\": \"x\"", NOT_JSON),
        case("two objects", IMAGES, "{\"prompt\": \"x\"} {}", NOT_JSON),
        case("bytes", NATIVE, vec![0xff, 0xfe, 0x00], NOT_JSON),
        case("bytes in a text", IMAGES, b"{\"prompt\": \"\xff\"}".to_vec(), NOT_JSON),
        case("a list", IMAGES, "[]", (400, INVALID, None)),
        case("deep", NATIVE, deep, invalid("[0]")),
    ]
}

fn openai() -> Vec<Case> {
    let long = "x".repeat(40_000);
    let no_model = (404, "model_not_found", Some("model"));
    let of = |name, body: Value, wanted| case(name, IMAGES, body.to_string(), wanted);
    let with = |name, field: &str, value: Value, wanted| {
        let mut body = json!({ "prompt": "x" });
        body[field] = value;
        of(name, body, wanted)
    };
    vec![
        of("no prompt", json!({}), invalid("prompt")),
        of("a number for a prompt", json!({ "prompt": 7 }), invalid("prompt")),
        of("an empty prompt", json!({ "prompt": "" }), invalid("prompt")),
        of("40,000 characters", json!({ "prompt": long }), invalid("prompt")),
        with("size 0x9", "size", json!("0x9"), invalid("size")),
        with("n 0", "n", json!(0), invalid("n")),
        with("n 11", "n", json!(11), invalid("n")),
        with("n as text", "n", json!("2"), invalid("n")),
        with("half of one", "n", json!(1.5), invalid("n")),
        with("an unknown field", "promt", json!("y"), unknown("promt")),
        with("transparent", "background", json!("transparent"), unknown("background")),
        with("an unknown model", "model", json!("dall-e-9"), no_model),
        with("a number for a model", "model", json!(9), invalid("model")),
        with("an unknown format", "output_format", json!("bmp"), invalid("output_format")),
        with("a number for a format", "output_format", json!(7), invalid("output_format")),
    ]
}

fn ours() -> Vec<Case> {
    let no_model = (404, "model_not_found", Some("model"));
    let of = |name, more: Value, wanted| case(name, NATIVE, native(&more), wanted);
    let options = json!({ "provider_options": { "nobody": {} } });
    let routing = |name, wish: Value, param| of(name, json!({ "routing": wish }), invalid(param));
    vec![
        of("40,000 characters", json!({ "prompt": "é".repeat(40_000) }), invalid("prompt")),
        of("size 0x9", json!({ "size": "0x9" }), invalid("size")),
        of("a huge size", json!({ "size": "99999999999x1" }), invalid("size")),
        of("count 0", json!({ "count": 0 }), invalid("count")),
        of("count 11", json!({ "count": 11 }), invalid("count")),
        of("an unknown kind", json!({ "kind": "smell" }), invalid("kind")),
        of("an unknown model", json!({ "model": "zekron/none" }), no_model),
        of("an unknown field", json!({ "colour": "red" }), unknown("colour")),
        of("one inside", json!({ "output": { "colour": "red" } }), unknown("output.colour")),
        of("a wrong type", json!({ "output": { "format": 7 } }), invalid("output.format")),
        of("metadata of numbers", json!({ "metadata": { "a": 1 } }), invalid("metadata.a")),
        of("nobody's options", options, unknown("provider_options.nobody")),
        routing("a negative ceiling", json!({ "max_cost_usd": "-1" }), "routing.max_cost_usd"),
        routing("no time", json!({ "deadline_s": 0 }), "routing.deadline_s"),
        routing("nobody", json!({ "providers": ["nobody"] }), "routing.providers[0]"),
        routing("an unknown policy", json!({ "policy": "luck" }), "routing.policy"),
        case("no kind, no model", NATIVE, json!({ "prompt": "x" }).to_string(), invalid("kind")),
    ]
}

#[tokio::test]
async fn fields_that_make_no_sense() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let cases = bodies().into_iter().chain(openai()).chain(ours()).collect();
    all_refused(&team.client, "application/json", cases).await;
    assert_untouched(&vendor, &mut gateway, &team).await;
}
