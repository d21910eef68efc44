use provider::{AspectRatio, ErrorKind, Input, Role, Size};
use serde_json::json;

use super::*;
use crate::testing::{known, known_at, order, work};

fn body(of: &Bytes) -> Value {
    serde_json::from_slice(of).unwrap()
}

fn input(role: Role, media_type: &str, url: &str) -> Input {
    let (media_type, url) = (media_type.to_owned(), Some(url.to_owned()));
    Input { role, media_type, bytes: Bytes::new(), url }
}

fn with(mut work: Work, options: Value) -> Work {
    work.options = options.as_object().unwrap().clone().into_iter().collect();
    work
}

/// The parameter that a request is refused for.
fn refusal(known: &Known, work: &Work) -> String {
    let error = order(known, work).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    error.reasons()[0].param.clone()
}

#[test]
fn the_pages_own_examples_can_be_said() {
    let known = known();
    let joke = work(&known, "37");
    let order37 = order(&known, &joke).unwrap();
    assert_eq!(order37.slug, "joke");
    assert_eq!(
        body(&order37.generate_body()),
        json!({"prompt": "a fox in the snow", "model_id": 37, "privacy_mode": 1, "count": 1})
    );
    let mut square = work(&known, "10003");
    square.aspect_ratio = Some(AspectRatio::new(1, 1));
    let square = order(&known, &square).unwrap();
    assert_eq!(
        (square.slug, body(&square.generate_body())["aspect_ratio"].clone()),
        ("image", json!("1:1"))
    );
    let mut seen = with(work(&known, "34"), json!({"preference": "detailed"}));
    seen.prompt.clear();
    seen.inputs = vec![input(Role::Source, "image/jpeg", "https://a.example/photo.jpg")];
    let seen = order(&known, &seen).unwrap();
    assert_eq!(seen.slug, "vision");
    assert_eq!(
        body(&seen.generate_body()),
        json!({"model_id": 34, "privacy_mode": 1, "count": 1, "preference": "detailed",
            "image_url": "https://a.example/photo.jpg"})
    );
    let mut clip = work(&known, "20050");
    (clip.aspect_ratio, clip.seconds) = (Some(AspectRatio::new(16, 9)), Some(6));
    clip.inputs = ["1", "2"].map(|url| input(Role::Reference, "image/png", url)).into();
    let clip = order(&known, &clip).unwrap();
    assert_eq!(
        body(&clip.generate_body()),
        json!({"prompt": "a fox in the snow", "model_id": 20050, "privacy_mode": 1, "count": 1,
            "aspect_ratio": "16:9", "seconds": 6, "reference_images": ["1", "2"]})
    );
    let mut edit = work(&known, "20051");
    edit.inputs = vec![input(Role::Video, "video/mp4", "https://a.example/source.mp4")];
    let edit = order(&known, &edit).unwrap();
    assert_eq!(body(&edit.generate_body())["video_url"], "https://a.example/source.mp4");
}

#[test]
fn every_documented_field_is_reachable() {
    let known = known();
    let options = json!({
        "generator": "story", "privacy_mode": 0, "team_id": 7, "language": "nb-NO",
        "temperature": 0.5, "preference": 2, "preference_two": "x", "user_text": "a",
        "user_text_two": "b", "avoid_duplicates": true, "thinking_mode": "high",
        "story_context": "c", "character_context": "d", "character_name": "e", "character_id": 4,
        "support_for": 5, "mode": "f", "model_speech": 30001, "item_index": 0, "total_count": 3,
        "translation_of": 6, "source_language": "en-US", "parameters": {"tone": "dry", "pages": 2}
    });
    let mut story = with(work(&known, "37"), options.clone());
    story.count = 10;
    let admitted = known.description();
    admitted.model("37").unwrap().admit(&story).unwrap();
    let order = order(&known, &story).unwrap();
    assert_eq!(order.slug, "story");
    let sent = body(&order.generate_body());
    for (name, value) in options.as_object().unwrap() {
        if name != "generator" {
            assert_eq!(&sent[name], value, "{name}");
        }
    }
    assert_eq!((&sent["count"], order.adjustments.len()), (&json!(10), 0));
}

#[test]
fn media_and_switches_of_a_clip() {
    let known = known();
    let mut clip = work(&known, "20061");
    (clip.audio, clip.seconds) = (Some(true), Some(3));
    clip.inputs = vec![
        input(Role::FirstFrame, "image/png", "1"),
        input(Role::LastFrame, "image/png", "2"),
        input(Role::Reference, "video/mp4", "3"),
        input(Role::Audio, "audio/mpeg", "4"),
    ];
    known.description().model("20061").unwrap().admit(&clip).unwrap();
    let order = order(&known, &clip).unwrap();
    assert_eq!(
        body(&order.generate_body()),
        json!({"prompt": "a fox in the snow", "model_id": 20061, "privacy_mode": 1, "count": 1,
            "seconds": 5, "generate_audio": true, "image_url": "1", "ending_frame_url": "2",
            "reference_videos": ["3"], "reference_audio": "4"})
    );
    let snapped = &order.adjustments["seconds"];
    assert_eq!((&snapped.requested, &snapped.used), (&json!(3), &json!(5)));
}

