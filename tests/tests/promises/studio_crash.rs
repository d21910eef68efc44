//! Crash anywhere, at a vendor that works for minutes and whose charge differs from its estimate: killed at
//! any step of a call, the gateway finds it in the vendor's creations and books of credits, claims it once,
//! and never has it made twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use simulated_vendors::{
    Fault, FaultKind, FaultRate, PathClass,
    generor::{Settings, TransactionShape},
};
use tests::{
    Gateway, Ledger, Relay, Studio, Team, micros, pictures, quick_studio, until, until_within,
};

use crate::run;

/// As the vendor's page may mean a row of its transactions.
pub(crate) const SHAPES: [TransactionShape; 3] =
    [TransactionShape::Linked, TransactionShape::Bare, TransactionShape::Nested];

pub(crate) async fn house(shape: TransactionShape) -> (Studio, Gateway, Team) {
    let settings = Settings {
        transactions: shape,
        // Whoever believes the estimate is found out.
        charged_percent: BTreeMap::from([(10003, 400), (37, 300)]),
        ..quick_studio()
    };
    let vendor = Studio::start(settings).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    (vendor, gateway, team)
}

pub(crate) fn picture(prompt: &str) -> Value {
    json!({ "model": "generor/10003", "prompt": prompt })
}

pub(crate) fn words(prompt: &str) -> Value {
    json!({ "model": "generor/37", "prompt": prompt })
}

/// The numbers of the creations of one call.
pub(crate) fn creations(generation: &Value) -> Vec<String> {
    let all = generation["creations"].as_array().into_iter().flatten();
    all.map(ToString::to_string).collect()
}

fn all_ended(all: &[Value]) -> bool {
    !all.iter().any(|g| matches!(g["status"].as_str(), Some("queued" | "running")))
}

/// What holds once all has ended: everything completed, every call of the vendor's is exactly one
/// generation's, and the ledger is the vendor's books to the micro-dollar.
pub(crate) async fn assert_books(gateway: &Gateway, vendor: &Studio, team: &Team) -> Vec<Value> {
    let all = until("no generation unfinished", || async {
        let all = team.generations().await;
        all_ended(&all).then_some(all)
    })
    .await;
    let calls = vendor.generations().await;
    let made: Vec<_> = calls.iter().filter(|call| call["status"] == "completed").collect();
    assert_eq!(made.len(), all.len(), "one call for each: {all:#?} {calls:#?}");
    let drawn: BTreeSet<String> = made.iter().flat_map(|call| creations(call)).collect();
    let mut kept = BTreeSet::new();
    let (mut pictures_made, mut charged) = (0, 0);
    for generation in &all {
        assert_eq!(generation["status"], "completed", "{generation}");
        assert_eq!(generation["cost"].get("uncertain_usd"), None, "{generation}");
        charged += micros(&generation["cost"]["charged_usd"]);
        for output in generation["outputs"].as_array().into_iter().flatten() {
            if output["mime_type"] == "image/png" {
                pictures_made += 1;
                let token = pictures::token(&team.download(output).await.body);
                assert!(drawn.contains(&token), "whose picture is that? {generation}");
                assert!(kept.insert(token), "a picture was kept twice: {generation}");
            }
        }
    }
    let drawn = made.iter().filter(|call| call["order"]["type"] == "image");
    assert_eq!(pictures_made, drawn.flat_map(|call| creations(call)).count(), "{all:#?}");
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    let total = vendor.total().await;
    assert_eq!(ledger.sum("provider:generor/main"), total, "the ledger and the vendor's books");
    assert_eq!(charged, total, "what the generations say");
    all
}

#[tokio::test]
async fn killed_before_the_call_reached_the_vendor() {
    let vendor = Studio::start(quick_studio()).await;
    let relay = Relay::start(&vendor.origin(), None).await;
    let address = format!("{}/api/v1", relay.url());
    let config = vendor.config_at(&address, json!({}), &json!({}));
    let mut gateway = run().gateway(&config).await;
    let team = gateway.team("a").await;
    Studio::read_by(&team).await;
    relay.shut(true);
    let id = team.begin(&picture("never arrived")).await;
    until("the attempt", || async {
        let attempts = team.generation(&id).await["attempts"].clone();
        attempts.as_array().is_some_and(|all| !all.is_empty()).then_some(())
    })
    .await;
    gateway.kill().await;
    relay.shut(false);
    gateway.start_again().await;
    let team = gateway.again(&team);
    assert_eq!(team.ended(&id).await["status"], "completed");
    assert_books(&gateway, &vendor, &team).await;
    assert_eq!(vendor.count("generate").await, 1, "the first never arrived");
}

#[tokio::test]
async fn killed_at_the_submit_the_answer_is_found() {
    for shape in SHAPES {
        let (vendor, mut gateway, team) = house(shape).await;
        vendor.fault_on_generate("slow", json!({ "delay_ms": 600_000, "times": 2 })).await;
        team.begin(&picture("charged, then killed")).await;
        team.begin(&words("charged, then killed")).await;
        vendor.charged(2).await;
        gateway.kill_and_restart().await;
        let team = gateway.again(&team);
        let all = assert_books(&gateway, &vendor, &team).await;
        assert_eq!((all.len(), vendor.count("generate").await), (2, 2), "nothing was paid again");
    }
}

