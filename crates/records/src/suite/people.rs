//! Teams, keys and settings.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::samples::*;
use crate::{Change, Key, Records, StoredCredential, Team};

/// A key comes with its team, whole, by its hash and by no other.
pub async fn keys_are_found_by_hash(records: Arc<dyn Records>) {
    let (team, key) = (team(TEAM), key("key_1", TEAM));
    apply(&records, Change::Team(team.clone())).await;
    apply(&records, Change::Key(key.clone(), hash(1))).await;
    let found = records.key_by_hash(&hash(1)).await.unwrap();
    assert_eq!(found, Some((key.clone(), team.clone())));
    assert_eq!(records.key_by_hash(&hash(2)).await.unwrap(), None);
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
    let found = records.key_by_hash(&hash(1)).await.unwrap();
    assert_eq!(found, Some((key.clone(), team.clone())));
    for when in [7, 8] {
        apply(&records, Change::RevokeTeam(TEAM.to_owned(), at(when))).await;
    }
    let team = Team { revoked_at: Some(at(7)), ..team };
    assert_eq!(records.key_by_hash(&hash(1)).await.unwrap(), Some((key, team)));
    let error = refused(&records, Change::RevokeKey("key_x".to_owned(), at(9))).await;
    assert!(is_stale(&error, "key_x"), "{error}");
    let error = refused(&records, Change::RevokeTeam("team_x".to_owned(), at(9))).await;
    assert!(is_stale(&error, "team_x"), "{error}");
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