#[test]
fn lengths_snap_to_the_nearest_and_ties_to_the_lower() {
    let known = known();
    for (asked, used) in [(1, 5), (6, 6), (9, 8), (11, 10), (13, 12), (14, 15), (600, 15)] {
        let mut clip = work(&known, "20061");
        clip.seconds = Some(asked);
        let order = order(&known, &clip).unwrap();
        assert_eq!(order.seconds, Some(used), "{asked}");
        assert_eq!(order.adjustments.is_empty(), asked == used, "{asked}");
    }
}

#[test]
fn what_is_used_instead_is_told() {
    let known = known();
    let mut picture = work(&known, "10003");
    picture.size = Some(Size::new(1920, 1080));
    let told = order(&known, &picture).unwrap();
    let size = &told.adjustments["size"];
    assert_eq!((&size.requested, &size.used), (&json!("1920x1080"), &json!("16:9")));
    assert_eq!(body(&told.generate_body())["aspect_ratio"], "16:9");
    picture.size = Some(Size::new(1000, 999));
    assert_eq!(refusal(&known, &picture), "size");
    let mut silent = work(&known, "20051");
    silent.inputs = vec![input(Role::Video, "video/mp4", "1")];
    silent.audio = Some(false);
    let told = order(&known, &silent).unwrap();
    assert_eq!(told.adjustments["audio"].used, Value::Null);
    assert!(body(&told.generate_body()).get("generate_audio").is_none());
}

#[test]
fn fields_that_the_schema_does_not_have_are_told_and_not_sent() {
    let config = Config { name: "gen".to_owned(), ..Config::default() };
    let (known, _) = known_at(&config, crate::testing::NOWHERE);
    let asked = json!({"generator": "horoscope", "parameters": {"zodiac-sign": "aries",
        "length": "endless", "unknown": 1, "model-text": "3", "horoscope-count": 5}});
    let stars = with(work(&known, "37"), asked);
    // Before the schema is known the vendor's own dropdowns alone are kept back.
    let before = order(&known, &stars).unwrap();
    let name = |id: &str| format!("provider_options.gen.parameters.{id}");
    assert_eq!(before.adjustments.len(), 2, "{:?}", before.adjustments);
    assert!(before.adjustments.contains_key(&name("model-text")));
    assert!(before.adjustments.contains_key(&name("horoscope-count")));
    let schema = json!([
        {"id": "zodiac-sign", "type": "enum", "options": ["aries"], "cost_multipliers": {}},
        {"id": "length", "type": "enum", "options": ["long"], "cost_multipliers": {"long": 3}},
    ]);
    known.learn_fields("horoscope", schema);
    let after = order(&known, &stars).unwrap();
    assert_eq!(body(&after.generate_body())["parameters"], json!({"zodiac-sign": "aries"}));
    for dropped in ["length", "unknown", "model-text", "horoscope-count"] {
        let told = &after.adjustments[&name(dropped)];
        assert!(told.used.is_null() && !told.reason.is_empty(), "{dropped}");
    }
}

#[test]
fn what_only_this_vendor_refuses_is_named() {
    let known = known();
    for (model, options, param) in [
        ("37", json!({"temperature": 3}), "provider_options.temperature"),
        ("37", json!({"generator": "a/b"}), "provider_options.generator"),
        ("37", json!({"parameters": {"a": {"b": 1}}}), "provider_options.parameters"),
        ("10003", json!({"aspect_ratio": "2:1"}), "provider_options.aspect_ratio"),
        ("10003", json!({"aspect_ratio": "match_input_image"}), "provider_options.aspect_ratio"),
    ] {
        assert_eq!(refusal(&known, &with(work(&known, model), options)), param);
    }
    let mut twice = with(work(&known, "10003"), json!({"aspect_ratio": 1}));
    twice.aspect_ratio = Some(AspectRatio::new(1, 1));
    assert_eq!(refusal(&known, &twice), "provider_options.aspect_ratio");
    let mut edit = work(&known, "20051");
    assert_eq!(refusal(&known, &edit), "inputs");
    edit.inputs = vec![input(Role::Source, "image/png", "1")];
    assert_eq!(refusal(&known, &edit), "inputs");
}

#[test]
fn ratios_go_by_the_vendors_own_names_too() {
    let known = known();
    for said in [json!("wide"), json!(4), json!("16:9"), json!("match_input_image")] {
        let picture = with(work(&known, "10001"), json!({"aspect_ratio": said}));
        let order = order(&known, &picture).unwrap();
        assert_eq!(body(&order.generate_body())["aspect_ratio"], said);
    }
}

