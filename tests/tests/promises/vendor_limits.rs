//! The vendors' limits hold: so many calls at once, so many in a minute, across kills and restarts.
//!
//! The simulated vendor is the witness: its limits are as strict as the gateway's settings, it counts every
//! request of any kind, and it answers a 429 to the first one too many.

use serde_json::{Value, json};
use simulated_vendors::zekron::{Latency, Limits, Settings};
use tests::{Gateway, Vendor, config, quick, until};

use crate::image;

async fn strict(per_minute: usize, concurrent: u32, latency_ms: u64) -> (Vendor, Gateway) {
    let limits = Limits { per_minute, concurrent };
    let latency_ms = Latency { min: latency_ms, max: latency_ms };
    let vendor = Vendor::start(Settings { limits, latency_ms, ..quick() }).await;
    let same =
        json!({ "requests_per_minute": per_minute, "concurrent": concurrent, "work_seconds": 2 });
    let change =
        json!({ "providers": { "zekron": { "accounts": { "main": { "limits": same } } } } });
    let gateway = super::run().gateway(&config(&vendor, &change)).await;
    (vendor, gateway)
}

async fn total(vendor: &Vendor) -> u64 {
    let mut all = 0;
    for class in ["generate", "images", "balance", "generations"] {
        all += vendor.count(class).await;
    }
    all
}

#[tokio::test]
async fn never_more_at_once_than_the_vendor_allows() {
    let (vendor, gateway) = strict(100_000, 3, 60).await;
    let team = gateway.team("a").await;
    let mut ids = Vec::new();
    for number in 0..12 {
        let body = json!({ "kind": "image", "prompt": format!("number {number}"), "count": 2 });
        ids.push(team.begin(&body).await);
    }
    for id in ids {
        assert_eq!(team.ended(&id).await["status"], "completed");
    }
    assert_eq!(vendor.answered("429").await, 0, "the vendor had to refuse something");
    assert_eq!(vendor.charges().await.len(), 24);
}

/// The vendor's generate calls under way: those that it took and has not charged.
async fn under_way(vendor: &Vendor) -> usize {
    // The calls are counted before the charges: what ends in between is not called too many.
    let requests = vendor.requests().await;
    let taken = |r: &&Value| r["path"] == "/v1/generate" && r["status"] != 429;
    let taken = requests.iter().filter(taken).count();
    taken.saturating_sub(vendor.charges().await.len())
}

#[tokio::test]
async fn calls_of_a_killed_process_hold_their_slots() {
    let (vendor, mut gateway) = strict(100_000, 3, 900).await;
    let team = gateway.team("a").await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(team.begin(&image(&format!("number {number}"))).await);
    }
    vendor.asked("generate", 3).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    until("the end of all", || async {
        assert!(under_way(&vendor).await <= 3, "a fourth call beside those of the killed process");
        let all = team.generations().await;
        all.iter().all(|g| g["status"] == "completed").then_some(())
    })
    .await;
    assert_eq!(team.generations().await.len(), ids.len());
    assert_eq!(vendor.charges().await.len(), 6, "each was paid once");
    assert_eq!(vendor.answered("429").await, 0, "looks at the books hold slots too");
}

#[tokio::test]
async fn a_minutes_requests_count_on_after_a_kill() {
    const MINUTE: u64 = 10;
    let (vendor, mut gateway) = strict(10, 5, 0).await;
    let team = gateway.team("a").await;
    for number in 0..12 {
        team.begin(&image(&format!("number {number}"))).await;
    }
    until("the whole minute's requests", || async {
        (total(&vendor).await >= MINUTE).then_some(())
    })
    .await;
    // The last answer is on the books before the process dies: this test is not about lost ones.
    let made = usize::try_from(vendor.count("generate").await).expect("a small number");
    until("the answers", || async {
        let all = team.generations().await;
        (all.iter().filter(|g| g["status"] == "completed").count() == made).then_some(())
    })
    .await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    // Who cannot wait is told so, and the vendor hears nothing of it.
    let body = json!({ "prompt": "in a hurry", "routing": { "deadline_s": 1 } });
    let answer = team.client.post("/v1/images/generations", &body).await;
    assert_eq!(answer.refusal(), (504, "deadline_exceeded".to_owned(), None));
    let quote = team.client.post("/v1/estimates", &image("how long?")).await.expect(200).json();
    let wait = quote["data"][0]["wait_s"].as_f64();
    assert!(wait.is_some_and(|wait| (1.0..=62.0).contains(&wait)), "{quote}");
    assert_eq!((total(&vendor).await, vendor.answered("429").await), (MINUTE, 0));
    let waiting = team.generations().await;
    let waiting = waiting.iter().filter(|g: &&Value| g["status"] == "queued").count();
    assert_eq!(waiting, 12 - made, "the others wait for the next minute");
}

#[tokio::test]
async fn a_vendor_that_says_slow_down_is_heard() {
    let (vendor, gateway) = strict(100_000, 5, 0).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("rate_limited", json!({ "retry_after_s": 1 })).await;
    let generation = team.generate(&image("slower")).await;
    assert_eq!(generation["status"], "completed", "{generation}");
    let times: Vec<String> = vendor
        .requests()
        .await
        .iter()
        .filter(|request| request["path"] == "/v1/generate")
        .map(|request| request["at"].as_str().unwrap_or_default().to_owned())
        .collect();
    let [first, second] = times.as_slice() else { panic!("two calls: {times:?}") };
    // Within the hour, so that the turn of an hour between the two does no harm.
    let apart = (millis(second) - millis(first)).rem_euclid(3_600_000);
    assert!((1000..60_000).contains(&apart), "{times:?}");
}

/// The milliseconds within the hour of an RFC 3339 time.
fn millis(at: &str) -> i64 {
    let field = |from, to| at.get(from..to).and_then(|text: &str| text.parse::<i64>().ok());
    let field = |from, to| field(from, to).unwrap_or_default();
    (field(14, 16) * 60 + field(17, 19)) * 1000 + field(20, 23)
}
