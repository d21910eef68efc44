//! Operators with keys of their own.

use std::sync::Arc;

use super::samples::*;
use crate::{Change, Page, Records, Role, User};

pub(super) fn user(id: &str, role: Role, team: Option<&str>) -> User {
    User {
        id: id.to_owned(),
        name: format!("name of {id}"),
        role,
        team: team.map(str::to_owned),
        prefix: "adm_abcd".to_owned(),
        created_at: at(1),
        expires_at: team.map(|_| at(9)),
        revoked_at: None,
        last_used_at: None,
    }
}

/// Operators of every role come back whole, by id, by hash and in lists; a team's admin only with a
/// team, and no hash twice.
pub async fn users_keep_everything(records: Arc<dyn Records>) {
    apply(&records, Change::Team(team(TEAM))).await;
    let mut all = Vec::new();
    for (byte, role) in (1..).zip(Role::ALL) {
        let of = (role == Role::TeamAdmin).then_some(TEAM);
        let user = user(&format!("usr_{byte}"), role, of);
        apply(&records, Change::User(user.clone(), hash(byte))).await;
        assert_eq!(records.user_by_hash(&hash(byte)).await.unwrap().as_ref(), Some(&user));
        assert_eq!(records.user(&user.id).await.unwrap().as_ref(), Some(&user));
        all.push(user);
    }
    let up = Page { ascending: true, ..Page::first(10) };
    assert_eq!(records.users(up).await.unwrap(), all);
    let after = Page { after: Some("usr_4".to_owned()), ..Page::first(2) };
    let ids: Vec<String> = records.users(after).await.unwrap().into_iter().map(|u| u.id).collect();
    assert_eq!(ids, ["usr_3", "usr_2"]);
    assert_eq!(records.user("usr_x").await.unwrap(), None);
    assert_eq!(records.user_by_hash(&hash(77)).await.unwrap(), None);
    assert_eq!(records.key_by_hash(&hash(1), at(2)).await.unwrap(), None, "a user is no key");
    refused(&records, Change::User(user("usr_6", Role::Viewer, None), hash(1))).await;
    let nobodys = user("usr_7", Role::TeamAdmin, Some("team_x"));
    let error = refused(&records, Change::User(nobodys, hash(7))).await;
    assert!(is_stale(&error, "team_x"), "{error}");
}

/// A rotated key's old text is refused at once, a revoked operator's since the first time, and uses
/// never go back.
pub async fn users_are_rotated_and_revoked(records: Arc<dyn Records>) {
    let first = user("usr_1", Role::Billing, None);
    apply(&records, Change::User(first.clone(), hash(1))).await;
    let rotate = |byte: u8| Change::RotateUser {
        id: "usr_1".to_owned(),
        hash: hash(byte),
        prefix: "adm_wxyz".to_owned(),
    };
    apply(&records, rotate(2)).await;
    assert_eq!(records.user_by_hash(&hash(1)).await.unwrap(), None);
    for when in [70, 60] {
        apply(&records, Change::UserUsed("usr_1".to_owned(), at(when))).await;
    }
    for when in [5, 6] {
        apply(&records, Change::RevokeUser("usr_1".to_owned(), at(when))).await;
    }
    let over = User {
        prefix: "adm_wxyz".to_owned(),
        revoked_at: Some(at(5)),
        last_used_at: Some(at(70)),
        ..first
    };
    assert_eq!(records.user_by_hash(&hash(2)).await.unwrap(), Some(over));
    for change in [rotate(3), Change::RevokeUser("usr_x".to_owned(), at(9))] {
        let error = refused(&records, change).await;
        assert!(is_stale(&error, "usr_1") || is_stale(&error, "usr_x"), "{error}");
    }
    assert_eq!(records.user_by_hash(&hash(3)).await.unwrap(), None);
}
