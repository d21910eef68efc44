//! Many at once, and a kill in the middle.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use serde_json::json;
use tests::{Ledger, micros};
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
};

use super::{IMAGES, cache_of, house};
use crate::image;

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_identical_requests_are_one_charge() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 200, "max": 200 } })).await;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let seen = Arc::new(Mutex::new((BTreeSet::new(), [0_usize; 3])));
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..REQUESTS {
        let place = Arc::clone(&room).acquire_owned().await.expect("it is open");
        let (client, seen) = (team.client.clone(), Arc::clone(&seen));
        callers.spawn(async move {
            let body = json!({ "prompt": "a lighthouse", "response_format": "url" });
            let reply = client.post(IMAGES, &body).await.expect(200);
            let id = reply.header("x-atelier-generation").expect("an id").to_owned();
            let kind =
                ["miss", "coalesced", "hit"].iter().position(|&kind| kind == cache_of(&reply));
            let mut seen = seen.lock().await;
            seen.0.insert(id);
            seen.1[kind.expect("one of the three")] += 1;
            drop(place);
        });
    }
    while let Some(done) = callers.join_next().await {
        done.expect("it is answered");
    }
    let (ids, [misses, coalesced, hits]) = seen.lock().await.clone();
    println!("{REQUESTS} in {:?}: {coalesced} joined, {hits} hits", begun.elapsed());
    assert_eq!((misses, coalesced + hits), (1, REQUESTS - 1));
    assert!(coalesced > 0 && hits > 0, "a cold start has both");
    assert_eq!(ids.len(), REQUESTS, "each has a record of its own");
    assert_eq!(vendor.charges().await.len(), 1);

    // Every one of them is there, and the books have one charge.
    let all = team.generations().await;
    let told: BTreeSet<String> =
        all.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect();
    assert_eq!(told, ids);
    assert!(
        all.iter()
            .all(|one| one["status"] == "completed" && one["outputs"][0]["url"] != json!(null))
    );
    let price = vendor.total().await;
    let charged: i64 = all.iter().map(|one| micros(&one["cost"]["charged_usd"])).sum();
    assert_eq!(charged, price);
    let usage = team.client.get("/v1/usage").await.expect(200).json();
    assert_eq!(micros(&usage["charged_usd"]), price);
    let others = i64::try_from(REQUESTS - 1).expect("a number");
    assert_eq!(micros(&usage["saved_usd"]), others * price);
    let ledger = Ledger::read(&gateway.admin()).await;
    assert_eq!(ledger.sum("provider:zekron"), price);
}

#[tokio::test]
async fn killed_between_charge_and_answer_the_retry_finds_the_same_generation() {
    let (vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("hang", json!({ "after_work": true })).await;
    let keyed = [("idempotency-key", "order-7"), ("prefer", "wait=60")];
    let mut callers = JoinSet::new();
    for (headers, n) in [(&keyed[..], 1), (&[("prefer", "wait=60")][..], 2)] {
        let client = team.client.clone();
        let headers: Vec<(String, String)> =
            headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        callers.spawn(async move {
            let mut all = vec![("content-type", "application/json")];
            all.extend(headers.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            drop(
                client.try_send("POST", "/v1/generations", &all, image("a fox").to_string()).await,
            );
        });
        if n == 1 {
            vendor.charged(1).await;
        } else {
            tests::until("both are written", || async {
                (team.generations().await.len() == 2).then_some(())
            })
            .await;
        }
    }
    let before = team.generations().await;
    gateway.kill_and_restart().await;
    callers.shutdown().await;
    let team = gateway.again(&team);
    let retry = team.client.post_with("/v1/generations", &image("a fox"), &keyed).await.expect(201);
    assert_eq!(retry.header("idempotent-replayed"), Some("true"));
    let retry = retry.json();
    assert_eq!(retry["status"], "completed", "{retry}");
    assert!(before.iter().any(|one| one["id"] == retry["id"]));
    for one in &before {
        let one = team.ended(one["id"].as_str().expect("an id")).await;
        assert_eq!(one["status"], "completed", "{one}");
    }
    assert_eq!(team.generations().await.len(), 2, "the retry made none");
    assert_eq!(vendor.charges().await.len(), 1);
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:zekron"), vendor.total().await);
}
