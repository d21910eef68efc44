//! The native routes: waiting, watching, calling back, deleting, inputs, formats, parts of bytes.

use std::time::Duration;

use serde_json::{Value, json};
use simulated_vendors::zekron::Settings;
use tests::{Client, Form, Ledger, Team, Vendor, config, micros, path_of, pictures, quick, until};
use tokio::time::timeout;

use crate::{house, image, run};

/// An event's name and its data.
fn events(text: &str) -> Vec<(String, Value)> {
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let data = serde_json::from_str(field("data: ")?).expect("JSON");
        Some((field("event: ")?.to_owned(), data))
    };
    text.split("\n\n").filter_map(event).collect()
}

#[tokio::test]
async fn a_post_answers_at_once_or_waits_as_preferred() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 1500, "max": 1500 } })).await;
    let post = async |prefer: &[(&str, &str)]| {
        team.client.post_with("/v1/generations", &image("waiting"), prefer).await
    };
    for headers in [&[][..], &[("prefer", "respond-async")], &[("prefer", "wait=1")]] {
        let answer = post(headers).await.expect(202).json();
        assert!(["queued", "running"].contains(&answer["status"].as_str().unwrap_or_default()));
        assert_eq!((&answer["outputs"], &answer["error"]), (&json!([]), &Value::Null));
        assert_eq!(
            team.ended(answer["id"].as_str().unwrap_or_default()).await["status"],
            "completed"
        );
    }
    let answer = post(&[("prefer", "wait=60")]).await.expect(201).json();
    assert_eq!(answer["status"], "completed");
}

#[tokio::test]
async fn a_generation_tells_all_about_itself() {
    let (vendor, gateway) = house(json!({ "cache": { "enabled": true } })).await;
    let team = gateway.team("a").await;
    let mut body = image("all about it");
    body["metadata"] = json!({ "order": "42" });
    let made = team.generate(&body).await;
    assert_eq!(made, team.generation(made["id"].as_str().unwrap_or_default()).await);
    let total = vendor.total().await;
    for (field, value) in [
        ("object", json!("generation")),
        ("kind", json!("image")),
        ("status", json!("completed")),
        ("model", json!("photo")),
        ("progress", json!(100)),
        ("provider", json!("zekron")),
        ("provider_model", json!("zekron/zekron-image-1")),
        ("account", json!("main")),
        ("cache", json!("miss")),
        ("adjustments", json!({})),
        ("error", Value::Null),
        ("metadata", json!({ "order": "42" })),
    ] {
        assert_eq!(made[field], value, "{field}: {made}");
    }
    assert_eq!(micros(&made["cost"]["charged_usd"]), total);
    let attempt = &made["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], micros(&attempt["charged_usd"])),
        (&json!("completed"), total)
    );
    let output = &made["outputs"][0];
    let bytes = team.download(output).await;
    assert_eq!(
        bytes.header("content-type"),
        Some("image/png"),
        "what it is, not what it was called"
    );
    assert_eq!(output["mime_type"], "image/png");
    assert_eq!((&output["width"], &output["height"]), (&json!(512), &json!(512)));
    assert_eq!(output["bytes"].as_u64(), u64::try_from(bytes.body.len()).ok());
}

#[tokio::test]
async fn events_tell_each_state_and_the_final_one_to_latecomers_too() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 300, "max": 300 } })).await;
    let id = team.begin(&image("watched")).await;
    let path = format!("/v1/generations/{id}/events");
    let live = team.client.get(&path).await.expect(200);
    assert_eq!(live.header("content-type"), Some("text/event-stream"));
    let seen = events(&live.text());
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.last(), Some(&"generation.completed"), "{names:?}");
    assert!(names.contains(&"generation.running"), "{names:?}");
    for (name, data) in &seen {
        assert_eq!(data["id"], id.as_str());
        assert_eq!(*name, format!("generation.{}", data["status"].as_str().unwrap_or_default()));
    }
    let late = events(&team.client.get(&path).await.expect(200).text());
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!(late[0], ("generation.completed".to_owned(), team.generation(&id).await));
}

