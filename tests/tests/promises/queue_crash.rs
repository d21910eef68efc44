//! Crash anywhere, in a queue: killed at any step of a job's way, the gateway uses one unit of allowance
//! for each generation, in the vendor's books and in its own, and loses no output.
//!
//! This vendor lists no jobs. So there is one step whose kill costs something: between the submit and the
//! writing of its ticket. What was lost there is a used unit and an attempt that says `uncertain`; it
//! ends the generation with a reason, or another vendor makes it, but it is never made twice in silence.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};
use tests::{
    Gateway, Ledger, Queue, Relay, Team, Vendor, config, micros, pictures, quick, quick_queue,
    until,
};

use crate::{image, run};

/// The month's images in the gateway's configuration: the documented plan.
const MONTH: i64 = 1000;

async fn house() -> (Queue, Gateway) {
    let queue = Queue::start(quick_queue()).await;
    let gateway = queue.gateway(run(), json!({})).await;
    (queue, gateway)
}

fn outcomes(generation: &Value) -> Vec<(&str, &str, bool)> {
    let attempts = generation["attempts"].as_array().into_iter().flatten();
    attempts
        .map(|attempt| {
            let text = |name: &str| attempt[name].as_str().unwrap_or("none");
            (text("provider"), text("outcome"), attempt["uncertain"] == true)
        })
        .collect()
}

/// The names of all files of the assets, with those that are not whole.
fn asset_files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            asset_files(&path, found);
        } else {
            found.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
}

/// What holds after every kill, once all has ended; the generations.
async fn assert_sound(gateway: &Gateway, queue: &Queue, team: &Team) -> Vec<Value> {
    let (all, strangers) = assert_books(gateway, queue, team).await;
    assert!(strangers.is_empty(), "files that are no generation's: {strangers:?}");
    all
}

/// The generations, and the files of the assets that belong to none of them.
async fn assert_books(
    gateway: &Gateway,
    queue: &Queue,
    team: &Team,
) -> (Vec<Value>, BTreeSet<String>) {
    let all = until("no generation unfinished", || async {
        let all = team.generations().await;
        let unfinished = |g: &Value| matches!(g["status"].as_str(), Some("queued" | "running"));
        (!all.iter().any(unfinished)).then_some(all)
    })
    .await;

    // Every output is there, and each is of another job. A job whose submit was lost may end later.
    let jobs = until("no job at work", || async {
        let jobs = queue.jobs().await;
        (!jobs.iter().any(|job| job["status"] == "working")).then_some(jobs)
    })
    .await;
    let ids: BTreeSet<&str> = jobs.iter().filter_map(|job| job["job_id"].as_str()).collect();
    let (mut made, mut assets) = (BTreeSet::new(), BTreeSet::new());
    let (mut sent, mut uncertain) = (0_i64, 0);
    for generation in &all {
        for output in generation["outputs"].as_array().into_iter().flatten() {
            assets.insert(output["asset"].as_str().expect("an asset").to_owned());
            let token = pictures::token(&team.download(output).await.body);
            assert!(ids.contains(&*token), "whose picture is that? {generation}");
            assert!(made.insert(token), "a picture was kept twice: {generation}");
        }
        let attempts = outcomes(generation);
        let here = attempts.iter().filter(|(provider, ..)| *provider == "zsky");
        sent += i64::try_from(here.clone().count()).expect("a small number");
        for (_, outcome, is_uncertain) in here {
            assert_eq!(*is_uncertain, *outcome == "unknown", "{generation}");
            uncertain += usize::from(*is_uncertain);
        }
        match generation["status"].as_str() {
            Some("completed") => {
                assert_eq!(generation["outputs"].as_array().map(Vec::len), Some(1))
            }
            status => {
                assert_eq!(status, Some("failed"), "{generation}");
                assert_eq!(generation["error"]["code"], "provider_error", "{generation}");
                assert_eq!(attempts, [("zsky", "unknown", true)], "only a lost submit may fail");
            }
        }
    }

    // The vendor's books: one unit each, none of them ours alone but those that were lost.
    let mut by_prompt = BTreeMap::<&str, usize>::new();
    for job in &jobs {
        assert_eq!(job["status"], "completed", "{job}");
        *by_prompt.entry(job["order"]["prompt"].as_str().unwrap_or_default()).or_default() += 1;
    }
    assert!(by_prompt.values().all(|jobs| *jobs == 1), "made twice: {by_prompt:?}");
    let orphans = jobs.len() - made.len();
    assert!(orphans <= uncertain, "{orphans} jobs of nobody's, and {uncertain} lost submits");

    // Our books: one unit for each job that was sent.
    let labels = [("provider", "zsky"), ("kind", "image"), ("window", "month")];
    let left = gateway.metric("atelier_account_allowance_remaining", &labels).await;
    assert_eq!(left, Some(MONTH - sent), "one unit for each that was sent");
    assert!(jobs.len() <= usize::try_from(sent).expect("a small number"));
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:zsky"), 0, "a unit of the plan is no money");

    // Every output has its file, whole; what a kill left half written has a `#` in its name.
    let mut files = BTreeSet::new();
    asset_files(&gateway.folder().join("data/assets"), &mut files);
    files.retain(|name| !name.contains('#'));
    assert!(files.is_superset(&assets), "{files:?} {assets:?}");
    let strangers = files.difference(&assets).cloned().collect();
    assert_eq!(queue.count("credential_leak").await, 0);
    assert_eq!(queue.answered("429").await, 0, "the vendor had to refuse something");
    (all, strangers)
}