#[test]
fn an_operator_says_who_sees_it_and_which_generator_makes_it() {
    let generators = [(Kind::Image, "wallart".to_owned())].into();
    let config = Config { privacy: Privacy::Public, generators, ..Config::default() };
    let (known, _) = known_at(&config, crate::testing::NOWHERE);
    let picture = work(&known, "10003");
    let order_of = |work: &Work| {
        let order = order(&known, work).unwrap();
        (order.slug.to_owned(), body(&order.generate_body())["privacy_mode"].clone())
    };
    assert_eq!(order_of(&picture), ("wallart".to_owned(), json!(0)));
    let own = with(picture, json!({"generator": "logo", "privacy_mode": 1}));
    assert_eq!(order_of(&own), ("logo".to_owned(), json!(1)));
}

#[test]
fn an_estimate_shows_nothing_of_the_callers() {
    let known = known();
    let options = json!({"team_id": 7, "privacy_mode": 0, "preference": "dry"});
    let mut clip = with(work(&known, "20061"), options);
    clip.prompt = "s3cret plans".to_owned();
    clip.inputs = vec![input(Role::Source, "image/png", "https://us.example/s3cret?sig=1")];
    clip.seconds = Some(5);
    let asked = order(&known, &clip).unwrap().estimate_body();
    let text = str::from_utf8(&asked).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("team_id"), "{text}");
    assert_eq!(
        body(&asked),
        json!({"model_id": 20061, "count": 1, "seconds": 5, "preference": "dry",
            "image_url": "https://example.com/reference"})
    );
}

#[test]
fn a_key_is_of_what_determines_the_price_and_of_nothing_else() {
    let known = known();
    let base = with(work(&known, "20061"), json!({"parameters": {"a": "4", "b": 2}}));
    let key = |change: &dyn Fn(&mut Work)| {
        let mut work = base.clone();
        change(&mut work);
        order(&known, &work).unwrap().key()
    };
    let same = key(&|_| {});
    let option = |name: &str, value: Value| {
        let name = name.to_owned();
        key(&move |work: &mut Work| {
            work.options.insert(name.clone(), value.clone());
        })
    };
    let picture = |url: &str| vec![input(Role::Source, "image/png", url)];
    assert_eq!(key(&|work| work.prompt = "another".to_owned()), same);
    assert_eq!(key(&|work| work.aspect_ratio = Some(AspectRatio::new(9, 16))), same);
    assert_eq!(option("privacy_mode", json!(0)), same);
    assert_eq!(option("parameters", json!({"b": "2", "a": 4})), same);
    assert_eq!(key(&|work| work.inputs = picture("1")), key(&|work| work.inputs = picture("2")));
    let others = [
        same,
        key(&|work| work.count = 2),
        key(&|work| work.seconds = Some(5)),
        key(&|work| work.audio = Some(true)),
        key(&|work| work.audio = Some(false)),
        key(&|work| work.inputs = picture("1")),
        key(&|work| work.inputs = vec![input(Role::LastFrame, "image/png", "1")]),
        key(&|work| work.model = "20062".to_owned()),
        option("generator", json!("other")),
        option("preference", json!("x")),
        option("preference_two", json!("x")),
        option("parameters", json!({"a": "4", "b": 3})),
        option("parameters", json!({"a": "4"})),
        option("parameters", json!({"a": "4b", "": 2})),
    ];
    let mut distinct = others.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), others.len());
}

#[test]
fn the_list_is_read_as_the_dearer_of_its_two_meanings() {
    let known = known();
    let mut clip = work(&known, "20061");
    assert_eq!(order(&known, &clip).unwrap().listed(), Some(Credits::whole(6 * 8)));
    (clip.seconds, clip.count) = (Some(5), 2);
    assert_eq!(order(&known, &clip).unwrap().listed(), Some(Credits::whole(6 * 5 * 2)));
    let mut picture = work(&known, "10001");
    picture.count = 3;
    assert_eq!(order(&known, &picture).unwrap().listed(), Some(Credits::whole(240)));
    assert_eq!(
        order(&known, &work(&known, "34")).err().map(|error| error.kind()),
        Some(ErrorKind::Unsupported)
    );
}

#[test]
fn a_prompt_that_means_nothing_is_a_fixed_one() {
    for (media, given, sent) in [
        (Media::Upscale, "", Some("Upscale")),
        (Media::BackgroundRemoval, "", Some("Remove the background")),
        (Media::Upscale, "sharper", Some("sharper")),
        (Media::Text, "", None),
    ] {
        assert_eq!(prompt(media, given), sent);
    }
}

#[test]
fn every_kind_has_a_generator() {
    for kind in Kind::ALL {
        assert!(options::is_slug(default_slug(kind, false)), "{kind}");
    }
    assert_eq!(default_slug(Kind::Text, false), "joke");
    assert_eq!(default_slug(Kind::Text, true), "text");
    assert_eq!(default_slug(Kind::SoundEffect, true), "soundeffect");
}
