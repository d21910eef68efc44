//! Paid once, under faults: the ledger equals the vendor's books to the micro-dollar, whatever happened
//! on the wire and however often the gateway was killed.
//!
//! `ATELIER_FAULT_RUN=1000` makes it the large run.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use simulated_vendors::{
    Fault, FaultKind, FaultRate, PathClass,
    zekron::{Latency, Settings},
};
use tests::{Client, Gateway, Ledger, Team, Vendor, config, micros, pictures, quick, until_within};
use tokio::{sync::Semaphore, task::JoinSet};

/// Callers at once.
const CALLERS: usize = 32;
/// Kills over the run.
const KILLS: usize = 3;
/// For a whole run of usual size; a large one gets as much again for each hundred.
const PATIENCE: Duration = Duration::from_secs(100);

fn count() -> usize {
    let asked = std::env::var_os("ATELIER_FAULT_RUN").and_then(|text| text.into_string().ok());
    asked.and_then(|text| text.parse().ok()).unwrap_or(80)
}

/// What goes wrong at the vendor, in requests of a million.
fn faults() -> Vec<FaultRate> {
    let on = |class, kind, after_work, per_million| {
        let fault = Fault { on: Some(class), after_work, retry_after_s: 1, ..Fault::new(kind) };
        FaultRate { per_million, fault }
    };
    let generate = PathClass::Generate;
    vec![
        on(generate, FaultKind::ResetBefore, false, 40_000),
        on(generate, FaultKind::ResetAfter, true, 50_000),
        on(generate, FaultKind::Status500, false, 30_000),
        on(generate, FaultKind::Status500, true, 40_000),
        on(generate, FaultKind::TruncatedBody, true, 40_000),
        on(generate, FaultKind::MalformedJson, true, 20_000),
        on(generate, FaultKind::MissingCost, true, 20_000),
        on(generate, FaultKind::RateLimited, false, 20_000),
        on(PathClass::Generations, FaultKind::Status502, false, 50_000),
        on(PathClass::Generations, FaultKind::ResetBefore, false, 50_000),
        on(PathClass::Images, FaultKind::TruncatedBody, true, 50_000),
    ]
}

/// What the callers share: where the gateway listens now, and how many of them are done.
#[derive(Debug)]
struct Run {
    url: Mutex<String>,
    done: AtomicUsize,
    patience: Duration,
}

impl Run {
    fn client(&self, team: &Team) -> Client {
        Client::new(self.url.lock().expect("it is whole").clone()).with_key(&team.key)
    }

    fn moved(&self, gateway: &Gateway) {
        gateway.url().clone_into(&mut self.url.lock().expect("it is whole"));
    }
}

/// One in four comes from an OpenAI client, the others are native; some ask for the same picture.
fn body(number: usize) -> Value {
    let prompt = format!("a street in fault town, number {}", number - number % 5 / 4);
    let outputs = number % 3 + 1;
    if number.is_multiple_of(4) {
        json!({ "prompt": prompt, "size": "512x512", "n": outputs, "cache": "off",
                "response_format": "url" })
    } else {
        json!({ "kind": "image", "prompt": prompt, "size": "512x512", "count": outputs,
                "cache": "off" })
    }
}