#[tokio::test]
async fn work_that_goes_on_at_the_vendor_while_the_gateway_is_dead_is_found() {
    let (vendor, mut gateway, team) = house(TransactionShape::Linked).await;
    vendor.set(json!({ "latency_ms": { "picture": { "min": 900, "max": 900 } } })).await;
    team.begin(&picture("still being drawn")).await;
    vendor.asked("generate", 1).await;
    gateway.kill().await;
    assert!(vendor.charges().await.is_empty(), "the work has only begun");
    gateway.start_again().await;
    let team = gateway.again(&team);
    assert_books(&gateway, &vendor, &team).await;
    assert_eq!(vendor.count("generate").await, 1);
}

#[tokio::test]
async fn killed_while_fetching_twice() {
    let (vendor, mut gateway, team) = house(TransactionShape::Linked).await;
    let slow = json!({ "kind": "slow", "on": "results", "delay_ms": 600_000, "times": 2 });
    vendor.fault(slow).await;
    team.begin(&picture("done, and on its way")).await;
    for fetches in 1..=2 {
        vendor.asked("results", fetches).await;
        gateway.kill_and_restart().await;
    }
    let team = gateway.again(&team);
    assert_books(&gateway, &vendor, &team).await;
    assert_eq!(vendor.count("generate").await, 1);
}

#[tokio::test]
async fn a_series_and_a_picture_of_the_same_words_are_told_apart() {
    // Where rows name nothing, two charges of one generator are not told apart: see `studio_lost`.
    for shape in [TransactionShape::Linked, TransactionShape::Nested] {
        let settings = Settings { transactions: shape, ..quick_studio() };
        let vendor = Studio::start(settings).await;
        let account = json!({ "limits": { "work_seconds": 5 } });
        let mut gateway = vendor.gateway(run(), account).await;
        let team = gateway.team("a").await;
        // The series takes its time, and the picture is done when the kill comes.
        vendor.set(json!({ "latency_ms": { "picture": { "min": 2500, "max": 2500 } } })).await;
        let mut series = picture("one or two");
        series["count"] = json!(2);
        let two = team.begin(&series).await;
        vendor.asked("generate", 1).await;
        vendor.set(json!({ "latency_ms": { "picture": { "min": 0, "max": 0 } } })).await;
        vendor.fault_on_generate("slow", json!({ "delay_ms": 600_000 })).await;
        let one = team.begin(&picture("one or two")).await;
        vendor.charged(1).await;
        gateway.kill_and_restart().await;
        let team = gateway.again(&team);
        for (id, count) in [(&one, 1), (&two, 2)] {
            let made = team.ended(id).await;
            assert_eq!(made["outputs"].as_array().map(Vec::len), Some(count), "{shape:?}: {made}");
        }
        assert_books(&gateway, &vendor, &team).await;
        assert_eq!(vendor.count("generate").await, 2, "{shape:?}: nothing was paid again");
    }
}

/// Kills at moments that nobody chose, with answers lost between them.
#[tokio::test]
async fn killed_at_any_moment() {
    const KILLS: u64 = 6;
    for shape in [TransactionShape::Linked, TransactionShape::Bare] {
        let (vendor, mut gateway, team) = house(shape).await;
        vendor.set(json!({ "latency_ms": { "picture": { "min": 0, "max": 400 } } })).await;
        vendor.fault_on_generate("reset_after", json!({ "times": 2 })).await;
        let mut prompts = Vec::new();
        for number in 0..8 {
            // In pairs that look the same.
            let prompt = format!("number {}", number / 2);
            prompts.push((team.begin(&picture(&prompt)).await, prompt));
        }
        let mut heard = 0;
        for _ in 0..KILLS {
            let now = gateway.again(&team);
            heard = until("the next request, or the end of all", || async {
                let mut all = 0;
                for class in ["generate", "creations", "results"] {
                    all += vendor.count(class).await;
                }
                (all > heard || all_ended(&now.generations().await)).then_some(all)
            })
            .await;
            gateway.kill_and_restart().await;
        }
        let team = gateway.again(&team);
        let all = assert_books(&gateway, &vendor, &team).await;
        assert_eq!(all.len(), 8);
    }
}

/// What goes wrong by chance, in requests of a million.
fn faults() -> Vec<FaultRate> {
    let on = |class, kind, after_work, per_million| {
        let fault = Fault { on: Some(class), after_work, retry_after_s: 1, ..Fault::new(kind) };
        FaultRate { per_million, fault }
    };
    let generate = PathClass::Generate;
    vec![
        on(generate, FaultKind::ResetBefore, false, 40_000),
        on(generate, FaultKind::ResetAfter, true, 80_000),
        on(generate, FaultKind::Status500, false, 30_000),
        on(generate, FaultKind::Status500, true, 40_000),
        on(generate, FaultKind::Status502, true, 40_000),
        on(generate, FaultKind::TruncatedBody, true, 40_000),
        on(generate, FaultKind::MalformedJson, true, 20_000),
        on(generate, FaultKind::RateLimited, false, 20_000),
        on(PathClass::Creations, FaultKind::Status502, false, 50_000),
        on(PathClass::Transactions, FaultKind::ResetBefore, false, 50_000),
        on(PathClass::Results, FaultKind::TruncatedBody, true, 50_000),
    ]
}

