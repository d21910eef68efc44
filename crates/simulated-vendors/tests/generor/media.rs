//! The bytes: true media of every type, at the address of the answer and at the relative one of the creation.

use crate::client::{Client, fetch, quick, start, told};
use serde_json::{Value, json};
use simulated_vendors::{Running, generor::Settings};

/// A vendor that draws.
async fn drawing() -> (Running, Client) {
    start(Settings { picture_bytes: None, ..quick() }).await
}

async fn url(client: &Client, slug: &str, field: &str, body: &Value) -> String {
    let data = told(&client.generate(slug, body).await);
    data["creations"][0][field].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn pictures_lie_at_the_absolute_address_and_at_the_relative_one_of_another_format() {
    let (_running, client) = drawing().await;
    let body = json!({ "prompt": "the sea", "model_id": 10003, "aspect_ratio": "4:3" });
    let url = url(&client, "image", "image_url", &body).await;
    assert!(url.ends_with("/users/2/img/image-6144.webp"));
    let answer = fetch(&url).await;
    assert_eq!(answer.header("content-type"), Some("image/webp"));
    let picture = image::load_from_memory(answer.bytes()).unwrap();
    assert_eq!((picture.width(), picture.height()), (1024, 768));
    let creation = client.nobody().data("/creations/6144").await;
    let shown = json!([{ "url": "/users/2/img/image-6144.png", "width": 1024, "height": 768 }]);
    assert_eq!(creation["images"], shown);
    let other = fetch(&format!("{}/users/2/img/image-6144.png", client.site())).await;
    assert_eq!(image::guess_format(other.bytes()).unwrap(), image::ImageFormat::Png);
    let same = image::load_from_memory(other.bytes()).unwrap();
    assert_eq!(same.to_rgb8(), picture.to_rgb8());
    for lost in [
        "users/3/img/image-6144.png",
        "users/2/img/wallart-6144.png",
        "users/2/img/image-6145.png",
        "users/2/svg/image-6144.svg",
    ] {
        assert_eq!(fetch(&format!("{}/{lost}", client.site())).await.status, 404, "{lost}");
    }
}

#[tokio::test]
async fn clips_sounds_and_drawings_are_what_they_say() {
    let (_running, client) = drawing().await;
    let clip = json!({ "prompt": "x", "model_id": 20060, "seconds": 5 });
    let answer = fetch(&url(&client, "video", "video_url", &clip).await).await;
    assert_eq!(answer.header("content-type"), Some("video/mp4"));
    assert_eq!(answer.bytes().get(4..8).unwrap(), b"ftyp");
    for (slug, model, seconds) in
        [("speech", 30001, 2), ("music", 40001, 8), ("soundeffect", 50001, 3)]
    {
        let body = json!({ "prompt": "thirty-one characters are said.", "model_id": model });
        let answer = fetch(&url(&client, slug, "audio_url", &body).await).await;
        assert_eq!(answer.header("content-type"), Some("audio/wav"));
        let wav = answer.bytes();
        let rate = u32::from_le_bytes(wav.get(24..28).unwrap().try_into().unwrap());
        let length = u32::from_le_bytes(wav.get(40..44).unwrap().try_into().unwrap());
        assert_eq!(
            (wav.get(..4).unwrap(), wav.len()),
            (&b"RIFF"[..], 44 + usize::try_from(length).unwrap())
        );
        assert_eq!(length, rate * 2 * seconds, "{slug}");
    }
    let vector = json!({ "prompt": "a <b> & c", "model_id": 70001 });
    let answer = fetch(&url(&client, "vector", "vector_url", &vector).await).await;
    assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
    assert!(answer.text().starts_with("<svg ") && answer.text().contains("a &lt;b&gt; &amp; c"));
    let audio = client.data("/creations/6146").await["audio"].clone();
    assert_eq!(audio, json!([{ "url": "/users/2/audio/music-6146.wav", "seconds": 8 }]));
}

#[tokio::test]
async fn workshops_make_larger_ones_and_cut_backgrounds_out() {
    let (_running, client) = drawing().await;
    let source = json!({ "prompt": "a city", "model_id": 10003, "aspect_ratio": "4:3" });
    let source = url(&client, "image", "image_url", &source).await;
    let body = json!({ "model_id": 60001, "image_url": source });
    let larger = fetch(&url(&client, "upscale", "image_url", &body).await).await;
    let larger = image::load_from_memory(larger.bytes()).unwrap();
    assert_eq!((larger.width(), larger.height()), (2048, 1536));
    let body = json!({ "model_id": 80001, "image_url": source });
    let cut = fetch(&url(&client, "backgroundremoval", "image_url", &body).await).await;
    assert_eq!(cut.header("content-type"), Some("image/png"));
    let cut = image::load_from_memory(cut.bytes()).unwrap();
    assert!(cut.color().has_alpha());
    let cut = cut.to_rgba8();
    assert_eq!(
        (cut.dimensions(), cut.get_pixel(0, 0).0[3], cut.get_pixel(512, 384).0[3]),
        ((1024, 768), 0, 255)
    );
    let edit = json!({
        "prompt": "at night", "model_id": 10001, "image_url": source, "aspect_ratio": 6,
    });
    let edited = fetch(&url(&client, "image", "image_url", &edit).await).await;
    let edited = image::load_from_memory(edited.bytes()).unwrap();
    assert_eq!((edited.width(), edited.height()), (1024, 768), "as large as what was sent in");
}

#[tokio::test]
async fn items_of_one_call_differ_and_each_is_the_same_again() {
    let (_running, client) = start(quick()).await;
    let body = json!({ "prompt": "x", "model_id": 10003, "count": 2 });
    let data = told(&client.generate("image", &body).await);
    let mut pictures = Vec::new();
    for creation in data["creations"].as_array().unwrap() {
        let url = creation["image_url"].as_str().unwrap();
        let (once, again) = (fetch(url).await, fetch(url).await);
        assert_eq!(once.bytes(), again.bytes());
        pictures.push(once.bytes().to_vec());
    }
    assert_ne!(pictures[0], pictures[1]);
}
