//! Webhooks: who asked for it is told that it is over, signed so that nobody else can say so, until
//! it was taken, whatever happens to the gateway meanwhile.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use tests::{Gateway, Receiver, Team, Told, Vendor, until};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{house, image};

/// A house that may speak to this machine.
async fn open_house() -> (Vendor, Gateway) {
    house(json!({ "fetch": { "allow": ["127.0.0.1"] } })).await
}

fn image_for(prompt: &str, webhook: &Value) -> Value {
    let mut body = image(prompt);
    body["webhook"] = webhook.clone();
    body
}

/// The team's secret, as it is told when it is renewed.
async fn renewed(gateway: &Gateway, team: &Team) -> String {
    let path = format!("/admin/v1/teams/{}/webhook-secret", team.id);
    let answer = gateway.admin().post(&path, &json!({})).await.expect(200).json();
    answer["webhook_secret"].as_str().expect("a secret").to_owned()
}

/// Whether a receiver with this secret believes it. Another language computes it, from the
/// specification's words.
async fn is_signed(told: &Told, secret: &str) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/verify_webhook.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(secret);
    python.args(["webhook-id", "webhook-timestamp", "webhook-signature"].map(|n| told.header(n)));
    python.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = python.spawn().expect("python runs");
    let mut input = running.stdin.take().expect("its input");
    input.write_all(told.body.as_bytes()).await.expect("it reads");
    drop(input);
    running.wait().await.expect("it ends").success()
}

/// The delivery log, as far as this query asks.
async fn log(gateway: &Gateway, query: &str) -> Vec<Value> {
    let page = gateway.admin().get(&format!("/admin/v1/webhooks{query}")).await.expect(200).json();
    page["data"].as_array().expect("a list").clone()
}

/// The log's row of a generation, once it is so.
async fn row(gateway: &Gateway, generation: &str, state: &str) -> Value {
    until(&format!("a {state} delivery"), || async {
        let rows = log(gateway, &format!("?generation={generation}")).await;
        rows.into_iter().find(|row| row["state"] == state)
    })
    .await
}

