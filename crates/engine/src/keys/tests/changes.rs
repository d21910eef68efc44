//! Changes of teams and keys: what they change, when they are felt, and rotation with its grace.

use std::collections::BTreeMap;

use provider::{Kind, MicroUsd};
use records::{Budget, Limits, Pace, Period, TeamRouting};

use super::*;

fn budget(micros: i64) -> Budget {
    Budget {
        limit: Some(MicroUsd::from_micros(micros)),
        outputs: Some(10),
        period: Period::Month,
        hard: true,
        alert_at: vec![50, 100],
    }
}

fn limits() -> Limits {
    let pace = Pace { requests_per_minute: Some(60), concurrent: Some(4) };
    Limits {
        all: pace,
        kinds: BTreeMap::from([(Kind::Video, Pace { concurrent: Some(1), ..Pace::default() })]),
        models: BTreeMap::from([("photo".to_owned(), pace)]),
    }
}

fn routing(policy: &str) -> TeamRouting {
    TeamRouting { policy: Some(policy.to_owned()) }
}

#[tokio::test]
async fn a_changed_team_is_felt_by_its_keys_at_once() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    let before = bench.keyring.authenticate(&text, None).await.unwrap();
    let patch = TeamPatch {
        name: Some("other".to_owned()),
        models: Some(vec!["photo".to_owned()]),
        budgets: Some(vec![budget(5_000_000)]),
        limits: Some(limits()),
        weight: Some(Some(3)),
        routing: Some(routing("latency")),
        time_zone: Some(Some("Europe/Zurich".to_owned())),
    };
    let team = bench.keyring.update_team(&owner(), &key.team, patch).await.unwrap();
    let after = bench.keyring.authenticate(&text, None).await.unwrap();
    assert_eq!(*after.team, team);
    let wanted = Team {
        name: "other".to_owned(),
        models: vec!["photo".to_owned()],
        rules: Rules {
            budgets: vec![budget(5_000_000)],
            limits: limits(),
            weight: Some(3),
            routing: routing("latency"),
            time_zone: Some("Europe/Zurich".to_owned()),
        },
        ..(*before.team).clone()
    };
    assert_eq!(team, wanted);
    let cleared = TeamPatch { weight: Some(None), time_zone: Some(None), ..TeamPatch::default() };
    let team = bench.keyring.update_team(&owner(), &key.team, cleared).await.unwrap();
    let rules = Rules { weight: None, time_zone: None, ..wanted.rules.clone() };
    assert_eq!(team, Team { rules, ..wanted });
}

#[tokio::test]
async fn a_changed_key_is_felt_at_once() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    assert_eq!(bench.refused(&text).await, None);
    let end = bench.clock.now().plus(Duration::from_secs(9));
    let patch = KeyPatch {
        name: Some("desk".to_owned()),
        scopes: Some(vec![Scope::Read]),
        models: Some(vec!["clip".to_owned()]),
        budgets: Some(vec![budget(1)]),
        limits: Some(limits()),
        networks: Some(vec!["10.0.0.0/8".to_owned()]),
        metadata: Some(BTreeMap::from([("room".to_owned(), "7".to_owned())])),
        expires_at: Some(Some(end)),
    };
    let changed = bench.keyring.update_key(&owner(), &key.id, patch).await.unwrap();
    assert_eq!(bench.refused(&text).await, Some(Code::Forbidden));
    let caller = bench.keyring.authenticate(&text, Some([10, 0, 0, 1].into())).await.unwrap();
    let unused = |key: &Key| Key { last_used_at: None, ..key.clone() };
    assert_eq!(unused(&caller.key), unused(&changed));
    let wanted = Key {
        name: "desk".to_owned(),
        scopes: vec![Scope::Read],
        models: vec!["clip".to_owned()],
        rules: Rules { budgets: vec![budget(1)], limits: limits(), ..Rules::default() },
        networks: vec!["10.0.0.0/8".to_owned()],
        metadata: BTreeMap::from([("room".to_owned(), "7".to_owned())]),
        expires_at: Some(end),
        ..key.clone()
    };
    assert_eq!(unused(&changed), wanted);
    let endless = KeyPatch { expires_at: Some(None), ..KeyPatch::default() };
    let endless = bench.keyring.update_key(&owner(), &key.id, endless).await.unwrap();
    assert_eq!(endless.expires_at, None);
}

