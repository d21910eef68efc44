//! Generations: what is answered, charged and kept, for every type.

use std::time::{Duration, Instant};

use crate::client::{SCHNELL, quick, refused, start, told};
use serde_json::{Value, json};
use simulated_vendors::generor::Latency;

#[tokio::test]
async fn the_page_s_examples_are_answered_as_the_page_shows() {
    let (_running, client) = start(quick()).await;
    let joke = json!({ "prompt": "Tell me a joke about programming", "model_id": 37 });
    let reply = client.generate("joke", &joke).await;
    assert_eq!(reply.status, 201);
    let data = told(&reply);
    let creation = &data["creations"][0];
    assert_eq!(creation["creation_id"], 6144);
    assert!(creation["text"].is_string() && creation["illustration_desc"].is_string());
    let costs = ["credit_cost", "credit_cost_estimated", "credits_remaining"];
    let costs = costs.map(|name| data[name].clone());
    assert_eq!(costs, [json!(1), json!(1), json!(36_024)]);
    assert_eq!(data["model_name"], "Gemini 3.5 Flash");
    assert!(data["time_taken_seconds"].is_f64());

    let image =
        json!({ "prompt": "A sunset over mountains", "model_id": SCHNELL, "aspect_ratio": 1 });
    let data = told(&client.generate("image", &image).await);
    let costs = ["credit_cost", "credit_cost_estimated", "credits_remaining"];
    let costs = costs.map(|name| data[name].clone());
    assert_eq!(costs, [json!(24), json!(6), json!(36_000)], "six were estimated");
    assert_eq!(data["model_name"], "black-forest-labs/flux-schnell");
    let url = data["creations"][0]["image_url"].as_str().unwrap();
    assert_eq!(url, format!("{}/users/2/img/image-6145.png", client.site()));
}

#[tokio::test]
async fn public_is_the_default_and_stands_in_the_books() {
    let (_running, client) = start(quick()).await;
    client.image("nobody asked").await;
    let body = json!({ "prompt": "asked", "model_id": SCHNELL, "privacy_mode": 1 });
    told(&client.generate("image", &body).await);
    let charges = client.charges().await;
    let told = |name: &str| [charges[0][name].clone(), charges[1][name].clone()];
    assert_eq!(told("privacy_mode"), [json!(0), json!(1)]);
    assert_eq!(told("credits"), [json!(24), json!(24)]);
    assert_eq!(told("credits_estimated"), [json!(6), json!(6)]);
    assert_eq!(told("id"), [json!(1), json!(2)]);
    assert_eq!(charges[1]["prompt"], "asked");
}

#[tokio::test]
async fn many_are_one_call_one_charge_and_a_creation_each() {
    let (_running, client) = start(quick()).await;
    let body = json!({ "prompt": "x", "model_id": 10001, "count": 10 });
    let data = told(&client.generate("image", &body).await);
    assert_eq!((&data["credit_cost"], &data["credits_remaining"]), (&json!(720), &json!(35_305)));
    let creations = data["creations"].as_array().unwrap();
    let mut ids: Vec<_> = creations.iter().map(|of| of["creation_id"].as_u64().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 10);
    let charges = client.charges().await;
    assert_eq!((charges.len(), &charges[0]["creations"]), (1, &json!(ids)));
}

#[tokio::test]
async fn a_clip_s_length_is_snapped_and_told_and_paid() {
    let (_running, client) = start(quick()).await;
    let body = json!({ "prompt": "x", "model_id": 20061, "seconds": 3, "aspect_ratio": "9:16" });
    let data = told(&client.generate("video", &body).await);
    assert_eq!(data["adjustments"]["seconds"]["used"], 5);
    assert_eq!(data["credit_cost"], 30);
    assert!(data["creations"][0]["video_url"].as_str().unwrap().ends_with(".mp4"));
    let order = client.order().await;
    assert_eq!((&order["seconds"], &order["size"]), (&json!(5), &json!([720, 1280])));
}

