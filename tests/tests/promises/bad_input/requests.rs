//! Requests that are none: without a key, of another type, to nowhere.

use serde_json::json;
use tests::Client;

use super::{IMAGES, NATIVE, assert_untouched};
use crate::house;

type Headers = &'static [(&'static str, &'static str)];

const JSON: Headers = &[("content-type", "application/json")];
const TEXT: Headers = &[("content-type", "text/plain")];
const FORM: Headers = &[("content-type", "multipart/form-data; boundary=x")];
const PACKED: Headers = &[("content-type", "application/json"), ("content-encoding", "gzip")];

async fn assert_refused(
    client: &Client,
    (name, method, path, headers): (&str, &str, &str, &[(&str, &str)]),
    wanted: (u16, &str),
) {
    let body = json!({ "prompt": "x" }).to_string();
    let reply = client.send(method, path, headers, body).await;
    let (status, code, _) = reply.refusal();
    assert_eq!((status, code.as_str()), wanted, "{name}: {}", reply.text());
}

#[tokio::test]
async fn keys_that_open_nothing() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let anyone = gateway.anyone();
    let wrong = (401, "invalid_api_key");
    assert_refused(&anyone, ("no key", "POST", IMAGES, JSON), (401, "missing_api_key")).await;
    for key in ["atl_wrong", "", "sk-123", &format!("{}x", team.key), &team.key[..30]] {
        let client = anyone.with_key(key);
        assert_refused(&client, (key, "POST", IMAGES, JSON), wrong).await;
        assert_refused(&client, (key, "GET", "/v1/models", &[]), wrong).await;
    }
    let basic = [("authorization", "Basic YTpi")];
    assert_refused(&anyone, ("another scheme", "GET", "/v1/models", &basic), wrong).await;
    assert_untouched(&vendor, &mut gateway, &team).await;
}

#[tokio::test]
async fn requests_that_make_no_sense() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let long = "k".repeat(300);
    let long_key = [("content-type", "application/json"), ("idempotency-key", &long)];
    let (invalid, no_type) = ((400, "invalid_request"), (415, "unsupported_media_type"));
    for (request, wanted) in [
        (("text", "POST", IMAGES, TEXT), no_type),
        (("no type", "POST", NATIVE, &[]), no_type),
        (("a form for JSON", "POST", NATIVE, FORM), no_type),
        (("JSON for a form", "POST", "/v1/assets", JSON), no_type),
        (("packed", "POST", IMAGES, PACKED), no_type),
        (("no such path", "GET", "/v1/imagine", &[]), (404, "not_found")),
        (("no such model", "GET", "/v1/models/none", &[]), (404, "model_not_found")),
        (("a wrong method", "DELETE", IMAGES, &[]), (405, "method_not_allowed")),
        (("a long key", "POST", IMAGES, &long_key), invalid),
        (("no limit", "GET", "/v1/generations?limit=0", &[]), invalid),
        (("a limit of text", "GET", "/v1/generations?limit=ten", &[]), invalid),
        (("a wrong cursor", "GET", "/v1/generations?cursor=%00", &[]), invalid),
        (("a wrong kind", "GET", "/v1/generations?kind=smell", &[]), invalid),
        (("a wrong day", "GET", "/v1/usage?from=yesterday", &[]), invalid),
    ] {
        assert_refused(&team.client, request, wanted).await;
    }
    // What is hardly HTTP is answered or hung up on, and survived.
    for raw in ["GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n"]
    {
        let answer = team.client.raw(raw.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{raw}");
    }
    assert_untouched(&vendor, &mut gateway, &team).await;
}
