//! Uploads, downloads, ranges, links.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::Value;

use super::{Answer, Call, House, painter::picture};

fn form(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head =
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat()
}

async fn upload(house: &House, body: Vec<u8>) -> Answer {
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    let call = Call::new(Method::POST, "/v1/assets");
    house.send(Call { key: Some(&house.key), headers: &headers, body: body.into(), ..call }).await
}

#[actix_web::test]
async fn an_upload_comes_back_whole_and_in_parts() {
    let house = House::new().await;
    let bytes = picture(100_000);
    let asset = upload(&house, form("file", &bytes)).await.expect(201);
    assert_eq!((&asset["mime_type"], &asset["bytes"]), (&"image/png".into(), &100_000.into()));
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    let get = async |range: &str, more: (&str, &str)| {
        let headers = [("range", range), more];
        house
            .send(Call {
                key: Some(&house.key),
                headers: &headers,
                ..Call::new(Method::GET, &path)
            })
            .await
    };
    let none = ("accept", "*/*");
    let whole = house.get(&path).await;
    assert_eq!((whole.status.as_u16(), &whole.body), (200, &bytes));
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(whole.header(name), value);
    }
    assert!(whole.header("content-disposition").starts_with("inline; filename=\"ast_"));
    let tag = whole.header("etag").to_owned();

    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=99990-", 99_990, 100_000),
        ("bytes=-5", 99_995, 100_000),
        ("bytes=5-999999", 5, 100_000),
    ] {
        let part = get(range, none).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &bytes[from..to]), "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/100000", to - 1));
    }
    for range in ["bytes=20-10", "bytes=x", "lines=1-2", "bytes=0-1,5-6"] {
        assert_eq!(get(range, none).await.status.as_u16(), 200, "{range}");
    }
    let beyond = get("bytes=100000-", none).await;
    beyond.refused(416, "invalid_request", Some("range"));
    assert_eq!(beyond.header("content-range"), "bytes */100000");
    assert_eq!(get("bytes=0-1", ("if-range", "\"other\"")).await.status.as_u16(), 200);
    assert_eq!(get("bytes=0-1", ("if-range", &tag)).await.status.as_u16(), 206);
    let fresh = get("", ("if-none-match", &tag)).await;
    assert_eq!((fresh.status.as_u16(), fresh.body.len()), (304, 0));
    let head = Call { key: Some(&house.key), ..Call::new(Method::HEAD, &path) };
    assert_eq!(house.send(head).await.status.as_u16(), 200);
}

#[actix_web::test]
async fn bad_uploads_leave_nothing() {
    let house = House::new().await;
    upload(&house, form("picture", b"x")).await.refused(
        400,
        "unsupported_parameter",
        Some("picture"),
    );
    upload(&house, form("file", b"")).await.refused(400, "invalid_request", Some("file"));
    let cut = form("file", &[7; 1000]);
    let answer = upload(&house, cut[..500].to_vec()).await;
    answer.refused(400, "invalid_request", None);
    let large = vec![7; (1 << 20) + 1];
    upload(&house, form("file", &large)).await.refused(413, "request_too_large", Some("file"));
    let twice = [&form("file", b"x")[..form("file", b"x").len() - 7], &form("file", b"y")].concat();
    upload(&house, twice).await.refused(400, "invalid_request", Some("file"));
}

#[actix_web::test]
async fn only_the_team_and_who_has_a_good_link_see_an_asset() {
    let house = House::new().await;
    let asset = upload(&house, form("file", &picture(0))).await.expect(201);
    let path = format!("/v1/assets/{}", asset["id"].as_str().unwrap());
    let link = asset["url"].as_str().unwrap().strip_prefix("http://atelier.test").unwrap();
    let get = async |path: &str, key: Option<&str>| {
        house.send(Call { key, ..Call::new(Method::GET, path) }).await
    };
    assert_eq!(get(link, None).await.body, picture(0));
    get(&path, Some(&house.stranger)).await.refused(404, "not_found", None);
    get(&path, None).await.refused(401, "missing_api_key", None);
    let forged = link.replace("sig=", "sig=x");
    get(&forged, None).await.refused(403, "forbidden", None);
    house.clock.advance(Duration::from_secs(3600));
    get(link, None).await.refused(410, "expired", None);
    get(&path, Some(&house.key)).await.refused(410, "expired", None);
    get(&path, Some(&house.stranger)).await.refused(404, "not_found", None);
}

#[actix_web::test]
async fn an_upload_is_an_input() {
    let house = House::new().await;
    let asset = upload(&house, form("file", &picture(0))).await.expect(201);
    let body = |role: &str, mime: &str| {
        let id = asset["id"].as_str().unwrap();
        format!(
            r#"{{"kind": "image", "prompt": "x", "inputs":
                [{{"role": "{role}", "asset": "{id}", "mime_type": "{mime}"}}]}}"#
        )
    };
    let wait = [("prefer", "wait=9")];
    let made = house.post_with("/v1/generations", &body("source", "image/png"), &wait).await;
    assert_eq!(made.expect(201)["status"], Value::from("completed"));
    let wrong = house.post("/v1/generations", &body("source", "image/webp")).await;
    wrong.refused(400, "invalid_request", Some("inputs[0].mime_type"));
    let nobody = house.post("/v1/generations", &body("reference", "image/png")).await;
    nobody.refused(422, "no_candidate", None);
    let still = house.post("/v1/generations", &body("video", "image/png")).await;
    still.refused(400, "invalid_request", Some("inputs[0].asset"));
}