#[tokio::test]
async fn what_no_vendor_has_seen_can_be_called_back() {
    let one = json!({ "concurrent": 1 });
    let change =
        json!({ "providers": { "zekron": { "accounts": { "main": { "limits": one } } } } });
    let (vendor, gateway) = house(change).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 800, "max": 800 } })).await;
    let first = team.begin(&image("under way")).await;
    vendor.asked("generate", 1).await;
    let second = team.begin(&image("in the queue")).await;
    let cancel = async |id: &str| {
        let path = format!("/v1/generations/{id}/cancel");
        team.client.send("POST", &path, &[], "").await
    };
    assert_eq!(cancel(&first).await.refusal(), (409, "not_cancellable".to_owned(), None));
    assert_eq!(cancel(&second).await.expect(200).json()["status"], "cancelled");
    assert_eq!(team.ended(&first).await["status"], "completed");
    assert_eq!(team.ended(&second).await["status"], "cancelled");
    assert_eq!(cancel(&first).await.refusal(), (409, "not_cancellable".to_owned(), None));
    // A third one takes the slot that the second never had.
    team.generate(&image("after it")).await;
    assert_eq!(vendor.count("generate").await, 2, "the vendor never heard of the second");
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_the_books_keep_the_money() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let made = team.generate(&image("an unforgettable violet dromedary")).await;
    let id = made["id"].as_str().unwrap_or_default();
    let link = path_of(made["outputs"][0]["url"].as_str().unwrap_or_default()).to_owned();
    let path = format!("/v1/generations/{id}");
    let deleted = team.client.delete(&path).await;
    assert!((200..300).contains(&deleted.status), "{}", deleted.text());
    for gone in [path.clone(), format!("{path}/events")] {
        let answer = team.client.get(&gone).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned(), None), "{gone}");
    }
    assert_eq!(team.client.delete(&path).await.refusal().0, 404);
    assert_eq!(gateway.anyone().get(&link).await.refusal().0, 404);
    assert_eq!(team.generations().await, Vec::<Value>::new());
    let ledger = Ledger::read(&gateway.admin()).await;
    assert_eq!(ledger.sum("provider:zekron/main"), vendor.total().await);
    let usage = team.client.get("/v1/usage").await.expect(200).json();
    assert_eq!(micros(&usage["charged_usd"]), vendor.total().await);
}

#[tokio::test]
async fn assets_come_whole_and_in_parts() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let made = team.generate(&image("in parts")).await;
    let asset = made["outputs"][0]["asset"].as_str().unwrap_or_default();
    let path = format!("/v1/assets/{asset}");
    let whole = team.client.get(&path).await.expect(200);
    let size = whole.body.len();
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let part = async |range: &str| team.client.send("GET", &path, &[("range", range)], "").await;
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=10-19".to_owned(), 10, 20),
        ("bytes=100-".to_owned(), 100, size),
        ("bytes=-7".to_owned(), size - 7, size),
        (format!("bytes={}-999999999", size - 1), size - 1, size),
    ] {
        let answer = part(&range).await.expect(206);
        assert_eq!(answer.body, whole.body[from..to], "{range}");
        let told = format!("bytes {from}-{}/{size}", to - 1);
        assert_eq!(answer.header("content-range"), Some(told.as_str()));
    }
    // What is no range is no range (RFC 9110).
    for odd in ["bytes=9-3", "bytes=x", "lines=1-2", "bytes="] {
        assert_eq!(part(odd).await.expect(200).body.len(), size, "{odd}");
    }
    for beyond in [format!("bytes={size}-"), "bytes=999999999-".to_owned()] {
        let answer = part(&beyond).await;
        assert_eq!(answer.refusal().0, 416, "{beyond}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()));
    }
    let tag = whole.header("etag").expect("a tag").to_owned();
    let fresh = team.client.send("GET", &path, &[("if-none-match", &tag)], "").await.expect(304);
    assert!(fresh.body.is_empty());
}

