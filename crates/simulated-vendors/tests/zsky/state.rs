//! What survives: a vendor dropped with work in its queue goes on where its journal ends.

use crate::client::{Client, KEY, fetch, link, quick, start};
use serde_json::{Value, json};
use simulated_vendors::{Placement, Vendors, VendorsSettings, Zsky, zsky::Latency};

#[tokio::test]
async fn jobs_counters_keys_and_results_survive_a_kill() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut settings = quick();
    settings.video_latency_ms = Latency { min: 5000, max: 5000 };
    let placement = |folder: &tempfile::TempDir| Placement::default().in_folder(folder.path());
    let first = Zsky::start(settings.clone(), placement(&folder)).await.unwrap();
    let client = Client::of(&first);
    client.set_clock("2026-05-10T12:00:00Z").await;
    client.control("POST", "/overage", json!({ "key": KEY, "monthly_cap_cents": 12 })).await;
    let image = client.job("before").await;
    let waiting = client.video("in the queue").await.json()["job_id"].as_str().unwrap().to_owned();
    client.image("forbidden").await;
    let purged = client.job("purged").await;
    client.send("DELETE", &format!("/v1/jobs/{purged}"), "").await;
    let key = client.send("POST", "/v1/keys/rotate", "").await.json()["api_key"].clone();
    let heir = client.with_key(key.as_str().unwrap());
    heir.job("after the rotation").await;
    let picture = fetch(link(&heir.state(&image).await), &[]).await;
    let books = client.books().await;

    // What a kill -9 would leave here and now: the files as they are, a line torn in the middle.
    let journal = std::fs::read_to_string(folder.path().join("zsky.journal.jsonl")).unwrap();
    assert!(
        !journal.contains(KEY) && !journal.contains(&heir.key),
        "the journal never holds a key"
    );
    let torn = format!("{journal}{{\"submitted\":{{\"id\":\"tor");
    std::fs::write(copy.path().join("zsky.journal.jsonl"), torn).unwrap();
    let second = Zsky::start(settings, placement(&copy)).await.unwrap();
    let after = Client::of(&second);
    after.set_clock("2026-05-10T12:00:00Z").await;
    let kept = after.books().await;
    for part in ["charges", "jobs", "keys"] {
        assert_eq!(kept[part], books[part]);
    }
    assert_eq!(after.get("/v1/usage").await.status, 401, "the old key stays dead");
    let heir = after.with_key(&heir.key);
    assert_eq!(heir.state(&waiting).await["status"], "queued");
    assert_eq!(heir.get(&format!("/v1/jobs/{purged}")).await.status, 404);
    assert_eq!(fetch(link(&heir.state(&image).await), &[]).await.bytes(), picture.bytes());
    after.advance(5).await;
    assert_eq!(heir.state(&waiting).await["status"], "completed");
    assert_eq!(after.charges().await.len(), 4);
    assert_eq!(after.charges().await[3]["id"], 4);
}

#[tokio::test]
async fn a_suspension_outlives_a_restart_and_a_reset_ends_everything() {
    let folder = tempfile::tempdir().unwrap();
    let placement = || Placement::default().in_folder(folder.path());
    let first = Zsky::start(quick(), placement()).await.unwrap();
    let client = Client::of(&first);
    let id = client.job("x").await;
    client.control("POST", "/suspension", json!({ "key": KEY, "for_s": 3600 })).await;
    drop(first);
    let second = Zsky::start(quick(), placement()).await.unwrap();
    let client = Client::of(&second);
    assert_eq!(client.get("/v1/usage").await.status, 403);
    client.control("PUT", "/settings", json!({ "retention_s": 1 })).await;
    client.control("POST", "/reset", Value::Null).await;
    assert_eq!(client.control("GET", "/settings", Value::Null).await["retention_s"], 604_800);
    assert_eq!(client.usage().await["images_used"], 0);
    assert_eq!(client.get(&format!("/v1/jobs/{id}")).await.status, 404);
    client.job("x").await;
    assert_eq!(client.charges().await[0]["id"], 2, "a number is never given twice");
}

#[tokio::test]
async fn nothing_is_charged_after_the_drop() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = quick();
    settings.image_latency_ms = Latency { min: 60_000, max: 60_000 };
    let placement = || Placement::default().in_folder(folder.path());
    let first = Zsky::start(settings.clone(), placement()).await.unwrap();
    let client = Client::of(&first);
    client.set_clock("2026-05-10T12:00:00Z").await;
    client.job("never looked at").await;
    drop(first);
    let second = Zsky::start(settings, placement()).await.unwrap();
    let client = Client::of(&second);
    client.set_clock("2026-05-10T12:00:59Z").await;
    assert!(client.charges().await.is_empty());
    client.advance(1).await;
    assert_eq!(client.charges().await.len(), 1, "it goes on in the next process");
}

#[tokio::test]
async fn the_street_knows_it_by_name_and_controls_that_make_no_sense_change_nothing() {
    let settings = VendorsSettings { zsky: quick(), ..VendorsSettings::default() };
    let vendors = Vendors::start(None, None, settings.clone()).await.unwrap();
    let client = Client::of(vendors.get("zsky").unwrap()).with_key("zsky_live_simulated");
    client.job("hello").await;
    let health = client.control("GET", "/healthz", Value::Null).await;
    assert_eq!(health, json!({ "status": "ok", "vendor": "zsky" }));
    let one = Vendors::start_one("zsky", Placement::default(), settings).await.unwrap();
    assert_eq!(one.vendor(), "zsky");
    vendors.shutdown().await;
    let (_running, client) = start(quick()).await;
    for (path, body) in [
        ("/overage", json!({ "key": "zk_other", "monthly_cap_cents": 1 })),
        ("/overage", json!({ "key": KEY, "monthly_cap_cents": -1 })),
        ("/suspension", json!({ "key": KEY })),
    ] {
        let reply = crate::wire::send(&client.control, "POST", path, &[], body.to_string()).await;
        assert_eq!(reply.unwrap().status, 400, "{path} {body}");
    }
    let balance = crate::wire::send(&client.control, "POST", "/balance", &[], "{}").await;
    assert_eq!(balance.unwrap().status, 404, "this vendor has no balances");
}
