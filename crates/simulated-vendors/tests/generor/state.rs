//! What survives: a vendor dropped in the middle goes on where its journal ends.

use crate::client::{Client, KEY, fetch, quick, start, told};
use serde_json::{Value, json};
use simulated_vendors::{Generor, Placement, Vendors, VendorsSettings};

#[tokio::test]
async fn money_creations_keys_and_people_survive_a_kill() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let placement = |folder: &tempfile::TempDir| Placement::default().in_folder(folder.path());
    let first = Generor::start(quick(), placement(&folder)).await.unwrap();
    let client = Client::of(&first);
    client.set_clock("2026-05-10T12:00:00Z").await;
    client.image("before").await;
    let source = format!("{}/users/2/img/image-6144.png", client.site());
    let edit = json!({ "prompt": "edited", "model_id": 80001, "image_url": source });
    told(&client.generate("backgroundremoval", &edit).await);
    told(&client.send("PATCH", "/creations/6144", json!({ "license": 2 }).to_string()).await);
    told(&client.post("/creations/6144/comments", &json!({ "text": "mine" })).await);
    told(&client.post("/creations/6144/rating", &json!({ "score": 4 })).await);
    told(&client.post("/teams", &json!({ "name": "T" })).await);
    client.control("POST", "/tier", json!({ "key": KEY, "tier": "basic" })).await;
    let made = told(&client.post("/api-keys", &json!({ "name": "heir" })).await);
    let heir = client.with_key(made["api_key"].as_str().unwrap());
    told(&heir.send("DELETE", "/api-keys/1", "").await);
    let (books, me) = (heir.books().await, heir.data("/users/me").await);
    let rows = heir.data("/credits/transactions").await;
    let cut = fetch(&format!("{}/users/2/img/backgroundremoval-6145.png", client.site())).await;

    // What a kill -9 would leave here and now: the files as they are, a line torn in the middle.
    let journal = std::fs::read_to_string(folder.path().join("generor.journal.jsonl")).unwrap();
    assert!(!journal.contains(KEY) && !journal.contains(heir.key.as_ref().unwrap()));
    let torn = format!("{journal}{{\"begun\":{{\"id\":9");
    std::fs::write(copy.path().join("generor.journal.jsonl"), torn).unwrap();
    std::fs::create_dir(copy.path().join("sources")).unwrap();
    for source in std::fs::read_dir(folder.path().join("sources")).unwrap() {
        let source = source.unwrap();
        std::fs::copy(source.path(), copy.path().join("sources").join(source.file_name())).unwrap();
    }
    let second = Generor::start(quick(), placement(&copy)).await.unwrap();
    let after = Client::of(&second);
    after.set_clock("2026-05-10T12:00:00Z").await;
    let kept = after.books().await;
    for part in ["charges", "generations", "keys"] {
        assert_eq!(kept[part], books[part], "{part}");
    }
    assert_eq!(after.get("/users/me").await.status, 401, "the revoked key stays dead");
    let heir = after.with_key(heir.key.as_ref().unwrap());
    assert_eq!(heir.data("/users/me").await, me);
    assert_eq!(heir.data("/credits/transactions").await, rows);
    assert_eq!(heir.data("/creations/6144").await["license"], 2);
    assert_eq!(heir.data("/creations/6144/comments").await[0]["text"], "mine");
    assert_eq!(heir.data("/creations/6144/rating").await["average"], 4.0);
    let again = fetch(&format!("{}/users/2/img/backgroundremoval-6145.png", after.site())).await;
    assert_eq!(again.bytes(), cut.bytes());
    heir.image("after").await;
    assert_eq!(heir.charges().await[2]["id"], 3);
    assert_eq!(heir.data("/creations").await[0]["creation_id"], 6146);
}

#[tokio::test]
async fn work_that_a_kill_ended_failed_and_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let placement = || Placement::default().in_folder(folder.path());
    let first = Generor::start(quick(), placement()).await.unwrap();
    let client = Client::of(&first);
    client.fault(json!({ "kind": "job_stuck", "on": "generate" })).await;
    tokio::select! {
        () = client.begun() => {}
        _ = client.image("cut off") => unreachable!(),
    }
    assert_eq!(client.books().await["keys"][0]["reserved"], 6);
    drop(first);
    let second = Generor::start(quick(), placement()).await.unwrap();
    let client = Client::of(&second);
    assert_eq!(client.data("/creations/6144/status").await["status"], "failed");
    let standing = client.books().await["keys"][0].clone();
    assert_eq!((&standing["reserved"], &standing["credits"]), (&json!(0), &json!(36_025)));
    client.image("anew").await;
    assert_eq!(client.data("/creations").await[0]["creation_id"], 6145);
}

#[tokio::test]
async fn a_reset_ends_everything_but_numbers() {
    let (_running, client) = start(quick()).await;
    client.image("x").await;
    client.set(json!({ "free_max": 1, "models": { "10001": null } })).await;
    client.control("POST", "/reset", Value::Null).await;
    let settings = client.control("GET", "/settings", Value::Null).await;
    assert_eq!(settings["free_max"], 250);
    assert_eq!(client.total().await, 36_025);
    assert_eq!(client.get("/creations/6144").await.status, 404);
    let made = client.image("x").await;
    assert_eq!(made["creations"][0]["creation_id"], 6145, "a number is never given twice");
    assert_eq!(client.charges().await[0]["id"], 2);
}

#[tokio::test]
async fn nothing_is_charged_after_the_drop() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = quick();
    settings.latency_ms.picture.min = 500;
    settings.latency_ms.picture.max = 500;
    let placement = || Placement::default().in_folder(folder.path());
    let first = Generor::start(settings, placement()).await.unwrap();
    let client = Client::of(&first);
    let body = json!({ "prompt": "late", "model_id": 10003 }).to_string();
    let call = client.try_send("POST", "/generators/image/generate", body);
    let ending = async {
        client.begun().await;
        first.shutdown().await;
    };
    let (_, ()) = tokio::join!(call, ending);
    let second = Generor::start(quick(), placement()).await.unwrap();
    assert!(Client::of(&second).charges().await.is_empty());
}

#[tokio::test]
async fn it_is_one_of_the_vendors_and_keeps_to_its_ports() {
    let folder = tempfile::tempdir().unwrap();
    let settings = VendorsSettings { generor: quick(), ..VendorsSettings::default() };
    let vendors =
        Vendors::start(None, Some(folder.path().to_owned()), settings.clone()).await.unwrap();
    let running = vendors.get("generor").unwrap();
    Client::of(running).image("x").await;
    assert!(folder.path().join("generor/generor.journal.jsonl").exists());
    for other in ["zekron", "zsky"] {
        let base = vendors.get(other).unwrap().base_url();
        assert!(!base.ends_with("/api/v1"), "{base}");
    }
    vendors.shutdown().await;
    let one = Vendors::start_one("generor", Placement::default(), settings).await.unwrap();
    assert_eq!(one.vendor(), "generor");
}
