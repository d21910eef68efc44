//! Where outputs lie, and what is done where they do not.

use provider::{Blame, ErrorKind, Kind, Provider, Retry, Submitted, Work};
use provider_conformance::{Answer, Vendor};
use serde_json::{Value, json};

use crate::adapter::{KEY, Scene, location, ok, refused};

fn place(url: Option<&str>) -> String {
    json!({"kind": "image", "creation": "6147", "url": url}).to_string()
}

fn bytes() -> Answer {
    Answer::new(200, "image/webp", "the bytes")
}

fn creation() -> Value {
    json!({"creation_id": 6147, "images": [{"url": "/users/2/img/image-6147.png"}]})
}

#[tokio::test]
async fn an_address_begins_at_the_site_and_needs_no_key() {
    let scene = Scene::of(|request, path| match path {
        "/users/2/img/image-6147.webp" if request.header("authorization").is_none() => bytes(),
        other => panic!("not to be asked: {other}"),
    });
    let whole = format!("{}/users/2/img/image-6147.webp", scene.vendor.url());
    for url in ["/users/2/img/image-6147.webp", "users/2/img/image-6147.webp", whole.as_str()] {
        assert_eq!(scene.fetch(&place(Some(url))).await.unwrap(), b"the bytes", "{url}");
    }
    assert_eq!(scene.turns.taken(), 0, "files are outside the API, whose requests are counted");
}

#[tokio::test]
async fn another_host_gets_no_key() {
    let elsewhere = Vendor::start(|_| bytes());
    let scene = Scene::of(|_, path| panic!("not to be asked: {path}"));
    let url = format!("{}/image-6147.webp", elsewhere.url());
    assert_eq!(scene.fetch(&place(Some(&url))).await.unwrap(), b"the bytes");
    let [request] = elsewhere.requests().try_into().unwrap();
    assert!(request.headers.iter().all(|(_, value)| !value.contains(KEY)), "{request:?}");
}

#[tokio::test]
async fn an_address_that_is_no_longer_good_is_asked_for_anew() {
    for status in [401, 403, 404, 410] {
        let scene = Scene::of(move |request, path| match path {
            "/creations/6147" if request.header("authorization").is_some() => ok(creation()),
            "/users/2/img/image-6147.png" => bytes(),
            _ => Answer::new(status, "text/html", "gone"),
        });
        let fetched = scene.fetch(&place(Some("/users/2/img/image-6147.webp"))).await;
        assert_eq!(fetched.unwrap(), b"the bytes", "{status}");
        assert_eq!(scene.asked().len(), 3, "{:?}", scene.asked());
        assert_eq!(scene.turns.taken(), 1, "the creation's");
    }
}

#[tokio::test]
async fn what_showed_no_address_is_asked_for_by_its_number() {
    let scene = Scene::of(|_, path| match path {
        "/creations/6147" => ok(creation()),
        "/users/2/img/image-6147.png" => bytes(),
        other => panic!("not to be asked: {other}"),
    });
    assert_eq!(scene.fetch(&place(None)).await.unwrap(), b"the bytes");
}

#[tokio::test]
async fn what_is_gone_is_not_found() {
    for gone in [refused(404, "NOT_FOUND"), ok(json!({"creation_id": 6147}))] {
        let scene = Scene::of(move |_, path| match path {
            "/creations/6147" => gone.clone(),
            _ => Answer::new(404, "text/html", "gone"),
        });
        for url in [Some("/users/2/img/image-6147.webp"), None] {
            let error = scene.fetch(&place(url)).await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (ErrorKind::NotFound, Retry::No), "{url:?}");
        }
    }
    // The same address again is no news.
    let scene = Scene::of(|_, path| match path {
        "/creations/6147" => ok(creation()),
        _ => Answer::new(403, "text/html", "no"),
    });
    let error = scene.fetch(&place(Some("/users/2/img/image-6147.png"))).await.unwrap_err();
    assert_eq!((error.kind(), error.blame()), (ErrorKind::Failed, Blame::Vendor));
    assert_eq!(scene.asked().len(), 2, "{:?}", scene.asked());
}

