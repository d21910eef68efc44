//! Nothing kept: with `store: false` and `output.delivery: none` the bytes are in the one answer, and
//! neither they nor the prompt are anywhere else: not in the data folder, not at the vendor, in no list.
//!
//! And the opposite: what is kept at the vendor's storage is fetched from there without our credential.

use std::{fs, path::Path};

use image::ImageFormat;
use serde_json::{Value, json};
use tests::{Gateway, Queue, Receiver, Relay, Team, path_of, pictures, quick_queue, until};

use crate::{image, run};

/// Words that stand nowhere else.
const SECRET: &str = "unmistakable-lighthouse-7c1d";

async fn house() -> (Queue, Gateway) {
    let queue = Queue::start(quick_queue()).await;
    let gateway = queue.gateway(run(), json!({})).await;
    (queue, gateway)
}

fn unkept(mut body: Value) -> Value {
    body["store"] = json!(false);
    body["output"] = json!({ "delivery": "none" });
    if body["kind"] == "image" {
        body["negative_prompt"] = json!(format!("no {SECRET}"));
    }
    body
}

fn clip() -> Value {
    json!({ "kind": "video", "prompt": format!("a {SECRET}"), "size": "256x256", "seconds": 1 })
}

/// Asks with that `Prefer`: the final generation, for there is no other answer.
async fn asked(team: &Team, body: &Value, prefer: &str) -> Value {
    let answer = team.client.post_with("/v1/generations", body, &[("prefer", prefer)]).await;
    answer.expect(201).json()
}

/// The bytes of the one output, which has no other way.
fn bytes_of(generation: &Value) -> Vec<u8> {
    assert_eq!(generation["status"], "completed", "{generation}");
    let output = &generation["outputs"][0];
    assert_eq!(output["url"], Value::Null, "{}", without_bytes(generation));
    pictures::from_base64(output["b64"].as_str().expect("the bytes"))
}

fn without_bytes(generation: &Value) -> Value {
    let mut shown = generation.clone();
    shown["outputs"][0]["b64"] = json!("...");
    shown
}

/// Every file of the gateway: its data, its database with the log ahead of it, and what it logged.
fn files(folder: &Path, visit: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, visit);
        } else {
            visit(&path, &fs::read(&path).unwrap_or_default());
        }
    }
}

/// No file holds the prompt or a part of those bytes, as they are or in base64.
fn assert_nowhere(gateway: &Gateway, outputs: &[Vec<u8>]) {
    let found = found(gateway, outputs);
    assert!(found.is_empty(), "kept after all: {found:?}");
}

/// In which files which of them are.
fn found(gateway: &Gateway, outputs: &[Vec<u8>]) -> Vec<(String, String)> {
    let mut needles = vec![SECRET.as_bytes().to_vec()];
    for bytes in outputs {
        // Of pictures the part that only this one has; of clips any part will do.
        let from = bytes.windows(4).position(|window| window == b"zkTo").unwrap_or(bytes.len() / 2);
        let part = &bytes[from..from + 40];
        needles.push(part.to_vec());
        let whole = pictures::base64(bytes);
        let at = from / 3 * 4;
        needles.push(whole.as_bytes()[at..at + 40].to_vec());
    }
    let (mut seen, mut found) = (0, Vec::new());
    files(gateway.folder(), &mut |path, bytes| {
        seen += 1;
        for needle in &needles {
            if bytes.windows(needle.len()).any(|window| window == needle.as_slice()) {
                found.push((
                    path.display().to_string(),
                    String::from_utf8_lossy(needle).into_owned(),
                ));
            }
        }
    });
    assert!(seen > 3, "the folder was looked at");
    found
}

