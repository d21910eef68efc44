//! What a vendor of many kinds is asked for beside the words: its own fields and choices. Whatever is not
//! as it was asked for is told, or refused where the request says so.

use serde_json::{Value, json};
use tests::{Ledger, Studio, micros, pictures, quick_studio};

use crate::{
    run,
    studio_kinds::{MP4, PNG, upload},
};

fn words(prompt: &str, options: Value) -> Value {
    json!({ "model": "generor/37", "prompt": prompt, "provider_options": { "generor": options } })
}

#[tokio::test]
async fn a_generators_own_fields_arrive_and_are_priced_and_what_it_would_drop_is_told() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    let story = |parameters: Value| {
        words("once upon a time", json!({ "generator": "story", "parameters": parameters }))
    };
    // Before the generator's fields were read, or the vendor was asked for a price, nobody knows them.
    Studio::told(&team, &story(json!({ "story-length": "long" }))).await;
    let made = team.generate(&story(json!({ "story-length": "long" }))).await;
    assert_eq!(
        (&made["status"], &made["adjustments"]),
        (&json!("completed"), &json!({})),
        "{made}"
    );
    let order = vendor.orders().await.pop().expect("an order");
    assert_eq!(order["parameters"]["story-length"], "long", "{order}");
    // A credit for a story of the shortest kind, and four times as much for a long one.
    assert_eq!(made["cost"]["charged_usd"], "0.004000");

    let odd = json!({ "story-length": "long", "story-mood": "grim", "story-genre": "western" });
    Studio::told(&team, &story(odd.clone())).await;
    let made = team.generate(&story(odd.clone())).await;
    assert_eq!(made["status"], "completed", "{made}");
    for (name, value) in [("story-mood", "grim"), ("story-genre", "western")] {
        let told = &made["adjustments"][format!("provider_options.generor.parameters.{name}")];
        assert_eq!((&told["requested"], &told["used"]), (&json!(value), &Value::Null), "{made}");
        assert!(told["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{made}");
    }
    let order = vendor.orders().await.pop().expect("an order");
    assert_eq!(order["parameters"]["story-length"], "long", "what it takes is sent: {order}");

    let asked = vendor.count("generate").await;
    let mut strict = story(odd);
    strict["strict"] = json!(true);
    let refused = team.client.post("/v1/generations", &strict).await;
    assert_eq!(refused.refusal().0, 422, "{}", refused.text());
    assert!(refused.text().contains("story-mood"), "{}", refused.text());
    assert_eq!(vendor.count("generate").await, asked, "nothing was sent");
}

#[tokio::test]
async fn an_option_of_the_wrong_type_is_refused_by_its_name_and_nothing_is_sent() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    for (name, value) in [
        ("privacy_mode", json!("secret")),
        ("privacy_mode", json!(2)),
        ("team_id", json!("ours")),
        ("temperature", json!(7)),
        ("thinking_mode", json!("deep")),
        ("parameters", json!(["story-length"])),
        ("parameters", json!({ "story-length": ["long"] })),
        ("generator", json!("../users/me")),
        ("generator", json!("no-such-generator")),
        ("no_such_field", json!(1)),
    ] {
        let refused =
            team.client.post("/v1/generations", &words("x", json!({ name: value }))).await;
        let text = refused.text();
        assert!([400, 422].contains(&refused.refusal().0), "{name}: {text}");
        // The name does not stand in every refusal yet: `engine::plan` tells an adapter's reason alone.
        assert!(text.contains(name) || text.contains("must be"), "{name}: {text}");
    }
    assert_eq!(vendor.count("generate").await, 0);
}

fn clip(seconds: u32) -> Value {
    json!({ "model": "generor/20060", "prompt": "waves", "seconds": seconds })
}

#[tokio::test]
async fn a_length_that_is_not_made_becomes_the_nearest_and_is_told_or_refused() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    // Eight and ten are equally near: the lower one, as the vendor's page says.
    for (asked, used) in [(9, 8), (1, 5), (60, 15)] {
        let quote = team.client.post("/v1/estimates", &clip(asked)).await.expect(200).json();
        let expected = &quote["data"][0]["estimated_usd"];
        assert_eq!(micros(expected), 3000 * used, "{asked} seconds: {quote}");
    }
    let made = team.generate(&clip(9)).await;
    assert_eq!(made["status"], "completed", "{made}");
    let told = &made["adjustments"]["seconds"];
    assert_eq!((&told["requested"], &told["used"]), (&json!(9), &json!(8)), "{made}");
    assert_eq!(made["outputs"][0]["mime_type"], MP4);
    assert_eq!(made["cost"]["charged_usd"], "0.024000", "{made}");
    let order = vendor.orders().await.pop().expect("an order");
    assert_eq!(order["seconds"], 8, "{order}");

    let mut strict = clip(9);
    strict["strict"] = json!(true);
    let refused = team.client.post("/v1/generations", &strict).await;
    let (status, code, _) = refused.refusal();
    assert_eq!((status, code.as_str()), (422, "no_candidate"), "{}", refused.text());
    assert!(refused.text().contains("seconds"), "{}", refused.text());
    assert_eq!(vendor.count("generate").await, 1, "nothing was sent");
    strict["seconds"] = json!(8);
    assert_eq!(team.generate(&strict).await["status"], "completed", "eight are made as they are");
}

