//! A team's words go, its money stays.

use std::{collections::BTreeMap, sync::Arc};

use super::{samples::*, users::user};
use crate::{
    Asset, Change, Key, KeyFilter, LedgerFilter, NewAttempt, NewDelivery, Page, Records, Role,
    Status, Team, shadow_id,
};

const OTHER: &str = "team_2";

/// A team with everything that a team can have: a key, an admin, a webhook secret, generations under
/// way and over, assets, deliveries.
async fn settle(records: &Arc<dyn Records>, of: &str, n: u8) {
    let id = |kind: &str, nth: u8| format!("{kind}_{n}{nth}");
    let key = Key {
        metadata: BTreeMap::from([("desk".to_owned(), "9".to_owned())]),
        ..key(&id("key", 0), of)
    };
    let attempt = |nth: u8| {
        let attempt = attempt(&id("att", nth), &id("gen", nth));
        attempts(NewAttempt { team: of.to_owned(), ..attempt })
    };
    let asset = |nth: u8, generation| {
        let asset = Asset { team: of.to_owned(), ..asset(&id("ast", nth), generation) };
        Change::Asset(Box::new(asset))
    };
    let admin = user(&id("usr", 0), Role::TeamAdmin, Some(of));
    records
        .apply(vec![
            Change::Team(team(of)),
            Change::Key(key, hash(n)),
            Change::User(admin, hash(100 + n)),
            Change::WebhookSecret {
                team: of.to_owned(),
                sealed: "sealed".to_owned(),
                replace: false,
            },
            accepts(idempotent(&id("gen", 1), of, "once", 1)),
            attempt(1),
            books(booking(&id("att", 1), None, 26_700)),
            asset(1, Some(&*id("gen", 1))),
            ended(&id("att", 1)),
            ends(&id("gen", 1), Status::Completed),
            accepts(generation(&id("gen", 2), of)),
            attempt(2),
            asset(3, None),
            Change::Delivery(Box::new(NewDelivery {
                id: id("dlv", 1),
                team: of.to_owned(),
                generation: id("gen", 1),
                event: "generation.completed".to_owned(),
                url: "https://receiver.example/hook?token=1".to_owned(),
                at: at(5),
            })),
        ])
        .await
        .unwrap();
}

/// Everything of a team that anybody can read, but for the books.
async fn words(records: &Arc<dyn Records>, of: &str) -> String {
    let filter = KeyFilter { team: Some(of.to_owned()), prefix: None };
    let users = records.users(Page::first(10)).await.unwrap();
    let users: Vec<_> = users.into_iter().filter(|u| u.team.as_deref() == Some(of)).collect();
    format!(
        "{:?} {:?} {users:?} {:?} {:?} {:?} {:?}",
        records.team(of).await.unwrap(),
        records.keys(filter, Page::first(10)).await.unwrap(),
        records.webhook_secret(of).await.unwrap(),
        records.generations(of, None, Page::first(10)).await.unwrap(),
        records.deliveries(Some(of), None, Page::first(10)).await.unwrap(),
        records.idempotent(of, "once").await.unwrap(),
    )
}

/// Only a team that may work no longer is erased; then every word of it is gone, nobody else's is, and
/// the books are as they were.
pub async fn erased_teams_keep_only_their_books(records: Arc<dyn Records>) {
    settle(&records, TEAM, 1).await;
    settle(&records, OTHER, 2).await;
    let erase = || Change::EraseTeam(TEAM.to_owned(), at(50));
    let error = refused(&records, erase()).await;
    assert!(is_stale(&error, TEAM), "it still works: {error}");
    apply(&records, Change::RevokeTeam(TEAM.to_owned(), at(45))).await;
    let others = words(&records, OTHER).await;
    let books = records.ledger(LedgerFilter::default(), Page::first(100)).await.unwrap();
    apply(&records, erase()).await;

    let left = words(&records, TEAM).await;
    for word in ["name of", "desk", "sealed", "fox", "gen_", "hook", "once"] {
        assert!(!left.contains(word), "{word} is in {left}");
    }
    let erased = Team { name: String::new(), revoked_at: Some(at(45)), ..team(TEAM) };
    assert_eq!(records.team(TEAM).await.unwrap(), Some(erased));
    let admin = records.user_by_hash(&hash(101)).await.unwrap().unwrap();
    assert_eq!(admin.revoked_at, Some(at(50)));
    let ledger = records.ledger(LedgerFilter::default(), Page::first(100)).await.unwrap();
    assert_eq!(ledger, books);
    assert_eq!(ledger.iter().filter(|row| row.team == TEAM).count(), 2);
    assert_eq!(words(&records, OTHER).await, others);
    let mut expired = records.expired_assets(at(51), 10).await.unwrap();
    expired.sort();
    let expired: Vec<_> = expired.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(expired, ["ast_11", "ast_13"], "the sweep finds the bytes");
    apply(&records, erase()).await;
    let error = refused(&records, Change::EraseTeam("team_x".to_owned(), at(50))).await;
    assert!(is_stale(&error, "team_x"), "{error}");
}

/// What was sent once more for the house holds a team's words too, and goes with them.
pub async fn erased_teams_take_their_shadows(records: Arc<dyn Records>) {
    settle(&records, TEAM, 1).await;
    settle(&records, OTHER, 2).await;
    let (over, under_way) = (shadow_id("gen_11"), shadow_id("gen_12"));
    let seen = Asset { team: OTHER.to_owned(), ..asset("ast_91", Some(&over)) };
    let shadows = vec![
        accepts(generation(&over, OTHER)),
        Change::Asset(Box::new(seen)),
        ends(&over, Status::Completed),
        accepts(generation(&under_way, OTHER)),
        Change::RevokeTeam(TEAM.to_owned(), at(45)),
        Change::EraseTeam(TEAM.to_owned(), at(50)),
    ];
    records.apply(shadows).await.unwrap();
    let left = records.generations(OTHER, None, Page::first(10)).await.unwrap();
    let left: Vec<_> = left.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(left, ["gen_22", "gen_21"], "no other team's");
    let expired = records.expired_assets(at(51), 10).await.unwrap();
    assert!(expired.iter().any(|(id, _)| id == "ast_91"), "{expired:?}");
    apply(&records, ends(&under_way, Status::Failed)).await;
}

/// What was under way when its team was erased still ends and is still booked, without a word.
pub async fn work_of_an_erased_team_ends_without_words(records: Arc<dyn Records>) {
    settle(&records, TEAM, 1).await;
    let over = vec![
        Change::RevokeTeam(TEAM.to_owned(), at(45)),
        Change::EraseTeam(TEAM.to_owned(), at(50)),
    ];
    records.apply(over).await.unwrap();
    let open = records.unfinished().await.unwrap();
    assert_eq!(open.len(), 1, "its attempt may still be charged");
    assert!(open[0].generation.request.is_empty() && open[0].generation.metadata.is_empty());
    let late = vec![
        books(booking("att_12", None, 1_000)),
        Change::Asset(Box::new(asset("ast_12", Some("gen_12")))),
        ended("att_12"),
        ends("gen_12", Status::Failed),
    ];
    records.apply(late).await.unwrap();
    assert_eq!(records.asset("ast_12").await.unwrap(), None);
    assert!(records.unfinished().await.unwrap().is_empty());
    assert!(records.generations(TEAM, None, Page::first(10)).await.unwrap().is_empty());
    let filter = LedgerFilter { team: Some(TEAM.to_owned()), ..LedgerFilter::default() };
    assert_eq!(records.ledger(filter, Page::first(10)).await.unwrap().len(), 4);
}
