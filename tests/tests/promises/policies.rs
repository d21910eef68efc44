//! An operator says who goes first: by policy for an alias and a team, by weights, by a canary's share;
//! a caller's own word goes before all of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulated_vendors::{Fault, FaultKind, FaultRate, PathClass};
use tests::{
    ADMIN_KEY, Gateway, Ledger, Queue, Team, Vendor, config, flat, micros, quick_queue, until,
};
use tokio::task::JoinSet;

/// A dear vendor that is listed first, and one that costs nothing.
async fn house(alias: &Value) -> (Vendor, Queue, Gateway) {
    let (dear, free) = (Vendor::start(flat()).await, Queue::start(quick_queue()).await);
    let zekron = config(&dear, &json!({}))["providers"]["zekron"].clone();
    let mut photo =
        json!({ "kind": "image", "candidates": ["zekron/zekron-image-1", "zsky/image"] });
    if let (Some(photo), Some(alias)) = (photo.as_object_mut(), alias.as_object()) {
        photo.extend(alias.clone());
    }
    let change = json!({ "providers": { "zekron": zekron }, "models": { "photo": photo } });
    let account = json!({ "limits": { "requests_per_minute": 100_000 } });
    let gateway = super::run().gateway(&free.config_at(&free.url(), account, &change)).await;
    (dear, free, gateway)
}

fn image(number: usize) -> Value {
    json!({ "kind": "image", "model": "photo", "prompt": format!("a ferry, {number}"),
            "cache": "off" })
}

/// Who was asked first.
async fn first(team: &Team, body: &Value) -> String {
    let generation = team.generate(body).await;
    assert_eq!(generation["status"], "completed", "{generation}");
    generation["attempts"][0]["provider"].as_str().expect("a provider").to_owned()
}

async fn firsts(team: &Team, requests: usize) -> BTreeMap<String, usize> {
    let mut callers = JoinSet::new();
    for number in 0..requests {
        let team = team.clone();
        callers.spawn(async move { first(&team, &image(number)).await });
    }
    let mut firsts = BTreeMap::new();
    for provider in callers.join_all().await {
        *firsts.entry(provider).or_default() += 1;
    }
    firsts
}

/// How routing stands for the alias.
async fn alias(gateway: &Gateway) -> Value {
    let all = gateway.admin().get("/admin/v1/routing").await.expect(200).json();
    let mut aliases = all["aliases"].as_array().expect("aliases").iter();
    aliases.find(|alias| alias["alias"] == "photo").expect("it is there").clone()
}

#[tokio::test]
async fn the_nearest_word_on_the_policy_holds() {
    let (_dear, _free, gateway) = house(&json!({ "policy": "ordered" })).await;
    let team = gateway.team("a").await;
    assert_eq!(first(&team, &image(0)).await, "zekron", "the alias'");
    let path = format!("/admin/v1/teams/{}", team.id);
    let update = ["teams", "update", &team.id, "--policy", "cost", "--json"];
    let changed = super::text(&gateway.cli(ADMIN_KEY, &update).await.stdout);
    let changed: Value = serde_json::from_str(&changed).expect("what it is now");
    assert_eq!(changed["routing"], json!({ "policy": "cost" }));
    assert_eq!(first(&team, &image(1)).await, "zsky", "the team's");
    let mut own = image(2);
    own["routing"] = json!({ "policy": "ordered" });
    assert_eq!(first(&team, &own).await, "zekron", "the request's");
    let cleared =
        gateway.admin().patch(&path, &json!({ "routing": null })).await.expect(200).json();
    assert_eq!(cleared["routing"], json!({ "policy": null }));
    assert_eq!(first(&team, &image(3)).await, "zekron", "the alias' again");
    let wrong = json!({ "routing": { "policy": "luck" } });
    let refused = gateway.admin().patch(&path, &wrong).await.refusal();
    assert_eq!(refused, (400, "invalid_request".to_owned(), Some("routing.policy".to_owned())));
    let made = gateway.team_with("b", &json!({ "routing": { "policy": "latency" } })).await;
    let told =
        gateway.admin().get(&format!("/admin/v1/teams/{}", made.id)).await.expect(200).json();
    assert_eq!(told["routing"], json!({ "policy": "latency" }));
}

