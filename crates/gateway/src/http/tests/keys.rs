//! Keys over their life: rotated with grace, found, changed.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{
    Call, House,
    people::{key, team},
};

#[actix_web::test]
async fn a_rotated_key_is_good_beside_the_new_one_for_the_grace() {
    let house = House::new().await;
    let team = team(&house, "t").await;
    let made = key(&house, &team).await;
    let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let path = format!("/admin/v1/keys/{id}/rotate");
    let answer = house.operate(Method::POST, &path, r#"{"grace": "1h"}"#).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let new = answer.expect(200);
    let text = new["key"].as_str().unwrap();
    assert_eq!(new["id"], made["id"]);
    assert!(text.starts_with("atl_") && text != old);
    let ask = async |key: &str| {
        let call = Call { key: Some(key), ..Call::new(Method::GET, "/v1/usage") };
        house.send(call).await.status.as_u16()
    };
    assert_eq!((ask(old).await, ask(text).await), (200, 200));
    house.clock.advance(Duration::from_secs(3601));
    assert_eq!((ask(old).await, ask(text).await), (401, 200));

    let at_once = house.operate(Method::POST, &path, r#"{"grace": "0s"}"#).await.expect(200);
    assert_eq!((ask(text).await, ask(at_once["key"].as_str().unwrap()).await), (401, 200));
    // Without a word it is a day.
    let third = at_once["key"].as_str().unwrap().to_owned();
    house.operate(Method::POST, &path, "").await.expect(200);
    house.clock.advance(Duration::from_secs(86_390));
    assert_eq!(ask(&third).await, 200);
    house.clock.advance(Duration::from_secs(20));
    assert_eq!(ask(&third).await, 401);

    for (body, code, param) in [
        (r#"{"grace": "31d"}"#, "invalid_request", "grace"),
        (r#"{"grace": "soon"}"#, "invalid_request", "grace"),
        (r#"{"grace": 60}"#, "invalid_request", "grace"),
        (r#"{"graze": "1h"}"#, "unsupported_parameter", "graze"),
    ] {
        house.operate(Method::POST, &path, body).await.refused(400, code, Some(param));
    }
    let none = house.operate(Method::POST, "/admin/v1/keys/key_none/rotate", "").await;
    none.refused(404, "not_found", None);
}

#[actix_web::test]
async fn a_key_is_found_by_its_prefix_and_changed() {
    let house = House::new().await;
    let team = team(&house, "t").await;
    let body = json!({"team_id": team, "name": "ci", "allowed_ips": ["10.0.0.0/8"],
        "metadata": {"cost_centre": "7"}, "budget": {"limit_outputs": 3, "period": "total"},
        "limits": {"requests_per_minute": 5}, "models": ["photo"]});
    let made = house.operate(Method::POST, "/admin/v1/keys", &body.to_string()).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["allowed_ips"], json!(["10.0.0.0/8"]));
    assert_eq!(made["metadata"], json!({"cost_centre": "7"}));
    assert_eq!(
        (&made["budget"]["limit_outputs"], &made["budget"]["limit_usd"]),
        (&json!(3), &Value::Null)
    );
    assert_eq!(made["limits"]["requests_per_minute"], 5);
    let prefix = made["prefix"].as_str().unwrap();
    let found = format!("/admin/v1/keys?prefix={prefix}");
    let found = house.operate(Method::GET, &found, "").await.expect(200);
    assert!(found["data"].as_array().unwrap().iter().any(|row| row["id"] == id));
    let none = house.operate(Method::GET, "/admin/v1/keys?prefix=atl_zzzz", "").await.expect(200);
    assert_eq!(none["data"], json!([]));
    let odd = house.operate(Method::GET, "/admin/v1/keys?prefx=atl_", "").await;
    odd.refused(400, "invalid_request", Some("query"));

    let path = format!("/admin/v1/keys/{id}");
    let patch = r#"{"name": "cd", "budget": null, "allowed_ips": null, "models": null,
        "metadata": null, "scopes": ["read"]}"#;
    let changed = house.operate(Method::PATCH, &path, patch).await.expect(200);
    assert_eq!((&changed["name"], &changed["budget"]), (&json!("cd"), &Value::Null));
    assert_eq!((&changed["allowed_ips"], &changed["models"]), (&json!([]), &json!([])));
    assert_eq!((&changed["metadata"], &changed["scopes"]), (&json!({}), &json!(["read"])));
    assert_eq!(changed["limits"]["requests_per_minute"], 5);
    assert!(changed.get("key").is_none());
    let one = house.operate(Method::GET, &path, "").await.expect(200);
    assert_eq!((&one["name"], &one["standing"]), (&json!("cd"), &json!([])));
    for (body, code, param) in [
        (r#"{"name": null}"#, "invalid_request", "name"),
        (r#"{"scopes": null}"#, "invalid_request", "scopes"),
        (r#"{"team_id": "t"}"#, "unsupported_parameter", "team_id"),
        (r#"{"models": ["none"]}"#, "invalid_request", "models[0]"),
    ] {
        house.operate(Method::PATCH, &path, body).await.refused(400, code, Some(param));
    }
}
