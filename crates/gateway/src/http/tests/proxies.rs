//! Keys that may be used from some networks only, behind proxies too.

use actix_web::http::Method;
use serde_json::json;

use super::{Call, House};

#[actix_web::test]
async fn a_key_is_good_from_its_networks_only_and_only_trusted_proxies_are_believed() {
    let house = House::new().await;
    let team = house.operate(Method::POST, "/admin/v1/teams", r#"{"name": "t"}"#).await.expect(201);
    let body = json!({"team_id": team["id"], "name": "k",
        "allowed_ips": ["198.51.100.0/24", "2001:db8::7"]});
    let made = house.operate(Method::POST, "/admin/v1/keys", &body.to_string()).await.expect(201);
    let key = made["key"].as_str().unwrap();
    let ask = async |peer: Option<&str>, forwarded: Option<&str>| {
        let headers: Vec<_> = forwarded.iter().map(|list| ("x-forwarded-for", *list)).collect();
        let call = Call::new(Method::GET, "/v1/usage");
        house.send(Call { key: Some(key), headers: &headers, peer, ..call }).await
    };
    for (peer, forwarded, good) in [
        (Some("198.51.100.7"), None, true),
        (Some("2001:db8::7"), None, true),
        (Some("2001:db8::8"), None, false),
        (Some("203.0.113.9"), None, false),
        (None, None, false),
        // A stranger may claim what it wants.
        (Some("203.0.113.9"), Some("198.51.100.7"), false),
        // `10.0.0.0/8` is trusted.
        (Some("10.0.0.1"), Some("198.51.100.7"), true),
        (Some("10.0.0.1"), Some("198.51.100.7, 10.2.3.4"), true),
        (Some("10.0.0.1"), Some("198.51.100.7, 203.0.113.9"), false),
        (Some("10.0.0.1"), Some("198.51.100.7, rubbish"), false),
        (Some("10.0.0.1"), None, false),
    ] {
        let answer = ask(peer, forwarded).await;
        if good {
            answer.expect(200);
        } else {
            answer.refused(403, "forbidden", None);
        }
    }
    // Nobody learns whether a key that is none would be good from elsewhere.
    let call = Call::new(Method::GET, "/v1/usage");
    let unknown = Call { key: Some("atl_unknown"), peer: Some("198.51.100.7"), ..call };
    house.send(unknown).await.refused(401, "invalid_api_key", None);
}