#[tokio::test]
async fn weights_and_canaries_share_the_first_place() {
    let weighted = json!([
        { "model": "zekron/zekron-image-1", "weight": 3 },
        { "model": "zsky/image", "weight": 1 },
    ]);
    let (_dear, _free, gateway) = house(&json!({ "candidates": weighted })).await;
    let team = gateway.team("a").await;
    let counts = firsts(&team, 40).await;
    // Thirty in forty, four deviations wide.
    assert!((19..=39).contains(&counts["zekron"]), "{counts:?}");
    assert_eq!(
        alias(&gateway).await["weights"],
        json!({ "zekron/zekron-image-1": 3, "zsky/image": 1 })
    );
    for generation in team.generations().await {
        let path =
            format!("/v1/generations/{}/decision", generation["id"].as_str().expect("an id"));
        let decision = team.client.get(&path).await.expect(200).json();
        let first = &decision["candidates"][0];
        assert_eq!(first["model"], generation["provider_model"], "{decision}");
        let verdict = first["verdict"].as_str().expect("a verdict");
        assert!(verdict.starts_with("first, its turn by weight: "), "{decision}");
    }

    let canary = json!({
        "candidates": ["zekron/zekron-image-1"],
        "canary": { "model": "zsky/image", "share": 0.25 },
    });
    let (dear, _free, gateway) = house(&canary).await;
    let team = gateway.team("a").await;
    let counts = firsts(&team, 40).await;
    assert!((1..=21).contains(&counts["zsky"]), "{counts:?}");
    let canary = json!({ "model": "zsky/image", "share": 0.25 });
    assert_eq!(alias(&gateway).await["canary"], canary);
    // Where the others cannot, it serves all the same.
    let fault = Fault { on: Some(PathClass::Generate), ..Fault::new(FaultKind::Status503) };
    dear.set(json!({ "faults": [FaultRate { per_million: 1_000_000, fault }] })).await;
    let generation = team.generate(&image(99)).await;
    assert_eq!(
        (&generation["status"], &generation["provider"]),
        (&json!("completed"), &json!("zsky"))
    );
}

/// So many requests had a shadow that was sent, or dropped.
async fn cast(gateway: &Gateway, result: &str, count: i64) {
    until(&format!("{count} shadows {result}"), || async {
        let labels = [("alias", "photo"), ("result", result)];
        (gateway.metric("atelier_shadows_total", &labels).await == Some(count)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_shadow_is_the_houses_and_costs_who_asks_nothing() {
    let shadow = json!({
        "candidates": ["zsky/image"],
        // Enough for one picture.
        "shadow": { "model": "zekron/zekron-image-1", "share": 1, "budget": { "limit_usd": "0.05" } },
    });
    let (dear, _free, mut gateway) = house(&shadow).await;
    let tried = json!({ "model": "zekron/zekron-image-1", "share": 1.0 });
    assert_eq!(alias(&gateway).await["shadow"], tried);
    let team = gateway.team("a").await;
    let done = team.generate(&image(0)).await;
    assert_eq!((&done["provider"], &done["status"]), (&json!("zsky"), &json!("completed")));
    cast(&gateway, "sent", 1).await;
    let charges = dear.charged(1).await;
    team.generate(&image(1)).await;
    cast(&gateway, "dropped", 1).await;
    assert_eq!(dear.charges().await.len(), 1, "the budget is hard");
    assert_eq!(team.generations().await.len(), 2, "who asks sees nothing of it");

    let admin = gateway.admin();
    let teams = admin.get("/admin/v1/teams").await.expect(200).json();
    let mut teams = teams["data"].as_array().expect("a list").iter();
    let ours = teams.find(|team| team["name"] == "shadow:photo").expect("it is there").clone();
    assert_eq!(ours["budget"]["limit_usd"], "0.050000", "{ours}");
    let id = ours["id"].as_str().expect("an id").to_owned();
    until("the shadow is on the books", || async {
        let ledger = Ledger::read(&admin).await;
        ledger.assert_balanced();
        let of = |owner: &str| {
            let own = ledger.entries.iter().filter(|entry| entry["team"] == owner);
            let paid = own.filter(|entry| entry["account"] == "provider:zekron/main");
            paid.map(|entry| micros(&entry["amount_usd"])).sum::<i64>()
        };
        assert_eq!(of(&team.id), 0);
        (Some(of(&id)) == charges[0]["cost_micros"].as_i64()).then_some(())
    })
    .await;

    // A restart sends nothing again, and finds its team.
    gateway.kill_and_restart().await;
    gateway.again(&team).generate(&image(2)).await;
    cast(&gateway, "dropped", 1).await;
    assert_eq!(dear.charges().await.len(), 1);
    let teams = gateway.admin().get("/admin/v1/teams").await.expect(200).json();
    let teams = teams["data"].as_array().expect("a list").iter();
    assert_eq!(teams.filter(|team| team["name"] == "shadow:photo").count(), 1);
}

#[tokio::test]
async fn a_choice_that_makes_no_sense_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "models: { photo: { kind: image, candidates: [zsky/image], \
                canary: { model: zekron/zekron-image-2, shaer: 0.1 } } }";
    std::fs::write(folder.path().join("gateway.yaml"), text).expect("it is written");
    let output = super::run().cli(folder.path(), &["check", "--config", "gateway.yaml"]).await;
    assert_eq!(output.status.code(), Some(2));
    let said = super::text(&output.stderr) + &super::text(&output.stdout);
    assert!(said.contains("the nearest is `models.photo.canary.share`"), "{said}");
}
