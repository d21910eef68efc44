//! Budgets and limits of teams and keys: how they are set, told and changed.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Call, House, painter::COST};

async fn team(house: &House, body: &Value) -> (String, Value) {
    let made = house.operate(Method::POST, "/admin/v1/teams", &body.to_string()).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.expect(201);
    (made["id"].as_str().unwrap().to_owned(), made)
}

async fn key(house: &House, team: &str, budget: &Value) -> String {
    let body = json!({"team_id": team, "name": "k", "budget": budget}).to_string();
    let made = house.operate(Method::POST, "/admin/v1/keys", &body).await.expect(201);
    made["key"].as_str().unwrap().to_owned()
}

async fn paint(house: &House, key: &str) -> super::Answer {
    let headers = [("content-type", "application/json")];
    let call = Call::new(Method::POST, "/v1/images/generations");
    let body = r#"{"prompt": "x", "cache": "off"}"#.into();
    house.send(Call { key: Some(key), headers: &headers, body, ..call }).await
}

async fn usage(house: &House, key: &str, query: &str) -> Value {
    let path = format!("/v1/usage{query}");
    house.send(Call { key: Some(key), ..Call::new(Method::GET, &path) }).await.expect(200)
}

#[actix_web::test]
async fn a_teams_rules_are_told_as_they_were_given_and_change_one_by_one() {
    let house = House::new().await;
    let body = json!({"name": "t", "weight": 3, "time_zone": "Europe/Berlin", "models": ["photo"],
        "budget": [{"limit_usd": "50", "period": "day", "hard": false, "alert_at": [50, 80]},
                   {"limit_outputs": 10}],
        "limits": {"requests_per_minute": 60, "kinds": {"video": {"concurrent": 1}},
                   "models": {"photo": {"requests_per_minute": 7}}}});
    let (id, made) = team(&house, &body).await;
    let day = json!({"limit_usd": "50.000000", "limit_outputs": null, "period": "day",
        "hard": false, "alert_at": [50, 80]});
    let month = json!({"limit_usd": null, "limit_outputs": 10, "period": "month", "hard": true,
        "alert_at": []});
    let limits = json!({"requests_per_minute": 60, "concurrent": null,
        "kinds": {"video": {"requests_per_minute": null, "concurrent": 1}},
        "models": {"photo": {"requests_per_minute": 7, "concurrent": null}}});
    let path = format!("/admin/v1/teams/{id}");
    let one = house.operate(Method::GET, &path, "").await.expect(200);
    for shown in [&made, &one] {
        assert_eq!(shown["budget"], json!([day, month]));
        assert_eq!((&shown["limits"], &shown["weight"]), (&limits, &json!(3)));
        assert_eq!(shown["time_zone"], "Europe/Berlin");
    }
    assert!(one.get("webhook_secret").is_none());

    let patch = async |body: &str| house.operate(Method::PATCH, &path, body).await;
    assert_eq!(patch("{}").await.expect(200)["budget"], json!([day, month]));
    let changed = patch(r#"{"budget": {"limit_usd": 5}, "weight": null}"#).await.expect(200);
    assert_eq!(changed["budget"]["limit_usd"], "5.000000");
    assert_eq!((&changed["weight"], &changed["limits"]), (&Value::Null, &limits));
    let cleared = r#"{"budget": null, "limits": null, "time_zone": null, "models": null}"#;
    let cleared = patch(cleared).await.expect(200);
    assert_eq!((&cleared["budget"], &cleared["time_zone"]), (&Value::Null, &Value::Null));
    assert_eq!((&cleared["limits"]["kinds"], &cleared["models"]), (&json!({}), &json!([])));
    for (body, code, param) in [
        (r#"{"name": null}"#, "invalid_request", "name"),
        (r#"{"budget": {"limit_usd": "x"}}"#, "invalid_request", "budget.limit_usd"),
        (r#"{"webhook_secret": "x"}"#, "unsupported_parameter", "webhook_secret"),
        (r#"{"weight": 1001}"#, "invalid_request", "weight"),
        (r#"{"limits": {"models": {"none": {}}}}"#, "invalid_request", "limits.models.none"),
    ] {
        patch(body).await.refused(400, code, Some(param));
    }
    let none = house.operate(Method::PATCH, "/admin/v1/teams/team_none", "{}").await;
    none.refused(404, "not_found", None);
    let none = house.operate(Method::GET, "/admin/v1/teams/team_none", "").await;
    none.refused(404, "not_found", None);
}

#[actix_web::test]
async fn what_is_left_is_told_to_the_team_and_the_operator() {
    let house = House::new().await;
    let budget = json!({"limit_usd": "1", "period": "month"});
    let (id, _) = team(&house, &json!({"name": "t", "budget": budget})).await;
    let first = key(&house, &id, &Value::Null).await;
    let second = key(&house, &id, &json!({"limit_usd": "0.10", "period": "total"})).await;
    paint(&house, &first).await.expect(200);
    paint(&house, &second).await.expect(200);

    let left = |micros: i64| format!("0.{micros:06}");
    let told = usage(&house, &first, "").await;
    assert_eq!(told["charged_usd"], left(2 * COST));
    let wanted = json!({"limit_usd": "1.000000", "remaining_usd": left(1_000_000 - 2 * COST),
        "period": "month", "resets_at": "2027-02-01T00:00:00.000Z"});
    assert_eq!(told["budget"], wanted);
    assert_eq!(told["budgets"].as_array().unwrap().len(), 1);
    assert_eq!(told["budgets"][0]["owner"], json!(id));

    let told = usage(&house, &second, "?key=self").await;
    assert_eq!(told["charged_usd"], left(COST));
    assert_eq!(told["budget"]["remaining_usd"], left(100_000 - COST));
    assert_eq!(
        (&told["budget"]["period"], &told["budget"]["resets_at"]),
        (&json!("total"), &Value::Null)
    );
    assert_eq!(told["budgets"].as_array().unwrap().len(), 2);
    let answer = Call { key: Some(&second), ..Call::new(Method::GET, "/v1/usage?key=key_other") };
    house.send(answer).await.refused(400, "invalid_request", Some("key"));

    let path = format!("/admin/v1/teams/{id}");
    let one = house.operate(Method::GET, &path, "").await.expect(200);
    let standing = &one["standing"][0];
    assert_eq!(standing["charged_usd"], left(2 * COST));
    assert_eq!((&standing["held_usd"], &standing["outputs"]), (&json!("0.000000"), &json!(2)));
    assert_eq!(standing["remaining_usd"], left(1_000_000 - 2 * COST));
    let body = r#"{"name": "v", "role": "viewer"}"#;
    let viewer = house.operate(Method::POST, "/admin/v1/users", body).await.expect(201);
    let viewer = viewer["key"].as_str().unwrap();
    let one = house.operate_as(viewer, Method::GET, &path, "").await.expect(200);
    assert_eq!(one["standing"], Value::Null);

    let none = usage(&house, &house.key, "").await;
    assert_eq!((&none["budget"], &none["budgets"]), (&Value::Null, &json!([])));
}

#[actix_web::test]
async fn a_hard_budget_refuses_what_it_does_not_cover() {
    let house = House::new().await;
    let budget = json!({"limit_usd": "0.03"});
    let (id, _) = team(&house, &json!({"name": "t", "budget": budget})).await;
    let key = key(&house, &id, &Value::Null).await;
    paint(&house, &key).await.expect(200);
    let refused = paint(&house, &key).await;
    assert_eq!(refused.expect(402)["error"]["code"], "budget_exceeded");
}

#[actix_web::test]
async fn only_a_revoked_team_is_erased() {
    let house = House::new().await;
    let (id, _) = team(&house, &json!({"name": "told to nobody"})).await;
    let path = format!("/admin/v1/teams/{id}");
    let erase = format!("{path}/erase");
    house.operate(Method::POST, &erase, "").await.refused(400, "invalid_request", None);
    assert_eq!(house.operate(Method::DELETE, &path, "").await.status.as_u16(), 204);
    assert_eq!(house.operate(Method::POST, &erase, "").await.status.as_u16(), 204);
    let one = house.operate(Method::GET, &path, "").await;
    assert!(!one.text().contains("told to nobody"), "{}", one.text());
    assert_eq!(one.expect(200)["id"], json!(id));
    let none = house.operate(Method::POST, "/admin/v1/teams/team_none/erase", "").await;
    none.refused(404, "not_found", None);
}
