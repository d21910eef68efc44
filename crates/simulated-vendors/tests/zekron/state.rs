//! What survives: a vendor dropped in the middle of its day, with no farewell, goes on where its journal ends.

use crate::client::{Client, GENERATE, KEY, quick, send};
use serde_json::{Value, json};
use simulated_vendors::{Placement, Vendors, VendorsSettings, Zekron};

#[tokio::test]
async fn books_balances_history_and_pictures_survive_a_drop() {
    let folder = tempfile::tempdir().unwrap();
    let placement = || Placement::default().in_folder(folder.path());
    let running = Zekron::start(quick(), placement()).await.unwrap();
    let client = Client::of(&running);
    let first = client.generate("before").await.json();
    let source = json!({ "data": first["data"]["image"]["b64_json"], "mime_type": "image/jpeg" });
    let body = json!({ "prompt": "an edit", "images": [source], "size": "512x512" });
    let edit = client.post(GENERATE, &body).await.json();
    client.control("POST", "/balance", json!({ "key": KEY, "micros": 5_000_000 })).await;
    let books = client.books().await;
    drop(running);

    let journal = folder.path().join("zekron.journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    assert!(!text.contains(KEY), "the journal never holds a key");
    std::fs::write(&journal, format!("{text}{{\"charge\":{{\"id\":3,\"tor")).unwrap();

    let running = Zekron::start(quick(), placement()).await.unwrap();
    let client = Client::of(&running);
    let after = client.books().await;
    assert_eq!((&after["charges"], &after["keys"]), (&books["charges"], &books["keys"]));
    for answer in [first, edit] {
        let token = answer["data"]["token"].as_str().unwrap();
        let picture = client.get(&format!("/v1/images/{token}")).await;
        let sent = answer["data"]["image"]["b64_json"].as_str().unwrap();
        assert_eq!(base64_simd::STANDARD.encode_to_string(picture.bytes()), sent);
    }
    let next = client.generate("after").await.json();
    assert_eq!(
        (&next["data"]["id"], &next["data"]["remaining_balance"]),
        (&json!(3), &json!("4.97498"))
    );
    let history = client.get("/v1/generations").await.json();
    let prompts = history["data"]["generations"].as_array().unwrap();
    let prompts: Vec<_> = prompts.iter().map(|row| row["prompt"].as_str().unwrap()).collect();
    assert_eq!(prompts, ["after", "an edit", "before"]);
}

#[tokio::test]
async fn what_was_answered_is_in_the_journal_at_that_moment() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let running = Zekron::start(quick(), Placement::default().in_folder(folder.path())).await;
    let running = running.unwrap();
    let client = Client::of(&running);
    client.fault(json!({ "kind": "reset_after" })).await;
    assert!(client.try_post(GENERATE, &json!({ "prompt": "lost" })).await.is_err());
    let token = client.generate("told").await.json()["data"]["token"].clone();
    // What a kill -9 would leave here and now: the files as they are, with no farewell to the process.
    let journal = "zekron.journal.jsonl";
    std::fs::copy(folder.path().join(journal), copy.path().join(journal)).unwrap();
    let second = Zekron::start(quick(), Placement::default().in_folder(copy.path())).await.unwrap();
    let charges = Client::of(&second).charges().await;
    assert_eq!(charges, client.charges().await);
    assert_eq!((charges.len(), &charges[1]["token"]), (2, &token));
}

#[tokio::test]
async fn no_charge_is_made_after_the_drop() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = quick();
    settings.latency_ms.min = 60_000;
    settings.latency_ms.max = 60_000;
    let placement = || Placement::default().in_folder(folder.path());
    let running = Zekron::start(settings, placement()).await.unwrap();
    let client = Client::of(&running);
    let body = json!({ "prompt": "never finished" });
    let busy = async {
        while client.books().await["requests"]["by_class"]["generate"] != 1 {}
        drop(running);
    };
    let (reply, ()) = tokio::join!(client.try_post(GENERATE, &body), busy);
    assert!(reply.is_err() || reply.is_ok_and(|reply| reply.status == 500));
    let running = Zekron::start(quick(), placement()).await.unwrap();
    assert!(Client::of(&running).charges().await.is_empty());
}

#[tokio::test]
async fn a_reset_empties_the_books_for_good_and_restores_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let placement = || Placement::default().in_folder(folder.path());
    let running = Zekron::start(quick(), placement()).await.unwrap();
    let client = Client::of(&running);
    let first = client.generate("gone").await.json();
    client.control("PUT", "/settings", json!({ "expiry_s": 1, "picture_bytes": 900 })).await;
    client.fault(json!([{ "kind": "hang" }, { "kind": "reset_after" }])).await;
    client.control("POST", "/reset", Value::Null).await;
    assert_eq!(client.control("GET", "/settings", Value::Null).await["expiry_s"], 86_400);
    assert_eq!(client.get("/v1/balance").await.json()["data"]["balance"], "10.0000");
    running.shutdown().await;
    let running = Zekron::start(quick(), placement()).await.unwrap();
    let client = Client::of(&running);
    assert!(client.charges().await.is_empty());
    let next = client.generate("gone").await.json();
    assert_eq!(next["data"]["id"], 2, "a number is never given twice");
    assert_ne!(next["data"]["token"], first["data"]["token"]);
}

#[tokio::test]
async fn the_street_starts_whole_or_one_by_name() {
    let settings = VendorsSettings { zekron: quick(), ..VendorsSettings::default() };
    let folder = tempfile::tempdir().unwrap();
    let vendors =
        Vendors::start(None, Some(folder.path().to_owned()), settings.clone()).await.unwrap();
    let zekron = vendors.get("zekron").unwrap();
    let client = Client::of(zekron).with_key("zk_simulated");
    assert_eq!(client.generate("hello").await.status, 200);
    let health = client.control("GET", "/healthz", Value::Null).await;
    assert_eq!(health, json!({ "status": "ok", "vendor": "zekron" }));
    vendors.shutdown().await;
    assert!(folder.path().join("zekron/zekron.journal.jsonl").exists());
    let one = Vendors::start_one("zekron", Placement::default(), settings.clone()).await.unwrap();
    assert_eq!(one.vendor(), "zekron");
    assert!(Vendors::start_one("nobody", Placement::default(), settings).await.is_err());
}

#[tokio::test]
async fn a_control_that_makes_no_sense_changes_nothing() {
    let running = Zekron::start(quick(), Placement::default()).await.unwrap();
    let client = Client::of(&running);
    let before = client.control("GET", "/settings", Value::Null).await;
    for (method, path, body) in [
        ("PUT", "/settings", json!({ "no_such_setting": 1 })),
        ("PUT", "/settings", json!({ "expiry_s": "soon" })),
        ("PUT", "/settings", json!(7)),
        ("POST", "/faults", json!({ "kind": "earthquake" })),
        ("POST", "/clock", json!({ "set": "tomorrow" })),
        ("POST", "/balance", json!({ "key": KEY })),
    ] {
        let reply = send(&client.control, method, path, None, body.to_string()).await.unwrap();
        assert_eq!(reply.status, 400, "{path} {body}");
    }
    assert_eq!(client.control("GET", "/settings", Value::Null).await, before);
}