#[tokio::test]
async fn the_end_is_told_signed_with_the_teams_secret() {
    let (_vendor, gateway) = open_house().await;
    let team = gateway.team("a").await;
    let secret = renewed(&gateway, &team).await;
    let receiver = Receiver::start(&[204]).await;
    let id = team.begin(&image_for("told", &json!({ "url": receiver.url() }))).await;
    let told = receiver.told(1).await.remove(0);
    assert!(is_signed(&told, &secret).await, "{told:?}");
    let body = told.json();
    assert_eq!(body["type"], "generation.completed");
    assert_eq!(told.header("content-type"), "application/json");

    // What it is told is what it would have seen.
    let seen = team.generation(&id).await;
    for name in ["id", "object", "kind", "status", "provider", "cost", "attempts", "metadata"] {
        assert_eq!(body["data"][name], seen[name], "{name}");
    }
    assert_eq!(body["timestamp"], seen["completed_at"]);
    // With links that open.
    assert_eq!(team.download(&body["data"]["outputs"][0]).await.status, 200);

    let row = row(&gateway, &id, "delivered").await;
    assert_eq!(told.header("webhook-id"), row["id"].as_str().expect("an id"));
    for (name, value) in [
        ("team", json!(team.id)),
        ("event", json!("generation.completed")),
        ("tries", json!(1)),
        ("last_status", json!(204)),
        ("last_error", Value::Null),
        ("next_at", Value::Null),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    let url = row["url"].as_str().expect("an address");
    assert!(receiver.url().starts_with(url) && !url.contains("5up3r"), "{url}");
    let metrics = gateway.anyone().get("/metrics").await.expect(200).text();
    let line = r#"atelier_webhook_deliveries_total{outcome="delivered"} 1"#;
    assert!(metrics.lines().any(|there| there == line), "{metrics}");
    assert!(!gateway.logged().contains("5up3r"), "the address's query is nobody else's");
}

#[tokio::test]
async fn only_the_events_that_were_asked_for_are_told_on_every_route() {
    let (vendor, gateway) = open_house().await;
    let team = gateway.team("a").await;
    let receiver = Receiver::start(&[200]).await;
    let blocked = json!({ "url": receiver.url(), "events": ["generation.blocked"] });
    team.generate(&image_for("not told", &blocked)).await;
    vendor.fault_on_generate("blocked", json!({})).await;
    let stopped = team.generate(&image_for("told", &blocked)).await;
    assert_eq!(stopped["status"], "blocked", "{stopped}");
    let told = receiver.told(1).await;
    assert_eq!(
        (&told[0].json()["type"], &told[0].json()["data"]["id"]),
        (&json!("generation.blocked"), &stopped["id"])
    );
    let body = json!({ "prompt": "x", "webhook": { "url": receiver.url() } });
    let made = team.client.post("/v1/images/generations", &body).await.expect(200);
    let told = receiver.told(2).await;
    assert_eq!(told[1].json()["data"]["id"].as_str(), made.header("x-atelier-generation"));
    assert_eq!(log(&gateway, "").await.len(), 2);
}

#[tokio::test]
async fn what_was_not_taken_is_told_again_and_on_request_once_more() {
    let (_vendor, gateway) = open_house().await;
    let team = gateway.team("a").await;
    let secret = renewed(&gateway, &team).await;
    let receiver = Receiver::start(&[500, 200]).await;
    let id = team.begin(&image_for("told twice", &json!({ "url": receiver.url() }))).await;
    receiver.told(1).await;
    let waiting = row(&gateway, &id, "pending").await;
    // The specification's first wait: five seconds.
    let told = receiver.told(2).await;
    let done = row(&gateway, &id, "delivered").await;
    assert_eq!((&done["id"], &done["tries"]), (&waiting["id"], &json!(2)));
    for one in &told {
        assert_eq!(one.header("webhook-id"), done["id"].as_str().expect("an id"));
        assert!(is_signed(one, &secret).await, "{one:?}");
    }
    let path = format!("/admin/v1/webhooks/{}/redeliver", done["id"].as_str().expect("an id"));
    let asked = gateway.admin().post(&path, &json!({})).await.expect(202).json();
    assert_eq!((&asked["id"], &asked["state"]), (&done["id"], &json!("pending")));
    let told = receiver.told(3).await;
    assert_eq!(told[2].header("webhook-id"), told[0].header("webhook-id"));
    until("the third try in the log", || async {
        (row(&gateway, &id, "delivered").await["tries"] == 3).then_some(())
    })
    .await;
    let none = gateway.admin().post("/admin/v1/webhooks/dlv_none/redeliver", &json!({})).await;
    assert_eq!((none.refusal().0, none.refusal().1.as_str()), (404, "not_found"));
}

#[tokio::test]
async fn a_kill_between_the_end_and_the_telling_loses_nothing() {
    let (_vendor, mut gateway) = open_house().await;
    let team = gateway.team("a").await;
    let secret = renewed(&gateway, &team).await;
    // The receiver hangs, so that the kill comes before anybody knows that it was told.
    let receiver = Receiver::start(&[0, 200]).await;
    let id = team.begin(&image_for("killed", &json!({ "url": receiver.url() }))).await;
    receiver.told(1).await;
    gateway.kill_and_restart().await;
    let told = receiver.told(2).await;
    assert_eq!(told[0].header("webhook-id"), told[1].header("webhook-id"));
    assert!(is_signed(&told[1], &secret).await, "the secret is the one from before");
    assert_eq!(told[1].json()["data"]["id"], id.as_str());
    row(&gateway, &id, "delivered").await;
}

#[tokio::test]
async fn an_address_inside_is_refused_before_anything_is_made() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let receiver = Receiver::start(&[200]).await;
    for url in [&*receiver.url(), "http://169.254.169.254/", "https://a:b@example.com/", "hook"] {
        let refused =
            team.client.post("/v1/generations", &image_for("x", &json!({ "url": url }))).await;
        let wanted = (400, "invalid_request".to_owned(), Some("webhook.url".to_owned()));
        assert_eq!(refused.refusal(), wanted, "{url}");
    }
    let odd = json!({ "url": "https://example.com/", "events": ["generation.completed", "done"] });
    let refused = team.client.post("/v1/generations", &image_for("x", &odd)).await.refusal();
    let wanted = (400, "invalid_request".to_owned(), Some("webhook.events[1]".to_owned()));
    assert_eq!(refused, wanted);
    assert!(vendor.charges().await.is_empty());
    assert!(receiver.so_far().is_empty());
}