#[tokio::test]
async fn what_is_revoked_is_changed_no_more() {
    let bench = Bench::new();
    let (key, _) = bench.key().await;
    let (orphan, _) = bench.key().await;
    bench.keyring.revoke_key(&owner(), &key.id).await.unwrap();
    bench.keyring.revoke_team(&owner(), &orphan.team).await.unwrap();
    for id in [&key.id, &orphan.id, "key_x"] {
        let patch = KeyPatch { name: Some("new".to_owned()), ..KeyPatch::default() };
        let refused = bench.keyring.update_key(&owner(), id, patch).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
        let refused = bench.keyring.rotate_key(&owner(), id, Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
    }
    for id in [&orphan.team, "team_x"] {
        let patch = TeamPatch { name: Some("new".to_owned()), ..TeamPatch::default() };
        let refused = bench.keyring.update_team(&owner(), id, patch).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
    }
}

#[tokio::test]
async fn a_rotated_key_has_two_texts_until_its_grace_is_over() {
    let bench = Bench::new();
    let (key, old) = bench.key().await;
    assert_eq!(bench.refused(&old).await, None);
    let grace = Duration::from_secs(3600);
    let (rotated, new) = bench.keyring.rotate_key(&owner(), &key.id, grace).await.unwrap();
    let new = new.expose_secret();
    assert!(new.starts_with(&rotated.prefix) && rotated.prefix != key.prefix);
    assert_eq!(bench.stored(&key.id).await.prefix, rotated.prefix);
    for text in [&old, new] {
        assert_eq!(bench.keyring.authenticate(text, None).await.unwrap().key.id, key.id);
    }
    bench.clock.advance(grace - Duration::from_millis(1));
    assert_eq!((bench.refused(&old).await, bench.refused(new).await), (None, None));
    bench.clock.advance(Duration::from_millis(1) + CACHE_LIFE);
    assert_eq!(bench.refused(&old).await, Some(Code::InvalidApiKey));
    assert_eq!(bench.refused(new).await, None);
}

#[tokio::test]
async fn a_rotation_without_grace_and_a_revocation_end_every_old_text_at_once() {
    let bench = Bench::new();
    let (key, first) = bench.key().await;
    let rotate = async |grace| {
        let (_, text) = bench.keyring.rotate_key(&owner(), &key.id, grace).await.unwrap();
        text.expose_secret().to_owned()
    };
    let second = rotate(Duration::from_secs(3600)).await;
    assert_eq!((bench.refused(&first).await, bench.refused(&second).await), (None, None));
    let third = rotate(Duration::ZERO).await;
    for text in [&first, &second] {
        assert_eq!(bench.refused(text).await, Some(Code::InvalidApiKey));
    }
    let fourth = rotate(Duration::from_secs(3600)).await;
    assert_eq!((bench.refused(&third).await, bench.refused(&fourth).await), (None, None));
    bench.keyring.revoke_key(&owner(), &key.id).await.unwrap();
    for text in [&third, &fourth] {
        assert_eq!(bench.refused(text).await, Some(Code::InvalidApiKey));
    }
}

#[tokio::test]
async fn keys_are_found_by_team_and_by_the_beginning_of_their_text() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    let (other, _) = bench.key().await;
    let find = async |team: Option<&str>, prefix: Option<&str>| {
        let filter = KeyFilter { team: team.map(str::to_owned), prefix: prefix.map(str::to_owned) };
        let keys = bench.keyring.keys(filter, Page::first(10)).await.unwrap();
        let mut ids: Vec<String> = keys.into_iter().map(|key| key.id).collect();
        ids.sort();
        ids
    };
    let mut both = vec![key.id.clone(), other.id.clone()];
    both.sort();
    assert_eq!(find(None, Some("atl_")).await, both);
    assert_eq!(find(Some(&other.team), None).await, [other.id]);
    for prefix in [&text[..6], &text[..8], &text] {
        assert_eq!(find(None, Some(prefix)).await, [key.id.as_str()], "{prefix}");
        assert_eq!(find(Some(&other.team), Some(prefix)).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn only_a_revoked_team_is_erased() {
    let bench = Bench::new();
    let (key, _) = bench.key().await;
    let refused = bench.keyring.erase_team(&owner(), &key.team).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest);
    bench.keyring.revoke_team(&owner(), &key.team).await.unwrap();
    bench.keyring.erase_team(&owner(), &key.team).await.unwrap();
    assert_eq!(bench.keyring.team(&key.team).await.unwrap().unwrap().name, "");
    assert_eq!(bench.stored(&key.id).await.name, "");
    let unknown = bench.keyring.erase_team(&owner(), "team_x").await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
}
