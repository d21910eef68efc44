//! What the vendor is asked for.

use bytes::Bytes;
use provider::{AspectRatio, Input, Kind, Role, Size, Work};
use serde_json::{Value, json};

use super::Gn;

pub(crate) fn plain(of: Gn) -> Work {
    match of {
        Gn::Images => Work::image("10003", "A sunset over mountains"),
        Gn::Texts => {
            Work { kind: Kind::Text, ..Work::image("37", "Tell me a joke about programming") }
        }
        Gn::Videos => Work {
            kind: Kind::Video,
            ..Work::image("20070", "A lighthouse beam sweeping across choppy black sea")
        },
    }
}

fn options(all: &[(&str, Value)]) -> std::collections::BTreeMap<String, Value> {
    all.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn input(role: Role, media_type: &str, name: &str) -> Input {
    Input {
        role,
        media_type: media_type.to_owned(),
        bytes: Bytes::from_static(b"held by us"),
        url: Some(format!("https://gateway.example/inputs/{name}?sig=5e1f")),
    }
}

pub(crate) fn golden(of: Gn) -> Vec<(&'static str, Work)> {
    let plain = plain(of);
    let escaped = "«Zoë», \"she\" said\n\\o/ 🌈".to_owned();
    let mut all = vec![
        ("generate", plain.clone()),
        ("generate_escaped", Work { prompt: escaped, ..plain.clone() }),
    ];
    all.extend(match of {
        Gn::Images => images(&plain),
        Gn::Texts => texts(&plain),
        Gn::Videos => videos(&plain),
    });
    all
}

fn images(plain: &Work) -> Vec<(&'static str, Work)> {
    let public = options(&[("privacy_mode", json!(0)), ("team_id", json!(7))]);
    let parameters = json!({"wallart-style": "grand", "wallart-frame": "oak"});
    let other = options(&[("generator", json!("wallart")), ("parameters", parameters)]);
    let matched = options(&[("aspect_ratio", json!("match_input_image"))]);
    let source = vec![input(Role::Source, "image/png", "source.png")];
    let edit = Work { model: "10001".to_owned(), inputs: source, ..plain.clone() };
    vec![
        ("generate_sized", Work { size: Some(Size::new(1920, 1080)), ..plain.clone() }),
        ("generate_several", Work { count: 4, ..plain.clone() }),
        (
            "generate_public_in_a_team",
            Work { aspect_ratio: Some(AspectRatio::new(3, 4)), options: public, ..plain.clone() },
        ),
        ("generate_with_another_generator", Work { options: other, ..plain.clone() }),
        ("generate_from_a_picture", edit.clone()),
        ("generate_of_the_pictures_own_ratio", Work { options: matched, ..edit }),
    ]
}

fn texts(plain: &Work) -> Vec<(&'static str, Work)> {
    let everything = options(&[
        ("preference", json!("dad")),
        ("preference_two", json!(2)),
        ("language", json!("nb-NO")),
        ("temperature", json!(0.7)),
        ("user_text", json!("a text")),
        ("user_text_two", json!("another")),
        ("avoid_duplicates", json!(true)),
        ("thinking_mode", json!("high")),
        ("story_context", json!("once upon a time")),
        ("character_context", json!("a fox")),
        ("character_name", json!("Rey")),
        ("character_id", json!(9)),
        ("support_for", json!(6000)),
        ("mode", json!("opening")),
        ("model_speech", json!(30001)),
        ("item_index", json!(1)),
        ("total_count", json!(3)),
        ("translation_of", json!(5999)),
        ("source_language", json!("en-US")),
        ("parameters", json!({"joke-style": "grand"})),
    ]);
    vec![("generate_everything", Work { options: everything, ..plain.clone() })]
}

fn videos(plain: &Work) -> Vec<(&'static str, Work)> {
    let frames = vec![
        input(Role::FirstFrame, "image/png", "first.png"),
        input(Role::LastFrame, "image/jpeg", "last.jpg"),
    ];
    vec![
        (
            "generate_silent",
            Work {
                seconds: Some(5),
                audio: Some(false),
                aspect_ratio: Some(AspectRatio::new(9, 16)),
                ..plain.clone()
            },
        ),
        ("generate_snapped", Work { seconds: Some(9), audio: Some(true), ..plain.clone() }),
        ("generate_between_frames", Work { inputs: frames, ..plain.clone() }),
    ]
}