#[tokio::test]
async fn a_site_that_is_down_is_asked_later() {
    let scene = Scene::of(|_, _| Answer::new(503, "text/html", "oops").header("retry-after", "7"));
    let error = scene.fetch(&place(Some("/users/2/img/image-6147.webp"))).await.unwrap_err();
    assert_eq!((error.kind(), error.blame()), (ErrorKind::Unavailable, Blame::Vendor));
    let after = Some(std::time::Duration::from_secs(7));
    assert_eq!(error.retry(), Retry::Safe { after });
    assert_eq!(scene.asked().len(), 1, "{:?}", scene.asked());
}

#[tokio::test]
async fn a_page_is_no_output() {
    for answer in [
        Answer::new(200, "text/html; charset=utf-8", "<title>Welcome</title>"),
        Answer::new(200, "application/json", "{}"),
        Answer::new(200, "image/png", ""),
    ] {
        let scene = Scene::of(move |_, _| answer.clone());
        let error = scene.fetch(&place(Some("/users/2/img/image-6147.webp"))).await.unwrap_err();
        assert_eq!((error.kind(), error.blame()), (ErrorKind::Failed, Blame::Vendor));
    }
    let vector = Scene::of(|_, _| Answer::new(200, "image/svg+xml", "<svg/>"));
    assert_eq!(vector.fetch(&place(Some("/users/2/svg/v-1.svg"))).await.unwrap(), b"<svg/>");
}

#[tokio::test]
async fn a_place_that_is_none_of_ours_is_not_asked() {
    let scene = Scene::of(|_, path| panic!("not to be asked: {path}"));
    for location in ["", "{}", "https://generor.com/x.png", r#"{"kind":"image"}"#] {
        assert!(scene.fetch(location).await.is_err(), "{location}");
    }
    let upwards = json!({"kind": "image", "creation": ".."}).to_string();
    assert_eq!(scene.fetch(&upwards).await.unwrap_err().retry(), Retry::No);
}

#[tokio::test]
async fn a_picture_that_was_sent_is_no_output() {
    let sent = "https://gateway.example/inputs/source.png?sig=5e1f";
    let scene = Scene::of(move |_, _| {
        ok(json!({"credit_cost": 9, "creations": [{"creation_id": 7, "image_url": sent,
            "vision_text": "A cat."}]}))
    });
    let input = provider::Input {
        role: provider::Role::Source,
        media_type: "image/png".to_owned(),
        bytes: bytes::Bytes::new(),
        url: Some(sent.to_owned()),
    };
    let work = Work { inputs: vec![input], ..Work::image("10001", "a fox") };
    let mut sink = scene.sink.clone();
    let submitted = scene.adapter.submit(scene.call(), &work, &mut sink).await.unwrap();
    let Submitted::Finished(finished) = submitted else { panic!("{submitted:?}") };
    assert_eq!(location(&finished), r#"{"kind":"image","creation":"7"}"#);
    assert_eq!(work.kind, Kind::Image);
}

#[tokio::test]
async fn a_team_that_is_not_ours_is_the_callers_fault() {
    for (message, kind, blame) in [
        ("You are not a member of this team", ErrorKind::Invalid, Blame::Caller),
        ("This key lacks the generate scope", ErrorKind::Unauthorised, Blame::Account),
    ] {
        let scene = Scene::of(move |_, _| {
            let error = json!({"code": "FORBIDDEN", "message": message, "status": 403});
            Answer::json(403, &json!({"success": false, "error": error}))
        });
        let mut work = Work::image("10003", "a fox");
        work.options.insert("team_id".to_owned(), json!(7));
        let mut sink = scene.sink.clone();
        let error = scene.adapter.submit(scene.call(), &work, &mut sink).await.unwrap_err();
        assert_eq!((error.kind(), error.blame()), (kind, blame), "{message}");
    }
}
