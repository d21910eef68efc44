use provider::{AspectRatio, Audio, Durations, Role, Sizes, Tariff};
use serde_json::json;

use super::*;

fn read(data: Value) -> Catalogue {
    Catalogue::new(&Config::default(), collect(data, None), None)
}

fn ids(catalogue: &Catalogue) -> Vec<&str> {
    catalogue.description.models.iter().map(|model| model.name.as_str()).collect()
}

fn seedance() -> Value {
    json!({
        "id": 20061, "name": "Dreamina Seedance 2.0 (720p)", "type": "video",
        "provider": "byteplus", "credit_cost": 6,
        "supported_durations": [5, 6, 7, 8, 10, 12, 15], "default_duration": 8,
        "supports_audio": true, "audio_cost_multiplier": 1, "supports_end_frame": true,
        "quality": "720p", "qualities": {"480p": 20060, "720p": 20061},
        "group_name": "Dreamina Seedance 2.0", "supports_aspect_ratio": true,
        "aspect_ratios": [
            {"id": 1, "ratio": "16:9", "label": "Wide"}, {"id": 2, "ratio": "9:16", "label": "Tall"}
        ]
    })
}

#[test]
fn the_pages_own_rows_are_read() {
    let flux = json!({"id": 10001, "name": "Flux 1.1 Pro", "type": "image", "provider": "replicate",
        "description": "High-quality image generation...", "credit_cost": 80,
        "supports_img2img": true, "supports_aspect_ratio": true});
    let catalogue = read(json!({"image": [flux], "video": [seedance()]}));
    assert_eq!(ids(&catalogue), ["10001", "20061"]);
    let flux = catalogue.description.model("10001").unwrap();
    let credit = Config::default().usd_per_credit;
    assert_eq!(
        (flux.title.as_str(), &flux.tariff),
        ("Flux 1.1 Pro", &Tariff::Credits { each: 80, credit })
    );
    let Sizes::Ratios(ratios) = &flux.capabilities.sizes else { panic!("{flux:?}") };
    assert_eq!((ratios.len(), ratios[0]), (5, AspectRatio::new(1, 1)));
    assert_eq!(flux.capabilities.inputs.len(), 1);
    let clip = catalogue.description.model("20061").unwrap();
    let seconds = vec![5, 6, 7, 8, 10, 12, 15];
    assert_eq!(clip.capabilities.seconds, Durations::Listed { seconds, default: 8 });
    assert_eq!(clip.capabilities.audio, Audio::Choice);
    let roles: Vec<Role> = clip.capabilities.inputs.iter().map(|rule| rule.role).collect();
    let all = [
        Role::Source,
        Role::FirstFrame,
        Role::LastFrame,
        Role::Reference,
        Role::Video,
        Role::Audio,
    ];
    assert_eq!(roles, all);
    let facts = catalogue.facts("20061").unwrap();
    assert!(facts.supports_audio && facts.takes.end_frame && facts.takes.images == 9);
}

#[test]
fn models_are_found_however_they_are_grouped() {
    let row = |id: u32| json!({"id": id, "name": "x", "credit_cost": 1});
    for data in [
        json!({"text": [row(5)], "upscale": [row(60001)]}),
        json!({"models": {"text": {"openai": [row(5)]}, "upscale": {"60001": row(60001)}}}),
        json!([{"id": 5}, {"id": "60001", "type": "upscale"}]),
        json!({"Text": {"models": [row(5), {"id": null}, 7, {"id": {}}]}, "upscale": [row(60001)]}),
        json!([{"id": 60001, "type": "upscale"}, {"id": 5, "name": ["not", "a", "name"], "credit_cost": {}}]),
    ] {
        let catalogue = read(data.clone());
        assert_eq!(ids(&catalogue), ["5", "60001"], "{data}");
        assert_eq!(catalogue.facts("60001").unwrap().kind, Kind::Upscale);
    }
}

#[test]
fn ids_tell_the_type_where_they_have_one() {
    let data = json!({
        "image": [{"id": 5}, {"id": 30001}, {"id": 99_999}],
        "vector": [{"id": 10_500}, {"id": 70001}],
        "odd": [{"id": 99_998}, {"id": 0}]
    });
    let catalogue = read(data);
    let kind = |name: &str| catalogue.facts(name).unwrap().kind;
    assert_eq!(ids(&catalogue), ["5", "10500", "30001", "70001", "99999"]);
    assert_eq!((kind("5"), kind("30001"), kind("99999")), (Kind::Text, Kind::Speech, Kind::Image));
    assert_eq!((kind("10500"), kind("70001")), (Kind::Vector, Kind::Vector));
}

