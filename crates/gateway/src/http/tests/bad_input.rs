//! Whatever is wrong gets a 4xx that names it, nothing is charged, and the process lives.

use actix_web::http::Method;
use bytes::Bytes;

use super::{Call, House};

const IMAGES: &str = "/v1/images/generations";
const EDITS: &str = "/v1/images/edits";
const NATIVE: &str = "/v1/generations";

#[actix_web::test]
async fn bad_bodies_are_refused_by_name_and_cost_nothing() {
    let house = House::new().await;
    let long = format!(r#"{{"prompt": "{}"}}"#, "x".repeat(40_000));
    let input = |input: &str| format!(r#"{{"prompt": "x", "inputs": [{input}]}}"#);
    let bomb = bomb();
    let invalid = "invalid_request";
    let unknown = "unsupported_parameter";
    for (path, body, status, code, param) in [
        (IMAGES, "not json", 400, "invalid_json", None),
        (IMAGES, "", 400, "invalid_json", None),
        (IMAGES, "[]", 400, invalid, None),
        (IMAGES, r#"{"prompt": 5}"#, 400, invalid, Some("prompt")),
        (IMAGES, &long, 400, invalid, Some("prompt")),
        (IMAGES, r#"{"prompt": "x", "size": "0x9"}"#, 400, invalid, Some("size")),
        (IMAGES, r#"{"prompt": "x", "n": 11}"#, 400, invalid, Some("n")),
        (
            IMAGES,
            r#"{"prompt": "x", "model": "nobody/none"}"#,
            404,
            "model_not_found",
            Some("model"),
        ),
        (IMAGES, r#"{"prompt": "x", "sise": "1x1"}"#, 400, unknown, Some("sise")),
        (
            IMAGES,
            r#"{"prompt": "x", "background": "transparent"}"#,
            400,
            unknown,
            Some("background"),
        ),
        (IMAGES, r#"{"prompt": "x", "webhook": {}}"#, 400, invalid, Some("webhook.url")),
        (
            IMAGES,
            r#"{"prompt": "x", "quality": "hd", "strict": true}"#,
            400,
            unknown,
            Some("quality"),
        ),
        (IMAGES, r#"{"prompt": "x", "size": "3x3"}"#, 422, "no_candidate", None),
        (EDITS, r#"{"prompt": "x"}"#, 400, invalid, Some("image")),
        (
            EDITS,
            r#"{"prompt": "x", "images": [{"data": "?"}]}"#,
            400,
            invalid,
            Some("images[0].data"),
        ),
        (NATIVE, "{", 400, "invalid_json", None),
        (NATIVE, r#"{"prompt": "x", "kind": "picture"}"#, 400, invalid, Some("kind")),
        (NATIVE, r#"{"prompt": "x"}"#, 400, invalid, Some("kind")),
        (
            NATIVE,
            r#"{"prompt": "x", "model": "photo", "kind": "video"}"#,
            400,
            invalid,
            Some("kind"),
        ),
        (NATIVE, &input(r#"{"role": "source", "data": "no base64!"}"#), 400, invalid, Some("kind")),
        (
            NATIVE,
            &with_model(&input(r#"{"role": "source", "data": "no base64!"}"#)),
            400,
            invalid,
            Some("inputs[0].data"),
        ),
        (
            NATIVE,
            &with_model(&input(r#"{"role": "source", "data": "aGVsbG8="}"#)),
            400,
            "invalid_image",
            Some("inputs[0].data"),
        ),
        (
            NATIVE,
            &with_model(&input(&format!(r#"{{"role": "source", "data": "{bomb}"}}"#))),
            400,
            "invalid_image",
            Some("inputs[0].data"),
        ),
        (
            NATIVE,
            &with_model(&input(r#"{"role": "source", "url": "http://127.0.0.1/a.png"}"#)),
            400,
            invalid,
            Some("inputs[0].url"),
        ),
        (
            NATIVE,
            &with_model(&input(r#"{"role": "source", "url": "http://localhost/a.png"}"#)),
            400,
            invalid,
            Some("inputs[0].url"),
        ),
        (
            NATIVE,
            &with_model(&input(r#"{"role": "source", "url": "file:///etc/passwd"}"#)),
            400,
            invalid,
            Some("inputs[0].url"),
        ),
        (
            NATIVE,
            &with_model(&input(r#"{"role": "source", "asset": "ast_none"}"#)),
            400,
            invalid,
            Some("inputs[0].asset"),
        ),
        ("/v1/estimates", r#"{"prompt": "x", "kind": "image", "n": 1}"#, 400, unknown, Some("n")),
    ] {
        let answer = house.post(path, body).await;
        println!("{path} {} {}", &body[..body.len().min(80)], answer.text());
        answer.refused(status, code, param);
    }
    let ledger = house.operate(Method::GET, "/admin/v1/ledger", "").await.expect(200);
    assert_eq!(ledger["data"], serde_json::json!([]));
    let made = house.get("/v1/generations").await.expect(200);
    assert_eq!(made["data"], serde_json::json!([]));
}

fn with_model(body: &str) -> String {
    body.replacen('{', r#"{"model": "photo", "#, 1)
}

/// A picture of a few bytes that would be 400 GB in memory.
fn bomb() -> String {
    let mut bytes = super::painter::picture(0).to_vec();
    bytes[16..24].copy_from_slice(&[0, 5, 0, 0, 0, 5, 0, 0]);
    let sum = crc32fast::hash(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[actix_web::test]
async fn what_is_no_good_request_at_all_is_refused_in_the_same_shape() {
    let house = House::new().await;
    let key = Some(house.key.as_str());
    let call = |method, path, key, headers, body: &'static [u8]| Call {
        method,
        path,
        key,
        headers,
        peer: None,
        body: Bytes::from_static(body),
    };
    let json: &[(&str, &str)] = &[("content-type", "application/json")];
    let form: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
    let packed: &[(&str, &str)] =
        &[("content-type", "application/json"), ("content-encoding", "gzip")];
    let parts: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=x")];
    let no_key: &[(&str, &str)] = &[("idempotency-key", ""), ("content-type", "application/json")];
    let prompt = br#"{"prompt": "x"}"#;
    let (post, get) = (Method::POST, Method::GET);
    for (call, status, code, param) in [
        (call(get.clone(), "/nowhere", key, json, b""), 404, "not_found", None),
        (call(get.clone(), "/v1/videos/x", key, json, b""), 404, "not_found", None),
        (call(get.clone(), IMAGES, key, json, b""), 405, "method_not_allowed", None),
        (call(post.clone(), IMAGES, None, json, prompt), 401, "missing_api_key", None),
        (call(post.clone(), IMAGES, Some("atl_wrong"), json, prompt), 401, "invalid_api_key", None),
        (
            call(post.clone(), IMAGES, Some(&house.admin), json, prompt),
            401,
            "invalid_api_key",
            None,
        ),
        (call(post.clone(), IMAGES, key, form, prompt), 415, "unsupported_media_type", None),
        (call(post.clone(), IMAGES, key, &[], prompt), 415, "unsupported_media_type", None),
        (call(post.clone(), IMAGES, key, packed, prompt), 415, "unsupported_media_type", None),
        (call(post.clone(), EDITS, key, form, prompt), 415, "unsupported_media_type", None),
        (call(post.clone(), "/v1/assets", key, json, b""), 415, "unsupported_media_type", None),
        (call(post.clone(), EDITS, key, parts, b"nonsense"), 400, "invalid_request", None),
        (
            call(post.clone(), "/v1/assets", key, parts, b"--x--\r\n"),
            400,
            "invalid_request",
            Some("file"),
        ),
        (call(post, IMAGES, key, no_key, prompt), 400, "invalid_request", Some("idempotency-key")),
        (
            call(get.clone(), "/v1/generations?limit=0", key, json, b""),
            400,
            "invalid_request",
            Some("limit"),
        ),
        (
            call(get.clone(), "/v1/generations?kind=x", key, json, b""),
            400,
            "invalid_request",
            Some("kind"),
        ),
        (
            call(get.clone(), "/v1/usage?from=x", key, json, b""),
            400,
            "invalid_request",
            Some("from"),
        ),
        (call(get.clone(), "/v1/generations/gen_x", key, json, b""), 404, "not_found", None),
        (call(get.clone(), "/v1/generations/gen_x/events", key, json, b""), 404, "not_found", None),
        (call(get.clone(), "/v1/assets/ast_x", key, json, b""), 404, "not_found", None),
        (
            call(get.clone(), "/v1/models/no/body", key, json, b""),
            404,
            "model_not_found",
            Some("id"),
        ),
        (call(get.clone(), "/admin/v1/teams", key, json, b""), 403, "forbidden", None),
        (
            call(get.clone(), "/admin/v1/teams", Some("nobody"), json, b""),
            401,
            "invalid_api_key",
            None,
        ),
        (call(get.clone(), "/docs/nothing.js", None, json, b""), 404, "not_found", None),
        (call(get, "/panic", None, json, b""), 500, "internal_error", None),
    ] {
        let name = format!("{} {}", call.method, call.path);
        let answer = house.send(call).await;
        println!("{name}: {}", answer.text());
        answer.refused(status, code, param);
    }
    let answer = house.get(IMAGES).await;
    assert_eq!(answer.header("allow"), "POST");
    let answer = house.send(Call::new(Method::GET, "/v1/usage")).await;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[actix_web::test]
async fn a_large_body_is_refused_before_it_is_read() {
    let house = House::new().await;
    let limit = house.state.limits.body_bytes();
    let body = format!(r#"{{"prompt": "{}"}}"#, "x".repeat(limit));
    house.post(IMAGES, &body).await.refused(413, "request_too_large", None);
}
