//! What makes no sense is refused by field, as the contract writes it.

use std::collections::BTreeMap;

use provider::{Kind, MicroUsd};
use records::{Budget, Limits, Pace, Period, TeamRouting};

use super::*;

fn budget() -> Budget {
    Budget {
        limit: Some(MicroUsd::ZERO),
        outputs: None,
        period: Period::Day,
        hard: true,
        alert_at: vec![1, 100],
    }
}

fn field(refusal: Refusal) -> String {
    assert_eq!(refusal.code, Code::InvalidRequest, "{refusal}");
    refusal.param.unwrap()
}

#[tokio::test]
async fn senseless_names_keys_and_ends_are_refused() {
    let bench = Bench::new();
    let team = bench.team("crew").await.id;
    for name in ["", "  ", "a\nb", &"x".repeat(201)] {
        let name = name.to_owned();
        let new = NewTeam { name: name.clone(), ..NewTeam::default() };
        assert_eq!(field(bench.keyring.create_team(&owner(), new).await.unwrap_err()), "name");
        let new = NewUser { name: name.clone(), ..new_user(Role::Viewer, None) };
        assert_eq!(field(bench.keyring.create_user(&owner(), new).await.unwrap_err()), "name");
        let new = NewKey { name, ..new_key(&team) };
        assert_eq!(field(bench.keyring.create_key(&owner(), new).await.unwrap_err()), "name");
    }
    let absent = bench.keyring.create_key(&owner(), new_key("team_x")).await.unwrap_err();
    assert_eq!((absent.code, absent.param.as_deref()), (Code::NotFound, Some("team_id")));
    let past = Some(bench.clock.now());
    let many = (0..17).map(|n| (n.to_string(), String::new())).collect();
    let entry = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let networks = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let key = || new_key(&team);
    for (new, param) in [
        (NewKey { scopes: Vec::new(), ..key() }, "scopes"),
        (NewKey { expires_at: past, ..key() }, "expires_at"),
        (NewKey { networks: networks(&["10.0.0.0/8", "10.0.0.0/33"]), ..key() }, "allowed_ips[1]"),
        (NewKey { networks: networks(&["example.com"]), ..key() }, "allowed_ips[0]"),
        (NewKey { networks: networks(&["::1"; 65]), ..key() }, "allowed_ips"),
        (NewKey { metadata: many, ..key() }, "metadata"),
        (NewKey { metadata: entry(&"n".repeat(65), ""), ..key() }, "metadata"),
        (NewKey { metadata: entry("", "x"), ..key() }, "metadata"),
        (NewKey { metadata: entry("note", &"v".repeat(513)), ..key() }, "metadata.note"),
    ] {
        let patch = KeyPatch {
            scopes: Some(new.scopes.clone()),
            networks: Some(new.networks.clone()),
            metadata: Some(new.metadata.clone()),
            expires_at: Some(new.expires_at),
            ..KeyPatch::default()
        };
        let (good, _) = bench.issue(key()).await;
        let refused = bench.keyring.update_key(&owner(), &good.id, patch).await.unwrap_err();
        assert_eq!(field(refused), param);
        assert_eq!(field(bench.keyring.create_key(&owner(), new).await.unwrap_err()), param);
    }
    let most = NewKey {
        networks: networks(&["::1"; 64]),
        metadata: entry(&"ü".repeat(64), &"ü".repeat(512)),
        ..key()
    };
    bench.keyring.create_key(&owner(), most).await.unwrap();
}

/// Rules that are refused, each with the field that it is about.
fn senseless() -> Vec<(Rules, &'static str)> {
    let budgets = |budgets: Vec<Budget>| Rules { budgets, ..Rules::default() };
    let limits = |limits: Limits| Rules { limits, ..Rules::default() };
    let zero = Pace { concurrent: Some(0), ..Pace::default() };
    let none = || Budget { limit: None, ..budget() };
    let negative = || Budget { limit: Some(MicroUsd::from_micros(-1)), ..budget() };
    let weight = |weight| Rules { weight: Some(weight), ..Rules::default() };
    let zone = |zone: &str| Rules { time_zone: Some(zone.to_owned()), ..Rules::default() };
    let policy = |name: &str| {
        let routing = TeamRouting { policy: Some(name.to_owned()) };
        Rules { routing, ..Rules::default() }
    };
    let rate = Pace { requests_per_minute: Some(0), ..Pace::default() };
    let kinds = BTreeMap::from([(Kind::Video, zero)]);
    let models = BTreeMap::from([("photo".to_owned(), rate)]);
    vec![
        (budgets(vec![none()]), "budget.limit_usd"),
        (budgets(vec![negative()]), "budget.limit_usd"),
        (budgets(vec![budget(), negative()]), "budget[1].limit_usd"),
        (budgets(vec![Budget { outputs: Some(u64::MAX), ..budget() }]), "budget.limit_outputs"),
        (budgets(vec![Budget { alert_at: vec![50, 0], ..budget() }]), "budget.alert_at[1]"),
        (budgets(vec![Budget { alert_at: vec![101], ..budget() }]), "budget.alert_at[0]"),
        (budgets(vec![budget(); 9]), "budget"),
        (limits(Limits { all: rate, ..Limits::default() }), "limits.requests_per_minute"),
        (limits(Limits { all: zero, ..Limits::default() }), "limits.concurrent"),
        (limits(Limits { kinds, ..Limits::default() }), "limits.kinds.video.concurrent"),
        (limits(Limits { models, ..Limits::default() }), "limits.models.photo.requests_per_minute"),
        (weight(0), "weight"),
        (weight(1001), "weight"),
        (zone("Mars/Olympus"), "time_zone"),
        (zone(""), "time_zone"),
        (policy("luck"), "routing.policy"),
    ]
}

#[tokio::test]
async fn senseless_rules_are_refused_for_teams_and_keys_alike() {
    let bench = Bench::new();
    let team = bench.team("crew").await.id;
    for (rules, param) in senseless() {
        let new = NewTeam { name: "n".to_owned(), rules: rules.clone(), ..NewTeam::default() };
        assert_eq!(field(bench.keyring.create_team(&owner(), new).await.unwrap_err()), param);
        let new = NewKey { rules: rules.clone(), ..new_key(&team) };
        assert_eq!(field(bench.keyring.create_key(&owner(), new).await.unwrap_err()), param);
        let patch = TeamPatch {
            budgets: Some(rules.budgets),
            limits: Some(rules.limits),
            weight: Some(rules.weight),
            routing: Some(rules.routing),
            time_zone: Some(rules.time_zone),
            ..TeamPatch::default()
        };
        let refused = bench.keyring.update_team(&owner(), &team, patch).await.unwrap_err();
        assert_eq!(field(refused), param);
    }
    let rules = Rules {
        budgets: vec![budget(); 8],
        weight: Some(1000),
        time_zone: Some("Asia/Kathmandu".to_owned()),
        ..Rules::default()
    };
    let new = NewTeam { name: "n".to_owned(), rules: rules.clone(), ..NewTeam::default() };
    assert_eq!(bench.keyring.create_team(&owner(), new).await.unwrap().rules, rules);
}

#[tokio::test]
async fn a_grace_is_30_days_at_most() {
    let bench = Bench::new();
    let (key, _) = bench.key().await;
    let month = Duration::from_secs(30 * 86_400);
    let more = month + Duration::from_millis(1);
    let refused = bench.keyring.rotate_key(&owner(), &key.id, more).await.unwrap_err();
    assert_eq!(field(refused), "grace");
    bench.keyring.rotate_key(&owner(), &key.id, month).await.unwrap();
}
