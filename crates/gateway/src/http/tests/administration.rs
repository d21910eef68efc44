//! Teams, keys, books.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Call, House};

#[actix_web::test]
async fn a_key_lives_from_its_making_to_its_revocation() {
    let house = House::new().await;
    let team = house.operate(Method::POST, "/admin/v1/teams", r#"{"name": "new"}"#).await;
    let team = team.expect(201)["id"].as_str().unwrap().to_owned();
    let body = format!(r#"{{"team_id": "{team}", "name": "laptop", "scopes": ["read"]}}"#);
    let made = house.operate(Method::POST, "/admin/v1/keys", &body).await.expect(201);
    let text = made["key"].as_str().unwrap();
    assert!(text.starts_with("atl_") && text.len() >= 36);
    assert_eq!((&made["scopes"], &made["expires_at"]), (&json!(["read"]), &Value::Null));

    let usage = Call { key: Some(text), ..Call::new(Method::GET, "/v1/usage") };
    assert_eq!(house.send(usage).await.expect(200)["team"], team);
    let headers = [("content-type", "application/json")];
    let post = Call::new(Method::POST, "/v1/generations");
    let post = Call { key: Some(text), headers: &headers, body: "{}".into(), ..post };
    house.send(post).await.refused(403, "forbidden", None);

    let listed = house.operate(Method::GET, &format!("/admin/v1/keys?team={team}"), "").await;
    assert!(!listed.text().contains(text));
    assert_eq!(listed.expect(200)["data"][0]["id"], made["id"]);
    let path = format!("/admin/v1/keys/{}", made["id"].as_str().unwrap());
    let revoked = house.operate(Method::DELETE, &path, "").await;
    assert_eq!(revoked.status.as_u16(), 204);
    let usage = Call { key: Some(text), ..Call::new(Method::GET, "/v1/usage") };
    house.send(usage).await.refused(401, "invalid_api_key", None);
    house.operate(Method::DELETE, "/admin/v1/keys/key_none", "").await.refused(
        404,
        "not_found",
        None,
    );
}

#[actix_web::test]
async fn a_revoked_team_is_out_at_once() {
    let house = House::new().await;
    let teams = house.operate(Method::GET, "/admin/v1/teams?limit=100", "").await.expect(200);
    let crew = teams["data"].as_array().unwrap().iter().find(|t| t["name"] == "crew").unwrap();
    house.get("/v1/usage").await.expect(200);
    let path = format!("/admin/v1/teams/{}", crew["id"].as_str().unwrap());
    assert_eq!(house.operate(Method::DELETE, &path, "").await.status.as_u16(), 204);
    house.get("/v1/usage").await.refused(401, "invalid_api_key", None);
}

#[actix_web::test]
async fn what_makes_no_sense_or_is_not_there_is_refused_by_name() {
    let house = House::new().await;
    let (teams, keys) = ("/admin/v1/teams", "/admin/v1/keys");
    let unknown = "unsupported_parameter";
    let invalid = "invalid_request";
    for (path, body, status, code, param) in [
        (teams, r#"{"name": "x", "budget": {}}"#, 400, invalid, "budget.limit_usd"),
        (
            teams,
            r#"{"name": "x", "budget": {"limit_usd": "-1"}}"#,
            400,
            invalid,
            "budget.limit_usd",
        ),
        (teams, r#"{"name": "x", "budget": {"limit": "1"}}"#, 400, unknown, "budget.limit"),
        (
            teams,
            r#"{"name": "x", "budget": [{"limit_usd": "1"}, {"limit_usd": "1", "period": "year"}]}"#,
            400,
            invalid,
            "budget[1].period",
        ),
        (
            teams,
            r#"{"name": "x", "budget": {"limit_usd": "1", "alert_at": [50, 101]}}"#,
            400,
            invalid,
            "budget.alert_at[1]",
        ),
        (teams, r#"{"name": "x", "limits": {"concurrent": 0}}"#, 400, invalid, "limits.concurrent"),
        (teams, r#"{"name": "x", "limits": {"rpm": 1}}"#, 400, unknown, "limits.rpm"),
        (
            teams,
            r#"{"name": "x", "limits": {"models": {"none": {"concurrent": 1}}}}"#,
            400,
            invalid,
            "limits.models.none",
        ),
        (teams, r#"{"name": "x", "weight": 0}"#, 400, invalid, "weight"),
        (teams, r#"{"name": "x", "time_zone": "Mars/Base"}"#, 400, invalid, "time_zone"),
        (teams, r#"{"name": "x", "webhook_secret": "a"}"#, 400, unknown, "webhook_secret"),
        (teams, r#"{"name": ""}"#, 400, invalid, "name"),
        (teams, r#"{}"#, 400, invalid, "name"),
        (teams, r#"{"name": "x", "models": ["photo", "none"]}"#, 400, invalid, "models[1]"),
        (keys, r#"{"name": "x"}"#, 400, invalid, "team_id"),
        (keys, r#"{"team_id": "team_none", "name": "x"}"#, 404, "not_found", "team_id"),
        (keys, r#"{"team_id": "t", "name": "x", "scopes": ["admin"]}"#, 400, invalid, "scopes[0]"),
        (keys, r#"{"team_id": "t", "name": "x", "scopes": []}"#, 400, invalid, "scopes"),
        (
            keys,
            r#"{"team_id": "t", "name": "x", "allowed_ips": ["10.0.0.0/8", "home"]}"#,
            400,
            invalid,
            "allowed_ips[1]",
        ),
        (
            keys,
            r#"{"team_id": "t", "name": "x", "metadata": {"a": 1}}"#,
            400,
            invalid,
            "metadata.a",
        ),
        (keys, r#"{"team_id": "t", "name": "x", "weight": 2}"#, 400, unknown, "weight"),
        (
            keys,
            r#"{"team_id": "t", "name": "x", "expires_at": "soon"}"#,
            400,
            invalid,
            "expires_at",
        ),
    ] {
        house.operate(Method::POST, path, body).await.refused(status, code, Some(param));
    }
}

#[actix_web::test]
async fn a_key_for_one_model_asks_for_no_other() {
    let house = House::new().await;
    let body = r#"{"name": "narrow", "models": ["painter/oil"]}"#;
    let team = house.operate(Method::POST, "/admin/v1/teams", body).await.expect(201);
    let body = json!({"team_id": team["id"], "name": "k"}).to_string();
    let key = house.operate(Method::POST, "/admin/v1/keys", &body).await.expect(201);
    let key = key["key"].as_str();
    let headers = [("content-type", "application/json")];
    let post = |body: &'static str| Call {
        key,
        headers: &headers,
        body: body.into(),
        ..Call::new(Method::POST, "/v1/images/generations")
    };
    let refused = house.send(post(r#"{"prompt": "x"}"#)).await;
    refused.refused(403, "model_not_allowed", Some("model"));
    house.send(post(r#"{"prompt": "x", "model": "painter/oil"}"#)).await.expect(200);
    let models = Call { key, ..Call::new(Method::GET, "/v1/models") };
    let models = house.send(models).await.expect(200);
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn the_ledger_lists_entries_that_balance() {
    let house = House::new().await;
    for _ in 0..2 {
        house
            .post("/v1/images/generations", r#"{"prompt": "x", "cache": "off"}"#)
            .await
            .expect(200);
    }
    let page = house.operate(Method::GET, "/admin/v1/ledger?limit=3", "").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/admin/v1/ledger?cursor={cursor}");
    let rest = house.operate(Method::GET, &path, "").await.expect(200);
    let entries =
        [page["data"].as_array().unwrap().clone(), rest["data"].as_array().unwrap().clone()];
    let entries = entries.concat();
    assert_eq!(entries.len(), 4);
    let amount = |entry: &Value| entry["amount_usd"].as_str().unwrap().to_owned();
    let mut amounts: Vec<_> = entries.iter().map(amount).collect();
    amounts.sort();
    assert_eq!(amounts, ["-0.026700", "-0.026700", "0.026700", "0.026700"]);
    for entry in &entries {
        assert_eq!(entry["model"], "painter/oil");
        assert!(entry["generation"].as_str().unwrap().starts_with("gen_"));
    }
}

#[actix_web::test]
async fn operators_see_every_model_with_its_price_and_callers_do_not() {
    let house = House::new().await;
    let all = house.operate(Method::GET, "/admin/v1/models", "").await.expect(200);
    assert_eq!((&all["has_more"], &all["next_cursor"]), (&json!(false), &Value::Null));
    let rows = all["data"].as_array().unwrap();
    assert_eq!(rows.len(), 11);
    let mut oil = rows.iter().find(|row| row["id"] == "painter/oil").unwrap().clone();
    assert_eq!(oil["capabilities"]["max_count"], 1);
    assert_eq!(oil["price"]["type"], "per_output");
    for long in ["capabilities", "price"] {
        oil.as_object_mut().unwrap().remove(long);
    }
    let wanted = json!({
        "id": "painter/oil", "object": "model", "provider": "painter", "model": "oil",
        "title": "Oil", "kind": "image", "expected_usd": "0.026700", "upper_usd": "0.026700",
        "source": "listed", "age_s": 0, "drift": null, "available": true, "reason": null,
    });
    assert_eq!(oil, wanted);
    let bang = json!({ "kind": "sound_effect", "prompt": "x" }).to_string();
    house.post_with("/v1/generations", &bang, &[("prefer", "wait=9")]).await.expect(201);
    let all = house.operate(Method::GET, "/admin/v1/models", "").await.expect(200);
    let rows = all["data"].as_array().unwrap();
    let bang = rows.iter().find(|row| row["id"] == "painter/bang").unwrap();
    let drift = &bang["drift"];
    let ratio = drift["ratio"].as_f64().unwrap();
    assert!((3.99..4.01).contains(&ratio) && drift["upper"].as_f64() > Some(ratio), "{drift}");
    assert_eq!((&drift["samples"], &bang["source"]), (&json!(1), &json!("learned")));
    house.get("/admin/v1/models").await.refused(403, "forbidden", None);
    let accounts = house.operate(Method::GET, "/admin/v1/accounts", "").await.expect(200);
    assert_eq!(accounts["data"][0]["warnings"], json!([]));
}
