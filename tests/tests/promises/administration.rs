//! Administration by the command line: every verb, what it prints for programs and people, how it exits.

use serde_json::{Value, json};
use tests::{ADMIN_KEY, Gateway};

use crate::{house, image, json_of, text};

/// What the operator's command tells programs.
async fn told(gateway: &Gateway, arguments: &[&str]) -> Value {
    json_of(&gateway.cli(ADMIN_KEY, &[arguments, &["--json"]].concat()).await)
}

/// What the operator's command tells people.
async fn shown(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = gateway.cli(ADMIN_KEY, arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

async fn exit(gateway: &Gateway, key: &str, arguments: &[&str]) -> Option<i32> {
    gateway.cli(key, arguments).await.status.code()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn rows(list: &Value) -> &Vec<Value> {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}"))
}

fn found<'a>(list: &'a Value, id: &str) -> &'a Value {
    let found = rows(list).iter().find(|row| row["id"] == id);
    found.unwrap_or_else(|| panic!("no {id}: {list}"))
}

#[tokio::test]
async fn teams_are_made_changed_and_ended() {
    let (_vendor, gateway) = house(json!({})).await;
    let made = told(
        &gateway,
        &[
            "teams",
            "create",
            "painters",
            "--budget-usd",
            "50",
            "--period",
            "week",
            "--alert-at",
            "50,80",
            "--requests-per-minute",
            "60",
            "--weight",
            "3",
            "--time-zone",
            "Europe/Berlin",
        ],
    )
    .await;
    let id = string(&made["id"]);
    assert!(string(&made["webhook_secret"]).starts_with("whsec_"));
    let team = told(&gateway, &["teams", "get", &id]).await;
    assert_eq!(team["budget"]["limit_usd"], "50.000000");
    assert_eq!(team["budget"]["period"], "week");
    assert_eq!(team["budget"]["alert_at"], json!([50, 80]));
    assert_eq!(team["limits"]["requests_per_minute"], 60);
    assert_eq!((&team["weight"], &team["time_zone"]), (&json!(3), &json!("Europe/Berlin")));
    assert_eq!(team["standing"][0]["remaining_usd"], "50.000000");
    assert_eq!(found(&told(&gateway, &["teams", "list"]).await, &id)["name"], "painters");

    let table = shown(&gateway, &["teams", "list"]).await;
    let line = table.lines().find(|line| line.contains(&id)).expect("its line");
    for part in ["painters", "$50.00 a week", "$0.00"] {
        assert!(line.contains(part), "{part}: {table}");
    }

    let several = r#"[{"limit_usd": "5", "period": "day"}, {"limit_outputs": 10, "hard": false}]"#;
    let team =
        told(&gateway, &["teams", "update", &id, "--budgets", several, "--name", "print-shop"])
            .await;
    assert_eq!((&team["name"], rows(&team["budget"]).len()), (&json!("print-shop"), 2));
    assert_eq!(team["weight"], 3, "what is not named stays");
    let team = told(&gateway, &["teams", "update", &id, "--no-budget", "--no-limits"]).await;
    assert_eq!(team["budget"], Value::Null);
    assert_eq!(team["limits"]["requests_per_minute"], Value::Null);
    assert_eq!(exit(&gateway, ADMIN_KEY, &["teams", "update", &id]).await, Some(2));
    let zone = ["teams", "update", &id, "--time-zone", "Mars/Base"];
    assert_eq!(exit(&gateway, ADMIN_KEY, &zone).await, Some(2));

    let secret = told(&gateway, &["teams", "webhook-secret", &id]).await;
    assert_ne!(secret["webhook_secret"], made["webhook_secret"]);
    assert_eq!(
        exit(&gateway, ADMIN_KEY, &["teams", "erase", &id]).await,
        Some(2),
        "it works still"
    );
    assert_eq!(told(&gateway, &["teams", "revoke", &id]).await["revoked"], true);
    assert_eq!(told(&gateway, &["teams", "erase", &id]).await["erased"], true);
    let list = told(&gateway, &["teams", "list"]).await;
    assert!(!list.to_string().contains("print-shop"), "its words are gone: {list}");
}

