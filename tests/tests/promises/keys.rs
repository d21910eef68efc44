//! Keys: what they open, and that they stop doing so the moment they are revoked.

use serde_json::{Value, json};
use tests::{Client, Gateway, Team, until};

use crate::{house, image};

async fn key(gateway: &Gateway, team: &Team, more: Value) -> (String, Client) {
    let mut body = json!({ "team_id": team.id, "name": "one", "scopes": ["generate", "read"] });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    let made = gateway.admin().post("/admin/v1/keys", &body).await.expect(201).json();
    let text = made["key"].as_str().expect("the key itself");
    let (prefix, random) = text.split_at(4);
    assert!(prefix == "atl_" && random.len() >= 32, "{} characters", text.len());
    (made["id"].as_str().expect("an id").to_owned(), gateway.anyone().with_key(text))
}

fn refused(status: u16, code: &str) -> (u16, String, Option<String>) {
    (status, code.to_owned(), None)
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let (id, client) = key(&gateway, &team, json!({})).await;
    client.get("/v1/models").await.expect(200);
    let gone = gateway.admin().delete(&format!("/admin/v1/keys/{id}")).await;
    assert!((200..300).contains(&gone.status), "{}", gone.text());
    assert_eq!(client.get("/v1/models").await.refusal(), refused(401, "invalid_api_key"));
    let made = client.post("/v1/images/generations", &json!({ "prompt": "x" })).await;
    assert_eq!(made.refusal(), refused(401, "invalid_api_key"));
    team.client.get("/v1/models").await.expect(200);
}

#[tokio::test]
async fn a_revoked_team_is_refused_at_once() {
    let (_vendor, gateway) = house(json!({})).await;
    let (team, other) = (gateway.team("a").await, gateway.team("b").await);
    team.client.get("/v1/models").await.expect(200);
    let gone = gateway.admin().delete(&format!("/admin/v1/teams/{}", team.id)).await;
    assert!((200..300).contains(&gone.status), "{}", gone.text());
    assert_eq!(team.client.get("/v1/models").await.refusal(), refused(401, "invalid_api_key"));
    other.client.get("/v1/models").await.expect(200);
}

#[tokio::test]
async fn a_revocation_outlives_a_kill() {
    let (_vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    gateway.admin().delete(&format!("/admin/v1/keys/{}", team.key_id)).await;
    gateway.kill_and_restart().await;
    let again = gateway.again(&team);
    assert_eq!(again.client.get("/v1/models").await.refusal(), refused(401, "invalid_api_key"));
}

#[tokio::test]
async fn a_key_is_good_for_its_scopes_only() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let (_, reader) = key(&gateway, &team, json!({ "scopes": ["read"] })).await;
    reader.get("/v1/generations").await.expect(200);
    let made = reader.post("/v1/generations", &image("x")).await;
    assert_eq!(made.refusal(), refused(403, "forbidden"));
    let (_, maker) = key(&gateway, &team, json!({ "scopes": ["generate"] })).await;
    assert_eq!(maker.get("/v1/generations").await.refusal(), refused(403, "forbidden"));
    assert!(vendor.charges().await.is_empty());
}

#[tokio::test]
async fn a_key_is_good_for_its_models_only() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let (_, client) = key(&gateway, &team, json!({ "models": ["zekron/zekron-flash"] })).await;
    for body in [json!({ "prompt": "x" }), json!({ "prompt": "x", "model": "photo" })] {
        let (status, code, _) = client.post("/v1/images/generations", &body).await.refusal();
        assert_eq!((status, code.as_str()), (403, "model_not_allowed"), "{body}");
    }
    assert!(vendor.charges().await.is_empty());
    let allowed = json!({ "prompt": "x", "model": "zekron/zekron-flash", "size": "512x512" });
    client.post("/v1/images/generations", &allowed).await.expect(200);
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let past = json!({ "team_id": team.id, "name": "x", "scopes": ["read"],
                       "expires_at": "2020-01-01T00:00:00Z" });
    let (status, code, param) = gateway.admin().post("/admin/v1/keys", &past).await.refusal();
    let wanted = (400, "invalid_request", Some("expires_at"));
    assert_eq!((status, code.as_str(), param.as_deref()), wanted);
    // The vendor's and our machine's clock are the same here: its `Date` is now.
    let date = gateway.anyone().get("/healthz").await.header("date").map(str::to_owned);
    let soon = in_two_seconds(&date.expect("an answer has a date"));
    let (_, client) = key(&gateway, &team, json!({ "expires_at": soon })).await;
    client.get("/v1/models").await.expect(200);
    until("the key's end", || async {
        (client.get("/v1/models").await.status == 401).then_some(())
    })
    .await;
}

/// An HTTP date, two seconds on, as RFC 3339.
fn in_two_seconds(date: &str) -> String {
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, ..] = parts.as_slice() else {
        panic!("no date: {date}")
    };
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = months.find(month).expect("a month") / 3 + 1;
    let whole = format!("{year}-{month:02}-{day}T{hour}:{minute}");
    let second: u32 = second.parse().expect("seconds");
    // Past the minute's end, an offset of one minute says the same.
    match second + 2 {
        late @ 60.. => format!("{whole}:{:02}-00:01", late - 60),
        soon => format!("{whole}:{soon:02}Z"),
    }
}

#[tokio::test]
async fn the_operators_routes_take_the_operators_key_only() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    for path in ["/admin/v1/teams", "/admin/v1/keys", "/admin/v1/ledger"] {
        let answer = |client: Client| async move { client.get(path).await.refusal() };
        assert_eq!(answer(team.client.clone()).await, refused(403, "forbidden"), "{path}");
        assert_eq!(answer(gateway.anyone()).await, refused(401, "missing_api_key"), "{path}");
        for wrong in ["atl_nobodys", "operators-own-key", "operators-own-key-8d6f2b0"] {
            let client = gateway.anyone().with_key(wrong);
            assert_eq!(answer(client).await, refused(401, "invalid_api_key"), "{path} {wrong}");
        }
        gateway.admin().get(path).await.expect(200);
    }
}

#[tokio::test]
async fn lists_show_who_there_is_and_no_key() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("the painters").await;
    for path in ["/admin/v1/teams", "/admin/v1/keys"] {
        let list = gateway.admin().get(path).await.expect(200);
        let id = if path.ends_with("keys") { &team.key_id } else { &team.id };
        let found = |row: &Value| row["id"] == id.as_str();
        assert!(
            list.json()["data"].as_array().is_some_and(|data| data.iter().any(found)),
            "{path}"
        );
        assert!(!list.text().contains(&team.key), "{path}");
    }
}
