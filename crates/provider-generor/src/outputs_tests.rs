use serde_json::json;

use super::*;

fn urls(creation: &Value, kind: Kind) -> Vec<String> {
    addresses(creation, kind, &["https://a.example/sent.png"])
}

#[test]
fn a_picture_is_found_however_it_is_shown() {
    for creation in [
        json!({"creation_id": 6147, "image_url": "/users/2/img/image-6147.webp"}),
        json!({"images": [{"url": "/users/2/img/image-6147.webp", "width": 1}]}),
        json!({"image": {"url": "/users/2/img/image-6147.webp"}}),
        json!({"url": "/users/2/img/image-6147.webp", "image_url": "https://a.example/sent.png"}),
        json!({"output": {"files": [{"url": "/users/2/img/image-6147.webp"}]}}),
        json!({"image_urls": ["/users/2/img/image-6147.webp"], "thumbnail_url": "/t.webp"}),
        // One picture, under a name and in a list, in two formats.
        json!({"image_url": "/users/2/img/image-6147.webp",
            "images": [{"url": "/users/2/img/image-6147.png"}]}),
    ] {
        assert_eq!(urls(&creation, Kind::Image), ["/users/2/img/image-6147.webp"], "{creation}");
    }
}

#[test]
fn each_kind_goes_by_its_own_names() {
    let creation = json!({
        "creation_id": 7, "image_url": "/users/2/img/cover-7.webp",
        "video_url": "/users/2/video/video-7.mp4", "audio_url": "/users/2/audio/sound-7.wav",
        "vector_url": "/users/2/svg/vector-7.svg", "source_image_url": "/users/2/img/s.png",
        "user": {"avatar_url": "/users/2/me.png"}
    });
    for (kind, url) in [
        (Kind::Image, "/users/2/img/cover-7.webp"),
        (Kind::Video, "/users/2/video/video-7.mp4"),
        (Kind::Speech, "/users/2/audio/sound-7.wav"),
        (Kind::Vector, "/users/2/svg/vector-7.svg"),
        (Kind::BackgroundRemoval, "/users/2/img/cover-7.webp"),
    ] {
        assert_eq!(urls(&creation, kind), [url], "{kind}");
    }
}

#[test]
fn an_unheard_of_name_is_an_output_where_nothing_else_is() {
    let creation = json!({"stem_url": "/x/1.wav", "zz_unknown": {"deep": ["b"]}, "page_url": "/p"});
    assert_eq!(urls(&creation, Kind::Music), ["/x/1.wav"]);
    assert!(urls(&creation, Kind::Text).is_empty(), "words are no address");
}

#[test]
fn several_of_one_creation_keep_their_order() {
    let creation = json!({"images": [{"url": "/b.png"}, {"url": "/a.png"}, {"url": "/b.png"}]});
    assert_eq!(urls(&creation, Kind::Image), ["/b.png", "/a.png"]);
    let all = outputs(&creation, Some("9"), Kind::Image, &[]);
    let place = |output: &Output| match output {
        Output::Remote(remote) => Place::read(&remote.location).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(&all[1]).index, 1);
    assert_eq!(place(&all[0]).creation.as_deref(), Some("9"));
    assert_eq!(place(&all[0]).url.as_deref(), Some("/b.png"));
}

#[test]
fn what_shows_no_address_is_asked_for_by_its_number() {
    let creation = json!({"creation_id": 9});
    let all = outputs(&creation, Some("9"), Kind::Video, &[]);
    let [Output::Remote(remote)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(remote.location, r#"{"kind":"video","creation":"9"}"#);
    assert!(outputs(&creation, None, Kind::Video, &[]).is_empty());
    assert!(outputs(&creation, Some("9"), Kind::Text, &[]).is_empty(), "there are no words");
}

#[test]
fn words_are_the_text_or_the_creations_own_fields() {
    let joke = json!({"creation_id": 6144, "text": "Because light attracts bugs!",
        "illustration_desc": "a bug", "image_url": "/users/2/img/joke-6144.webp"});
    let all = outputs(&joke, Some("6144"), Kind::Text, &[]);
    assert_eq!(all, [Output::Text("Because light attracts bugs!".to_owned())]);
    let recipe = json!({"creation_id": 1, "dish_name": "Soup", "ingredients": ["salt"], "x": null});
    let shown = text(&recipe).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap(),
        json!({"dish_name": "Soup", "ingredients": ["salt"]})
    );
    assert_eq!(text(&json!({"creation_id": 1, "description": "A cat."})).unwrap(), "A cat.");
    let kept = json!({"creation_id": 1, "prompt": "p", "images": [],
        "generator_data": {"text": "Soup.", "model_id": 37}});
    assert_eq!(text(&kept).unwrap(), "Soup.");
    let kept = json!({"prompt": "p", "generator_data": {"dish_name": "Soup", "model_id": 37}});
    assert_eq!(text(&kept).unwrap(), "Soup");
    assert_eq!(text(&json!({"creation_id": 1, "prompt": "p"})), None);
}

#[test]
fn words_may_be_told_aloud_too() {
    let told = json!({"text": "Aries.", "audio_url": "/users/2/audio/horoscope-3.mp3"});
    let all = outputs(&told, Some("3"), Kind::Text, &[]);
    assert_eq!(all.len(), 2);
    assert!(matches!(&all[1], Output::Remote(at) if at.location.contains("horoscope-3.mp3")));
}