/// The one generation of the team, completed with one job.
async fn assert_made_once(gateway: &Gateway, queue: &Queue, team: &Team) {
    let all = assert_sound(gateway, queue, team).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["status"], "completed", "{}", all[0]);
    assert_eq!((queue.jobs().await.len(), queue.count("generate").await), (1, 1));
}

/// The one generation of the team, failed with its one submit lost; so many jobs at the vendor.
async fn assert_lost(gateway: &Gateway, queue: &Queue, team: &Team, jobs: usize) {
    let all = assert_sound(gateway, queue, team).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["status"], "failed", "{}", all[0]);
    assert!(all[0]["error"]["message"].as_str().is_some_and(|text| text.contains("lost")));
    assert_eq!(queue.jobs().await.len(), jobs);
}

#[tokio::test]
async fn killed_before_anything_was_sent() {
    let (queue, mut gateway) = house().await;
    let team = gateway.team("a").await;
    // All slots are taken until the jobs are looked at: the fourth waits.
    for number in 0..4 {
        team.begin(&image(&format!("number {number}"))).await;
    }
    until("the tickets", || async {
        let all = team.generations().await;
        let waits = all.iter().filter(|g| g["status"] == "queued").count() == 1;
        (waits && queue.answered("200").await >= 4).then_some(())
    })
    .await;
    gateway.kill_and_restart().await;
    let all = assert_sound(&gateway, &queue, &gateway.again(&team)).await;
    assert!(all.iter().all(|g| g["status"] == "completed"), "{all:?}");
    assert_eq!((queue.jobs().await.len(), queue.count("generate").await), (4, 4));
}

#[tokio::test]
async fn killed_before_the_submit_reached_the_vendor() {
    let queue = Queue::start(quick_queue()).await;
    let relay = Relay::start(&queue.url(), None).await;
    let config = queue.config_at(&relay.url(), json!({}), &json!({}));
    let mut gateway = run().gateway(&config).await;
    queue.asked("usage", 1).await;
    let team = gateway.team("a").await;
    relay.shut(true);
    let id = team.begin(&image("never arrived")).await;
    until("the attempt", || async {
        (!outcomes(&team.generation(&id).await).is_empty()).then_some(())
    })
    .await;
    gateway.kill().await;
    relay.shut(false);
    gateway.start_again().await;
    // Nobody can tell that it never arrived: it stands as a used unit, and is not sent again.
    assert_lost(&gateway, &queue, &gateway.again(&team), 0).await;
    assert_eq!(queue.count("generate").await, 0);
}

