//! The calls that the vendor's page shows become the bodies that it shows, with what we say besides.

use bytes::Bytes;
use provider::{
    AspectRatio, ErrorKind, Input, Kind, Provider, QuoteSource, Result, Role, Submitted, Work,
};
use serde_json::{Value, json};

use crate::adapter::{Scene, ok, refused};

fn input(role: Role, media_type: &str, url: &str) -> Input {
    let url = Some(url.to_owned());
    Input { role, media_type: media_type.to_owned(), bytes: Bytes::new(), url }
}

fn scene() -> Scene {
    Scene::of(|_, _| {
        ok(json!({"credit_cost": 1, "creations": [{"creation_id": 1, "text": "x",
            "image_url": "/a/1.png", "video_url": "/a/1.mp4"}]}))
    })
}

async fn submit(scene: &Scene, work: &Work) -> Result<Submitted> {
    let mut sink = scene.sink.clone();
    scene.adapter.submit(scene.call(), work, &mut sink).await
}

/// Path and body of the one call that this work becomes.
async fn sent(work: &Work) -> (String, Value) {
    let scene = scene();
    submit(&scene, work).await.unwrap();
    let [request] = scene.vendor.requests().try_into().unwrap();
    (request.path, serde_json::from_slice(&request.body).unwrap())
}

fn video(model: &str, prompt: &str) -> Work {
    Work { kind: Kind::Video, ..Work::image(model, prompt) }
}

#[tokio::test]
async fn words_and_pictures() {
    let joke = Work { kind: Kind::Text, ..Work::image("37", "Tell me a joke about programming") };
    let (path, body) = sent(&joke).await;
    assert_eq!(path, "/api/v1/generators/joke/generate");
    assert_eq!(
        body,
        json!({"prompt": "Tell me a joke about programming", "model_id": 37, "count": 1,
            "privacy_mode": 1})
    );
    let square = Work {
        aspect_ratio: Some(AspectRatio::new(1, 1)),
        ..Work::image("10003", "A sunset over mountains")
    };
    let (path, body) = sent(&square).await;
    assert_eq!(path, "/api/v1/generators/image/generate");
    assert_eq!(body["aspect_ratio"], json!("1:1"));
    assert_eq!(body["model_id"], json!(10003));
}

#[tokio::test]
async fn a_picture_is_described_without_a_prompt() {
    let photo = "https://example.com/photo.jpg";
    let mut work = Work {
        kind: Kind::Vision,
        inputs: vec![input(Role::Source, "image/jpeg", photo)],
        ..Work::image("34", "")
    };
    work.options.insert("preference".to_owned(), json!("detailed"));
    let (path, body) = sent(&work).await;
    assert_eq!(path, "/api/v1/generators/vision/generate");
    assert_eq!(
        body,
        json!({"model_id": 34, "image_url": photo, "preference": "detailed", "count": 1,
            "privacy_mode": 1})
    );
}

#[tokio::test]
async fn clips_of_references_and_of_clips() {
    let references = ["https://example.com/character.jpg", "https://example.com/forest.jpg"];
    let prompt = "The character from [Image1] walks through the forest from [Image2]";
    let work = Work {
        aspect_ratio: Some(AspectRatio::new(16, 9)),
        seconds: Some(6),
        inputs: references.map(|url| input(Role::Reference, "image/jpeg", url)).to_vec(),
        ..video("20050", prompt)
    };
    let (path, body) = sent(&work).await;
    assert_eq!(path, "/api/v1/generators/video/generate");
    assert_eq!(
        body,
        json!({"prompt": prompt, "model_id": 20050, "aspect_ratio": "16:9", "seconds": 6,
            "reference_images": references, "count": 1, "privacy_mode": 1})
    );
    let clip = "https://example.com/source.mp4";
    let work = Work {
        seconds: Some(5),
        inputs: vec![input(Role::Video, "video/mp4", clip)],
        ..video("20051", "Replace the sky with a stormy sunset")
    };
    let (_, body) = sent(&work).await;
    assert_eq!((&body["video_url"], &body["seconds"]), (&json!(clip), &json!(5)));
}