#[tokio::test]
async fn one_id_of_a_proportion_is_another_for_pictures_than_for_clips() {
    let (_running, client) = start(quick()).await;
    let ratio = async |slug: &str, model: u32, given: Value| {
        let body = json!({ "prompt": "x", "model_id": model, "aspect_ratio": given });
        told(&client.generate(slug, &body).await);
        client.order().await["aspect_ratio"].as_str().unwrap().to_owned()
    };
    for (given, of_pictures) in [
        (json!(1), "1:1"),
        (json!(2), "3:4"),
        (json!("4:3"), "4:3"),
        (json!("wide"), "16:9"),
        (json!("5"), "9:16"),
        (Value::Null, "1:1"),
    ] {
        assert_eq!(ratio("image", SCHNELL, given).await, of_pictures);
    }
    for (given, of_clips) in
        [(json!(1), "16:9"), (json!(2), "9:16"), (json!("Tall"), "9:16"), (Value::Null, "16:9")]
    {
        assert_eq!(ratio("video", 20061, given).await, of_clips);
    }
    for (slug, model, given) in [
        ("video", 20061, json!(3)),
        ("video", 20061, json!("1:1")),
        ("image", SCHNELL, json!(7)),
        ("image", SCHNELL, json!("21:9")),
        ("image", 10001, json!("match_input_image")),
    ] {
        let body = json!({ "prompt": "x", "model_id": model, "aspect_ratio": given });
        let refusal = refused(&client.generate(slug, &body).await);
        assert_eq!(refusal, (400, "VALIDATION_ERROR".to_owned()), "{given}");
    }
}

#[tokio::test]
async fn a_voice_is_charged_by_its_characters_whatever_was_estimated() {
    let (_running, client) = start(quick()).await;
    let body = json!({ "prompt": "word ".repeat(100), "model_id": 30001 });
    let data = told(&client.generate("speech", &body).await);
    assert_eq!((&data["credit_cost_estimated"], &data["credit_cost"]), (&json!(5), &json!(25)));
    client.set(json!({ "charged_percent": { "30001": 150 } })).await;
    let data = told(&client.generate("speech", &body).await);
    assert_eq!(data["credit_cost"], 38, "a fraction of a credit is a whole one");
}

#[tokio::test]
async fn what_a_model_ignores_is_ignored_and_noted() {
    let (_running, client) = start(quick()).await;
    let body = json!({
        "prompt": "x", "model_id": SCHNELL, "seconds": 5, "image_url": "http://127.0.0.1:1/x.png",
        "generate_audio": true, "nonsense": { "a": 1 }, "temperature": 0.7, "language": "nb-NO",
    });
    told(&client.generate("image", &body).await);
    let order = client.order().await;
    assert_eq!(order["ignored"], json!(["image_url", "seconds", "generate_audio"]));
    assert_eq!(order["fields"]["language"], "nb-NO");
}

#[tokio::test]
async fn failing_and_refused_prompts_cost_nothing() {
    let (_running, client) = start(quick()).await;
    let of = |prompt: &str| json!({ "prompt": prompt, "model_id": SCHNELL });
    let failed = client.generate("image", &of("unrenderable")).await;
    assert_eq!(refused(&failed), (500, "SERVER_ERROR".to_owned()));
    let status = client.data("/creations/6144/status").await;
    assert_eq!(status, json!({ "creation_id": 6144, "status": "failed" }));
    let not = client.generate("image", &of("something FORBIDDEN")).await;
    assert_eq!(refused(&not), (400, "VALIDATION_ERROR".to_owned()));
    assert_eq!(client.total().await, 36_025);
    assert_eq!(client.data("/creations").await, json!([]));
    assert!(client.charges().await.is_empty());
    assert_eq!(client.books().await["keys"][0]["reserved"], 0);
}

#[tokio::test]
async fn the_call_lasts_as_long_as_the_work_and_tells_it() {
    let mut settings = quick();
    settings.latency_ms.picture = Latency { min: 150, max: 150 };
    let (_running, client) = start(settings).await;
    let begun = Instant::now();
    let data = client.image("x").await;
    assert!(begun.elapsed() >= Duration::from_millis(150));
    assert!(data["time_taken_seconds"].as_f64().unwrap() >= 0.15);
}

#[tokio::test]
async fn a_customer_who_hangs_up_is_charged_and_finds_the_creation() {
    let mut settings = quick();
    settings.latency_ms.picture = Latency { min: 300, max: 300 };
    let (_running, client) = start(settings).await;
    tokio::select! {
        biased;
        () = client.begun() => {}
        _ = client.image("left alone") => unreachable!(),
    }
    while client.charges().await.is_empty() {
        tokio::task::yield_now().await;
    }
    let own = client.data("/creations").await;
    assert_eq!(own[0]["prompt"], "left alone");
}

#[tokio::test]
async fn the_cost_by_balances_tells_both_of_two_at_once() {
    let mut settings = quick();
    settings.cost_by_balance = true;
    settings.latency_ms.picture = Latency { min: 500, max: 500 };
    let (_running, client) = start(settings).await;
    let (one, two) = tokio::join!(client.image("one"), client.image("two"));
    let told = one["credit_cost"].as_u64().unwrap() + two["credit_cost"].as_u64().unwrap();
    let books: u64 =
        client.charges().await.iter().map(|charge| charge["credits"].as_u64().unwrap()).sum();
    assert_eq!(books, 48);
    assert!(told > books, "{told}");
}
