//! The v1 dialect, against the vendor's page: shapes, validation, money, history, pictures.

use crate::client::{Client, GENERATE, KEY, quick, send};
use base64_simd::STANDARD;
use serde_json::{Value, json};
use simulated_vendors::{Format, Placement, Running, Zekron, zekron::Settings};

async fn start(settings: Settings) -> (Running, Client) {
    let running = Zekron::start(settings, Placement::default()).await.unwrap();
    let client = Client::of(&running);
    (running, client)
}

fn picture_of(answer: &Value) -> Vec<u8> {
    STANDARD.decode_to_vec(answer["data"]["image"]["b64_json"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_picture_comes_in_the_page_s_shape_and_order() {
    let (_running, client) = start(quick()).await;
    client.control("POST", "/clock", json!({ "set": "2024-04-07T12:00:00.250Z" })).await;
    let reply = client.generate("A futuristic city").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("date"), Some("Sun, 07 Apr 2024 12:00:00 GMT"));
    let order = [
        "\"success\":true",
        "\"id\":1",
        "\"token\"",
        "\"type\":\"create\"",
        "\"model\"",
        "\"prompt\"",
        "\"size\"",
        "\"image\"",
        "\"url\"",
        "\"b64_json\"",
        "\"mime_type\"",
        "\"expires_at\"",
        "\"cost\"",
        "\"remaining_balance\"",
        "\"created_at\"",
    ];
    let places: Vec<_> = order.map(|field| reply.text().find(field).expect(field)).into();
    assert!(places.is_sorted(), "{places:?}");
    let answer = reply.json();
    let data = &answer["data"];
    assert_eq!(data["model"], "zekron-image-1");
    assert_eq!(data["size"], "512x512");
    assert_eq!(data["cost"], "0.025068");
    assert_eq!(data["remaining_balance"], "9.974932");
    assert_eq!(data["image"]["mime_type"], "image/png");
    assert_eq!(data["image"]["expires_at"], "2024-04-08T12:00:00+00:00");
    assert_eq!(answer["created_at"], "2024-04-07T12:00:00+00:00");
    let url = format!("{}/v1/images/{}", client.base, data["token"].as_str().unwrap());
    assert_eq!(data["image"]["url"], url);
    let picture = picture_of(&answer);
    assert!(picture.starts_with(&[0xFF, 0xD8, 0xFF]), "a JPEG, whatever the label says");
    let decoded = image::load_from_memory(&picture).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (512, 512));
    let fetched = client.get(url.strip_prefix(&client.base).unwrap()).await;
    assert_eq!(fetched.header("content-type"), Some("image/jpeg"));
    assert_eq!(fetched.bytes(), picture);
}

#[tokio::test]
async fn formats_and_sizes_are_truly_as_asked() {
    let mut settings = quick();
    "actual".clone_into(&mut settings.image_label);
    let (_running, client) = start(settings).await;
    for (format, mime) in [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")] {
        client.control("PUT", "/settings", json!({ "image_format": format })).await;
        for (size, width, height) in [
            ("512x512", 512, 512),
            ("1024x768", 1024, 768),
            ("768x1024", 768, 1024),
            ("1024x1024", 1024, 1024),
        ] {
            let body = json!({ "prompt": "hills", "size": size, "model": "zekron-image-1" });
            let answer = client.post(GENERATE, &body).await.json();
            assert_eq!(answer["data"]["image"]["mime_type"], mime);
            let picture = picture_of(&answer);
            assert_eq!(image::guess_format(&picture).unwrap().to_mime_type(), mime);
            let decoded = image::load_from_memory(&picture).unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height));
        }
    }
}

#[tokio::test]
async fn edits_take_one_or_two_sources() {
    let (_running, client) = start(quick()).await;
    let first = client.generate("a source").await.json()["data"]["image"]["b64_json"].clone();
    let source = json!({ "data": first, "mime_type": "image/png" });
    for sources in [json!([source]), json!([source, source])] {
        let body =
            json!({ "prompt": "Add a rainbow in the sky", "images": sources, "size": "512x512" });
        let reply = client.post(GENERATE, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["data"]["type"], "edit");
        assert_eq!(image::load_from_memory(&picture_of(&reply.json())).unwrap().width(), 512);
    }
    let kinds: Vec<_> = client.charges().await.iter().map(|c| c["type"].clone()).collect();
    assert_eq!(kinds, ["create", "edit", "edit"]);
}

