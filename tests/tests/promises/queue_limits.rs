//! A queue's limits hold: three jobs at once, twenty submits a minute, the day's and the month's
//! allowance, across kills; and «used up» is told from «slow down».
//!
//! The simulated vendor is the witness: its limits are the documented ones, and it answers a 429 to the
//! first submit too many.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Gateway, Queue, Reply, Team, Vendor, config, micros, quick, quick_queue, until};
use tokio::task::JoinSet;

use crate::{image, run};

async fn house(account: Value) -> (Queue, Gateway) {
    let queue = Queue::start(quick_queue()).await;
    let gateway = queue.gateway(run(), account).await;
    (queue, gateway)
}

/// A house with a second vendor of images, which is paid by the piece.
async fn house_with_another(account: Value) -> (Queue, Vendor, Gateway) {
    let (queue, vendor) = (Queue::start(quick_queue()).await, Vendor::start(quick()).await);
    let zekron = config(&vendor, &json!({}))["providers"]["zekron"].clone();
    let change = json!({ "providers": { "zekron": zekron } });
    let gateway = run().gateway(&queue.config_at(&queue.url(), account, &change)).await;
    (queue, vendor, gateway)
}

/// The images left of a day or a month, as the metrics tell.
async fn left(gateway: &Gateway, window: &str) -> Option<i64> {
    let labels = [("provider", "zsky"), ("kind", "image"), ("window", window)];
    gateway.metric("atelier_account_allowance_remaining", &labels).await
}

async fn available(gateway: &Gateway) -> Option<i64> {
    let labels = [("provider", "zsky"), ("account", "main")];
    gateway.metric("atelier_account_available", &labels).await
}

/// An image of this vendor and no other.
fn here(prompt: &str) -> Value {
    let mut body = image(prompt);
    body["model"] = json!("zsky/image");
    body
}

/// The answer to work that nobody can take now: it says so, why, and when to come back.
fn assert_turned_away(answer: &Reply, why: &str) {
    assert_eq!(answer.refusal(), (503, "providers_unavailable".to_owned(), None));
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{:?}", answer.headers);
    let reason = answer.json()["error"]["details"]["candidates"][0]["reason"].clone();
    assert!(reason.as_str().is_some_and(|text| text.contains(why)), "{reason}");
}

async fn made(team: &Team, count: usize) {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(team.begin(&image(&format!("number {number}"))).await);
    }
    for id in ids {
        let generation = team.ended(&id).await;
        assert_eq!(generation["status"], "completed", "{generation}");
        assert_eq!(generation["provider"], "zsky", "{generation}");
    }
}

#[tokio::test]
async fn three_jobs_at_once_and_twenty_submits_a_minute_also_across_a_kill() {
    const ASKED: usize = 30;
    const MINUTE: u64 = 20;
    let (queue, mut gateway) = house(json!({})).await;
    queue.set(json!({ "image_latency_ms": { "min": 100, "max": 900 } })).await;
    let team = gateway.team("a").await;
    let mut racing = JoinSet::new();
    for number in 0..ASKED {
        let team = team.clone();
        racing.spawn(async move { team.begin(&image(&format!("number {number}"))).await });
    }
    assert_eq!(racing.join_all().await.len(), ASKED);
    queue.asked("generate", 5).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    queue.asked("generate", MINUTE).await;
    // All that went out is over: what the kill cut off may have failed, nothing else.
    let states = until("the end of all that went out", || async {
        let mut states = BTreeMap::<String, u64>::new();
        for generation in team.generations().await {
            let status = generation["status"].as_str().unwrap_or_default().to_owned();
            *states.entry(status).or_default() += 1;
        }
        (!states.contains_key("running")).then_some(states)
    })
    .await;
    let of = |status: &str| states.get(status).copied().unwrap_or(0);
    assert_eq!(of("queued"), 30 - MINUTE, "the others wait for the next minute: {states:?}");
    assert!(of("failed") <= 3, "{states:?}");
    assert_eq!(of("completed") + of("failed"), MINUTE, "{states:?}");
    let quote = team.client.post("/v1/estimates", &image("how long?")).await.expect(200).json();
    let wait = quote["data"][0]["wait_s"].as_f64();
    assert!(wait.is_some_and(|wait| (1.0..=61.0).contains(&wait)), "{quote}");
    let hurry = json!({ "prompt": "in a hurry", "routing": { "deadline_s": 1 } });
    let answer = team.client.post("/v1/images/generations", &hurry).await;
    assert_eq!(answer.refusal().0, 504);
    assert_eq!(queue.count("generate").await, MINUTE, "not one more");
    assert_eq!(queue.answered("429").await, 0, "the vendor had to refuse something");
}

