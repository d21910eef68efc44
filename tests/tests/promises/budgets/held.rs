//! Money that is held: for what waits and for what runs, until it is over, and not a moment longer.

use serde_json::{Value, json};
use tests::{Ledger, PICTURE, Queue, Team, quick_queue, until};

use super::{ask, ask_for, change, house, left, over_budget, pictures, standing, team, usage};
use crate::{image, run};

/// One call at once, and none of them answers while the test runs.
async fn busy_house() -> (tests::Vendor, tests::Gateway) {
    let one = json!({ "concurrent": 1 });
    let change =
        json!({ "providers": { "zekron": { "accounts": { "main": { "limits": one } } } } });
    let (vendor, gateway) = house(&change).await;
    vendor.set(json!({ "latency_ms": { "min": 600_000, "max": 600_000 } })).await;
    (vendor, gateway)
}

#[tokio::test]
async fn what_waits_holds_its_money_and_gives_it_back_when_it_is_cancelled() {
    let (vendor, gateway) = busy_house().await;
    let team = team(&gateway, pictures(3)).await;
    let running = team.begin(&image("under way")).await;
    vendor.asked("generate", 1).await;
    let mut two = image("waiting");
    two["count"] = json!(2);
    let waiting = team.begin(&two).await;
    assert_eq!(team.generation(&waiting).await["status"], "queued");
    assert_eq!(standing(&gateway, &team).await, (0, 3 * PICTURE));
    assert_eq!(usage(&team).await["budget"]["remaining_usd"], "0.000000");
    over_budget(&ask(&team, &image("nothing is left")).await);

    let cancel = format!("/v1/generations/{waiting}/cancel");
    team.client.post(&cancel, &json!({})).await.expect(200);
    assert_eq!(standing(&gateway, &team).await, (0, PICTURE));
    over_budget(&ask_for(&team, "three do not fit in two", 3).await);
    team.begin(&two).await;
    assert_eq!(team.generation(&running).await["status"], "running");
    assert_eq!(vendor.count("generate").await, 1);
}

#[tokio::test]
async fn what_is_held_outlives_a_kill() {
    let (vendor, mut gateway) = busy_house().await;
    let team = team(&gateway, pictures(2)).await;
    team.begin(&image("under way")).await;
    vendor.asked("generate", 1).await;
    team.begin(&image("waiting")).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    assert_eq!(standing(&gateway, &team).await, (0, 2 * PICTURE));
    over_budget(&ask(&team, &image("nothing is left")).await);
}

#[tokio::test]
async fn what_fails_gives_its_money_back() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, pictures(1)).await;
    vendor.fault_on_generate("blocked", json!({})).await;
    let blocked = ask(&team, &image("refused by the vendor")).await.expect(201);
    assert_eq!(blocked.json()["status"], "blocked", "{}", blocked.text());
    assert_eq!(standing(&gateway, &team).await, (0, 0));
    // More failures than a generation has attempts.
    vendor.fault_on_generate("status_500", json!({ "times": 20 })).await;
    let failed = ask(&team, &image("broken at the vendor")).await.expect(201);
    assert_eq!(failed.json()["status"], "failed", "{}", failed.text());
    assert_eq!(standing(&gateway, &team).await, (0, 0));
    assert_eq!(usage(&team).await["budget"]["remaining_usd"], super::usd(PICTURE).as_str());
    assert_eq!(vendor.total().await, 0);
}

#[tokio::test]
async fn a_charge_whose_answer_was_lost_counts() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, pictures(1)).await;
    vendor.fault_on_generate("reset_after", json!({})).await;
    let made = ask(&team, &image("found in the vendor's books")).await.expect(201);
    assert_eq!(made.json()["status"], "completed", "{}", made.text());
    assert_eq!(standing(&gateway, &team).await, (PICTURE, 0));
    over_budget(&ask(&team, &image("a second")).await);
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn a_paid_picture_that_is_lost_is_a_loss_and_not_the_teams() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, pictures(1)).await;
    vendor.fault_on_generate("bad_picture", json!({})).await;
    let lost = ask(&team, &image("no picture at all")).await.expect(201).json();
    assert_eq!(lost["status"], "failed", "{lost}");
    assert_eq!(standing(&gateway, &team).await, (0, 0));
    assert_eq!(usage(&team).await["charged_usd"], "0.000000");
    ask(&team, &image("a good one")).await.expect(201);
    over_budget(&ask(&team, &image("a second good one")).await);
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:zekron/main"), 2 * PICTURE);
    assert_eq!((ledger.sum("loss:"), ledger.sum("team:")), (-PICTURE, -PICTURE));
    assert_eq!(vendor.total().await, 2 * PICTURE);
}

#[tokio::test]
async fn a_prepaid_unit_is_no_money_and_is_counted() {
    let vendor = Queue::start(quick_queue()).await;
    let gateway = vendor.gateway(run(), json!({})).await;
    let both = json!({ "budget": { "limit_usd": "0", "limit_outputs": 2, "period": "total" } });
    let team = gateway.team_with("prepaid", &both).await;
    for number in 0..2 {
        let made = ask(&team, &image(&format!("number {number}"))).await.expect(201);
        assert_eq!(made.json()["status"], "completed", "{}", made.text());
        assert_eq!(left(&made), 0);
    }
    let details = over_budget(&ask(&team, &image("a third")).await);
    assert_eq!(details["remaining_outputs"], 0, "{details}");
    let usage = usage(&team).await;
    assert_eq!(usage["charged_usd"], "0.000000");
    let budget = &usage["budgets"][0];
    assert_eq!((&budget["outputs"], &budget["charged_usd"]), (&json!(2), &json!("0.000000")));
    let generations = usage["data"].as_array().into_iter().flatten();
    let counted: u64 = generations.filter_map(|row| row["generations"].as_u64()).sum();
    assert_eq!(counted, 2, "{usage}");
    assert_eq!(vendor.jobs().await.len(), 2);
}

/// The outputs that are made and under way, of the first budget.
async fn outputs_left(team: &Team) -> Value {
    usage(team).await["budgets"][0]["remaining_outputs"].clone()
}

#[tokio::test]
async fn outputs_under_way_are_held_too() {
    let (vendor, gateway) = busy_house().await;
    let team = team(&gateway, json!({ "limit_outputs": 3, "period": "total" })).await;
    let mut two = image("two under way");
    two["count"] = json!(2);
    team.begin(&two).await;
    vendor.asked("generate", 1).await;
    assert_eq!(outputs_left(&team).await, 1);
    over_budget(&ask_for(&team, "two more", 2).await);
    let one = team.begin(&image("one more")).await;
    assert_eq!(outputs_left(&team).await, 0);
    team.client.post(&format!("/v1/generations/{one}/cancel"), &json!({})).await.expect(200);
    assert_eq!(outputs_left(&team).await, 1);
}

#[tokio::test]
async fn a_budget_that_comes_while_work_is_under_way_counts_it() {
    let (vendor, gateway) = busy_house().await;
    let team = gateway.team("free so far").await;
    team.begin(&image("under way")).await;
    vendor.asked("generate", 1).await;
    team.begin(&image("waiting")).await;
    change(&gateway, &team, json!({ "budget": pictures(2) })).await;
    until("what is held", || async {
        let standing = standing(&gateway, &team).await;
        (standing == (0, 2 * PICTURE)).then_some(())
    })
    .await;
    over_budget(&ask(&team, &image("nothing is left")).await);
}
