//! Teams, keys and settings.

use std::{collections::BTreeMap, sync::Arc};

use tokio::task::JoinSet;

use super::samples::*;
use crate::{Change, Key, KeyFilter, Page, Records, Rules, Scope, StoredCredential, Team};

fn rules(time_zone: &str) -> Rules {
    Rules { weight: Some(7), time_zone: Some(time_zone.to_owned()), ..Rules::default() }
}

/// A key comes with its team, whole, by its hash and by no other.
pub async fn keys_are_found_by_hash(records: Arc<dyn Records>) {
    let (team, key) = (team(TEAM), key("key_1", TEAM));
    apply(&records, Change::Team(team.clone())).await;
    apply(&records, Change::Key(key.clone(), hash(1))).await;
    let found = records.key_by_hash(&hash(1), at(2)).await.unwrap();
    assert_eq!(found, Some((key.clone(), team.clone())));
    assert_eq!(records.key_by_hash(&hash(2), at(2)).await.unwrap(), None);
    assert_eq!(records.key("key_1").await.unwrap().as_ref(), Some(&key));
    assert_eq!(records.key("key_2").await.unwrap(), None);
    assert_eq!(records.team(TEAM).await.unwrap(), Some(team));
    assert_eq!(records.team("team_2").await.unwrap(), None);
    let again = Key { id: "key_2".to_owned(), ..key.clone() };
    refused(&records, Change::Key(again, hash(1))).await;
    let nobodys = Key { id: "key_3".to_owned(), team: "team_2".to_owned(), ..key };
    let error = refused(&records, Change::Key(nobodys, hash(3))).await;
    assert!(is_stale(&error, "team_2"), "{error}");
}

/// What was revoked stays revoked since the first time; what never was cannot be.
pub async fn revoking_lasts(records: Arc<dyn Records>) {
    let (team, key) = (team(TEAM), key("key_1", TEAM));
    apply(&records, Change::Team(team.clone())).await;
    apply(&records, Change::Key(key.clone(), hash(1))).await;
    for when in [5, 6] {
        apply(&records, Change::RevokeKey("key_1".to_owned(), at(when))).await;
    }
    let key = Key { revoked_at: Some(at(5)), ..key };
    let found = records.key_by_hash(&hash(1), at(9)).await.unwrap();
    assert_eq!(found, Some((key.clone(), team.clone())));
    for when in [7, 8] {
        apply(&records, Change::RevokeTeam(TEAM.to_owned(), at(when))).await;
    }
    let team = Team { revoked_at: Some(at(7)), ..team };
    assert_eq!(records.key_by_hash(&hash(1), at(9)).await.unwrap(), Some((key, team)));
    let error = refused(&records, Change::RevokeKey("key_x".to_owned(), at(9))).await;
    assert!(is_stale(&error, "key_x"), "{error}");
    let error = refused(&records, Change::RevokeTeam("team_x".to_owned(), at(9))).await;
    assert!(is_stale(&error, "team_x"), "{error}");
}

/// What a team and a key may do is changed as a whole, and nothing else of them; who may work no
/// longer is not changed any more.
pub async fn teams_and_keys_are_updated(records: Arc<dyn Records>) {
    let (team, key) = (team(TEAM), key("key_1", TEAM));
    let changes = vec![Change::Team(team.clone()), Change::Key(key.clone(), hash(1))];
    records.apply(changes).await.unwrap();
    let team =
        Team { name: "other".to_owned(), models: Vec::new(), rules: rules("UTC"), ..team.clone() };
    let alien = Team { created_at: at(77), revoked_at: Some(at(78)), ..team.clone() };
    apply(&records, Change::UpdateTeam(alien)).await;
    let key = Key {
        name: "other".to_owned(),
        scopes: vec![Scope::Read],
        models: Vec::new(),
        rules: rules("Asia/Kathmandu"),
        networks: vec!["10.0.0.0/8".to_owned(), "::1/128".to_owned()],
        metadata: BTreeMap::from([("desk".to_owned(), "3 \"west\"".to_owned())]),
        expires_at: None,
        ..key
    };
    let alien = Key {
        team: "team_x".to_owned(),
        prefix: "x".to_owned(),
        created_at: at(77),
        revoked_at: Some(at(78)),
        last_used_at: Some(at(79)),
        ..key.clone()
    };
    apply(&records, Change::UpdateKey(alien)).await;
    let found = records.key_by_hash(&hash(1), at(2)).await.unwrap();
    assert_eq!(found, Some((key.clone(), team.clone())));
    for (change, name) in [
        (Change::UpdateTeam(Team { id: "team_x".to_owned(), ..team.clone() }), "team_x"),
        (Change::UpdateKey(Key { id: "key_x".to_owned(), ..key.clone() }), "key_x"),
    ] {
        let error = refused(&records, change).await;
        assert!(is_stale(&error, name), "{error}");
    }
    let over = vec![
        Change::RevokeKey("key_1".to_owned(), at(5)),
        Change::RevokeTeam(TEAM.to_owned(), at(5)),
    ];
    records.apply(over).await.unwrap();
    let error = refused(&records, Change::UpdateKey(key.clone())).await;
    assert!(is_stale(&error, "key_1"), "{error}");
    let error = refused(&records, Change::UpdateTeam(team)).await;
    assert!(is_stale(&error, TEAM), "{error}");
    let late = Key { id: "key_2".to_owned(), ..key };
    let error = refused(&records, Change::Key(late, hash(2))).await;
    assert!(is_stale(&error, TEAM), "{error}");
}

