//! What time takes away: words first, rows later, the books never.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use engine::{Page, Request, Status, keys::Actor};
use provider::Clock as _;
use records::{AuditFilter, LedgerFilter};
use support::{
    World, days,
    vendor::{Act, COST},
};

#[tokio::test]
async fn words_go_before_rows_and_the_books_stay() {
    let world = World::new().await;
    let id = world.start(Request::image("a secret fox")).await;
    world.end(&id).await;
    let made = world.clock.now();

    world.engine.sweep_once(made.plus(days(89))).await.unwrap();
    let kept = world.records.generation("team_a", &id).await.unwrap().unwrap();
    assert!(kept.request.contains("a secret fox"), "its time is not over");

    world.engine.sweep_once(made.plus(days(91))).await.unwrap();
    let wordless = world.records.generation("team_a", &id).await.unwrap().unwrap();
    assert!(!wordless.request.contains("fox"), "{wordless:?}");
    assert_eq!((wordless.status, wordless.cost.charged.micros()), (Status::Completed, COST));

    world.engine.sweep_once(made.plus(days(401))).await.unwrap();
    assert_eq!(world.records.generation("team_a", &id).await.unwrap(), None);
    assert_eq!(world.booked().await, COST, "the books stay");
    assert_eq!(world.records.verify().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_under_way_keeps_its_words() {
    let world = World::new().await;
    world.vendor.script([Act::Wait]);
    let id = world.start(Request::image("a slow fox")).await;
    let made = world.clock.now();
    world.until(|| world.vendor.submits.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    world.engine.sweep_once(made.plus(days(500))).await.unwrap();
    let open = world.records.generation("team_a", &id).await.unwrap().unwrap();
    assert!(open.request.contains("a slow fox"), "it may have to be sent again");
    world.vendor.open_gates();
    assert_eq!(world.end(&id).await.status, Status::Completed);
}

#[tokio::test]
async fn an_erased_team_leaves_its_money_and_no_word() {
    let world = World::new().await;
    let id = world.start(Request::image("a secret fox")).await;
    let done = world.end(&id).await;
    let asset = done.outputs[0].asset.clone().unwrap();
    let operator = Actor::system("admin");
    let keys = world.engine.keys();
    assert!(keys.erase_team(&operator, "team_a").await.is_err(), "it still works");
    keys.revoke_team(&operator, "team_a").await.unwrap();
    keys.erase_team(&operator, "team_a").await.unwrap();
    assert_eq!(world.records.generation("team_a", &id).await.unwrap(), None);
    world.engine.sweep_once(world.clock.now().plus(days(1))).await.unwrap();
    assert!(world.engine.read(&asset, None).await.is_err(), "the bytes are gone");
    assert_eq!(world.booked().await, COST);
    let entries = world.records.ledger(LedgerFilter::default(), Page::first(9)).await.unwrap();
    assert!(entries.iter().all(|entry| entry.team == "team_a"), "{entries:?}");
    assert_eq!(world.records.verify().await.unwrap(), []);
}

#[tokio::test]
async fn the_audit_goes_with_its_own_period() {
    let world = World::new().await;
    let operator = Actor::system("admin");
    world.engine.keys().revoke_team(&operator, "team_a").await.unwrap();
    let now = world.clock.now();
    let entries = || world.records.audit(AuditFilter::default(), Page::first(9));
    world.engine.sweep_once(now.plus(days(729))).await.unwrap();
    assert_eq!(entries().await.unwrap().len(), 1);
    world.engine.sweep_once(now.plus(days(731))).await.unwrap();
    assert_eq!(entries().await.unwrap().len(), 0);
}
