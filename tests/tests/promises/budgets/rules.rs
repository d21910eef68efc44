//! What a budget covers, and what it says when it does not.

use serde_json::{Value, json};
use tests::{Ledger, PICTURE, Team, Vendor, config, flat, quick, until, usd};

use super::{ask, ask_for, change, house, left, over_budget, pictures, standing, team, usage};
use crate::{image, run};

#[tokio::test]
async fn a_hard_budget_covers_what_it_says_and_not_one_more() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, pictures(3)).await;
    for made in 1..=3 {
        let reply = ask(&team, &image(&format!("number {made}"))).await.expect(201);
        assert_eq!(reply.json()["status"], "completed", "{}", reply.text());
        assert_eq!(left(&reply), (3 - made) * PICTURE);
    }
    let refused = ask(&team, &image("one too many")).await;
    let wanted = json!({ "owner": team.id, "remaining_usd": "0.000000", "remaining_outputs": null,
                         "resets_at": null });
    assert_eq!(over_budget(&refused), wanted);
    assert_eq!(left(&refused), 0, "a refusal tells it too");
    let openai = team.client.post("/v1/images/generations", &json!({ "prompt": "x" })).await;
    over_budget(&openai);

    let usage = usage(&team).await;
    assert_eq!(usage["charged_usd"], usd(3 * PICTURE).as_str());
    let told = json!({ "limit_usd": usd(3 * PICTURE), "remaining_usd": "0.000000",
                       "period": "total", "resets_at": null });
    assert_eq!(usage["budget"], told);
    assert_eq!(standing(&gateway, &team).await, (3 * PICTURE, 0));
    assert_eq!((vendor.charges().await.len(), team.generations().await.len()), (3, 3));
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:"), vendor.total().await);
}

#[tokio::test]
async fn a_micro_dollar_too_little_is_too_little() {
    let (vendor, gateway) = house(&json!({})).await;
    let short = json!({ "limit_usd": usd(PICTURE - 1), "period": "total" });
    let short = team(&gateway, short).await;
    let details = over_budget(&ask(&short, &image("almost")).await);
    assert_eq!(details["remaining_usd"], usd(PICTURE - 1).as_str());
    assert_eq!(vendor.count("generate").await, 0);
    let enough = team(&gateway, pictures(1)).await;
    let openai = json!({ "prompt": "just", "size": "512x512" });
    let made = enough.client.post("/v1/images/generations", &openai).await.expect(200);
    assert_eq!(left(&made), 0, "every surface tells it");
}

#[tokio::test]
async fn a_budget_of_nothing_covers_nothing() {
    let (vendor, gateway) = house(&json!({})).await;
    for nothing in [json!({ "limit_usd": "0" }), json!({ "limit_outputs": 0 })] {
        let team = team(&gateway, nothing.clone()).await;
        over_budget(&ask(&team, &image("nothing")).await);
        // Looking is free.
        team.client.get("/v1/models").await.expect(200);
        team.client.post("/v1/estimates", &image("how much?")).await.expect(200);
        assert_eq!(usage(&team).await["charged_usd"], "0.000000", "{nothing}");
    }
    assert_eq!(vendor.count("generate").await, 0);
}

#[tokio::test]
async fn several_pictures_are_covered_together_or_refused_together() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, pictures(3)).await;
    let details = over_budget(&ask_for(&team, "four", 4).await);
    assert_eq!(details["remaining_usd"], usd(3 * PICTURE).as_str());
    let openai = json!({ "prompt": "four", "n": 4, "size": "512x512" });
    over_budget(&team.client.post("/v1/images/generations", &openai).await);
    assert_eq!((vendor.count("generate").await, team.generations().await.len()), (0, 0));
    let three = ask_for(&team, "three", 3).await.expect(201);
    assert_eq!(three.json()["outputs"].as_array().map(Vec::len), Some(3), "{}", three.text());
    assert_eq!(left(&three), 0);
    assert_eq!(vendor.total().await, 3 * PICTURE);
}