#[tokio::test]
async fn keys_are_made_changed_rotated_and_revoked() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let made = told(
        &gateway,
        &[
            "keys",
            "create",
            "--team",
            &team.id,
            "--name",
            "ci",
            "--scope",
            "read",
            "--model",
            "photo",
            "--expires-at",
            "2099-01-01",
            "--allow-ip",
            "127.0.0.0/8",
            "--metadata",
            "owner=ann",
            "--metadata",
            "cost=42",
            "--budget-outputs",
            "7",
            "--concurrent",
            "2",
        ],
    )
    .await;
    let (id, key) = (string(&made["id"]), string(&made["key"]));
    gateway.anyone().with_key(&key).get("/v1/models").await.expect(200);
    let one = told(&gateway, &["keys", "get", &id]).await;
    assert_eq!(one["scopes"], json!(["read"]));
    assert_eq!(one["allowed_ips"], json!(["127.0.0.0/8"]));
    assert_eq!(one["metadata"], json!({ "owner": "ann", "cost": "42" }));
    assert_eq!(one["budget"]["limit_outputs"], 7);
    assert_eq!(one["limits"]["concurrent"], 2);
    assert!(string(&one["expires_at"]).starts_with("2099-01-01"));

    let of_team = told(&gateway, &["keys", "list", "--team", &team.id]).await;
    assert_eq!(rows(&of_team).len(), 2);
    let prefix = string(&one["prefix"]);
    let by_prefix = told(&gateway, &["keys", "list", "--prefix", &prefix]).await;
    assert_eq!(found(&by_prefix, &id)["name"], "ci");
    let table = shown(&gateway, &["keys", "list"]).await;
    assert!(table.contains(&prefix) && table.contains("7 outputs a month"), "{table}");
    assert!(!table.contains(&key));

    let clear = ["keys", "update", &id, "--no-budget", "--no-expiry", "--any-ip", "--name", "cd"];
    let one = told(&gateway, &clear).await;
    assert_eq!((&one["budget"], &one["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!((&one["allowed_ips"], &one["name"]), (&json!([]), &json!("cd")));
    assert_eq!(one["metadata"]["owner"], "ann", "what is not named stays");

    let again = told(&gateway, &["keys", "rotate", &id, "--grace", "1h"]).await;
    let new = string(&again["key"]);
    assert_ne!(new, key);
    for good in [&key, &new] {
        gateway.anyone().with_key(good).get("/v1/models").await.expect(200);
    }
    assert_eq!(told(&gateway, &["keys", "revoke", &id]).await["revoked"], true);
    for dead in [&key, &new] {
        gateway.anyone().with_key(dead).get("/v1/models").await.expect(401);
    }
    assert_eq!(exit(&gateway, ADMIN_KEY, &["keys", "get", "key_nobodys"]).await, Some(1));
}

#[tokio::test]
async fn operators_do_what_their_role_says_and_the_audit_tells() {
    let (_vendor, gateway) = house(json!({})).await;
    let user = async |role: &str| {
        let made = told(&gateway, &["users", "create", role, "--role", role]).await;
        (string(&made["id"]), string(&made["key"]))
    };
    let (viewer_id, viewer) = user("viewer").await;
    let (_, billing) = user("billing").await;
    let (admin_id, admin) = user("admin").await;
    let table = shown(&gateway, &["users", "list"]).await;
    assert!(table.contains(&viewer_id) && table.contains("billing"), "{table}");

    assert_eq!(exit(&gateway, &viewer, &["accounts", "list"]).await, Some(0));
    for refused in [&["teams", "create", "x"][..], &["usage", "--verify"], &["audit"]] {
        assert_eq!(exit(&gateway, &viewer, refused).await, Some(4), "{refused:?}");
    }
    assert_eq!(exit(&gateway, &billing, &["usage", "--verify"]).await, Some(0));
    assert_eq!(exit(&gateway, &billing, &["teams", "create", "x"]).await, Some(4));
    assert_eq!(exit(&gateway, &admin, &["teams", "create", "theirs"]).await, Some(0));
    assert_eq!(exit(&gateway, &admin, &["users", "list"]).await, Some(4));

    let of_admin = ["audit", "--action", "team.create", "--actor", &admin_id];
    let entries = told(&gateway, &of_admin).await;
    assert_eq!(rows(&entries).len(), 1, "{entries}");
    assert_eq!((&entries[0]["actor"], &entries[0]["role"]), (&json!(admin_id), &json!("admin")));
    assert_eq!(entries[0]["after"]["name"], "theirs");
    let latest = told(&gateway, &["audit", "--limit", "2"]).await;
    assert_eq!(rows(&latest).len(), 2);
    let table = shown(&gateway, &["audit", "--actor", &admin_id]).await;
    assert!(table.contains("team.create") && table.contains("name=theirs"), "{table}");
    let none = told(&gateway, &["audit", "--from", "2099-01-01"]).await;
    assert_eq!(none, json!([]));

    let again = told(&gateway, &["users", "rotate", &viewer_id]).await;
    assert_eq!(exit(&gateway, &viewer, &["accounts", "list"]).await, Some(4));
    assert_eq!(exit(&gateway, &string(&again["key"]), &["accounts", "list"]).await, Some(0));
    assert_eq!(told(&gateway, &["users", "revoke", &viewer_id]).await["revoked"], true);
    assert_eq!(exit(&gateway, &string(&again["key"]), &["accounts", "list"]).await, Some(4));
}

#[tokio::test]
async fn accounts_are_added_held_and_removed() {
    let (vendor, gateway) = house(json!({})).await;
    let key = "zk_live_another_key_of_ours_0001";
    std::fs::write(gateway.folder().join("second.key"), format!("{key}\n")).expect("a file");
    let list = told(&gateway, &["accounts", "list"]).await;
    assert_eq!(rows(&list).len(), 1);
    let add = ["accounts", "add", "--provider", "zekron", "--name", "second"];
    assert_eq!(exit(&gateway, ADMIN_KEY, &add).await, Some(2), "no key is given");
    let limits = ["--limits", r#"{"concurrent": 3}"#];
    let added = [&add[..], &["--key-file", "second.key"], &limits].concat();
    let account = told(&gateway, &added).await;
    assert_eq!((&account["name"], &account["limits"]["concurrent"]), (&json!("second"), &json!(3)));
    assert!(!account.to_string().contains(key));
    assert_eq!(exit(&gateway, ADMIN_KEY, &added).await, Some(2), "it is there already");

    let hold = |name: &'static str| ["accounts", "hold", name];
    let account = told(&gateway, &hold("zekron/main")).await;
    assert_eq!(account["hold"]["reason"], "operator");
    let table = shown(&gateway, &["accounts", "list"]).await;
    assert!(table.contains("held: operator") && table.contains("zekron/second"), "{table}");
    let team = gateway.team("a").await;
    let made = team.generate(&image("by the second")).await;
    assert_eq!(made["account"], "second", "{made}");
    told(&gateway, &hold("zekron/second")).await;
    team.client.post("/v1/generations", &image("by nobody")).await.expect(503);
    let account = told(&gateway, &["accounts", "release", "zekron/main"]).await;
    assert_eq!(account["hold"], Value::Null);
    assert_eq!(team.generate(&image("by the first")).await["account"], "main");

    std::fs::write(gateway.folder().join("third.key"), "zk_live_by_hand_0002").expect("a file");
    let rotate = ["accounts", "rotate", "zekron/second", "--key-file", "third.key"];
    let id = string(&told(&gateway, &rotate).await["id"]);
    assert_eq!(told(&gateway, &["accounts", "get", &id]).await["name"], "second");
    assert_eq!(told(&gateway, &["accounts", "remove", "zekron/second"]).await["removed"], true);
    assert_eq!(rows(&told(&gateway, &["accounts", "list"]).await).len(), 1);
    assert_eq!(exit(&gateway, ADMIN_KEY, &hold("zekron/second")).await, Some(1));
    assert_eq!(vendor.charges().await.len(), 2);
    assert!(!gateway.logged().contains(key));
}

#[tokio::test]
async fn usage_tells_spending_and_whether_it_adds_up() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    for prompt in ["one", "two"] {
        assert_eq!(team.generate(&image(prompt)).await["status"], "completed");
    }
    let usage = told(&gateway, &["usage", "--by", "team,model", "--team", &team.id]).await;
    let row = &usage["data"][0];
    assert_eq!((&row["team"], &row["generations"]), (&json!(team.id), &json!(2)), "{usage}");
    let charged = tests::micros(&row["charged_usd"]);
    assert_eq!(charged, vendor.total().await);
    let table = shown(&gateway, &["usage", "--by", "provider"]).await;
    assert!(table.contains("PROVIDER") && table.contains("zekron") && !table.contains("TEAM"));
    assert!(table.contains("charged $0."), "{table}");

    let own = json_of(&gateway.cli(&team.key, &["usage", "--json"]).await);
    assert_eq!((&own["team"], tests::micros(&own["charged_usd"])), (&json!(team.id), charged));
    assert_eq!(exit(&gateway, &team.key, &["usage"]).await, Some(0));
    assert_eq!(exit(&gateway, &team.key, &["usage", "--by", "team"]).await, Some(2));
    assert_eq!(exit(&gateway, &team.key, &["usage", "--verify"]).await, Some(4));

    assert_eq!(told(&gateway, &["usage", "--verify"]).await["ok"], true);
    assert_eq!(shown(&gateway, &["usage", "--verify"]).await, "the books add up\n");
    let lines = shown(&gateway, &["usage", "--ledger", "--team", &team.id]).await;
    let entries: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(entries.iter().map(|entry| tests::micros(&entry["amount_usd"])).sum::<i64>(), 0);
    let csv = shown(&gateway, &["usage", "--ledger", "--csv"]).await;
    assert!(csv.starts_with("id,transaction,at,account,amount_usd,kind,team"), "{csv}");
    assert_eq!(csv.lines().count(), entries.len() + 1);
    assert_eq!(exit(&gateway, ADMIN_KEY, &["usage", "--from", "2026-13-01"]).await, Some(2));
}

#[tokio::test]
async fn reconciliation_finds_nothing_where_the_books_agree() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    team.generate(&image("one")).await;
    let answer = told(&gateway, &["usage", "--reconcile"]).await;
    let account = &rows(&answer["data"])[0];
    assert_eq!((&account["provider"], &account["account"]), (&json!("zekron"), &json!("main")));
    assert_eq!(account["differences"], json!([]), "{answer}");
    assert_eq!(account["booked_usd"], account["charged_usd"], "{answer}");
    let table = shown(&gateway, &["usage", "--reconcile", "--book"]).await;
    assert!(table.contains("zekron/main"), "{table}");
    assert_eq!(told(&gateway, &["usage", "--verify"]).await["ok"], true);
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_a_refusal() {
    let (vendor, gateway) = house(json!({})).await;
    let new = ["teams", "create", "poor", "--budget-outputs", "1", "--period", "total"];
    let team = string(&told(&gateway, &new).await["id"]);
    let key = string(&told(&gateway, &["keys", "create", "--team", &team]).await["key"]);
    let make = ["generate", "x", "--size", "512x512"];
    assert_eq!(exit(&gateway, &key, &make).await, Some(0));
    let refused = gateway.cli(&key, &["generate", "y", "--size", "512x512"]).await;
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("budget_exceeded"), "{}", text(&refused.stderr));
    assert_eq!(vendor.charges().await.len(), 1);
}