/// Asks until there is a generation, as a caller does who has an idempotency key: its id.
async fn insist(run: Arc<Run>, team: Team, number: usize) -> String {
    let path = if number.is_multiple_of(4) { "/v1/images/generations" } else { "/v1/generations" };
    let key = format!("run-{number}");
    let headers =
        [("content-type", "application/json"), ("prefer", "wait=30"), ("idempotency-key", &key)];
    let id = until_within(run.patience, &format!("an answer for {key}"), || async {
        let client = run.client(&team);
        let reply = client.try_send("POST", path, &headers, body(number).to_string()).await.ok()?;
        assert!(!(400..429).contains(&reply.status), "{}: {}", reply.status, reply.text());
        if let Some(id) = reply.header("x-atelier-generation") {
            return Some(id.to_owned());
        }
        let body = serde_json::from_slice::<Value>(&reply.body).ok()?;
        body["id"].as_str().map(str::to_owned)
    })
    .await;
    run.done.fetch_add(1, Ordering::Relaxed);
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_equals_the_vendors_books_under_faults_and_kills() {
    let count = count();
    let settings = Settings {
        faults: faults(),
        latency_ms: Latency { min: 0, max: 30 },
        price_noise_micros: 900,
        starting_balance_micros: simulated_vendors::Micros(1_000_000_000),
        seed: 7,
        ..quick()
    };
    let vendor = Vendor::start(settings).await;
    let limits = json!({ "requests_per_minute": 1_000_000, "concurrent": 24, "work_seconds": 2 });
    let change =
        json!({ "providers": { "zekron": { "accounts": { "main": { "limits": limits } } } } });
    let mut gateway = super::run().gateway(&config(&vendor, &change)).await;
    let teams = [gateway.team("north").await, gateway.team("south").await];
    let scale = u32::try_from(count.div_ceil(100)).expect("a sensible count");
    let run = Arc::new(Run {
        url: Mutex::new(gateway.url().to_owned()),
        done: AtomicUsize::new(0),
        patience: PATIENCE * scale,
    });

    let gate = Arc::new(Semaphore::new(CALLERS));
    let mut callers = JoinSet::new();
    for number in 0..count {
        let (gate, run, team) = (Arc::clone(&gate), Arc::clone(&run), teams[number % 2].clone());
        callers.spawn(async move {
            let _place = gate.acquire_owned().await.expect("it stays open");
            insist(run, team, number).await
        });
    }
    for kill in 1..=KILLS {
        let due = count * kill / (KILLS + 1);
        until_within(run.patience, "the next kill", || async {
            (run.done.load(Ordering::Relaxed) >= due).then_some(())
        })
        .await;
        gateway.kill_and_restart().await;
        run.moved(&gateway);
    }
    let asked: BTreeSet<String> = callers.join_all().await.into_iter().collect();
    assert_eq!(asked.len(), count, "one generation for each key");

    let mut all = Vec::new();
    for team in &teams {
        let team = gateway.again(team);
        all.push(ended(&team, run.patience).await);
    }
    check(&gateway, &vendor, &teams, &all, &asked).await;
}

/// Every generation of the team, once all are final.
async fn ended(team: &Team, patience: Duration) -> Vec<Value> {
    until_within(patience, "no generation unfinished", || async {
        let all = team.generations().await;
        let unfinished =
            |g: &&Value| matches!(g["status"].as_str(), Some("queued" | "running") | None);
        (all.iter().filter(unfinished).count() == 0).then_some(all)
    })
    .await
}

async fn check(
    gateway: &Gateway,
    vendor: &Vendor,
    teams: &[Team; 2],
    all: &[Vec<Value>],
    asked: &BTreeSet<String>,
) {
    let ids: BTreeSet<String> =
        all.iter().flatten().map(|g| g["id"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(&ids, asked, "exactly the generations that were asked for");

    // No picture that was paid for is missing, and none is there that was not paid for.
    let charges = vendor.charges().await;
    let paid: BTreeSet<String> = charges
        .iter()
        .map(|charge| charge["token"].as_str().unwrap_or_default().to_owned())
        .collect();
    let mut kept = BTreeSet::new();
    for (team, generations) in teams.iter().zip(all) {
        let team = gateway.again(team);
        for output in generations.iter().flat_map(|g| g["outputs"].as_array().into_iter().flatten())
        {
            let bytes = team.download(output).await.body;
            assert!(kept.insert(pictures::token(&bytes)), "a picture was kept twice: {output}");
        }
    }
    assert_eq!(kept, paid, "the pictures kept and the pictures paid for");

    // The books: the vendor's, the ledger's two sides, each team's usage, each generation's cost.
    let total = vendor.total().await;
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:zekron/main"), total, "the ledger and the vendor's books");
    assert_eq!(ledger.sum(""), 0);
    for (team, generations) in teams.iter().zip(all) {
        let team = gateway.again(team);
        let usage = team.client.get("/v1/usage").await.expect(200).json();
        let charged = micros(&usage["charged_usd"]);
        assert_eq!(ledger.sum(&format!("team:{}", team.id)), -charged);
        let cost: i64 = generations.iter().map(|g| micros(&g["cost"]["charged_usd"])).sum();
        assert_eq!(cost, charged, "what the generations say and what usage says");
        let rows = usage["data"].as_array().expect("a list");
        assert_eq!(rows.iter().map(|row| micros(&row["charged_usd"])).sum::<i64>(), charged);
        let unsure = generations.iter().filter(|g| g["cost"].get("uncertain_usd").is_some());
        assert_eq!(unsure.count(), 0, "this vendor tells what it charged in the end");
    }
    let faults = vendor.requests().await.iter().filter(|r| r["fault"].is_string()).count();
    println!(
        "{} generations, {} charges of {total} micro-dollars, {faults} faults among the last requests, \
         {} generations failed",
        ids.len(),
        charges.len(),
        all.iter().flatten().filter(|g| g["status"] == "failed").count(),
    );
    assert!(faults > 0, "nothing went wrong: this run shows nothing");
}
