//! Estimates: the page's own examples, discounts, snapped seconds, dropped parameters; and that they cost nothing.

use crate::client::{quick, start, told};
use serde_json::{Value, json};

#[tokio::test]
async fn the_page_s_example_is_answered_as_the_page_shows() {
    let (_running, client) = start(quick()).await;
    let body = json!({
        "model_id": 37, "count": 5,
        "parameters": { "zodiac-sign": "aries", "horoscope-length": "long" },
    });
    let data = told(&client.nobody().estimate("horoscope", &body).await);
    let cost =
        json!({ "total": 15, "per_item": 3, "count": 5, "discount": 0, "discount_percent": 5 });
    assert_eq!(data["credit_cost"], cost);
    let applied = json!({
        "zodiac-sign": "aries", "horoscope-length": "long", "model-text": "3", "horoscope-count": "5",
    });
    assert_eq!(data["applied_parameters"], applied);
    let names =
        ["generator", "model_id", "model_type", "model_name"].map(|name| data[name].clone());
    assert_eq!(names, [json!("horoscope"), json!(37), json!("text"), json!("Gemini 3.5 Flash")]);
    let listed = client.data("/models/text/37").await;
    assert_eq!(listed["name"], "GPT 5 Nano", "the page's two names of one model");
    assert!(client.charges().await.is_empty());
    assert_eq!(client.books().await["generations"], json!([]));
}

#[tokio::test]
async fn the_discount_is_count_percent_and_ten_at_most() {
    let (_running, client) = start(quick()).await;
    for (count, discount, percent) in [(1, 0, 0), (2, 3, 2), (9, 64, 9), (10, 80, 10)] {
        let body = json!({ "model_id": 10001, "count": count });
        let data = told(&client.estimate("image", &body).await);
        let cost = &data["credit_cost"];
        assert_eq!(cost["discount"], discount, "{count}");
        assert_eq!(
            (&cost["discount_percent"], &cost["total"]),
            (&json!(percent), &json!(80 * count - discount))
        );
    }
    client.set(json!({ "discount_from": 1 })).await;
    let data = told(&client.estimate("image", &json!({ "model_id": 10001 })).await);
    assert_eq!(data["credit_cost"]["discount_percent"], 1, "the page to the letter");
}

#[tokio::test]
async fn seconds_snap_to_the_nearest_and_ties_to_the_lower() {
    let (_running, client) = start(quick()).await;
    let estimate = async |seconds: Value| {
        let body = json!({ "model_id": 20061, "seconds": seconds });
        told(&client.estimate("video", &body).await)
    };
    let data = estimate(json!(3)).await;
    assert_eq!(data["credit_cost"]["total"], 30);
    assert_eq!(data["time_estimate"]["seconds"], 60);
    let snapped = json!({
        "requested": 3, "used": 5, "supported": [5, 6, 7, 8, 10, 12, 15],
        "reason": "snapped to nearest provider-supported duration",
    });
    assert_eq!(data["adjustments"]["seconds"], snapped);
    for (asked, used) in [(9, 8), (11, 10), (13, 12), (14, 15), (600, 15)] {
        assert_eq!(estimate(json!(asked)).await["adjustments"]["seconds"]["used"], used);
    }
    for (asked, total) in [(json!(10), 60), (Value::Null, 48)] {
        let data = estimate(asked).await;
        assert!(data.get("adjustments").is_none());
        assert_eq!(data["credit_cost"]["total"], total);
    }
}

#[tokio::test]
async fn audio_multiplies_where_a_model_prices_it() {
    let (_running, client) = start(quick()).await;
    let total = async |model: u32, audio: bool| {
        let body = json!({ "model_id": model, "seconds": 5, "generate_audio": audio });
        told(&client.estimate("video", &body).await)["credit_cost"]["total"].clone()
    };
    assert_eq!((total(20021, false).await, total(20021, true).await), (json!(50), json!(100)));
    assert_eq!((total(20061, false).await, total(20061, true).await), (json!(30), json!(30)));
    assert_eq!((total(20041, false).await, total(20041, true).await), (json!(90), json!(90)));
}

#[tokio::test]
async fn unknown_and_invalid_parameters_are_dropped_without_a_word() {
    let (_running, client) = start(quick()).await;
    let body = json!({
        "model_id": 10003,
        "parameters": {
            "wallart-type": "framed-print", "wallart-orientation": "diagonal",
            "image-aspect-ratio": "4", "nonsense": 7,
        },
    });
    let data = told(&client.estimate("wallart", &body).await);
    let applied = data["applied_parameters"].as_object().unwrap();
    let ids: Vec<_> = applied.keys().map(String::as_str).collect();
    assert_eq!(ids, ["image-aspect-ratio", "model-image", "wallart-type"]);
    let mut body = body;
    body["prompt"] = json!("a lake");
    told(&client.generate("wallart", &body).await);
    let order = client.order().await;
    assert_eq!(order["dropped"], json!(["nonsense", "wallart-orientation"]));
    assert_eq!((&order["aspect_ratio"], &order["size"]), (&json!("16:9"), &json!([1280, 720])));
}

#[tokio::test]
async fn time_is_the_catalogue_s_until_three_have_been_made() {
    let (_running, client) = start(quick()).await;
    let time = async || {
        let data = told(&client.estimate("image", &json!({ "model_id": 10003, "count": 2 })).await);
        data["time_estimate"].clone()
    };
    let fallback = json!({
        "seconds": 28, "per_item": 14, "min_seconds": 11, "max_seconds": 19,
        "sample_count": 0, "has_historical": false, "source": "fallback",
    });
    assert_eq!(time().await, fallback);
    for _ in 0..3 {
        client.image("x").await;
    }
    let now = time().await;
    let told = ["sample_count", "has_historical", "source", "per_item", "seconds"];
    let told = told.map(|name| now[name].clone());
    assert_eq!(told, [json!(3), json!(true), json!("historical"), json!(1), json!(2)]);
}