#[tokio::test]
async fn every_bad_body_has_its_code_and_costs_nothing() {
    let (_running, client) = start(quick()).await;
    let image = |data: &str| json!({ "data": data, "mime_type": "image/png" });
    let cases = [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("", "invalid_json"),
        (r#"{"size":"512x512"}"#, "missing_prompt"),
        (r#"{"prompt":"  "}"#, "missing_prompt"),
        (r#"{"prompt":7}"#, "missing_prompt"),
        (r#"{"prompt":"x","model":"dall-e"}"#, "invalid_model"),
        (r#"{"prompt":"x","model":"zekron-xl"}"#, "invalid_model"),
        (r#"{"prompt":"x","model":3}"#, "invalid_model"),
        (r#"{"prompt":"x","size":"0x9"}"#, "invalid_size"),
        (r#"{"prompt":"x","size":"256x256"}"#, "invalid_size"),
        (r#"{"prompt":"x","images":"y"}"#, "invalid_json"),
    ];
    let mut cases: Vec<_> = cases.map(|(body, code)| (body.to_owned(), code)).into();
    for (images, code) in [
        (json!([image("aGk="), image("aGk="), image("aGk=")]), "too_many_images"),
        (json!([image("not base64!")]), "invalid_base64"),
        (json!([{ "mime_type": "image/png" }]), "invalid_base64"),
        (json!([image("aGVsbG8gd29ybGQ=")]), "invalid_base64"),
    ] {
        cases.push((json!({ "prompt": "x", "images": images }).to_string(), code));
    }
    for (body, code) in cases {
        let reply = send(&client.base, "POST", GENERATE, Some(KEY), body.clone()).await.unwrap();
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!(code)), "{body}");
        assert_eq!(reply.json()["success"], false);
        let support = reply.json()["error"]["support"].as_str().unwrap().to_owned();
        assert!(support.starts_with("Contact support with error code: ERROR_CODE_"), "{support}");
    }
    assert!(client.charges().await.is_empty());
    assert_eq!(client.get("/v1/balance").await.json()["data"]["balance"], "10.0000");
}

#[tokio::test]
async fn keys_paths_and_methods_are_checked() {
    let (_running, client) = start(quick()).await;
    let body = r#"{"prompt":"x"}"#;
    let code = async |method: &str, path: &str, key: Option<&str>| {
        let reply = send(&client.base, method, path, key, body).await.unwrap();
        (reply.status, reply.json()["error"]["code"].as_str().unwrap().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code("POST", GENERATE, None).await, is(401, "unauthorized"));
    assert_eq!(code("POST", GENERATE, Some("sk_other")).await, is(401, "invalid_api_key"));
    assert_eq!(code("GET", GENERATE, Some(KEY)).await, is(405, "method_not_allowed"));
    assert_eq!(code("POST", "/v1/balance", Some(KEY)).await, is(405, "method_not_allowed"));
    assert_eq!(code("GET", "/v1/nothing", Some(KEY)).await, is(404, "not_found"));
    assert_eq!(code("GET", "/v1/images/none", Some(KEY)).await, is(404, "not_found"));
    let settings = json!({ "keys": ["zk_the_only_one"] });
    client.control("PUT", "/settings", settings).await;
    assert_eq!(code("GET", "/v1/balance", Some(KEY)).await, is(401, "invalid_api_key"));
    assert_eq!(client.with_key("zk_the_only_one").get("/v1/balance").await.status, 200);
    let shown = client.control("GET", "/settings", Value::Null).await.to_string();
    assert!(!shown.contains("zk_the_only_one"), "{shown}");
}

#[tokio::test]
async fn a_picture_is_its_owner_s_alone_and_expires() {
    let (_running, client) = start(quick()).await;
    client.control("POST", "/clock", json!({ "set": "2026-01-01T00:00:00Z" })).await;
    let token = client.generate("mine").await.json()["data"]["token"].as_str().unwrap().to_owned();
    let path = format!("/v1/images/{token}");
    let other = client.with_key("zk_somebody_else").get(&path).await;
    assert_eq!((other.status, &other.json()["error"]["code"]), (403, &json!("access_denied")));
    client.control("POST", "/clock", json!({ "advance_ms": 24 * 3_600_000 - 1000 })).await;
    assert_eq!(client.get(&path).await.status, 200);
    client.control("POST", "/clock", json!({ "advance_ms": 1000 })).await;
    let late = client.get(&path).await;
    assert_eq!((late.status, &late.json()["error"]["code"]), (410, &json!("expired")));
}

#[tokio::test]
async fn balance_and_history_follow_every_charge() {
    let (_running, client) = start(quick()).await;
    client.control("POST", "/clock", json!({ "set": "2024-04-07T12:00:00Z" })).await;
    for number in 1..=3 {
        assert_eq!(client.generate(&format!("picture {number}")).await.status, 200);
    }
    let balance = client.get("/v1/balance").await.json()["data"].clone();
    let expected = json!({
        "balance": "9.924892", "total_spent": "0.075108", "total_generations": 3, "currency": "USD"
    });
    assert_eq!(balance, expected);
    let page = client.get("/v1/generations?limit=2").await.json()["data"].clone();
    let ids: Vec<_> =
        page["generations"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [3, 2], "newest first");
    let expected = json!({ "total": 3, "limit": 2, "offset": 0, "has_more": true });
    assert_eq!(page["pagination"], expected);
    let row = &page["generations"][1];
    assert_eq!(row["prompt"], "picture 2");
    assert_eq!((&row["status"], &row["type"]), (&json!("completed"), &json!("create")));
    assert_eq!(row["created_at"], "2024-04-07T12:00:00");
    assert_eq!(row["expires_at"], "2024-04-08T12:00:00");
    let rest = client.get("/v1/generations?limit=2&offset=2").await.json()["data"].clone();
    assert_eq!(rest["generations"][0]["id"], 1);
    assert_eq!(rest["pagination"]["has_more"], false);
    let other = client.with_key("zk_somebody_else").get("/v1/generations").await.json();
    assert_eq!(other["data"]["pagination"]["total"], 0);
    assert_eq!(
        client.get("/v1/generations?limit=900").await.json()["data"]["pagination"]["limit"],
        100
    );
}

#[tokio::test]
async fn a_key_cannot_spend_what_it_has_not_even_five_at_once() {
    let (_running, client) = start(quick()).await;
    client.control("POST", "/balance", json!({ "key": KEY, "micros": 60_000 })).await;
    let (a, b, c, d, e) = tokio::join!(
        client.generate("one"),
        client.generate("two"),
        client.generate("six"),
        client.generate("ten"),
        client.generate("old"),
    );
    let mut statuses = [a.status, b.status, c.status, d.status, e.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 402, 402, 402]);
    let refused = client.generate("more").await;
    assert_eq!(refused.json()["error"]["code"], "insufficient_balance");
    client.control("POST", "/balance", json!({ "key": KEY, "add_micros": 30_000 })).await;
    assert_eq!(client.generate("more").await.status, 200);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_unread() {
    let (_running, client) = start(Settings { max_body_bytes: 2000, ..quick() }).await;
    let reply = client.generate(&"x".repeat(3000)).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (413, &json!("payload_too_large")));
    assert_eq!(client.generate("short").await.status, 200);
}

#[tokio::test]
async fn error_codes_can_be_words_or_support_codes() {
    let (_running, client) = start(quick()).await;
    let code = async || client.get("/v1/images/none").await.json()["error"]["code"].clone();
    assert_eq!(code().await, "not_found");
    client.control("PUT", "/settings", json!({ "error_codes": "support" })).await;
    assert!(code().await.as_str().unwrap().starts_with("ERROR_CODE_"));
}

#[tokio::test]
async fn a_padded_picture_passes_as_a_png_of_the_size_and_weight() {
    let (_running, client) = start(Settings { picture_bytes: Some(150_000), ..quick() }).await;
    let (one, two) = (client.generate("same").await.json(), client.generate("same").await.json());
    assert_eq!(picture_of(&one).len(), 150_000);
    assert_ne!(picture_of(&one), picture_of(&two));
    assert_eq!(image::load_from_memory(&picture_of(&one)).unwrap().width(), 512);
    let token = one["data"]["token"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/images/{token}")).await.bytes(), picture_of(&one));
}

#[tokio::test]
async fn two_pictures_of_one_prompt_differ() {
    let (_running, client) = start(Settings { image_format: Format::Png, ..quick() }).await;
    let (one, two) = (client.generate("same").await.json(), client.generate("same").await.json());
    assert_ne!(picture_of(&one), picture_of(&two));
}