#[test]
fn what_looks_at_pictures_is_vision() {
    let catalogue =
        read(json!({"text": [{"id": 34}, {"id": 35, "supports_img2img": true}, {"id": 36}]}));
    let model = |name: &str| catalogue.description.model(name).unwrap();
    for name in ["34", "35"] {
        let can = &model(name).capabilities;
        assert_eq!((model(name).kind, *can.prompt_chars.start()), (Kind::Vision, 0));
        assert_eq!((can.inputs[0].role, can.inputs[0].min), (Role::Source, 1));
    }
    assert_eq!((model("36").kind, model("36").capabilities.inputs.len()), (Kind::Text, 0));
}

#[test]
fn references_follow_the_names_on_the_page() {
    let takes = |name: &str, id: u32| {
        let listed = json!([{"id": id, "name": name, "type": "video"}]);
        read(listed).facts(&id.to_string()).unwrap().takes
    };
    let counts = |takes: Takes| (takes.images, takes.videos, takes.sound, takes.clip);
    for (name, counted) in [
        ("Veo 3.1", (3, 0, false, false)),
        ("Seedance 2.0", (9, 3, false, false)),
        ("Dreamina Seedance 2.0 (480p)", (9, 3, true, true)),
        ("Happy Horse 1.0 R2V", (9, 0, false, false)),
        ("Happy Horse Video Edit", (5, 0, false, true)),
        ("Kling v3", (0, 0, false, false)),
    ] {
        assert_eq!(counts(takes(name, 20099)), counted, "{name}");
    }
    assert_eq!(counts(takes("renamed", 20060)), (9, 3, true, true), "by id");
    assert!(takes("renamed", 20051).needs_clip && takes("renamed", 20050).needs_images == 1);
    assert!(takes("Wan 2.6 I2V", 20030).needs_picture && !takes("Wan 2.6", 20030).needs_picture);
    assert!(!takes("Wan 2.6 T2V", 20031).picture);
}

#[test]
fn what_is_listed_wrong_is_as_good_as_not_listed() {
    let broken = json!([{"id": 20099, "name": 7, "credit_cost": -1, "supported_durations": "5",
        "default_duration": 0, "supports_audio": "yes", "aspect_ratios": [1, 2], "audio_cost_multiplier": 0}]);
    let catalogue = read(broken);
    let (model, facts) = (&catalogue.description.models[0], catalogue.facts("20099").unwrap());
    assert_eq!((model.title.as_str(), &model.tariff), ("7", &Tariff::Unlisted));
    assert_eq!(model.capabilities.seconds, Durations::Within { min: 1, max: 30, default: 5 });
    assert!(!facts.supports_audio && facts.audio_multiplier == Credits::whole(1));
    assert_eq!(facts.ratios.len(), 2);
    let none = read(json!([{"id": 10020, "supports_aspect_ratio": false}]));
    assert_eq!(none.description.models[0].capabilities.sizes, Sizes::Not);
}

#[test]
fn the_first_of_two_rows_with_one_id_counts() {
    let twice = read(json!([{"id": 37, "name": "one"}, {"id": 37, "name": "two"}]));
    assert_eq!(ids(&twice), ["37"]);
    assert_eq!(twice.facts("37").unwrap().title, "one");
}

#[test]
fn the_pages_models_are_there_before_the_catalogue() {
    let catalogue = Catalogue::new(&Config::default(), of_the_page(), None);
    let all = ["34", "37", "10001", "10003", "20050", "20051", "20060", "20061", "20062"];
    assert_eq!(ids(&catalogue), all);
    for model in &catalogue.description.models {
        assert_eq!(model.capabilities.max_count, 10);
        assert_eq!(model.capabilities.prompt_chars.end(), &10_000);
        let facts = catalogue.facts(&model.name).unwrap();
        assert_eq!((facts.kind, facts.id.to_string()), (model.kind, model.name.clone()));
    }
}