#[tokio::test]
async fn a_soft_budget_refuses_nothing_and_tells_each_share_once() {
    let (_vendor, gateway) = house(&json!({})).await;
    let soft = json!({ "limit_usd": usd(2 * PICTURE), "period": "total", "hard": false,
                       "alert_at": [50, 100] });
    let team = team(&gateway, soft).await;
    for number in 0..4 {
        let reply = ask(&team, &image(&format!("number {number}"))).await.expect(201);
        assert_eq!(left(&reply), (1 - number).max(0) * PICTURE, "never less than nothing");
    }
    let budget = &usage(&team).await["budgets"][0];
    assert_eq!((&budget["hard"], &budget["remaining_usd"]), (&json!(false), &json!("0.000000")));
    assert_eq!(budget["charged_usd"], usd(4 * PICTURE).as_str());
    until("both shares in the log", || async {
        let told = |share: &str| gateway.logged().matches(share).count();
        let both = [told("is used to 50 percent"), told("is used to 100 percent")];
        assert!(both.iter().all(|times| *times <= 1), "told again: {both:?}");
        (both == [1, 1]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_tighter_one_of_key_and_team_holds() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, pictures(3)).await;
    let admin = gateway.admin();
    let narrow = team.another_key(&admin, &json!({ "budget": pictures(1) })).await;
    let wide = team.another_key(&admin, &json!({ "budget": pictures(9) })).await;
    assert_eq!(left(&ask(&narrow, &image("the key's one")).await.expect(201)), 0);
    let details = over_budget(&ask(&narrow, &image("its second")).await);
    assert_eq!(details["owner"], narrow.key_id.as_str());
    for count in [1, 0] {
        let reply = ask(&wide, &image(&format!("{count} left"))).await.expect(201);
        assert_eq!(left(&reply), count * PICTURE, "the team's rest is less than the key's");
    }
    for key in [&wide, &team] {
        let details = over_budget(&ask(key, &image("nobody's")).await);
        assert_eq!(details["owner"], team.id.as_str());
    }
    let owners = |usage: &Value| -> Vec<Value> {
        let all = usage["budgets"].as_array().expect("a list");
        all.iter().map(|budget| budget["owner"].clone()).collect()
    };
    assert_eq!(owners(&usage(&wide).await), [json!(team.id), json!(wide.key_id)], "tightest first");
    assert_eq!(owners(&usage(&team).await), [json!(team.id)]);
    assert_eq!(vendor.charges().await.len(), 3);
}

#[tokio::test]
async fn a_budget_may_count_outputs() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, json!({ "limit_outputs": 3, "period": "total" })).await;
    let two = ask_for(&team, "two", 2).await.expect(201);
    assert_eq!(two.header("x-atelier-budget-remaining-usd"), None, "it is not about money");
    let details = over_budget(&ask_for(&team, "two more", 2).await);
    assert_eq!(
        (&details["remaining_usd"], &details["remaining_outputs"]),
        (&Value::Null, &json!(1))
    );
    ask(&team, &image("the last")).await.expect(201);
    let details = over_budget(&ask(&team, &image("a fourth")).await);
    assert_eq!(details["remaining_outputs"], 0);
    let budget = &usage(&team).await["budgets"][0];
    assert_eq!((&budget["outputs"], &budget["remaining_outputs"]), (&json!(3), &json!(0)));
    assert_eq!(vendor.charges().await.len(), 3);
}

/// Two vendors of one name's pictures, the dear one first.
async fn dear_and_cheap(policy: &str) -> (Vendor, Vendor, tests::Gateway) {
    let (dear, cheap) = (Vendor::start(flat()).await, Vendor::start(quick()).await);
    let mut config = config(&dear, &json!({ "routing": { "policy": policy } }));
    let mut second = config["providers"]["zekron"].clone();
    second["base_url"] = json!(cheap.url());
    config["providers"]["second"] = second;
    config["models"] = json!({
        "photo": { "kind": "image",
                   "candidates": ["zekron/zekron-image-1", "second/zekron-flash"] },
        "default": { "image": "photo" },
    });
    let gateway = run().gateway(&config).await;
    (dear, cheap, gateway)
}

/// The most that the second one charges, by its page.
const SECOND: i64 = 20_000;