/// An old text of a rotated key is good until its grace is over, and no longer than that of a later
/// rotation; revoking the key reaches all of its texts.
pub async fn rotated_keys_have_a_grace(records: Arc<dyn Records>) {
    let key = key("key_1", TEAM);
    let changes = vec![Change::Team(team(TEAM)), Change::Key(key.clone(), hash(1))];
    records.apply(changes).await.unwrap();
    let rotate = |byte: u8, old_until: i64| Change::RotateKey {
        id: "key_1".to_owned(),
        hash: hash(byte),
        prefix: format!("atl_{byte}"),
        old_until: at(old_until),
    };
    let good = async |when: i64| {
        let mut bytes = Vec::new();
        for byte in 1..=4 {
            let found = records.key_by_hash(&hash(byte), at(when)).await.unwrap();
            if let Some((found, _)) = found {
                assert_eq!(found.id, "key_1");
                bytes.push(byte);
            }
        }
        bytes
    };
    apply(&records, rotate(2, 100)).await;
    assert_eq!(records.key("key_1").await.unwrap().unwrap().prefix, "atl_2");
    assert_eq!((good(99).await, good(100).await), (vec![1, 2], vec![2]));
    apply(&records, rotate(3, 200)).await;
    assert_eq!((good(99).await, good(199).await), (vec![1, 2, 3], vec![2, 3]));
    apply(&records, rotate(4, 50)).await;
    assert_eq!((good(49).await, good(50).await), (vec![1, 2, 3, 4], vec![4]));
    apply(&records, Change::RevokeKey("key_1".to_owned(), at(10))).await;
    for byte in 1..=4 {
        let (found, _) = records.key_by_hash(&hash(byte), at(11)).await.unwrap().unwrap();
        assert_eq!(found.revoked_at, Some(at(10)), "text {byte}");
    }
    let error = refused(&records, rotate(5, 100)).await;
    assert!(is_stale(&error, "key_1"), "{error}");
}

/// A rotated key's old text goes with [`Change::Prune`] when its grace is over, not before.
pub async fn old_texts_are_pruned(records: Arc<dyn Records>) {
    let changes = vec![
        Change::Team(team(TEAM)),
        Change::Key(key("key_1", TEAM), hash(1)),
        Change::RotateKey {
            id: "key_1".to_owned(),
            hash: hash(2),
            prefix: "atl_2".to_owned(),
            old_until: at(100),
        },
        Change::Prune(at(100)),
    ];
    records.apply(changes).await.unwrap();
    assert!(records.key_by_hash(&hash(1), at(99)).await.unwrap().is_some());
    apply(&records, Change::Prune(at(101))).await;
    assert_eq!(records.key_by_hash(&hash(1), at(99)).await.unwrap(), None);
    assert!(records.key_by_hash(&hash(2), at(99)).await.unwrap().is_some());
}

/// When a key was last used never goes back, in whatever order its uses are written.
pub async fn last_uses_go_forward(records: Arc<dyn Records>) {
    let changes = vec![Change::Team(team(TEAM)), Change::Key(key("key_1", TEAM), hash(1))];
    records.apply(changes).await.unwrap();
    assert_eq!(records.key("key_1").await.unwrap().unwrap().last_used_at, None);
    for (when, known) in [(60, 60), (120, 120), (90, 120)] {
        apply(&records, Change::KeyUsed("key_1".to_owned(), at(when))).await;
        let key = records.key("key_1").await.unwrap().unwrap();
        assert_eq!(key.last_used_at, Some(at(known)));
    }
}

