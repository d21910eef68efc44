//! When budgets begin anew: days, weeks and months of the team's own time zone, or never.

use serde_json::{Value, json};
use tests::{PICTURE, usd};

use super::{ask, change, house, left, over_budget, pictures, standing, team, usage};
use crate::image;

/// A budget for one picture in that period.
fn one(period: &str) -> Value {
    json!({ "limit_usd": usd(PICTURE), "period": period })
}

#[tokio::test]
async fn every_period_says_when_it_begins_anew() {
    let (_vendor, gateway) = house(&json!({})).await;
    let mut ends = Vec::new();
    for period in ["day", "week", "month"] {
        let team = team(&gateway, one(period)).await;
        assert_eq!(left(&ask(&team, &image(period)).await.expect(201)), 0);
        let refused = ask(&team, &image("another")).await;
        let at = over_budget(&refused)["resets_at"].as_str().expect("a time").to_owned();
        assert!(at.ends_with("T00:00:00.000Z"), "a day of UTC begins at midnight: {at}");
        assert_eq!(refused.header("x-atelier-budget-resets-at"), Some(at.as_str()));
        assert_eq!(usage(&team).await["budget"]["resets_at"], at.as_str());
        assert!(
            period != "month" || at.contains("-01T"),
            "a month begins with its first day: {at}"
        );
        ends.push(at);
    }
    assert!(
        ends[0] <= ends[1] && ends[0] <= ends[2],
        "no period ends before its first day: {ends:?}"
    );
}

#[tokio::test]
async fn a_team_has_days_of_its_own() {
    let (_vendor, gateway) = house(&json!({})).await;
    // Half an hour off, and without summer time.
    let kolkata = json!({ "budget": one("day"), "time_zone": "Asia/Kolkata" });
    let team = gateway.team_with("far away", &kolkata).await;
    let at = usage(&team).await["budget"]["resets_at"].as_str().expect("a time").to_owned();
    assert!(at.ends_with("T18:30:00.000Z"), "{at}");
    // A key's days are its team's.
    let key = team.another_key(&gateway.admin(), &json!({ "budget": one("month") })).await;
    for budget in usage(&key).await["budgets"].as_array().expect("a list") {
        let at = budget["resets_at"].as_str().expect("a time");
        assert!(at.ends_with("T18:30:00.000Z"), "{budget}");
    }
    change(&gateway, &team, json!({ "time_zone": null })).await;
    let at = usage(&team).await["budget"]["resets_at"].as_str().expect("a time").to_owned();
    assert!(at.ends_with("T00:00:00.000Z"), "{at}");
}

#[tokio::test]
async fn several_budgets_hold_together() {
    let (vendor, gateway) = house(&json!({})).await;
    let all = json!([pictures(5), { "limit_usd": usd(2 * PICTURE), "period": "day" },
                     { "limit_outputs": 4, "period": "month" }]);
    let team = team(&gateway, all).await;
    for count in [1, 0] {
        let reply = ask(&team, &image(&format!("{count} left today"))).await.expect(201);
        assert_eq!(left(&reply), count * PICTURE);
    }
    let details = over_budget(&ask(&team, &image("tomorrow")).await);
    assert!(details["resets_at"].is_string(), "the day's: {details}");
    let usage = usage(&team).await;
    assert_eq!(usage["budget"]["period"], "day", "the tightest: {usage}");
    let periods: Vec<&Value> =
        usage["budgets"].as_array().expect("a list").iter().map(|b| &b["period"]).collect();
    assert_eq!(periods, ["day", "total", "month"]);

    // Each goes on where it stood when another is taken away.
    let rest = json!([pictures(5), { "limit_outputs": 4, "period": "month" }]);
    change(&gateway, &team, json!({ "budget": rest })).await;
    ask(&team, &image("the third")).await.expect(201);
    ask(&team, &image("the fourth")).await.expect(201);
    let details = over_budget(&ask(&team, &image("a fifth this month")).await);
    assert_eq!(details["remaining_outputs"], 0, "{details}");
    assert_eq!(standing(&gateway, &team).await, (4 * PICTURE, 0));
    assert_eq!(vendor.charges().await.len(), 4);
}

#[tokio::test]
async fn an_impossible_budget_is_refused_by_its_field() {
    let (_vendor, gateway) = house(&json!({})).await;
    for (budget, param) in [
        (json!({}), "budget"),
        (json!({ "limit_usd": "-1" }), "budget.limit_usd"),
        (json!({ "limit_usd": "a dollar" }), "budget.limit_usd"),
        (json!({ "limit_usd": "1", "period": "year" }), "budget.period"),
        (json!({ "limit_usd": "1", "alert_at": [0] }), "budget.alert_at"),
        (json!({ "limit_usd": "1", "alert_at": [101] }), "budget.alert_at"),
        (json!({ "limit_usd": "1", "most": 5 }), "budget.most"),
    ] {
        let body = json!({ "name": "x", "budget": budget });
        let (status, _, at) = gateway.admin().post("/admin/v1/teams", &body).await.refusal();
        let at = at.unwrap_or_default();
        assert!(status == 400 && at.starts_with(param), "{budget}: {status} {at}");
    }
}