#[tokio::test]
async fn what_the_first_vendor_is_too_dear_for_the_second_makes() {
    let (dear, cheap, gateway) = dear_and_cheap("ordered").await;
    let both = json!({ "limit_usd": usd(PICTURE + SECOND), "period": "total" });
    let team = team(&gateway, both).await;
    let mut providers = Vec::new();
    for number in 0..2 {
        let made = ask(&team, &image(&format!("number {number}"))).await.expect(201).json();
        assert_eq!(made["status"], "completed", "{made}");
        providers.push(made["provider"].clone());
    }
    assert_eq!(
        providers,
        ["zekron", "second"],
        "the first in the order, then what the rest covers"
    );
    over_budget(&ask(&team, &image("number 3")).await);
    let charged = dear.total().await + cheap.total().await;
    assert!(charged <= PICTURE + SECOND, "{charged}");
    assert_eq!(standing(&gateway, &team).await, (charged, 0));
}

#[tokio::test]
async fn a_dearer_vendor_steps_in_only_where_the_budget_covers_it() {
    let (dear, cheap, gateway) = dear_and_cheap("cost").await;
    cheap.fault_on_generate("unpaid", json!({ "times": 20 })).await;
    let budget = json!({ "limit_usd": usd(PICTURE - 1), "period": "total" });
    let team = team(&gateway, budget).await;
    let failed = ask(&team, &image("too dear")).await.expect(201).json();
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["error"]["code"], "budget_exceeded", "{failed}");
    assert_eq!((cheap.count("generate").await, dear.count("generate").await), (1, 0));
    assert_eq!(standing(&gateway, &team).await, (0, 0));
    change(&gateway, &team, json!({ "budget": pictures(1) })).await;
    let made = ask(&team, &image("covered now")).await.expect(201).json();
    assert_eq!((&made["status"], &made["provider"]), (&json!("completed"), &json!("zekron")));
    assert_eq!(standing(&gateway, &team).await, (PICTURE, 0));
}

/// A repetition under an idempotency key.
async fn keyed(team: &Team, body: &Value) -> tests::Reply {
    let headers = [("idempotency-key", "k1"), ("prefer", "wait=60")];
    team.client.post_with("/v1/generations", body, &headers).await
}

#[tokio::test]
async fn a_changed_budget_holds_at_once_and_a_refusal_used_no_key_up() {
    let (vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, json!({ "limit_usd": "0" })).await;
    over_budget(&keyed(&team, &image("too early")).await);
    change(&gateway, &team, json!({ "budget": pictures(1) })).await;
    let made = keyed(&team, &image("now")).await.expect(201);
    assert_eq!(made.header("idempotent-replayed"), None, "the key was never used");
    assert_eq!(left(&made), 0);
    // What is there already is answered, whatever the budget says.
    let again = keyed(&team, &image("now")).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));

    over_budget(&ask(&team, &image("a second")).await);
    change(&gateway, &team, json!({ "budget": pictures(2) })).await;
    ask(&team, &image("a second")).await.expect(201);
    change(&gateway, &team, json!({ "budget": pictures(1) })).await;
    let details = over_budget(&ask(&team, &image("less than it spent")).await);
    assert_eq!(details["remaining_usd"], "0.000000", "never less than nothing");
    change(&gateway, &team, json!({ "budget": null })).await;
    let free = ask(&team, &image("without limit")).await.expect(201);
    assert_eq!(free.header("x-atelier-budget-remaining-usd"), None);
    assert_eq!(usage(&team).await["budget"], Value::Null);
    // What was spent without a budget counts in a new one.
    change(&gateway, &team, json!({ "budget": pictures(3) })).await;
    over_budget(&ask(&team, &image("a fourth")).await);
    assert_eq!(vendor.charges().await.len(), 3);
}

#[tokio::test]
async fn what_is_left_is_a_metric() {
    let (_vendor, gateway) = house(&json!({})).await;
    let team = team(&gateway, pictures(3)).await;
    ask(&team, &image("one")).await.expect(201);
    let labels = [("team", team.id.as_str())];
    until("the metric", || async {
        let text = gateway.metric_text("atelier_budget_remaining_usd", &labels).await;
        // 3 pictures less one, in dollars.
        (text.as_deref() == Some("0.058")).then_some(())
    })
    .await;
}