#[tokio::test]
async fn killed_after_the_vendor_took_it_and_before_the_ticket_was_written() {
    let (queue, mut gateway) = house().await;
    let team = gateway.team("a").await;
    queue.fault_on_generate("slow", json!({ "delay_ms": 600_000 })).await;
    team.begin(&image("taken, and not heard of again")).await;
    until("the job", || async { (queue.jobs().await.len() == 1).then_some(()) }).await;
    gateway.kill_and_restart().await;
    assert_lost(&gateway, &queue, &gateway.again(&team), 1).await;
    assert_eq!(queue.usage().await["images_used"], 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_without_a_kill_is_the_same() {
    for (kind, more, jobs) in [
        ("reset_after", json!({}), 1),
        ("truncated_body", json!({}), 1),
        ("status_503", json!({ "after_work": true }), 1),
        ("reset_before", json!({}), 0),
    ] {
        let (queue, gateway) = house().await;
        let team = gateway.team("a").await;
        queue.fault_on_generate(kind, more).await;
        let generation = team.generate(&image(kind)).await;
        assert_eq!(outcomes(&generation), [("zsky", "unknown", true)], "{kind}");
        assert_lost(&gateway, &queue, &team, jobs).await;
        assert_eq!(queue.count("generate").await, 1, "{kind}: asked once");
    }
}

#[tokio::test]
async fn a_lost_submit_is_made_by_another_vendor() {
    let (queue, vendor) = (Queue::start(quick_queue()).await, Vendor::start(quick()).await);
    let zekron = config(&vendor, &json!({}))["providers"]["zekron"].clone();
    let change = json!({ "providers": { "zekron": zekron } });
    let mut gateway = run().gateway(&queue.config_at(&queue.url(), json!({}), &change)).await;
    let team = gateway.team("a").await;
    queue.fault_on_generate("slow", json!({ "delay_ms": 600_000 })).await;
    let id = team.begin(&image("here or there")).await;
    until("the job", || async { (queue.jobs().await.len() == 1).then_some(()) }).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    let generation = team.ended(&id).await;
    assert_eq!(generation["status"], "completed", "{generation}");
    let tried = [("zsky", "unknown", true), ("zekron", "completed", false)];
    assert_eq!(outcomes(&generation), tried);
    // The unit is no money: what was paid is the other vendor's picture, once.
    assert_eq!(micros(&generation["cost"]["charged_usd"]), vendor.total().await);
    assert_eq!((vendor.charges().await.len(), queue.count("generate").await), (1, 1));
    let ledger = Ledger::read(&gateway.admin()).await;
    assert_eq!(ledger.sum("provider:zekron/main"), vendor.total().await);
    assert_eq!(ledger.sum("provider:zsky"), 0);
}

#[tokio::test]
async fn killed_while_polling_again_and_again() {
    let (queue, mut gateway) = house().await;
    let team = gateway.team("a").await;
    queue.set(json!({ "image_latency_ms": { "min": 2400, "max": 2400 } })).await;
    team.begin(&image("takes its time")).await;
    for looks in 1..=2 {
        queue.asked("jobs", looks).await;
        gateway.kill_and_restart().await;
    }
    assert_made_once(&gateway, &queue, &gateway.again(&team)).await;
}

#[tokio::test]
async fn killed_before_the_end_was_heard() {
    let (queue, mut gateway) = house().await;
    let team = gateway.team("a").await;
    queue.fault(json!({ "kind": "slow", "on": "jobs", "delay_ms": 600_000 })).await;
    team.begin(&image("done, and not settled")).await;
    queue.charged(1).await;
    queue.asked("jobs", 1).await;
    gateway.kill_and_restart().await;
    assert_made_once(&gateway, &queue, &gateway.again(&team)).await;
}

#[tokio::test]
async fn killed_while_fetching_twice() {
    let (queue, mut gateway) = house().await;
    let team = gateway.team("a").await;
    let slow = json!({ "kind": "slow", "on": "results", "delay_ms": 600_000, "times": 2 });
    queue.fault(slow).await;
    team.begin(&image("done, and on its way")).await;
    for fetches in 1..=2 {
        queue.asked("results", fetches).await;
        gateway.kill_and_restart().await;
    }
    assert_made_once(&gateway, &queue, &gateway.again(&team)).await;
    // The link of before the kill had not expired; the bytes were asked for without the key.
    assert_eq!(queue.count("results").await, 3);
}

#[tokio::test]
async fn a_clip_survives_as_well() {
    let (queue, mut gateway) = house().await;
    let team = gateway.team("a").await;
    let slow = json!({ "kind": "slow", "on": "results", "delay_ms": 600_000 });
    queue.fault(slow).await;
    let body = json!({ "kind": "video", "prompt": "waves", "size": "256x256", "seconds": 1 });
    let id = team.begin(&body).await;
    queue.asked("results", 1).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    let generation = team.ended(&id).await;
    assert_eq!(generation["status"], "completed", "{generation}");
    let bytes = team.download(&generation["outputs"][0]).await.body;
    assert_eq!(&bytes[4..8], b"ftyp");
    assert_eq!(
        (queue.jobs().await.len(), queue.usage().await["videos_used"].clone()),
        (1, json!(1))
    );
    let labels = [("provider", "zsky"), ("kind", "video"), ("window", "month")];
    let left = gateway.metric("atelier_account_allowance_remaining", &labels).await;
    assert_eq!(left, Some(299));
}

/// Kills at moments that nobody chose: whenever the vendor has heard something new.
#[tokio::test]
async fn killed_at_any_moment() {
    const KILLS: u64 = 8;
    let queue = Queue::start(quick_queue()).await;
    // Longer than any job takes, however busy the machine is.
    let account = json!({ "limits": { "work_seconds": 4 } });
    let mut gateway = queue.gateway(run(), account).await;
    let team = gateway.team("a").await;
    queue.set(json!({ "image_latency_ms": { "min": 0, "max": 400 } })).await;
    for number in 0..8 {
        team.begin(&image(&format!("number {number}"))).await;
    }
    let mut heard = 0;
    for _ in 0..KILLS {
        let now = gateway.again(&team);
        heard = until("the next request, or the end of all", || async {
            let mut all = 0;
            for class in ["generate", "jobs", "results"] {
                all += queue.count(class).await;
            }
            let ended = |g: &Value| matches!(g["status"].as_str(), Some("completed" | "failed"));
            (all > heard || now.generations().await.iter().all(ended)).then_some(all)
        })
        .await;
        gateway.kill_and_restart().await;
    }
    let (all, strangers) = assert_books(&gateway, &queue, &gateway.again(&team)).await;
    assert_eq!(all.len(), 8);
    // Between a file and its row a kill leaves the file to the daily sweep; never more than one each.
    assert!(u64::try_from(strangers.len()).is_ok_and(|n| n <= KILLS), "{strangers:?}");
    let key = queue.standing().await;
    assert_eq!(key["images_used"], queue.jobs().await.len(), "{key}");
}