#[tokio::test]
async fn every_kind_of_reference() {
    let at = |name: &str| format!("https://example.com/{name}");
    let inputs = [
        (Role::FirstFrame, "image/png", "first.png"),
        (Role::LastFrame, "image/png", "last.png"),
        (Role::Reference, "image/png", "style.png"),
        (Role::Reference, "video/mp4", "motion.mp4"),
        (Role::Video, "video/mp4", "source.mp4"),
        (Role::Audio, "audio/mpeg", "voice.mp3"),
    ];
    let inputs = inputs.map(|(role, kind, name)| input(role, kind, &at(name))).to_vec();
    let work = Work { audio: Some(true), inputs, ..video("20061", "a fox") };
    let (_, body) = sent(&work).await;
    assert_eq!(
        body,
        json!({"prompt": "a fox", "model_id": 20061, "count": 1, "privacy_mode": 1,
            "generate_audio": true, "image_url": at("first.png"),
            "ending_frame_url": at("last.png"), "reference_images": [at("style.png")],
            "reference_videos": [at("motion.mp4")], "video_url": at("source.mp4"),
            "reference_audio": at("voice.mp3")})
    );
}

#[tokio::test]
async fn an_input_that_must_be_there_is_asked_for_before_a_byte_is_sent() {
    let scene = scene();
    let unreachable = Input { url: None, ..input(Role::Source, "image/png", "") };
    for work in [
        Work { kind: Kind::Vision, ..Work::image("34", "what is this?") },
        video("20050", "a fox"),
        video("20051", "a fox"),
        Work { inputs: vec![unreachable], ..Work::image("10001", "a fox") },
    ] {
        let error = submit(&scene, &work).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{work:?}");
        assert_eq!(error.reasons()[0].param, "inputs", "{error:?}");
    }
    assert!(scene.asked().is_empty());
}

/// What the vendor would drop in silence is told, though nobody has read the generator's fields yet.
#[tokio::test]
async fn fields_of_a_generator_that_nobody_has_read_are_checked_before_they_are_sent() {
    let scene = Scene::of(|_, path| match path {
        "/generators/horoscope" => ok(json!({"slug": "horoscope", "parameters": [
            {"id": "zodiac-sign", "type": "enum", "options": ["aries", "leo"]}]})),
        _ => ok(json!({"credit_cost": 1, "creations": [{"creation_id": 1, "text": "x"}]})),
    });
    let mut work = Work { kind: Kind::Text, ..Work::image("37", "This week") };
    work.options.insert("generator".to_owned(), json!("horoscope"));
    let given = json!({"zodiac-sign": "leo", "nonsense": "x"});
    work.options.insert("parameters".to_owned(), given.clone());
    let told = "provider_options.generor.parameters";
    let Submitted::Finished(made) = submit(&scene, &work).await.unwrap() else {
        panic!("it answers at once")
    };
    let dropped: Vec<&String> = made.adjustments.keys().collect();
    assert_eq!(dropped, [&format!("{told}.nonsense")]);
    let asked = ["GET /generators/horoscope", "POST /generators/horoscope/generate"];
    assert_eq!(scene.asked(), asked);
    let body: Value = serde_json::from_slice(&scene.vendor.requests()[1].body).unwrap();
    assert_eq!(body["parameters"], json!({"zodiac-sign": "leo"}));
    assert_eq!(scene.turns.taken(), 1, "beside the submit's own");
    submit(&scene, &work).await.unwrap();
    assert_eq!(scene.asked().len(), 3, "read once");
}

/// Without the vendor's word a price says that the generator's fields are unchecked, so that a strict
/// request goes elsewhere.
#[tokio::test]
async fn a_listed_price_says_that_the_fields_are_unchecked() {
    let scene = Scene::of(|_, _| refused(503, "SERVER_ERROR"));
    let mut work = Work { kind: Kind::Text, ..Work::image("37", "This week") };
    let plain = scene.adapter.quote(scene.call(), &work).await.unwrap();
    assert_eq!((plain.source, plain.adjustments.len()), (QuoteSource::Listed, 0));
    work.options.insert("parameters".to_owned(), json!({"joke-type": "pun"}));
    let quote = scene.adapter.quote(scene.call(), &work).await.unwrap();
    assert_eq!(quote.source, QuoteSource::Listed);
    let told: Vec<&String> = quote.adjustments.keys().collect();
    assert_eq!(told, ["provider_options.generor.parameters"]);
}
