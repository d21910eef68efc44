//! The catalogue: as the page shows it, and changed while the vendor runs.

use crate::client::{quick, refused, start, told};
use serde_json::{Value, json};

const TYPES: [&str; 9] = [
    "text",
    "image",
    "video",
    "speech",
    "music",
    "soundeffect",
    "upscale",
    "vector",
    "backgroundremoval",
];

#[tokio::test]
async fn the_page_s_video_model_is_there_to_the_letter() {
    let (running, client) = start(quick()).await;
    assert!(running.base_url().ends_with("/api/v1"), "as the page's base URL does");
    let mut model = client.nobody().data("/models/video/20061").await;
    assert!(model["description"].is_string());
    model.as_object_mut().unwrap().remove("description");
    let page = json!({
        "id": 20061, "name": "Dreamina Seedance 2.0 (720p)", "type": "video",
        "provider": "byteplus", "credit_cost": 6,
        "supported_durations": [5, 6, 7, 8, 10, 12, 15], "default_duration": 8,
        "supports_audio": true, "audio_cost_multiplier": 1, "supports_end_frame": true,
        "quality": "720p", "default_quality": "720p",
        "qualities": { "480p": 20060, "720p": 20061, "1080p": 20062 },
        "group_slug": "dreamina-seedance-2-direct", "group_name": "Dreamina Seedance 2.0",
        "supports_aspect_ratio": true,
        "aspect_ratios": [
            { "id": 1, "ratio": "16:9", "label": "Wide" },
            { "id": 2, "ratio": "9:16", "label": "Tall" },
        ],
    });
    assert_eq!(model, page);
    let pro = client.data("/models/image/10001").await;
    let told = ["name", "credit_cost", "supports_img2img"].map(|name| pro[name].clone());
    assert_eq!(told, [json!("Flux 1.1 Pro"), json!(80), json!(true)]);
    assert_eq!(pro["aspect_ratios"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn every_type_has_models_within_its_range_and_a_generator() {
    let (_running, client) = start(quick()).await;
    let all = client.nobody().data("/models").await;
    let ranges =
        [1..10_000, 10_001..20_000, 20_001..30_000, 30_001..40_000, 40_001..50_000, 50_001..60_000];
    for (number, name) in TYPES.iter().enumerate() {
        let of_type = client.data(&format!("/models/{name}")).await;
        assert_eq!(all[name], of_type);
        let models = of_type.as_array().unwrap();
        assert!(!models.is_empty(), "{name}");
        if let Some(range) = ranges.get(number) {
            assert!(models.iter().all(|model| range.contains(&model["id"].as_u64().unwrap())));
        }
    }
    assert_eq!(refused(&client.get("/models/vision").await), (400, "VALIDATION_ERROR".to_owned()));
    assert_eq!(refused(&client.get("/models/image/37").await), (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_model_comes_changes_and_goes_while_the_vendor_runs() {
    let (_running, client) = start(quick()).await;
    let new = json!({ "name": "Brand New", "type": "image", "provider": "us", "credit_cost": 3 });
    client
        .set(json!({ "models": { "10099": new, "10003": { "credit_cost": 7 }, "10001": null } }))
        .await;
    assert_eq!(client.data("/models/image/10099").await["name"], "Brand New");
    assert_eq!(client.get("/models/image/10001").await.status, 404);
    let estimated = client.estimate("image", &json!({ "model_id": 10003 })).await;
    assert_eq!(told(&estimated)["credit_cost"]["total"], 7);
    let gone = client.generate("image", &json!({ "model_id": 10001, "prompt": "x" })).await;
    assert_eq!(refused(&gone), (400, "VALIDATION_ERROR".to_owned()));
    let made = client.generate("image", &json!({ "model_id": 10099, "prompt": "x" })).await;
    assert_eq!(told(&made)["credit_cost"], 3);
}

#[tokio::test]
async fn generators_are_listed_by_status_and_show_their_schema() {
    let (_running, client) = start(quick()).await;
    let client = client.nobody();
    let number = async |query: &str| {
        let rows = client.data(&format!("/generators{query}")).await;
        let rows = rows.as_array().unwrap().clone();
        for row in &rows {
            for field in ["slug", "title", "description", "icon"] {
                assert!(row[field].is_string(), "{row}");
            }
            assert!(row["similar"].is_array());
        }
        rows.len()
    };
    let (active, all) = (number("").await, number("?status=all").await);
    assert_eq!(number("?status=development").await, all - active);
    assert!(active >= 20 && active < all);
    let horoscope = client.data("/generators/horoscope").await;
    let schema = horoscope["parameters"].as_array().unwrap();
    let field = |id: &str| schema.iter().find(|field| field["id"] == id).unwrap().clone();
    assert_eq!(field("zodiac-sign")["options"].as_array().unwrap().len(), 12);
    assert_eq!(field("horoscope-length")["cost_multipliers"]["long"], 3);
    assert_eq!(field("model-text")["type"], "model");
    let count = field("horoscope-count");
    assert_eq!(
        (&count["type"], &count["min"], &count["max"]),
        (&json!("number"), &json!(1), &json!(10))
    );
    let lost = client.get("/generators/nothing").await;
    assert_eq!(refused(&lost), (404, "NOT_FOUND".to_owned()));
    assert_eq!(client.data("/generators/joke/creations").await, Value::Array(Vec::new()));
}
