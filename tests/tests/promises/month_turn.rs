//! The month turns by the vendor's calendar: what was used up is there again, the counters begin anew,
//! and what overage left of its cap is carried over, to the cent of the vendor's books.

use serde_json::{Value, json};
use tests::{Gateway, Ledger, Queue, Team, micros, quick_queue, until};

use crate::{image, run};

/// Asks for so many images at once, and waits for all; they must be made.
async fn made(team: &Team, what: &str, count: usize) -> Vec<Value> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(team.begin(&image(&format!("{what} {number}"))).await);
    }
    let mut all = Vec::new();
    for id in ids {
        let generation = team.ended(&id).await;
        assert_eq!(generation["status"], "completed", "{generation}");
        all.push(generation);
    }
    all
}

async fn left(gateway: &Gateway) -> Option<i64> {
    let labels = [("provider", "zsky"), ("kind", "image"), ("window", "month")];
    gateway.metric("atelier_account_allowance_remaining", &labels).await
}

/// A vendor and a plan of so many images a month and no clips.
async fn house(images: u32, overage: Value) -> (Queue, Gateway) {
    let queue = Queue::start(quick_queue()).await;
    queue.set(json!({ "allowance": { "images": images, "videos": 0 } })).await;
    let plan = json!({ "images": images, "videos": 0, "overage": overage });
    let gateway = queue.gateway(run(), json!({ "plan": plan })).await;
    (queue, gateway)
}

#[tokio::test]
async fn a_month_that_is_used_up_ends_with_the_vendors_month() {
    let (queue, gateway) = house(2, json!({})).await;
    let team = gateway.team("a").await;
    made(&team, "this month", 2).await;
    assert_eq!((left(&gateway).await, &queue.usage().await["images_used"]), (Some(0), &json!(2)));
    let account = gateway.account("zsky").await;
    assert_eq!(account["hold"]["reason"], "allowance", "{account}");

    // Nobody tells the gateway: it reads the counters again before it turns work away.
    let first = queue.turn_month().await;
    let looks = queue.count("usage").await;
    made(&team, "next month", 1).await;
    assert!(queue.count("usage").await > looks);
    let usage = queue.usage().await;
    assert_eq!((&usage["month_start"], &usage["images_used"]), (&json!(first), &json!(1)));
    assert_eq!(left(&gateway).await, Some(1), "only the new month's work counts in it");
    assert_eq!(gateway.account("zsky").await["hold"], Value::Null);

    // The new month has an end as well.
    made(&team, "next month, the last", 1).await;
    let answer = team.client.post("/v1/generations", &image("one too many")).await;
    assert_eq!(answer.refusal(), (503, "providers_unavailable".to_owned(), None));
    assert_eq!((left(&gateway).await, queue.count("generate").await), (Some(0), 4));
    assert_eq!(queue.answered("429").await, 0);
}

#[tokio::test]
async fn a_month_that_turned_while_the_gateway_was_dead_is_noticed() {
    let (queue, mut gateway) = house(2, json!({})).await;
    let team = gateway.team("a").await;
    made(&team, "this month", 2).await;
    let answer = team.client.post("/v1/generations", &image("one too many")).await;
    assert_eq!(answer.refusal().0, 503);
    gateway.kill().await;
    queue.turn_month().await;
    gateway.start_again().await;
    until("the new month", || async { (left(&gateway).await == Some(2)).then_some(()) }).await;
    made(&gateway.again(&team), "next month", 1).await;
    assert_eq!((left(&gateway).await, &queue.usage().await["images_used"]), (Some(1), &json!(1)));
}

#[tokio::test]
async fn work_under_way_when_the_month_turns_counts_where_it_began() {
    let (queue, gateway) = house(2, json!({})).await;
    let team = gateway.team("a").await;
    // The rest of the month passes in a moment here, and no link or result expires for that.
    let long = 40 * 24 * 3600;
    queue.set(json!({ "link_expiry_s": long, "retention_s": long })).await;
    queue.fault(json!({ "kind": "slow", "on": "results", "delay_ms": 300 })).await;
    let begun = team.begin(&image("over midnight")).await;
    made(&team, "this month", 1).await;
    queue.turn_month().await;
    made(&team, "next month", 2).await;
    assert_eq!(team.ended(&begun).await["status"], "completed");
    let of_month = |charge: &Value| charge["month"].as_str().unwrap_or_default().to_owned();
    let mut months: Vec<String> = queue.charges().await.iter().map(of_month).collect();
    months.dedup();
    assert_eq!(months.len(), 2, "two in each: {months:?}");
    assert_eq!((left(&gateway).await, &queue.usage().await["images_used"]), (Some(0), &json!(2)));
}

