//! What the audit tells, and what it must not.

use serde_json::{Value, json};

use super::*;

fn parsed(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

#[tokio::test]
async fn every_change_is_told_with_what_became_different() {
    let bench = Bench::new();
    let by = Actor { address: Some("10.0.0.9".to_owned()), ..Actor::system("usr_9") };
    let ring = &bench.keyring;
    let new = NewTeam { name: "crew".to_owned(), ..NewTeam::default() };
    let team = ring.create_team(&by, new).await.unwrap();
    let patch = TeamPatch { weight: Some(Some(5)), ..TeamPatch::default() };
    ring.update_team(&by, &team.id, patch.clone()).await.unwrap();
    ring.update_team(&by, &team.id, patch).await.unwrap();
    let (key, _) = ring.create_key(&by, new_key(&team.id)).await.unwrap();
    let patch = KeyPatch { name: Some("desk".to_owned()), ..KeyPatch::default() };
    ring.update_key(&by, &key.id, patch).await.unwrap();
    let (rotated, _) = ring.rotate_key(&by, &key.id, Duration::from_secs(60)).await.unwrap();
    for _ in 0..2 {
        ring.revoke_key(&by, &key.id).await.unwrap();
        ring.revoke_team(&by, &team.id).await.unwrap();
    }
    ring.erase_team(&by, &team.id).await.unwrap();
    let now = bench.clock.now();
    let until = now.plus(Duration::from_secs(60));
    let entries = bench.audit().await;
    for entry in &entries {
        assert_eq!((entry.at, entry.actor.as_str(), entry.role), (now, "usr_9", Role::Owner));
        assert_eq!(entry.address.as_deref(), Some("10.0.0.9"));
    }
    let told: Vec<_> =
        entries.iter().map(|entry| (entry.action.as_str(), entry.target.as_str())).collect();
    let (team, key) = (team.id.as_str(), key);
    let id = key.id.as_str();
    let wanted = [
        ("team.create", team),
        ("team.update", team),
        ("key.create", id),
        ("key.update", id),
        ("key.rotate", id),
        ("key.revoke", id),
        ("team.revoke", team),
        ("team.erase", team),
    ];
    assert_eq!(told, wanted);
    let states: Vec<_> = entries
        .iter()
        .map(|entry| (parsed(entry.before.as_ref()), parsed(entry.after.as_ref())))
        .collect();
    assert_eq!(states[0].0, Value::Null);
    assert_eq!(states[0].1["name"], "crew");
    assert_eq!(states[1], (json!({"weight": null}), json!({"weight": 5})));
    assert_eq!(states[2].1["team_id"], team);
    assert_eq!(states[3], (json!({"name": "laptop"}), json!({"name": "desk"})));
    let rotation = json!({"prefix": rotated.prefix, "old_until": until});
    assert_eq!(states[4], (json!({"prefix": key.prefix}), rotation));
    for state in &states[5..7] {
        assert_eq!(*state, (json!({"revoked_at": null}), json!({"revoked_at": now})));
    }
    assert_eq!(states[7], (Value::Null, json!({"erased_at": now})));
}

#[tokio::test]
async fn no_text_and_no_hash_of_a_key_is_in_the_audit() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    let mut texts = vec![text];
    let (_, text) = bench.keyring.rotate_key(&owner(), &key.id, Duration::ZERO).await.unwrap();
    texts.push(text.expose_secret().to_owned());
    let (user, text) = bench.user(Role::Admin, None).await;
    texts.push(text);
    let (_, text) = bench.keyring.rotate_user(&owner(), &user.id).await.unwrap();
    texts.push(text.expose_secret().to_owned());
    bench.keyring.revoke_user(&owner(), &user.id).await.unwrap();
    let entries = bench.audit().await;
    assert_eq!(entries.len(), 6);
    let all = format!("{entries:?}");
    for text in &texts {
        let hash = bench.keyring.admin_key(text).to_string();
        assert!(all.contains(&text[..SHOWN_CHARS]), "the prefix tells which");
        for secret in [&text[..=SHOWN_CHARS], &text[SHOWN_CHARS..], &hash[..16]] {
            assert!(!all.contains(secret), "{secret} is in {all}");
        }
    }
}

#[tokio::test]
async fn a_refused_change_is_not_told() {
    let bench = Bench::new();
    let before = bench.audit().await.len();
    let viewer = Actor { role: Role::Viewer, ..owner() };
    bench.keyring.create_team(&viewer, NewTeam::default()).await.unwrap_err();
    bench.keyring.create_team(&owner(), NewTeam::default()).await.unwrap_err();
    bench.keyring.revoke_key(&owner(), "key_x").await.unwrap_err();
    let change = Change::RevokeKey("key_x".to_owned(), bench.clock.now());
    let entry = bench.keyring.entry(&owner(), "key.revoke", "key_x", None, None);
    bench.keyring.commit(vec![entry, change], "key").await.unwrap_err();
    assert_eq!(bench.audit().await.len(), before);
}