/// What can be asked for later tells that it was made, and nothing of what it was.
async fn assert_only_the_fact(gateway: &Gateway, team: &Team, id: &str) {
    let later = team.client.get(&format!("/v1/generations/{id}")).await.expect(200);
    assert!(!later.text().contains(SECRET), "{}", later.text());
    let later = later.json();
    assert_eq!(later["status"], "completed", "{later}");
    for output in later["outputs"].as_array().expect("a list") {
        assert_eq!(
            (&output["asset"], &output["url"], &output["b64"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
    }
    for (client, path) in [
        (&team.client, "/v1/generations"),
        (&team.client, "/v1/videos"),
        (&team.client, "/v1/usage"),
        (&gateway.admin(), "/admin/v1/ledger"),
        (&gateway.admin(), "/admin/v1/accounts"),
        (&gateway.anyone(), "/metrics"),
    ] {
        let told = client.get(path).await.expect(200).text();
        assert!(!told.contains(SECRET), "{path}: {told}");
    }
}

#[tokio::test]
async fn the_bytes_come_in_the_one_answer_and_are_nowhere_else() {
    for shape in ["media", "json", "data_url"] {
        let (queue, mut gateway) = house().await;
        queue.set(json!({ "inline": shape, "image_latency_ms": { "min": 300, "max": 300 } })).await;
        let team = gateway.team("a").await;
        let body = unkept(image(&format!("a {SECRET}")));
        let picture = asked(&team, &body, "respond-async").await;
        let bytes = bytes_of(&picture);
        assert_eq!(pictures::decoded(&bytes).0, ImageFormat::Png, "{shape}");
        let film = asked(&team, &unkept(clip()), "wait=0").await;
        let film_bytes = bytes_of(&film);
        assert_eq!(&film_bytes[4..8], b"ftyp", "{shape}");

        // The vendor was told to keep nothing, and has nothing.
        let jobs = queue.jobs().await;
        assert!(jobs.len() == 2 && jobs.iter().all(|job| job["inline"] == true), "{jobs:?}");
        assert_eq!((queue.count("jobs").await, queue.count("results").await), (0, 0));
        for generation in [&picture, &film] {
            let id = generation["id"].as_str().expect("an id");
            assert_only_the_fact(&gateway, &team, id).await;
            if let Some(asset) = generation["outputs"][0]["asset"].as_str() {
                let path = format!("/v1/assets/{asset}");
                assert_eq!(team.client.get(&path).await.status, 404, "{shape}");
            }
        }
        // The units are on the books all the same.
        let labels = [("provider", "zsky"), ("kind", "video"), ("window", "month")];
        let left = gateway.metric("atelier_account_allowance_remaining", &labels).await;
        assert_eq!((left, &queue.usage().await["videos_used"]), (Some(299), &json!(1)));
        assert_nowhere(&gateway, &[bytes.clone(), film_bytes.clone()]);
        gateway.kill_and_restart().await;
        let id = picture["id"].as_str().expect("an id");
        assert_only_the_fact(&gateway, &gateway.again(&team), id).await;
        assert_nowhere(&gateway, &[bytes, film_bytes]);
    }
}

#[tokio::test]
async fn a_vendor_that_queues_all_the_same_is_told_to_delete_it() {
    let queue = Queue::start(quick_queue()).await;
    // The vendor never hears that it should keep nothing.
    let relay = Relay::start(&queue.url(), Some("x-zsky-store")).await;
    let gateway = run().gateway(&queue.config_at(&relay.url(), json!({}), &json!({}))).await;
    let team = gateway.team("a").await;
    let generation = asked(&team, &unkept(image(&format!("a {SECRET}"))), "respond-async").await;
    let bytes = bytes_of(&generation);
    assert_eq!(pictures::token(&bytes), queue.jobs().await[0]["job_id"].as_str().expect("an id"));
    let job = until("the deletion", || async {
        let job = queue.jobs().await.remove(0);
        (job["purged"] == true).then_some(job)
    })
    .await;
    assert_eq!(job["inline"], false, "{job}");
    assert_only_the_fact(&gateway, &team, generation["id"].as_str().expect("an id")).await;
    assert_nowhere(&gateway, &[bytes]);
    assert_eq!((queue.count("results").await, queue.count("credential_leak").await), (1, 0));
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_nothing_either() {
    let (queue, mut gateway) = house().await;
    let team = gateway.team("a").await;
    queue.set(json!({ "image_latency_ms": { "min": 60_000, "max": 60_000 } })).await;
    let body = unkept(image(&format!("a {SECRET}"))).to_string();
    let (client, json) = (team.client.clone(), [("content-type", "application/json")]);
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { client.try_send("POST", "/v1/generations", &json, body).await });
    until("the job", || async { (queue.jobs().await.len() == 1).then_some(()) }).await;
    assert_nowhere(&gateway, &[]);
    gateway.kill_and_restart().await;
    assert!(waiting.join_all().await[0].is_err(), "the answer died with the process");
    let team = gateway.again(&team);
    let all = until("its end", || async {
        let all = team.generations().await;
        (all[0]["status"] == "failed").then_some(all)
    })
    .await;
    assert_eq!(all.len(), 1);
    assert!(all[0]["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{all:?}");
    assert_eq!(queue.count("generate").await, 1, "it is not made again");
    let labels = [("provider", "zsky"), ("kind", "image"), ("window", "month")];
    let left = gateway.metric("atelier_account_allowance_remaining", &labels).await;
    assert_eq!(left, Some(999), "its unit stands as used");
    assert_nowhere(&gateway, &[]);
}

#[tokio::test]
async fn a_webhook_tells_the_end_and_not_the_prompt() {
    let queue = Queue::start(quick_queue()).await;
    let open = json!({ "fetch": { "allow": ["127.0.0.1"] } });
    let gateway = run().gateway(&queue.config_at(&queue.url(), json!({}), &open)).await;
    let team = gateway.team("a").await;
    let receiver = Receiver::start(&[204]).await;
    let mut body = unkept(image(&format!("a {SECRET}")));
    body["webhook"] = json!({ "url": receiver.url() });
    let generation = asked(&team, &body, "respond-async").await;
    let bytes = bytes_of(&generation);
    let told = receiver.told(1).await.remove(0);
    assert_eq!(told.json()["data"]["id"], generation["id"]);
    assert!(!told.body.contains(SECRET), "{}", told.body);
    let picture = pictures::base64(&bytes);
    assert!(!told.body.contains(&picture[..200]), "the bytes came in the one answer alone");
    assert_nowhere(&gateway, &[bytes]);
}

/// What is refused or stopped leaves as little.
#[tokio::test]
async fn work_that_comes_to_nothing_leaves_nothing() {
    let (queue, gateway) = house().await;
    let team = gateway.team("a").await;
    for (word, status) in
        [("gore", "blocked"), ("scandalous", "blocked"), ("unrenderable", "failed")]
    {
        let body = unkept(image(&format!("a {SECRET}, {word}")));
        let generation = asked(&team, &body, "respond-async").await;
        assert_eq!(generation["status"], status, "{word}: {generation}");
        assert!(!generation.to_string().contains(SECRET), "{generation}");
    }
    queue.fault_on_generate("reset_after", json!({})).await;
    let lost = asked(&team, &unkept(image(&format!("a {SECRET}, lost"))), "respond-async").await;
    assert_eq!(lost["status"], "failed", "{lost}");
    assert_nowhere(&gateway, &[]);
}

#[tokio::test]
async fn what_is_kept_is_fetched_without_our_credential() {
    let (queue, gateway) = house().await;
    let team = gateway.team("a").await;
    let picture = image(&format!("a {SECRET}"));
    let begun = [team.begin(&picture).await, team.begin(&clip()).await];
    for id in begun {
        let generation = team.ended(&id).await;
        assert_eq!(generation["status"], "completed", "{generation}");
        let output = &generation["outputs"][0];
        assert!(path_of(output["url"].as_str().expect("a link")).starts_with("/v1/assets/"));
        let bytes = team.download(output).await.body;
        assert_eq!(bytes.len().to_string(), output["bytes"].to_string());
        // This is what the other tests look for in vain.
        let found = found(&gateway, &[bytes.to_vec()]);
        assert!(found.iter().any(|(_, what)| what == SECRET), "{found:?}");
        assert!(found.iter().any(|(file, _)| file.contains("/assets/")), "{found:?}");
    }
    assert_eq!((queue.count("results").await, queue.count("credential_leak").await), (2, 0));
    assert!(queue.jobs().await.iter().all(|job| job["purged"] == false), "it stays for its week");
}
