//! Webhooks from where they are asked for to where they are logged; deliveries themselves are a
//! promise test's.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Call, House};

#[actix_web::test]
async fn a_team_learns_its_secret_once_and_again_when_it_is_renewed() {
    let house = House::new().await;
    let made = house.operate(Method::POST, "/admin/v1/teams", r#"{"name": "new"}"#).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.expect(201);
    let first = made["webhook_secret"].as_str().unwrap().to_owned();
    let bytes = base64_simd::STANDARD.decode_to_vec(first.strip_prefix("whsec_").unwrap());
    assert_eq!(bytes.unwrap().len(), 32);
    let path = format!("/admin/v1/teams/{}/webhook-secret", made["id"].as_str().unwrap());
    let renewed = house.operate(Method::POST, &path, "").await;
    assert_eq!(renewed.header("cache-control"), "no-store");
    let renewed = renewed.expect(200);
    let second = renewed["webhook_secret"].as_str().unwrap();
    assert!(second.starts_with("whsec_") && second != first);
    let teams = house.operate(Method::GET, "/admin/v1/teams", "").await;
    assert!(!teams.text().contains("whsec_") && !teams.text().contains("secret"));
    // In the records it is sealed.
    let id = made["id"].as_str().unwrap();
    let sealed = house.state.engine.records().webhook_secret(id).await.unwrap().unwrap();
    assert!(sealed.starts_with("v1.") && !sealed.contains(second.strip_prefix("whsec_").unwrap()));
    let nobody = house.operate(Method::POST, "/admin/v1/teams/team_x/webhook-secret", "").await;
    nobody.refused(404, "not_found", None);
}

#[actix_web::test]
async fn an_address_is_checked_before_anything_begins() {
    let house = House::new().await;
    for url in [
        "http://127.0.0.1:9/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://10.0.0.1/",
        "https://user:word@example.com/",
        "ftp://example.com/",
        "hook",
    ] {
        for (path, more) in [
            ("/v1/generations", json!({"kind": "image"})),
            ("/v1/images/generations", json!({})),
            ("/v1/videos", json!({})),
        ] {
            let mut body = json!({"prompt": "x", "webhook": {"url": url}});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let refused = house.post(path, &body.to_string()).await;
            refused.refused(400, "invalid_request", Some("webhook.url"));
        }
    }
    let all = house.get("/v1/generations").await.expect(200);
    assert_eq!(all["data"], json!([]));
    let log = house.operate(Method::GET, "/admin/v1/webhooks", "").await.expect(200);
    assert_eq!(log, json!({"data": [], "has_more": false, "next_cursor": null}));
}

#[actix_web::test]
async fn the_log_is_the_operators() {
    let house = House::new().await;
    for (method, path) in [
        (Method::GET, "/admin/v1/webhooks"),
        (Method::POST, "/admin/v1/webhooks/dlv_1/redeliver"),
        (Method::POST, "/admin/v1/teams/team_1/webhook-secret"),
        (Method::GET, "/admin/v1/accounts"),
    ] {
        let call = Call { key: Some(&house.key), ..Call::new(method, path) };
        house.send(call).await.refused(403, "forbidden", None);
    }
    let none = house.operate(Method::POST, "/admin/v1/webhooks/dlv_1/redeliver", "").await;
    none.refused(404, "not_found", None);
    let odd = house.operate(Method::GET, "/admin/v1/webhooks?state=failed", "").await;
    odd.refused(400, "invalid_request", Some("query"));
}

#[actix_web::test]
async fn accounts_are_listed_as_they_are() {
    let house = House::new().await;
    let list = house.operate(Method::GET, "/admin/v1/accounts", "").await;
    assert!(!list.text().contains("vendor's secret"));
    let list = list.expect(200);
    let account = &list["data"][0];
    assert!(account["id"].as_str().unwrap().starts_with("acct_"));
    for (name, value) in [
        ("provider", json!("painter")),
        ("name", json!("main")),
        ("hold", Value::Null),
        ("balance_usd", Value::Null),
        ("in_flight", json!(0)),
    ] {
        assert_eq!(account[name], value, "{name}");
    }
    assert_eq!((&list["has_more"], list["data"].as_array().unwrap().len()), (&json!(false), 1));
}