#[tokio::test]
async fn a_poll_that_is_told_to_slow_down_comes_later_and_loses_nothing() {
    let (queue, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    queue.fault(json!({ "kind": "rate_limited", "on": "jobs" })).await;
    made(&team, 1).await;
    let requests = queue.requests().await;
    let polls: Vec<i64> = requests
        .iter()
        .filter(|request| request["path"].as_str().is_some_and(|p| p.starts_with("/v1/jobs/")))
        .map(|request| millis(request["at"].as_str().unwrap_or_default()))
        .collect();
    let [first, second] = polls.as_slice() else { panic!("two looks: {polls:?}") };
    // A look that was answered would have been followed by the next within two seconds.
    let apart = (second - first).rem_euclid(3_600_000);
    assert!(apart > 2000, "{polls:?}");
    assert_eq!((queue.jobs().await.len(), left(&gateway, "month").await), (1, Some(999)));
}

/// The milliseconds within the hour of an RFC 3339 time.
fn millis(at: &str) -> i64 {
    let field = |from, to| at.get(from..to).and_then(|text: &str| text.parse::<i64>().ok());
    let field = |from, to| field(from, to).unwrap_or_default();
    (field(14, 16) * 60 + field(17, 19)) * 1000 + field(20, 23)
}

#[tokio::test]
async fn a_submit_that_is_told_to_slow_down_is_sent_again() {
    let (queue, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    queue.set(json!({ "retry_after": true })).await;
    queue.fault_on_generate("rate_limited", json!({ "retry_after_s": 1 })).await;
    made(&team, 1).await;
    assert_eq!((queue.count("generate").await, queue.jobs().await.len()), (2, 1));
    // The vendor's counters were asked which of the two it meant.
    assert!(queue.count("usage").await >= 2);
    assert_eq!(gateway.account("zsky").await["hold"], Value::Null);
}

#[tokio::test]
async fn a_days_allowance_that_is_gone_is_said_with_its_end() {
    // A plan without clips: with its images gone the account takes no work at all.
    let plan = json!({ "plan": { "daily_images": 2, "daily_videos": 0, "videos": 0 } });
    let (queue, gateway) = house(plan).await;
    let team = gateway.team("a").await;
    made(&team, 2).await;
    assert_turned_away(&team.client.post("/v1/generations", &image("one more")).await, "day");
    let shaped = json!({ "prompt": "one more, in the other shape" });
    assert_turned_away(&team.client.post("/v1/images/generations", &shaped).await, "day");
    assert_eq!((left(&gateway, "day").await, available(&gateway).await), (Some(0), Some(0)));
    let account = gateway.account("zsky").await;
    assert_eq!(account["hold"]["reason"], "allowance", "{account}");
    let until = account["hold"]["until"].as_str().unwrap_or_default();
    assert!(until.contains("T00:00:00"), "a day of UTC ends at midnight: {account}");
    assert_eq!(queue.count("generate").await, 2, "the vendor was not even asked");
}

#[tokio::test]
async fn with_the_allowance_gone_another_candidate_makes_it() {
    let plan = json!({ "plan": { "daily_images": 1 } });
    let (queue, vendor, mut gateway) = house_with_another(plan).await;
    let team = gateway.team("a").await;
    made(&team, 1).await;
    let other = team.generate(&image("goes elsewhere")).await;
    assert_eq!((&other["status"], &other["provider"]), (&json!("completed"), &json!("zekron")));
    assert_eq!(micros(&other["cost"]["charged_usd"]), vendor.total().await);
    assert_turned_away(&team.client.post("/v1/generations", &here("only here")).await, "day");
    // A day's count survives the process.
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    assert_turned_away(&team.client.post("/v1/generations", &here("after a kill")).await, "day");
    assert_eq!((queue.count("generate").await, left(&gateway, "day").await), (1, Some(0)));
}

#[tokio::test]
async fn used_up_is_told_from_slow_down() {
    // The vendor's plan is smaller than ours says, and than it was at the first look.
    let (queue, vendor, gateway) = house_with_another(json!({})).await;
    queue.asked("usage", 1).await;
    queue.set(json!({ "allowance": { "images": 2, "videos": 0 } })).await;
    let team = gateway.team("a").await;
    made(&team, 2).await;
    let third = team.generate(&image("one too many")).await;
    assert_eq!((&third["status"], &third["provider"]), (&json!("completed"), &json!("zekron")));
    let outcomes: Vec<_> = third["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|attempt| (attempt["provider"].clone(), attempt["outcome"].clone()))
        .collect();
    let text = |provider: &str, outcome: &str| (json!(provider), json!(outcome));
    assert_eq!(outcomes, [text("zsky", "rate_limited"), text("zekron", "completed")]);
    // From then on it is known: nobody is sent there to be refused.
    assert_turned_away(&team.client.post("/v1/generations", &here("only here")).await, "month");
    assert_eq!((queue.count("generate").await, queue.answered("429").await), (3, 1));
    assert_eq!(left(&gateway, "month").await, Some(0));
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn what_is_used_by_hand_counts_and_the_larger_count_wins() {
    let (queue, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    made(&team, 2).await;
    assert_eq!(left(&gateway, "month").await, Some(998));
    // Used with the same key, past the gateway.
    for number in 0..4 {
        queue.image_by_hand(&format!("by hand, {number}")).await;
    }
    let agreed = async |gateway: &Gateway| {
        until("the vendor's count", || async {
            let used = queue.usage().await["images_used"].as_i64();
            (left(gateway, "month").await == used.map(|used| 1000 - used)).then_some(used)
        })
        .await
    };
    gateway.kill_and_restart().await;
    assert_eq!(agreed(&gateway).await, Some(6));
    made(&gateway.again(&team), 1).await;
    assert_eq!(agreed(&gateway).await, Some(7));
}

#[tokio::test]
async fn our_count_wins_where_it_is_the_larger_one() {
    let (queue, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    // Lost, and it never arrived.
    queue.fault_on_generate("reset_before", json!({})).await;
    assert_eq!(team.generate(&image("lost")).await["status"], "failed");
    let asked = queue.count("usage").await;
    gateway.kill_and_restart().await;
    queue.asked("usage", asked + 1).await;
    assert_eq!(queue.usage().await["images_used"], 0);
    assert_eq!(left(&gateway, "month").await, Some(999), "it stands as used");
}

/// The gateway counts submits, not looks: a vendor that counts both is an option of the account.
#[tokio::test]
async fn where_the_vendor_counts_polls_the_gateway_does_too() {
    let queue = Queue::start(quick_queue()).await;
    queue.set(json!({ "limits": { "polls_count": true, "per_minute": 12 } })).await;
    let limits = json!({ "limits": { "count_polls": true, "requests_per_minute": 12 } });
    let gateway = queue.gateway(run(), limits).await;
    let team = gateway.team("a").await;
    for number in 0..8 {
        team.begin(&image(&format!("number {number}"))).await;
    }
    until("the whole minute's requests", || async {
        let mut all = 0;
        // The storage is no part of the API: its files are fetched without a key and count nowhere.
        for class in ["generate", "jobs", "usage"] {
            all += queue.count(class).await;
        }
        (all >= 12).then_some(())
    })
    .await;
    let quote = team.client.post("/v1/estimates", &image("how long?")).await.expect(200).json();
    assert!(quote["data"][0]["wait_s"].as_f64().is_some_and(|wait| wait > 1.0), "{quote}");
    assert_eq!(queue.answered("429").await, 0, "the vendor had to refuse something");
}