/// What the ledger holds for this vendor, which must be what the vendor's books say to the cent.
async fn agreed(queue: &Queue, gateway: &Gateway, team: &Team) -> i64 {
    let cents = |charge: &Value| charge["overage_cents"].as_i64().expect("cents");
    let theirs: i64 = queue.charges().await.iter().map(cents).sum::<i64>() * 10_000;
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:zsky/main"), theirs, "the ledger and the vendor's books");
    let usage = team.client.get("/v1/usage").await.expect(200).json();
    assert_eq!(micros(&usage["charged_usd"]), theirs, "the team's usage");
    let all = team.generations().await;
    assert_eq!(all.iter().map(|g| micros(&g["cost"]["charged_usd"])).sum::<i64>(), theirs);
    theirs
}

#[tokio::test]
async fn overage_is_paid_within_its_cap_and_what_is_left_is_carried_over() {
    let overage = json!({ "enabled": true, "image_usd": 0.05, "monthly_cap_usd": 0.10 });
    let (queue, mut gateway) = house(1, overage).await;
    queue.sell_overage(10).await;
    let team = gateway.team("a").await;
    // One within the plan, one bought; half of the month's cap is left.
    let both = made(&team, "this month", 2).await;
    let mut costs: Vec<i64> = both.iter().map(|g| micros(&g["cost"]["charged_usd"])).collect();
    costs.sort_unstable();
    assert_eq!(costs, [0, 50_000]);
    assert_eq!(agreed(&queue, &gateway, &team).await, 50_000);
    assert_eq!(queue.usage().await["overage_charged_cents"], 5);

    queue.turn_month().await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    until("the new month", || async { (left(&gateway).await == Some(1)).then_some(()) }).await;
    // One within the plan, and three for the cap and what was left of the last.
    made(&team, "next month", 4).await;
    assert_eq!(agreed(&queue, &gateway, &team).await, 200_000);
    let key = queue.standing().await;
    assert_eq!((&key["images_overage"], &key["overage_left_cents"]), (&json!(3), &json!(0)));

    let answer = team.client.post("/v1/generations", &image("past the cap")).await;
    assert_eq!(answer.refusal(), (503, "providers_unavailable".to_owned(), None));
    assert_eq!(agreed(&queue, &gateway, &team).await, 200_000);
    assert_eq!((queue.count("generate").await, queue.answered("429").await), (6, 0));
}

/// A vendor that sells images past the first of a month for five cents each, and that first one made.
async fn selling() -> (Queue, Gateway, Team) {
    let overage = json!({ "enabled": true, "image_usd": 0.05, "monthly_cap_usd": 1 });
    let (queue, gateway) = house(1, overage).await;
    queue.sell_overage(100).await;
    let team = gateway.team("a").await;
    made(&team, "within the plan", 1).await;
    (queue, gateway, team)
}

#[tokio::test]
async fn stopped_work_past_the_plan_is_paid_and_a_kill_pays_nothing_twice() {
    let (queue, mut gateway, team) = selling().await;
    assert_eq!(team.generate(&image("scandalous")).await["status"], "blocked");
    queue.fault(json!({ "kind": "slow", "on": "results", "delay_ms": 600_000 })).await;
    let id = team.begin(&image("bought, and on its way")).await;
    queue.asked("results", 2).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    assert_eq!(team.ended(&id).await["status"], "completed");
    assert_eq!(agreed(&queue, &gateway, &team).await, 100_000);
}

#[tokio::test]
async fn what_the_vendor_did_not_charge_past_the_plan_is_not_on_the_books() {
    let (queue, gateway, team) = selling().await;
    // Of neither does the page say whether it is charged: the vendor's counters do.
    assert_eq!(team.generate(&image("gore")).await["status"], "blocked");
    assert_eq!(team.generate(&image("unrenderable")).await["status"], "failed");
    assert_eq!(queue.usage().await["overage_charged_cents"], 0);
    let labels = [("provider", "zsky"), ("kind", "image"), ("window", "month")];
    until("the units to be free again", || async {
        let account = gateway.account("zsky").await;
        let used = gateway.metric("atelier_account_allowance_remaining", &labels).await;
        let mut lots = account["allowances"].as_array().into_iter().flatten();
        let month = lots.find(|lot| lot["kind"] == "image" && lot["window"] == "month")?;
        (month["used"] == 1 && used == Some(0)).then_some(())
    })
    .await;
    assert_eq!(agreed(&queue, &gateway, &team).await, 0);
}