#[tokio::test]
async fn a_picture_comes_in_the_format_that_was_asked_for() {
    // Drawn pictures, JPEG called PNG, as the real vendor sends them.
    let settings = Settings { picture_bytes: None, ..quick() };
    let vendor = Vendor::start(settings).await;
    let gateway = run().gateway(&config(&vendor, &json!({}))).await;
    let team = gateway.team("a").await;
    for (name, format) in [
        ("png", image::ImageFormat::Png),
        ("jpeg", image::ImageFormat::Jpeg),
        ("webp", image::ImageFormat::WebP),
    ] {
        let body = json!({ "prompt": name, "size": "512x512", "output_format": name });
        let answer = team.client.post("/v1/images/generations", &body).await.expect(200).json();
        let item = &answer["data"][0];
        let bytes = pictures::from_base64(item["b64_json"].as_str().unwrap_or_default());
        assert_eq!(pictures::decoded(&bytes), (format, 512, 512), "{name}");
        let link = path_of(item["url"].as_str().unwrap_or_default());
        let linked = gateway.anyone().get(link).await.expect(200);
        assert_eq!(linked.body, bytes, "{name}");
        assert_eq!(linked.header("content-type"), Some(format!("image/{name}").as_str()));

        let mut body = image(&format!("native {name}"));
        body["output"] = json!({ "format": name, "delivery": "b64" });
        let made = team.generate(&body).await;
        let output = &made["outputs"][0];
        assert_eq!(output["mime_type"], format!("image/{name}"));
        let bytes = pictures::from_base64(output["b64"].as_str().unwrap_or_default());
        assert_eq!(pictures::decoded(&bytes), (format, 512, 512), "{name}");
    }
    // Without a wish it comes as it is.
    let made = team.generate(&image("as it is")).await;
    assert_eq!(made["outputs"][0]["mime_type"], "image/jpeg");
}

#[tokio::test]
async fn of_several_pictures_the_good_ones_count() {
    let (vendor, gateway) = house(json!({ "routing": { "attempts": 1 } })).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("reset_before", json!({})).await;
    let mut body = image("three of them");
    body["count"] = json!(3);
    let made = team.generate(&body).await;
    assert_eq!(made["status"], "completed", "{made}");
    assert_eq!(made["outputs"].as_array().map(Vec::len), Some(2), "{made}");
    let outcomes = made["attempts"].as_array().into_iter().flatten();
    let failed = outcomes.filter(|attempt| attempt["outcome"] == "failed");
    assert_eq!(failed.count(), 1, "{made}");
    assert_eq!(vendor.charges().await.len(), 2);
    assert_eq!(micros(&made["cost"]["charged_usd"]), vendor.total().await);

    vendor.fault_on_generate("reset_before", json!({ "times": 2 })).await;
    body["count"] = json!(2);
    let made = team.generate(&body).await;
    assert_eq!((&made["status"], &made["outputs"]), (&json!("failed"), &json!([])), "{made}");
    assert_eq!(made["cost"]["charged_usd"], "0.000000");
}

async fn upload(client: &Client, bytes: &[u8]) -> String {
    let form = Form::new().file("file", "image/png", bytes);
    let headers = [("content-type", &*Form::content_type())];
    let answer = client.send("POST", "/v1/assets", &headers, form.body()).await.expect(201).json();
    assert_eq!(answer["mime_type"], "image/png", "{answer}");
    answer["id"].as_str().unwrap_or_default().to_owned()
}

/// Serves these answers, whatever is asked: `None` leads to the next path.
async fn page(
    address: &str,
    answer: String,
    body: bytes::Bytes,
) -> (String, tokio::task::JoinSet<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind((address, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 4096];
            if stream.read(&mut asked).await.is_ok() {
                let all = [answer.as_bytes(), &body].concat();
                drop(stream.write_all(&all).await);
            }
        }
    });
    (url, server)
}

async fn edit(team: &Team, input: Value) -> Value {
    let body = json!({ "kind": "image", "prompt": "in winter", "inputs": [input] });
    team.generate(&body).await
}