#[tokio::test]
async fn every_team_signs_with_its_own_secret_and_renewing_ends_the_old_one() {
    let (_vendor, gateway) = open_house().await;
    let mut secrets = Vec::new();
    let receiver = Receiver::start(&[200]).await;
    let mut teams = Vec::new();
    for name in ["ours", "theirs"] {
        let made = gateway.admin().post("/admin/v1/teams", &json!({ "name": name })).await;
        let made = made.expect(201).json();
        secrets.push(made["webhook_secret"].as_str().expect("a secret").to_owned());
        let id = made["id"].as_str().expect("an id").to_owned();
        let key = json!({ "team_id": id, "name": "k" });
        let key = gateway.admin().post("/admin/v1/keys", &key).await.expect(201).json();
        let text = key["key"].as_str().expect("a key").to_owned();
        let client = gateway.anyone().with_key(&text);
        teams.push(Team { id, key_id: String::new(), key: text, client });
    }
    assert_ne!(secrets[0], secrets[1]);
    for (nth, team) in teams.iter().enumerate() {
        team.generate(&image_for("mine", &json!({ "url": receiver.url() }))).await;
        let told = receiver.told(nth + 1).await.remove(nth);
        assert!(is_signed(&told, &secrets[nth]).await);
        assert!(!is_signed(&told, &secrets[1 - nth]).await, "theirs does not sign ours");
        let rows = log(&gateway, &format!("?team={}", team.id)).await;
        assert_eq!((rows.len(), &rows[0]["team"]), (1, &json!(team.id)));
        let refused = team.client.get("/admin/v1/webhooks").await.refusal();
        assert_eq!((refused.0, refused.1.as_str()), (403, "forbidden"));
    }
    let renewed = renewed(&gateway, &teams[0]).await;
    teams[0].generate(&image_for("again", &json!({ "url": receiver.url() }))).await;
    let told = receiver.told(3).await.remove(2);
    assert!(is_signed(&told, &renewed).await);
    assert!(!is_signed(&told, &secrets[0]).await, "the old one signs nothing more");
    // Neither lies in the folder in clear.
    for secret in [&secrets[0], &secrets[1], &renewed] {
        let digits = secret.strip_prefix("whsec_").expect("a secret");
        for name in ["data/atelier.db", "data/atelier.db-wal"] {
            let file = std::fs::read(gateway.folder().join(name)).unwrap_or_default();
            assert!(!file.windows(digits.len()).any(|part| part == digits.as_bytes()), "{name}");
        }
        assert!(!gateway.logged().contains(digits));
    }
}

#[tokio::test]
async fn what_was_deleted_is_told_to_nobody_any_more() {
    let (_vendor, gateway) = open_house().await;
    let team = gateway.team("a").await;
    let receiver = Receiver::start(&[500]).await;
    let id = team.begin(&image_for("forgotten", &json!({ "url": receiver.url() }))).await;
    row(&gateway, &id, "pending").await;
    receiver.told(1).await;
    until("its deletion", || async {
        let answer = team.client.delete(&format!("/v1/generations/{id}")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    assert_eq!(log(&gateway, "").await, Vec::<Value>::new());
}