/// Keys of one team, with one beginning, or both; no character of the beginning has a meaning.
pub async fn keys_are_found_by_their_beginning(records: Arc<dyn Records>) {
    for (n, of, prefix) in
        [(1, TEAM, "atl_abcd"), (2, TEAM, "atl_abXd"), (3, "team_2", "atl_abcd"), (4, TEAM, "%")]
    {
        if records.team(of).await.unwrap().is_none() {
            apply(&records, Change::Team(team(of))).await;
        }
        let key = Key { prefix: prefix.to_owned(), ..key(&format!("key_{n}"), of) };
        apply(&records, Change::Key(key, hash(n))).await;
    }
    for (team, prefix, found) in [
        (None, None, &["key_4", "key_3", "key_2", "key_1"][..]),
        (Some(TEAM), None, &["key_4", "key_2", "key_1"]),
        (None, Some("atl_abcd"), &["key_3", "key_1"]),
        (Some(TEAM), Some("atl_ab"), &["key_2", "key_1"]),
        (Some("team_2"), Some("atl_abX"), &[]),
        (None, Some("%"), &["key_4"]),
        (None, Some("atl_ab_d"), &[]),
        (None, Some("atl_abcde"), &[]),
        (Some("team_3"), Some(""), &[]),
    ] {
        let filter = KeyFilter { team: team.map(str::to_owned), prefix: prefix.map(str::to_owned) };
        let keys = records.keys(filter.clone(), Page::first(10)).await.unwrap();
        let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        assert_eq!(ids, found, "{filter:?}");
        let first = records.keys(filter, Page::first(1)).await.unwrap();
        assert_eq!(first.first().map(|key| key.id.as_str()), found.first().copied());
    }
}

/// However many ask for a setting at once, all get the same value, and it stays.
pub async fn settings_are_decided_once(records: Arc<dyn Records>) {
    assert_eq!(records.find_setting("secret").await.unwrap(), None);
    let mut racing = JoinSet::new();
    for n in 0..16 {
        let records = Arc::clone(&records);
        racing.spawn(async move { records.setting("secret", n.to_string()).await.unwrap() });
    }
    let answers = racing.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(records.setting("secret", "x".to_owned()).await.unwrap(), answers[0]);
    assert_eq!(records.find_setting("secret").await.unwrap().as_ref(), Some(&answers[0]));
    assert_eq!(records.setting("other", "x".to_owned()).await.unwrap(), "x");
    for _ in 0..2 {
        apply(&records, Change::DropSetting("secret".to_owned())).await;
        assert_eq!(records.find_setting("secret").await.unwrap(), None);
    }
    assert_eq!(records.find_setting("other").await.unwrap().as_deref(), Some("x"));
}

/// What was learned takes the place of what was known before, name by name.
pub async fn documents_are_replaced(records: Arc<dyn Records>) {
    assert_eq!(records.document("a").await.unwrap(), None);
    for (name, body) in [("a", "one"), ("b", "other"), ("a", "two")] {
        apply(&records, Change::Document { name: name.to_owned(), body: body.to_owned() }).await;
        assert_eq!(records.document(name).await.unwrap().as_deref(), Some(body));
    }
    assert_eq!(records.document("b").await.unwrap().as_deref(), Some("other"));
}

/// A rotation that begins keeps the credential that is there; one that ends replaces it; another
/// configured one makes all of it past.
pub async fn credentials_are_kept(records: Arc<dyn Records>) {
    let row = |origin: &str, sealed: Option<&str>, begun| StoredCredential {
        account: "zsky/main".to_owned(),
        origin: origin.to_owned(),
        sealed: sealed.map(str::to_owned),
        begun,
        at: at(5),
    };
    for (given, kept) in [
        (row("a", None, true), row("a", None, true)),
        (row("a", Some("one"), false), row("a", Some("one"), false)),
        (row("a", None, true), row("a", Some("one"), true)),
        (row("b", None, true), row("b", None, true)),
        (row("b", Some("two"), false), row("b", Some("two"), false)),
    ] {
        apply(&records, Change::Credential(Box::new(given))).await;
        assert_eq!(records.credentials().await.unwrap(), [kept]);
    }
}
