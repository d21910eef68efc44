//! Operators, what their roles allow, and who changed what.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Call, House};

/// Makes an operator and hands out id and key.
async fn operator(house: &House, role: &str, team: Option<&str>) -> (String, String) {
    let body = json!({"name": role, "role": role, "team_id": team}).to_string();
    let made = house.operate(Method::POST, "/admin/v1/users", &body).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.expect(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

pub(super) async fn team(house: &House, name: &str) -> String {
    let body = json!({ "name": name }).to_string();
    let made = house.operate(Method::POST, "/admin/v1/teams", &body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

pub(super) async fn key(house: &House, team: &str) -> Value {
    let body = json!({"team_id": team, "name": "k"}).to_string();
    house.operate(Method::POST, "/admin/v1/keys", &body).await.expect(201)
}

/// What a request needs: a right, as the matrix below names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Read,
    Money,
    Audit,
    Write,
    Users,
    /// Reading teams and keys, which a team's admin may for the own team.
    Own,
    Keys,
}

/// Every administrative route with a request that gets past the question who may ask.
fn requests(team: &str, key: &str) -> Vec<(Method, String, String, Needs)> {
    let of = |method: Method, path: &str, body: Value, needs| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        (method, path.replace("TEAM", team).replace("KEY", key), body, needs)
    };
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let mut all = Vec::new();
    for (path, needs) in [
        ("/admin/v1/teams", Needs::Own),
        ("/admin/v1/teams/TEAM", Needs::Own),
        ("/admin/v1/keys", Needs::Own),
        ("/admin/v1/keys/KEY", Needs::Own),
        ("/admin/v1/users", Needs::Users),
        ("/admin/v1/audit", Needs::Audit),
        ("/admin/v1/accounts", Needs::Read),
        ("/admin/v1/models", Needs::Read),
        ("/admin/v1/webhooks", Needs::Read),
        ("/admin/v1/ledger", Needs::Money),
        ("/admin/v1/ledger?format=csv", Needs::Money),
        ("/admin/v1/ledger/verify", Needs::Money),
        ("/admin/v1/ledger/reconciliation", Needs::Money),
        ("/admin/v1/usage", Needs::Money),
        ("/admin/v1/routing", Needs::Read),
    ] {
        all.push(of(get.clone(), path, Value::Null, needs));
    }
    for (method, path, body, needs) in [
        (&post, "/admin/v1/teams", json!({"name": "another"}), Needs::Write),
        (&patch, "/admin/v1/teams/TEAM", json!({"name": "renamed"}), Needs::Write),
        (&post, "/admin/v1/teams/TEAM/webhook-secret", Value::Null, Needs::Write),
        (&post, "/admin/v1/ledger/reconciliation", Value::Null, Needs::Write),
        (&post, "/admin/v1/webhooks/dlv_none/redeliver", Value::Null, Needs::Write),
        (&delete, "/admin/v1/teams/team_none", Value::Null, Needs::Write),
        (&post, "/admin/v1/teams/team_none/erase", Value::Null, Needs::Write),
        (&post, "/admin/v1/keys", json!({"team_id": "TEAM", "name": "x"}), Needs::Keys),
        (&patch, "/admin/v1/keys/KEY", json!({"name": "renamed"}), Needs::Keys),
        (&post, "/admin/v1/keys/KEY/rotate", Value::Null, Needs::Keys),
        (&delete, "/admin/v1/keys/key_none", Value::Null, Needs::Keys),
        (&post, "/admin/v1/users", json!({"name": "x", "role": "viewer"}), Needs::Users),
        (&post, "/admin/v1/users/usr_none/rotate", Value::Null, Needs::Users),
        (&delete, "/admin/v1/users/usr_none", Value::Null, Needs::Users),
    ] {
        let mut request = of(method.clone(), path, body, needs);
        request.2 = request.2.replace("TEAM", team);
        all.push(request);
    }
    all
}

#[actix_web::test]
async fn each_role_may_what_it_is_for_and_nothing_else() {
    let house = House::new().await;
    let team = team(&house, "own").await;
    let key = key(&house, &team).await["id"].as_str().unwrap().to_owned();
    let all = [Needs::Read, Needs::Own, Needs::Money, Needs::Audit, Needs::Write, Needs::Keys];
    for (role, may) in [
        ("owner", [&all[..], &[Needs::Users]].concat()),
        ("admin", all.to_vec()),
        ("billing", vec![Needs::Read, Needs::Own, Needs::Money]),
        ("viewer", vec![Needs::Read, Needs::Own]),
        ("team_admin", vec![Needs::Own, Needs::Keys]),
    ] {
        let own = (role == "team_admin").then_some(team.as_str());
        let (_, text) = operator(&house, role, own).await;
        for (method, path, body, needs) in requests(&team, &key) {
            let answer = house.operate_as(&text, method.clone(), &path, &body).await;
            let status = answer.status.as_u16();
            if may.contains(&needs) {
                let gone = path.contains("_none");
                assert!(
                    (200..300).contains(&status) || (gone && status == 404),
                    "{role} {method} {path}: {status} {}",
                    answer.text()
                );
            } else {
                assert_eq!(status, 403, "{role} {method} {path}");
                answer.refused(403, "forbidden", None);
            }
        }
        for (method, path, body, _) in requests(&team, &key) {
            let refused = house.operate_as(&house.key, method.clone(), &path, &body).await;
            refused.refused(403, "forbidden", None);
            let refused = house.operate_as("adm_nobody", method, &path, &body).await;
            refused.refused(401, "invalid_api_key", None);
        }
    }
}

#[actix_web::test]
async fn a_teams_admin_knows_no_other_team() {
    let house = House::new().await;
    let (own, other) = (team(&house, "own").await, team(&house, "other").await);
    let (mine, theirs) = (key(&house, &own).await, key(&house, &other).await);
    let (_, text) = operator(&house, "team_admin", Some(&own)).await;
    let ask = async |method: Method, path: &str, body: &str| {
        house.operate_as(&text, method, path, body).await
    };
    let teams = ask(Method::GET, "/admin/v1/teams", "").await.expect(200);
    assert_eq!(teams["data"].as_array().unwrap().len(), 1);
    assert_eq!((&teams["data"][0]["id"], &teams["has_more"]), (&json!(own), &json!(false)));
    let keys = ask(Method::GET, "/admin/v1/keys", "").await.expect(200);
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
    assert_eq!(keys["data"][0]["id"], mine["id"]);

    let foreign = theirs["id"].as_str().unwrap();
    for (method, path, body) in [
        (Method::GET, format!("/admin/v1/teams/{other}"), ""),
        (Method::GET, format!("/admin/v1/keys/{foreign}"), ""),
        (Method::PATCH, format!("/admin/v1/keys/{foreign}"), r#"{"name": "x"}"#),
        (Method::POST, format!("/admin/v1/keys/{foreign}/rotate"), ""),
        (Method::DELETE, format!("/admin/v1/keys/{foreign}"), ""),
    ] {
        let there = ask(method.clone(), &path, body).await;
        there.refused(404, "not_found", None);
        let never = path.replace(foreign, "key_never").replace(&other, "team_never");
        let never = ask(method, &never, body).await;
        assert_eq!(there.json()["error"]["message"], never.json()["error"]["message"]);
    }
    let path = format!("/admin/v1/keys?team={other}");
    ask(Method::GET, &path, "").await.refused(404, "not_found", Some("team"));
    let body = json!({"team_id": other, "name": "x"}).to_string();
    ask(Method::POST, "/admin/v1/keys", &body).await.refused(404, "not_found", Some("team_id"));
    house.get("/v1/usage").await.expect(200);
}

#[actix_web::test]
async fn an_operators_key_is_told_once_replaced_and_revoked_at_once() {
    let house = House::new().await;
    let (id, first) = operator(&house, "viewer", None).await;
    assert!(first.starts_with("adm_"));
    let list = house.operate(Method::GET, "/admin/v1/users", "").await;
    assert!(!list.text().contains(&first));
    let user = list.expect(200)["data"][0].clone();
    assert_eq!(
        (&user["id"], &user["role"], &user["object"]),
        (&json!(id), &json!("viewer"), &json!("user"))
    );
    house.operate_as(&first, Method::GET, "/admin/v1/teams", "").await.expect(200);

    let rotated = house.operate(Method::POST, &format!("/admin/v1/users/{id}/rotate"), "").await;
    assert_eq!(rotated.header("cache-control"), "no-store");
    let second = rotated.expect(200)["key"].as_str().unwrap().to_owned();
    let teams = "/admin/v1/teams";
    let old = house.operate_as(&first, Method::GET, teams, "").await;
    old.refused(401, "invalid_api_key", None);
    house.operate_as(&second, Method::GET, teams, "").await.expect(200);
    let gone = house.operate(Method::DELETE, &format!("/admin/v1/users/{id}"), "").await;
    assert_eq!(gone.status.as_u16(), 204);
    let old = house.operate_as(&second, Method::GET, teams, "").await;
    old.refused(401, "invalid_api_key", None);

    for (body, code, param) in [
        (r#"{"name": "x"}"#, "invalid_request", "role"),
        (r#"{"name": "x", "role": "king"}"#, "invalid_request", "role"),
        (r#"{"name": "x", "role": "team_admin"}"#, "invalid_request", "team_id"),
        (r#"{"name": "x", "role": "viewer", "team_id": "t"}"#, "invalid_request", "team_id"),
        (r#"{"name": "", "role": "viewer"}"#, "invalid_request", "name"),
        (r#"{"name": "x", "role": "viewer", "key": "adm_mine"}"#, "unsupported_parameter", "key"),
    ] {
        let refused = house.operate(Method::POST, "/admin/v1/users", body).await;
        refused.refused(400, code, Some(param));
    }
}

#[actix_web::test]
async fn the_audit_tells_who_changed_what_without_secrets() {
    let house = House::new().await;
    let team = team(&house, "t").await;
    let made = key(&house, &team).await;
    let (id, text) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let (user, admin) = operator(&house, "admin", None).await;
    let path = format!("/admin/v1/keys/{id}");
    let headers = [("content-type", "application/json"), ("x-forwarded-for", "198.51.100.7")];
    let call = Call {
        key: Some(&admin),
        headers: &headers,
        peer: Some("10.0.0.1"),
        body: r#"{"name": "renamed"}"#.into(),
        ..Call::new(Method::PATCH, &path)
    };
    house.send(call).await.expect(200);
    house.operate_as(&admin, Method::POST, &format!("{path}/rotate"), "").await.expect(200);

    let answer = house.operate(Method::GET, "/admin/v1/audit?limit=100", "").await;
    for secret in [text, &admin, &house.admin, &house.key] {
        assert!(!answer.text().contains(secret));
    }
    let all = answer.expect(200);
    let newest = &all["data"][0];
    assert_eq!((&newest["action"], &newest["target"]), (&json!("key.rotate"), &json!(id)));
    let by_user = format!("/admin/v1/audit?actor={user}&action=key.update");
    let found = house.operate(Method::GET, &by_user, "").await.expect(200);
    let rows = found["data"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((&row["role"], &row["address"]), (&json!("admin"), &json!("198.51.100.7")));
    assert_eq!((&row["before"]["name"], &row["after"]["name"]), (&json!("k"), &json!("renamed")));
    assert_eq!(row["at"], "2027-01-15T08:00:00.000Z");
    let target = format!("/admin/v1/audit?target={id}&limit=1");
    let first = house.operate(Method::GET, &target, "").await.expect(200);
    assert_eq!(first["has_more"], true);
    let next = format!("{target}&cursor={}", first["next_cursor"].as_str().unwrap());
    let next = house.operate(Method::GET, &next, "").await.expect(200);
    assert_eq!(next["data"][0]["action"], "key.update");
    let later = "/admin/v1/audit?from=2027-01-16";
    assert_eq!(house.operate(Method::GET, later, "").await.expect(200)["data"], json!([]));
    for (query, param) in
        [("from=soon", "from"), ("from=2027-01-16&to=2027-01-15", "from"), ("who=me", "query")]
    {
        let refused = house.operate(Method::GET, &format!("/admin/v1/audit?{query}"), "").await;
        refused.refused(400, "invalid_request", Some(param));
    }
}