/// A picture or a series of them; every fifth looks like the one before it.
pub(crate) fn pictured(number: usize) -> Value {
    let twin = number - number % 5 / 4;
    let mut body = picture(&format!("a street in fault town, number {twin}"));
    body["count"] = json!(twin % 2 + 1);
    body
}

/// The same in words.
fn written(number: usize) -> Value {
    let mut body = pictured(number);
    body["model"] = json!("generor/37");
    body
}

#[tokio::test]
async fn the_ledger_equals_the_vendors_books_under_faults_and_kills() {
    storm(pictured).await;
}

#[tokio::test]
async fn the_ledger_equals_the_vendors_books_for_words_as_well() {
    storm(written).await;
}

async fn storm(any: fn(usize) -> Value) {
    const COUNT: usize = 48;
    for (seed, transactions) in [(1, TransactionShape::Linked), (2, TransactionShape::Nested)] {
        let settings = Settings {
            transactions,
            seed,
            charged_percent: BTreeMap::from([(10003, 400), (37, 3000)]),
            charge_noise_percent: 20,
            faults: faults(),
            ..quick_studio()
        };
        let vendor = Studio::start(settings).await;
        vendor.set(json!({ "latency_ms": { "picture": { "min": 0, "max": 60 } } })).await;
        let (mut gateway, mut team) = vendor.house(run(), &json!({})).await;
        let mut prompts = BTreeMap::new();
        for number in 0..COUNT {
            let body = any(number);
            let prompt = body["prompt"].as_str().unwrap_or_default().to_owned();
            prompts.insert(team.begin(&body).await, prompt);
            if number % 16 == 15 {
                vendor.asked("generate", u64::try_from(number).unwrap_or(0) / 2).await;
                gateway.kill_and_restart().await;
                team = gateway.again(&team);
            }
        }
        let all = ended(&team, Duration::from_secs(100)).await;
        assert_eq!(all.len(), COUNT);
        assert_paid_and_kept(&vendor, &all, &prompts).await;
        check(&gateway, &vendor, &team, &all).await;
    }
}

async fn ended(team: &Team, patience: Duration) -> Vec<Value> {
    until_within(patience, "no generation unfinished", || async {
        let all = team.generations().await;
        all_ended(&all).then_some(all)
    })
    .await
}

/// For each prompt there are as many outputs as the vendor made creations.
async fn assert_paid_and_kept(vendor: &Studio, all: &[Value], prompts: &BTreeMap<String, String>) {
    let calls = vendor.generations().await;
    for prompt in prompts.values() {
        let of_it = |g: &&Value| prompts.get(g["id"].as_str().unwrap_or_default()) == Some(prompt);
        let ours: Vec<_> = all.iter().filter(of_it).collect();
        let made =
            |call: &&Value| call["status"] == "completed" && call["order"]["prompt"] == *prompt;
        let theirs: Vec<_> = calls.iter().filter(made).collect();
        let outputs: usize = ours.iter().map(|g| g["outputs"].as_array().map_or(0, Vec::len)).sum();
        let creations: usize = theirs.iter().map(|call| creations(call).len()).sum();
        assert_eq!(outputs, creations, "{prompt}: {ours:#?} {theirs:#?}");
    }
}

/// Whatever failed had bad luck three times and cost nothing; nothing that was charged is missing.
async fn check(gateway: &Gateway, vendor: &Studio, team: &Team, all: &[Value]) {
    let mut kept = BTreeSet::new();
    let (mut charged, mut words_made) = (0, 0);
    for generation in all {
        assert_eq!(generation["cost"].get("uncertain_usd"), None, "{generation}");
        charged += micros(&generation["cost"]["charged_usd"]);
        for output in generation["outputs"].as_array().into_iter().flatten() {
            if output["text"].is_string() {
                words_made += 1;
                continue;
            }
            let token = pictures::token(&team.download(output).await.body);
            assert!(kept.insert(token), "a picture was kept twice: {generation}");
        }
    }
    let calls = vendor.generations().await;
    let done = |media: &'static str| {
        let of =
            move |call: &&Value| call["status"] == "completed" && call["order"]["type"] == media;
        calls.iter().filter(of).flat_map(creations)
    };
    let failed: Vec<_> = all.iter().filter(|g| g["status"] != "completed").collect();
    let paid: BTreeSet<String> = done("image").collect();
    assert_eq!(kept, paid, "the pictures kept and the pictures paid for: {failed:#?}");
    assert_eq!(words_made, done("text").count(), "and the words");
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:generor/main"), vendor.total().await);
    assert_eq!(charged, vendor.total().await);
    let requests = vendor.requests().await;
    let struck = requests.iter().filter(|request| request["fault"].is_string()).count();
    assert!(struck > 5, "hardly anything went wrong: this run shows nothing");
}
