//! What was spent and what was saved: a plan's fee is shared by use beside the ledger, a prepaid unit is on
//! the books at nothing, and what it saved is the price of the next best vendor.

use serde_json::{Value, json};
use tests::{Gateway, Queue, Team, Vendor, config, micros, quick, quick_queue};

use crate::{image, run};

/// A house with a vendor on a plan and one that is paid by the piece.
async fn house() -> (Queue, Vendor, Gateway) {
    let (queue, vendor) = (Queue::start(quick_queue()).await, Vendor::start(quick()).await);
    let zekron = config(&vendor, &json!({}))["providers"]["zekron"].clone();
    let change = json!({ "providers": { "zekron": zekron } });
    let plan = json!({ "plan": { "monthly_fee_usd": "99.000001" } });
    let gateway = run().gateway(&queue.config_at(&queue.url(), plan, &change)).await;
    (queue, vendor, gateway)
}

async fn prepaid(team: &Team, pictures: usize) {
    for n in 0..pictures {
        let done = team.generate(&image(&format!("prepaid {n}"))).await;
        assert_eq!((&done["status"], &done["provider"]), (&json!("completed"), &json!("zsky")));
        assert_eq!(done["cost"]["charged_usd"], "0.000000");
    }
}

async fn spend(gateway: &Gateway, query: &str) -> Value {
    gateway.admin().get(&format!("/admin/v1/usage?{query}")).await.expect(200).json()
}

#[tokio::test]
async fn a_prepaid_unit_saves_what_the_next_best_vendor_costs() {
    let (_queue, vendor, gateway) = house().await;
    let team = gateway.team("a").await;
    let estimates = team.client.post("/v1/estimates", &image("prepaid 0")).await.expect(200).json();
    let rows = estimates["data"].as_array().expect("rows");
    let next = rows.iter().find(|row| row["provider"] == "zekron").expect("the next best");
    let price = micros(&next["estimated_usd"]);
    assert!(price > 0);
    prepaid(&team, 3).await;
    let usage = team.client.get("/v1/usage").await.expect(200).json();
    assert_eq!((micros(&usage["saved_usd"]), micros(&usage["charged_usd"])), (3 * price, 0));
    assert_eq!(usage["data"][0]["generations"], 3, "{usage}");
    assert!(vendor.charges().await.is_empty(), "nobody was paid by the piece");
    let labels = [("reason", "allowance")];
    let saved = gateway.metric_text("atelier_saved_usd_total", &labels).await.expect("a sum");
    assert_eq!(micros(&json!(saved)), 3 * price, "{saved}");
    let ledger = gateway.admin().get("/admin/v1/ledger?limit=100").await.expect(200).json();
    let entries = ledger["data"].as_array().expect("entries");
    assert!(entries.iter().all(|entry| entry["kind"] == "allowance"), "{ledger}");
    assert_eq!(entries.len(), 6, "both sides of each unit: {ledger}");
}

#[tokio::test]
async fn a_plans_fee_is_shared_by_use_to_the_last_micro_dollar() {
    let (_queue, _vendor, gateway) = house().await;
    let (first, second) = (gateway.team("a").await, gateway.team("b").await);
    prepaid(&first, 2).await;
    prepaid(&second, 1).await;
    let report = spend(&gateway, "by=team").await;
    let rows = report["data"].as_array().expect("rows");
    let of = |team: &Team| {
        let row = rows.iter().find(|row| row["team"] == team.id.as_str()).expect("a row");
        (row["units"].as_u64(), micros(&row["plan_fee_usd"]), micros(&row["charged_usd"]))
    };
    let ((units, fee, charged), (less, smaller, nothing)) = (of(&first), of(&second));
    assert_eq!((units, less, charged, nothing), (Some(2), Some(1), 0, 0), "{report}");
    assert_eq!(fee + smaller, 99_000_001, "{report}");
    assert!((fee - 66_000_001).abs() <= 1 && (smaller - 33_000_000).abs() <= 1, "{report}");
    let plan = &report["plans"][0];
    assert_eq!((&plan["provider"], &plan["units"]), (&json!("zsky"), &json!(3)), "{report}");
    // One team's view has its own part and no more.
    let own = spend(&gateway, &format!("by=model&team={}", second.id)).await;
    assert_eq!(micros(&own["data"][0]["plan_fee_usd"]), smaller, "{own}");
}
