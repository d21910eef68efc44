use actix_web::http::Method;
use serde_json::{Value, json};

use super::House;

const ALL: &str = "/admin/v1/accounts";

/// The id of the account with that name, if it is there.
async fn id(house: &House, name: &str) -> Option<String> {
    let all = house.operate(Method::GET, ALL, "").await.expect(200);
    let found = all["data"].as_array().unwrap().iter().find(|account| account["name"] == name)?;
    Some(format!("{ALL}/{}", found["id"].as_str().unwrap()))
}

#[actix_web::test]
async fn an_account_is_added_held_released_rotated_and_removed() {
    let house = House::new().await;
    let body = r#"{"provider": "painter", "name": "second", "key": "s3cr3t"}"#;
    let added = house.operate(Method::POST, ALL, body).await;
    assert!(!added.text().contains("s3cr3t"));
    let added = added.expect(201);
    assert_eq!((&added["name"], &added["hold"]), (&json!("second"), &Value::Null));
    let path = id(&house, "second").await.unwrap();
    assert!(path.ends_with(added["id"].as_str().unwrap()));
    let one = house.operate(Method::GET, &path, "").await.expect(200);
    assert_eq!(one["name"], "second");
    let held = house.operate(Method::PATCH, &path, r#"{"hold": true}"#).await.expect(200);
    assert_eq!(held["hold"], json!({"reason": "operator", "until": null}));
    assert_eq!(held["available"], false);
    let free = house.operate(Method::PATCH, &path, r#"{"hold": false}"#).await.expect(200);
    assert_eq!(free["hold"], Value::Null);
    let rotate = format!("{path}/rotate");
    let rotated = house.operate(Method::POST, &rotate, r#"{"key": "s3cr3t-2"}"#).await;
    assert!(!rotated.text().contains("s3cr3t"));
    rotated.expect(200);
    // The painter makes no keys itself.
    let alone = house.operate(Method::POST, &rotate, "").await;
    alone.refused(400, "unsupported_parameter", None);
    let gone = house.operate(Method::DELETE, &path, "").await;
    assert_eq!((gone.status.as_u16(), gone.text()), (204, ""));
    assert_eq!(id(&house, "second").await, None);
    house.operate(Method::DELETE, &path, "").await.refused(404, "not_found", None);
    house.operate(Method::GET, &path, "").await.refused(404, "not_found", None);
}

#[actix_web::test]
async fn a_bad_body_is_refused_by_field_and_adds_nothing() {
    let house = House::new().await;
    for (body, code, param) in [
        (r#"{"provider": "painter", "name": "b"}"#, "invalid_request", "key"),
        (r#"{"provider": "painter", "key": "k"}"#, "invalid_request", "name"),
        (r#"{"name": "b", "key": "k"}"#, "invalid_request", "provider"),
        (r#"{"provider": "nobody", "name": "b", "key": "k"}"#, "invalid_request", "provider"),
        (r#"{"provider": "painter", "name": "main", "key": "k"}"#, "invalid_request", "name"),
        (r#"{"provider": "painter", "name": "b", "key": "s3c ret"}"#, "invalid_request", "key"),
        (r#"{"provider": "painter", "name": "b", "key": 5}"#, "invalid_request", "key"),
    ] {
        let refused = house.operate(Method::POST, ALL, body).await;
        assert!(!refused.text().contains("s3c ret"), "{}", refused.text());
        refused.refused(400, code, Some(param));
    }
    assert_eq!(id(&house, "b").await, None);
    let main = id(&house, "main").await.unwrap();
    for (body, code, param) in [
        ("{}", "invalid_request", "hold"),
        (r#"{"hold": "yes"}"#, "invalid_request", "hold"),
        (r#"{"hold": true, "why": "x"}"#, "unsupported_parameter", "why"),
    ] {
        house.operate(Method::PATCH, &main, body).await.refused(400, code, Some(param));
    }
    let rotate = format!("{main}/rotate");
    let odd = house.operate(Method::POST, &rotate, r#"{"kye": "k"}"#).await;
    odd.refused(400, "unsupported_parameter", Some("kye"));
}