#[tokio::test]
async fn a_size_becomes_its_proportion_and_is_told() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    let sized = |size: &str| json!({ "model": "generor/10003", "prompt": "tall", "size": size });
    let made = team.generate(&sized("600x800")).await;
    assert_eq!(made["status"], "completed", "{made}");
    let told = &made["adjustments"]["size"];
    assert_eq!(told["requested"], "600x800", "{made}");
    let order = vendor.orders().await.pop().expect("an order");
    assert_eq!(order["aspect_ratio"], "3:4", "{order}");
    let output = &made["outputs"][0];
    assert_eq!(json!([output["width"], output["height"]]), order["size"], "{made}");
    let pixels = format!("{}x{}", output["width"], output["height"]);
    assert!(["3:4", &*pixels].contains(&told["used"].as_str().unwrap_or_default()), "{made}");

    // The same as a proportion is nothing to tell; another proportion than there is cannot be made.
    let plain = json!({ "model": "generor/10003", "prompt": "tall", "aspect_ratio": "3:4" });
    assert_eq!(team.generate(&plain).await["adjustments"], json!({}));
    let mut strict = sized("600x800");
    strict["strict"] = json!(true);
    assert_eq!(team.client.post("/v1/generations", &strict).await.refusal().0, 422);
    let odd = team.client.post("/v1/generations", &sized("1000x333")).await;
    assert!([400, 422].contains(&odd.refusal().0) && odd.text().contains("size"), "{}", odd.text());
    assert_eq!(vendor.count("generate").await, 2);
}

#[tokio::test]
async fn several_outputs_are_one_call_with_the_vendors_discount() {
    let vendor = Studio::start(quick_studio()).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    let body = json!({ "model": "generor/10001", "prompt": "a series", "count": 5 });
    let made = team.generate(&body).await;
    assert_eq!(made["status"], "completed", "{made}");
    let outputs = made["outputs"].as_array().expect("a list");
    assert_eq!((outputs.len(), vendor.count("generate").await), (5, 1), "{made}");
    let mut tokens = Vec::new();
    for output in outputs {
        tokens.push(pictures::token(&team.download(output).await.body));
    }
    let generation = vendor.generations().await.pop().expect("a generation");
    let wanted: Vec<String> = generation["creations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(tokens, wanted, "each creation once, in the vendor's order");
    // Five for 80 credits each, 5 % off.
    assert_eq!(made["cost"]["charged_usd"], "0.380000");
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:generor/main"), 380_000);

    // The quote of the next one knows the discount.
    let quote = Studio::told(&team, &body).await;
    assert_eq!(quote["estimated_usd"], "0.380000", "{quote}");
}

#[tokio::test]
async fn what_the_vendor_will_not_make_is_told_and_costs_nothing() {
    let vendor = Studio::start(quick_studio()).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    let picture = |prompt: &str| json!({ "model": "generor/10003", "prompt": prompt });
    let refused = team.generate(&picture("gore")).await;
    assert_eq!(
        (&refused["status"], &refused["outputs"]),
        (&json!("blocked"), &json!([])),
        "{refused}"
    );
    assert_eq!(vendor.count("generate").await, 1, "it was asked once");
    let openai = team.client.post("/v1/images/generations", &picture("gore")).await;
    assert_eq!(openai.refusal(), (451, "content_blocked".to_owned(), None));
    // It fails there, every time, and is not charged.
    let failed = team.generate(&picture("an unrenderable thing")).await;
    let end = (&failed["status"], failed["error"]["code"].as_str());
    assert_eq!(end, (&json!("failed"), Some("provider_error")), "{failed}");
    assert_eq!(failed["cost"]["charged_usd"], "0.000000", "{failed}");
    assert!(vendor.charges().await.is_empty());
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:generor/main"), 0);
    assert_eq!(gateway.account("generor").await["hold"], Value::Null);
}

#[tokio::test]
async fn a_picture_keeps_the_proportion_of_its_source() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    let asset = upload(&team, PNG).await;
    let mut body = json!({
        "model": "generor/10001",
        "prompt": "the same, at night",
        "provider_options": { "generor": { "aspect_ratio": "match_input_image" } },
    });
    let without = team.generate(&body).await;
    assert_eq!(without["status"], "failed", "there is nothing to match: {without}");
    body["inputs"] = json!([{ "role": "source", "asset": asset }]);
    let made = team.generate(&body).await;
    assert_eq!(made["status"], "completed", "{made}");
    let order = vendor.orders().await.pop().expect("an order");
    assert_eq!(order["aspect_ratio"], "match_input_image", "{order}");
}