#[tokio::test]
async fn an_edit_starts_from_an_asset_base64_or_an_address() {
    let (vendor, gateway) = house(json!({ "fetch": { "allow": ["127.0.0.2/32"] } })).await;
    let team = gateway.team("a").await;
    let picture = pictures::picture(image::ImageFormat::Png);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        picture.len()
    );
    let (url, _server) = page("127.0.0.2", head, picture.clone()).await;
    let asset = upload(&team.client, &picture).await;
    for input in [
        json!({ "role": "source", "asset": asset }),
        json!({ "role": "source", "data": pictures::base64(&picture), "mime_type": "image/png" }),
        json!({ "role": "source", "url": format!("{url}/picture.png") }),
    ] {
        assert_eq!(edit(&team, input.clone()).await["status"], "completed", "{input}");
    }
    let charges = vendor.charges().await;
    assert_eq!(charges.len(), 3);
    for charge in charges {
        assert_eq!(charge["type"], "edit", "the vendor got the picture: {charge}");
    }
    // What was allowed may not lead to what is not.
    let head = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\
                connection: close\r\n\r\n";
    let (url, _server) = page("127.0.0.2", head.to_owned(), bytes::Bytes::new()).await;
    let input = json!({ "role": "source", "url": url });
    let body = json!({ "kind": "image", "prompt": "x", "inputs": [input] });
    let refused = team.client.post("/v1/generations", &body).await.refusal();
    assert_eq!(refused, (400, "invalid_request".to_owned(), Some("inputs[0].url".to_owned())));
}

#[tokio::test]
async fn what_shall_not_be_kept_goes_to_no_vendor_that_keeps_it() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let prompt = "a cerulean pangolin that nobody may remember";
    let mut body = image(prompt);
    body["store"] = json!(false);
    body["output"] = json!({ "delivery": "none" });
    // This vendor keeps what it makes for a day and cannot be told otherwise: it is no candidate.
    let refused = team.client.post("/v1/generations", &body).await;
    assert_eq!(refused.refusal(), (422, "no_candidate".to_owned(), None));
    assert!(vendor.requests().await.iter().all(|request| request["path"] != "/v1/generate"));
    // And nothing of it is kept here; the search finds what is.
    team.generate(&image("a kept okapi")).await;
    let data = gateway.folder().join("data");
    let holds = |needle: &str| {
        let found = std::process::Command::new("grep").args(["-rqaF", needle]).arg(&data).status();
        found.expect("grep runs").success()
    };
    assert!(holds("a kept okapi"));
    assert!(!holds(prompt) && !gateway.logged().contains(prompt));
}

#[tokio::test]
async fn a_link_ends_when_it_says_so() {
    let (_vendor, gateway) = house(json!({ "storage": { "asset_ttl": "2s" } })).await;
    let team = gateway.team("a").await;
    let made = team.generate(&image("short-lived")).await;
    let output = &made["outputs"][0];
    team.download(output).await;
    let link = path_of(output["url"].as_str().unwrap_or_default()).to_owned();
    let refusal = until("the link's end", || async {
        let answer = gateway.anyone().get(&link).await;
        (answer.status != 200).then(|| answer.refusal())
    })
    .await;
    assert_eq!((refusal.0, refusal.1.as_str()), (410, "expired"));
    // A longer life cannot be written into it.
    let later = link.replace("exp=", "exp=9");
    assert_eq!(gateway.anyone().get(&later).await.refusal().0, 403);
}

#[tokio::test]
async fn a_deadline_ends_the_wait_and_the_picture_is_kept() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 1800, "max": 1800 } })).await;
    let mut body = image("too late");
    body["routing"] = json!({ "deadline_s": 1 });
    let made = team.generate(&body).await;
    assert_eq!(
        (&made["status"], &made["error"]["code"]),
        (&json!("failed"), &json!("deadline_exceeded"))
    );
    let id = made["id"].as_str().unwrap_or_default();
    let late = until("the late picture", || async {
        let now = team.generation(id).await;
        (now["outputs"].as_array().map(Vec::len) == Some(1)).then_some(now)
    })
    .await;
    assert_eq!(late["status"], "failed", "the status stays");
    assert_eq!(micros(&late["cost"]["charged_usd"]), vendor.total().await);
    assert_eq!(team.download(&late["outputs"][0]).await.status, 200);
}

#[tokio::test]
async fn a_quiet_gateway_ends_in_order() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    team.generate(&image("before the end")).await;
    let pid = gateway.pid().to_string();
    let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.expect("kill runs").success());
    let mut gateway = gateway;
    let gone = until("its end", || {
        let alive = gateway.is_alive();
        async move { (!alive).then_some(()) }
    });
    timeout(Duration::from_secs(20), gone).await.expect("it ends");
}
