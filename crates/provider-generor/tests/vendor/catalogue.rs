//! The vendor's public pages, and what an adapter knows that has read them.

use std::sync::OnceLock;

use provider::{Call, Provider};
use provider_conformance::{Answer, Fixture, Means, Recorded, Turns, Vendor};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Gn, list, ok, plain};

/// Every type that works on a prompt alone: the suite asks each model for its work with nothing more.
fn models() -> Value {
    json!({
        "text": [{"id": 37, "name": "GPT 5 Nano", "type": "text", "provider": "openai",
            "credit_cost": 6, "supports_img2img": false}],
        "image": [
            {"id": 10001, "name": "Flux 1.1 Pro", "type": "image", "provider": "replicate",
                "description": "High-quality image generation...", "credit_cost": 80,
                "supports_img2img": true, "supports_aspect_ratio": true},
            {"id": 10003, "name": "Flux Schnell", "type": "image", "provider": "replicate",
                "credit_cost": 6, "supports_img2img": false, "supports_aspect_ratio": true}
        ],
        "video": [{"id": 20070, "name": "Wan 2.6", "type": "video", "provider": "replicate",
            "credit_cost": 6, "supported_durations": [5, 8, 10], "default_duration": 8,
            "supports_img2img": true, "supports_audio": true, "audio_cost_multiplier": 2,
            "supports_end_frame": true, "quality": "720p", "supports_aspect_ratio": true,
            "aspect_ratios": [{"id": 1, "ratio": "16:9", "label": "Wide"},
                {"id": 2, "ratio": "9:16", "label": "Tall"}]}],
        "speech": [{"id": 30001, "name": "Speech 2", "type": "speech", "credit_cost": 6}],
        "music": [{"id": 40001, "name": "Music 1", "type": "music", "credit_cost": 6}],
        "soundeffect": [{"id": 50001, "name": "Effects", "type": "soundeffect", "credit_cost": 6}]
    })
}

fn generator(slug: &str) -> Value {
    let count = json!({"id": format!("{slug}-count"), "type": "number", "min": 1, "max": 10,
        "default": 1});
    let style = json!({"id": format!("{slug}-style"), "type": "enum", "default": "plain",
        "options": [{"value": "plain", "label": "Plain"}, {"value": "grand", "label": "Grand"}],
        "cost_multipliers": {"grand": 2}});
    json!({"slug": slug, "title": slug, "description": "makes something", "icon": "x",
        "parameters": [count, style]})
}

pub(crate) fn answer(path: &str) -> Option<Answer> {
    let slugs = ["image", "joke", "video", "speech", "music", "soundeffect", "wallart"];
    match path {
        "/models" => Some(ok(&models())),
        "/generators" => Some(list(&slugs.map(generator))),
        _ => {
            let slug = path.strip_prefix("/generators/")?;
            slugs.contains(&slug).then(|| ok(&generator(slug)))
        }
    }
}

/// Six credits an item, whatever it is.
pub(crate) fn estimate(request: &Recorded) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let count = body["count"].as_u64().unwrap_or(1);
    ok(&json!({"model_id": body["model_id"],
        "credit_cost": {"total": 6 * count, "per_item": 6, "count": count, "discount": 0,
            "discount_percent": 0},
        "time_estimate": {"seconds": 10 * count, "per_item": 10, "source": "historical"},
        "applied_parameters": body.get("parameters").cloned().unwrap_or_default()}))
}

/// What an adapter knows that has read the public pages and the price of the fixture's work.
pub(crate) fn kept(of: Gn) -> &'static str {
    static ALL: [OnceLock<String>; 3] = [const { OnceLock::new() }; 3];
    let place = match of {
        Gn::Images => &ALL[0],
        Gn::Texts => &ALL[1],
        Gn::Videos => &ALL[2],
    };
    // The fixture is asked within a runtime, which cannot wait for another on its own thread.
    place.get_or_init(|| std::thread::spawn(move || read(of)).join().unwrap())
}

fn read(of: Gn) -> String {
    let vendor = Vendor::start(move |request| of.answer(request));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let adapter = plain(&vendor.url(), Means::default());
        let known = adapter.knowledge().unwrap();
        let turns = Turns::default();
        known.learn(&turns, "models").await.unwrap();
        known.learn(&turns, "generators").await.unwrap();
        for slug in ["image", "joke", "video", "wallart"] {
            known.learn(&turns, &format!("generator/{slug}")).await.unwrap();
        }
        let key = SecretString::from("gnr_live_0123456789".to_owned());
        let call = Call { account: "main", key: &key, pace: &turns };
        adapter.quote(call, &of.work()).await.unwrap();
        known.to_keep().unwrap()
    })
}
