//! Vendors in trouble: every request ends by its deadline in a right state, the books hold, a dark vendor
//! gets probes and not storms, and is used again once it works.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use simulated_vendors::{Fault, FaultKind, FaultRate, PathClass};
use tests::{
    Gateway, Ledger, Queue, Studio, Team, Vendor, config, flat, micros, quick_queue, quick_studio,
    until,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Callers at once.
const CALLERS: usize = 16;

/// A fault of every so many generate calls of a million.
fn rate(kind: FaultKind, per_million: u64) -> Value {
    let on = Some(PathClass::Generate);
    let fault = Fault { on, retry_after_s: 1, delay_ms: 700, ..Fault::new(kind) };
    json!(FaultRate { per_million, fault })
}

fn image(number: usize) -> Value {
    json!({ "kind": "image", "model": "photo", "prompt": format!("a harbour in a storm, {number}"),
            "cache": "off", "routing": { "deadline_s": 30 } })
}

/// So many requests, some at a time: each one's generation at its end.
async fn load(team: &Team, numbers: std::ops::Range<usize>) -> Vec<Value> {
    let gate = Arc::new(Semaphore::new(CALLERS));
    let mut callers = JoinSet::new();
    for number in numbers {
        let (gate, team) = (Arc::clone(&gate), team.clone());
        callers.spawn(async move {
            let _place = gate.acquire_owned().await.expect("it stays open");
            team.generate(&image(number)).await
        });
    }
    callers.join_all().await
}

/// The dear vendor first, the other one behind it.
async fn two_vendors() -> (Vendor, Studio, Gateway) {
    let (first, second) = (Vendor::start(flat()).await, Studio::start(quick_studio()).await);
    let mut zekron = config(&first, &json!({}))["providers"]["zekron"].clone();
    // Work moves on from a full account too; here it shall do so only from a failing one.
    zekron["accounts"]["main"]["limits"] =
        json!({ "requests_per_minute": 100_000, "concurrent": 100 });
    let candidates = json!(["zekron/zekron-image-1", "generor/10003"]);
    let change = json!({
        "providers": { "zekron": zekron },
        "models": { "photo": { "kind": "image", "candidates": candidates } },
        "routing": { "policy": "ordered" },
    });
    let config = second.config_at(&second.url(), json!({}), &change);
    let gateway = super::run().gateway(&config).await;
    (first, second, gateway)
}

async fn breaker(gateway: &Gateway) -> Option<i64> {
    let labels = [("provider", "zekron"), ("model", "zekron/zekron-image-1")];
    gateway.metric("atelier_breaker_open", &labels).await
}

async fn available(gateway: &Gateway) -> Option<i64> {
    gateway.metric("atelier_account_available", &[("provider", "zekron")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_one_vendor_costs_the_others_little_and_ends_by_itself() {
    const COUNT: usize = 200;
    let (first, second, gateway) = two_vendors().await;
    let team = gateway.team("a").await;
    Studio::read_by(&team).await;
    let fine = load(&team, 0..20).await;
    assert!(fine.iter().all(|generation| generation["provider"] == "zekron"), "{fine:?}");
    assert_eq!((breaker(&gateway).await, available(&gateway).await), (Some(0), Some(1)));

    let before = first.count("generate").await + second.count("generate").await;
    first.set(json!({ "faults": [rate(FaultKind::Status503, 1_000_000)] })).await;
    let all = load(&team, 20..20 + COUNT).await;
    for generation in &all {
        assert_eq!(generation["status"], "completed", "{generation}");
        assert_eq!(generation["provider"], "generor", "{generation}");
    }
    let sent = first.count("generate").await + second.count("generate").await - before;
    let most = u64::try_from(COUNT * 12 / 10).expect("a sensible count");
    println!("{sent} calls for {COUNT} requests in an outage of one vendor");
    assert!(sent <= most, "{sent} calls for {COUNT} requests");
    assert_eq!((breaker(&gateway).await, available(&gateway).await), (Some(1), Some(0)));

    first.set(json!({ "faults": [] })).await;
    until("the vendor is used again", || async {
        let generation = team.generate(&image(0)).await;
        assert_eq!(generation["status"], "completed", "{generation}");
        (generation["provider"] == "zekron").then_some(())
    })
    .await;
    assert_eq!((breaker(&gateway).await, available(&gateway).await), (Some(0), Some(1)));
    let log = gateway.logged();
    for said in ["breaker open: the vendor fails", "breaker half-open", "breaker closed"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert_eq!(log.matches("breaker open: the vendor fails").count(), 1, "said once");
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:zekron/main"), first.total().await);
    assert_eq!(ledger.sum("provider:generor/main"), second.total().await);
}

#[tokio::test]
async fn a_lone_dark_vendor_is_a_503_and_is_waited_for_by_who_has_time() {
    let dialect = json!({ "providers": { "zekron": { "dialect": "preview" } } });
    let (vendor, gateway) = super::house(dialect).await;
    let team = gateway.team("a").await;
    // In this dialect the vendor says itself that it did nothing, so that no books need be read.
    vendor.set(json!({ "faults": [rate(FaultKind::Status500, 1_000_000)] })).await;
    let hasty = json!({ "prompt": "a harbour at once", "size": "512x512" });
    let refused = until("a refusal", || async {
        let answer = team.client.post("/v1/images/generations", &hasty).await;
        assert!(matches!(answer.status, 502 | 503), "{}", answer.text());
        (answer.header("x-atelier-generation").is_none()).then_some(answer)
    })
    .await;
    assert_eq!(refused.refusal(), (503, "providers_unavailable".to_owned(), None));
    assert!(refused.header("retry-after").is_some());
    let account = gateway.account("zekron").await;
    assert_eq!(account["available"], false, "{account}");
    assert!(account["models"][0]["breaker"]["since"].is_string(), "{account}");

    let patient = team.begin(&image_of("zekron/zekron-image-1")).await;
    vendor.set(json!({ "faults": [] })).await;
    let generation = team.ended(&patient).await;
    assert_eq!(generation["status"], "completed", "{generation}");
    assert_eq!(vendor.total().await, micros(&generation["cost"]["charged_usd"]));
}

fn image_of(model: &str) -> Value {
    json!({ "kind": "image", "model": model, "prompt": "a harbour in good time",
            "size": "512x512", "routing": { "deadline_s": 60 } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_by_chance_every_request_ends_right_and_in_time() {
    const COUNT: usize = 120;
    let trouble = json!({ "seed": 11, "faults": [
        rate(FaultKind::ResetBefore, 40_000),
        rate(FaultKind::Status503, 120_000),
        rate(FaultKind::RateLimited, 60_000),
        rate(FaultKind::Slow, 80_000),
        rate(FaultKind::Blocked, 40_000),
    ] });
    let (first, second) = (Vendor::start(flat()).await, Studio::start(quick_studio()).await);
    let third = Queue::start(quick_queue()).await;
    for vendor in [&first, &*second, &*third] {
        vendor.set(trouble.clone()).await;
    }
    let zekron = config(&first, &json!({}))["providers"]["zekron"].clone();
    let zsky = third.config_at(&third.url(), json!({}), &json!({}))["providers"]["zsky"].clone();
    let candidates = json!(["zsky/image", "zekron/zekron-image-1", "generor/10003"]);
    let change = json!({
        "providers": { "zekron": zekron, "zsky": zsky },
        "models": { "photo": { "kind": "image", "candidates": candidates } },
    });
    let config = second.config_at(&second.url(), json!({}), &change);
    let gateway = super::run().gateway(&config).await;
    let team = gateway.team("a").await;
    Studio::read_by(&team).await;

    let all = load(&team, 0..COUNT).await;
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for generation in &all {
        let status = generation["status"].as_str().unwrap_or_default();
        let code = generation["error"]["code"].as_str();
        assert!(
            matches!(
                (status, code),
                ("completed", None)
                    | ("blocked", Some("content_blocked"))
                    | (
                        "failed",
                        Some("provider_error" | "providers_unavailable" | "deadline_exceeded")
                    )
            ),
            "{generation}"
        );
        *ends.entry(format!("{status} {}", code.unwrap_or_default())).or_default() += 1;
        let moment = |name: &str| {
            let text = generation[name].as_str().expect("a moment");
            chrono::DateTime::parse_from_rfc3339(text).expect("a moment").timestamp_millis()
        };
        let took = moment("completed_at") - moment("created_at");
        assert!(took <= 31_000, "it ended {took} ms after it was accepted: {generation}");
    }
    println!("{COUNT} requests while three vendors fail by chance: {ends:?}");
    assert!(ends["completed "] > COUNT / 2, "{ends:?}");

    // What is late is booked all the same: the books are compared once nothing is under way.
    until("the books to be the vendors'", || async {
        let ledger = Ledger::read(&gateway.admin()).await;
        ledger.assert_balanced();
        let ours = |name: &str| ledger.sum(&format!("provider:{name}/main"));
        let theirs = (first.total().await, second.total().await);
        (((ours("zekron"), ours("generor")) == theirs) && ours("zsky") == 0).then_some(())
    })
    .await;
    let usage = team.client.get("/v1/usage").await.expect(200).json();
    let cost: i64 =
        team.generations().await.iter().map(|g| micros(&g["cost"]["charged_usd"])).sum();
    assert_eq!(micros(&usage["charged_usd"]), cost);
    assert_eq!(third.answered("429").await, faults_of(&third, "rate_limited").await);
}

/// How many of a vendor's recent requests a fault of that kind struck.
async fn faults_of(vendor: &Vendor, kind: &str) -> u64 {
    let requests = vendor.requests().await;
    let struck = requests.iter().filter(|request| request["fault"] == kind).count();
    u64::try_from(struck).unwrap_or(u64::MAX)
}
