//! Shadow traffic: a share of an alias' requests is sent to another model too, and nobody who asks notices.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use engine::{AliasRules, CacheUse, Generation, Page, Request, Shadow, Status, Team, Wishes};
use futures_util::FutureExt as _;
use provider::{ErrorKind, MicroUsd};
use records::{LedgerFilter, Period};
use support::{World, vendor::Act};

/// The model that is tried, at an account of its own.
const TRIED: &str = "b/one";
const TRIED_AT: &str = "dear";

fn shadow(per_million: u32, limit: i64) -> AliasRules {
    let shadow = Shadow {
        model: TRIED.to_owned(),
        per_million,
        limit: MicroUsd::from_micros(limit),
        period: Period::Month,
    };
    AliasRules { shadow: Some(shadow), ..AliasRules::default() }
}

fn stand(vendor: &support::vendor::Scripted, rules: AliasRules) {
    *vendor.accounts.lock() = vec![("a", "cheap"), ("b", TRIED_AT)];
    *vendor.offers.lock() = [("cheap", (10_000, 1)), (TRIED_AT, (40_000, 1))].into();
    *vendor.rules.lock() = rules;
}

/// Who asks gets the cheap one; every request has a shadow at the dear one.
async fn world() -> World {
    World::prepared(|vendor| stand(vendor, shadow(1_000_000, 5_000_000))).await
}

fn image(number: usize) -> Request {
    Request::image(format!("a fox, number {number}"))
}

async fn make(world: &World, request: Request) -> Arc<Generation> {
    let id = world.start(request).await;
    world.end(&id).await
}

/// The house's team for the alias.
async fn house(world: &World) -> Team {
    let teams = world.engine.keys().teams(Page::first(100)).await.unwrap();
    let mut ours = teams.into_iter().filter(|team| team.name == "shadow:photo");
    let team = ours.next().unwrap();
    assert!(ours.next().is_none(), "one is enough");
    team
}

/// What was sent in the shadow so far, the newest first.
async fn shadows(world: &World) -> Vec<Generation> {
    let house = house(world).await;
    world.engine.generations(&house.id, None, Page::first(100)).await.unwrap()
}

/// Waits until so many requests have had their shadow, sent (true) or dropped.
async fn cast(world: &World, expected: &[bool]) {
    world.until(|| world.observed.shadows.lock().len() >= expected.len()).await;
    let told = world.observed.shadows.lock().clone();
    let expected: Vec<_> = expected.iter().map(|sent| ("photo".to_owned(), *sent)).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_request_is_sent_once_more_for_the_house_alone() {
    let world = world().await;
    let done = make(
        &world,
        Request { metadata: BTreeMap::from([("mine".into(), "1".into())]), ..image(0) },
    )
    .await;
    assert_eq!((done.status, done.account.as_deref()), (Status::Completed, Some("cheap")));
    cast(&world, &[true]).await;
    let house = house(&world).await;
    let [sent] = &shadows(&world).await[..] else { panic!("one") };
    let sent = world.fast(world.engine.wait(&house.id, &sent.id, None)).await.unwrap().generation;
    assert_eq!((sent.status, sent.account.as_deref()), (Status::Completed, Some(TRIED_AT)));
    assert_eq!(sent.metadata, BTreeMap::from([("shadow_of".to_owned(), done.id.clone())]));
    assert_eq!(sent.model, TRIED);
    let prompts: Vec<_> = world.vendor.rows.lock().iter().map(|row| row.prompt.clone()).collect();
    assert_eq!(prompts, ["a fox, number 0", "a fox, number 0"]);

    let own = world.engine.generation(&world.caller.team.id, &sent.id).await.unwrap_err();
    assert_eq!(own.code, engine::Code::NotFound, "who asked sees nothing of it");
    assert_eq!(world.engine.generations("team_a", None, Page::first(9)).await.unwrap().len(), 1);
    assert_eq!(done.cost.charged, MicroUsd::from_micros(support::vendor::COST));
    let of = |team: &str| LedgerFilter { team: Some(team.to_owned()), ..LedgerFilter::default() };
    let theirs = world.records.ledger(of("team_a"), Page::first(99)).await.unwrap();
    let ours = world.records.ledger(of(&house.id), Page::first(99)).await.unwrap();
    assert!(theirs.iter().all(|entry| entry.generation == done.id), "{theirs:?}");
    let account = |entry: &&engine::LedgerEntry| entry.account.starts_with("provider:b/dear");
    let charged: i64 = ours.iter().filter(account).map(|entry| entry.amount.micros()).sum();
    assert_eq!(charged, sent.cost.charged.micros());
    let decision = world.engine.decision(&house.id, &sent.id).await.unwrap();
    assert_eq!(decision, None, "nothing is saved for it");
    let keys = records::KeyFilter { team: Some(house.id.clone()), prefix: None };
    assert!(world.records.keys(keys, Page::first(9)).await.unwrap().is_empty(), "nobody gets in");
    let [budget] = &house.rules.budgets[..] else { panic!("{house:?}") };
    assert_eq!((budget.limit, budget.hard), (Some(MicroUsd::from_micros(5_000_000)), true));
}

#[tokio::test]
async fn its_share_is_drawn_by_the_generations_id() {
    let world = World::prepared(|vendor| stand(vendor, shadow(250_000, 50_000_000))).await;
    for number in 0..200 {
        make(&world, image(number)).await;
    }
    world.engine.close(Duration::from_secs(60)).await;
    let sent = world.observed.shadows.lock().len();
    assert!((30..70).contains(&sent), "a quarter of 200: {sent}");
}

#[tokio::test]
async fn what_nobody_may_keep_or_did_not_end_well_has_no_shadow() {
    let world = world().await;
    let kept_nowhere = Request { store: false, delivery: engine::Delivery::None, ..image(0) };
    assert_eq!(make(&world, kept_nowhere).await.status, Status::Completed);
    world.vendor.always("cheap", [Act::Refuse(ErrorKind::Blocked)]);
    assert_eq!(make(&world, image(1)).await.status, Status::Blocked);
    world.vendor.always("cheap", [Act::Refuse(ErrorKind::Invalid)]);
    world.vendor.always(TRIED_AT, [Act::Refuse(ErrorKind::Invalid)]);
    assert_eq!(make(&world, image(2)).await.status, Status::Failed);
    world.vendor.always("cheap", []);
    world.vendor.always(TRIED_AT, []);
    make(&world, Request { model: Some(TRIED.to_owned()), ..image(3) }).await;
    make(&world, image(4)).await;
    cast(&world, &[true]).await;
    assert_eq!(shadows(&world).await.len(), 1, "the last one's");
}

#[tokio::test]
async fn an_answer_from_the_cache_has_no_shadow() {
    let world = World::caching_with(|v| stand(v, shadow(1_000_000, 5_000_000))).await;
    make(&world, image(0)).await;
    cast(&world, &[true]).await;
    for _ in 0..3 {
        let again = make(&world, image(0)).await;
        assert_eq!(again.cache, engine::CacheResult::Hit);
    }
    world.vendor.always("cheap", [Act::Wait]);
    let first = world.start(image(1)).await;
    let second = world.start(image(1)).await;
    world.vendor.open_gates();
    assert_eq!(world.end(&first).await.cache, engine::CacheResult::Miss);
    assert_eq!(world.end(&second).await.cache, engine::CacheResult::Coalesced);
    cast(&world, &[true, true]).await;
    make(&world, Request { cache: Some(CacheUse::Refresh), ..image(1) }).await;
    cast(&world, &[true, true, true]).await;
    assert!(shadows(&world).await.iter().all(|sent| sent.cache == engine::CacheResult::Off));
}

#[tokio::test]
async fn its_budget_is_hard_and_nobody_elses() {
    // What one may cost at worst, and not what two may.
    let limit = support::vendor::COST * 3;
    let world = World::prepared(|vendor| stand(vendor, shadow(1_000_000, limit))).await;
    make(&world, image(0)).await;
    cast(&world, &[true]).await;
    let first = shadows(&world).await[0].id.clone();
    let house = house(&world).await.id;
    world.fast(world.engine.wait(&house, &first, None)).await.unwrap();
    let done = make(&world, image(1)).await;
    assert_eq!(done.status, Status::Completed);
    cast(&world, &[true, false]).await;
    assert_eq!(shadows(&world).await.len(), 1);
    world.clock.advance(support::days(32));
    make(&world, image(2)).await;
    cast(&world, &[true, false, true]).await;
}

#[tokio::test]
async fn it_takes_only_what_is_free_at_that_moment() {
    let world = world().await;
    world.vendor.always(TRIED_AT, [Act::Wait]);
    let routing = Wishes { providers: vec!["b".to_owned()], ..Wishes::default() };
    for number in 0..3 {
        world.start(Request { routing: routing.clone(), ..image(number) }).await;
    }
    world.until(|| world.vendor.asked(TRIED_AT) == 3).await;
    assert_eq!(make(&world, image(3)).await.account.as_deref(), Some("cheap"));
    cast(&world, &[false]).await;
    assert!(shadows(&world).await.is_empty());
}

#[tokio::test]
async fn its_failure_is_nobodys() {
    let world = world().await;
    world.vendor.always(TRIED_AT, [Act::Refuse(ErrorKind::Invalid)]);
    assert_eq!(make(&world, image(0)).await.status, Status::Completed);
    cast(&world, &[true]).await;
    let (house, sent) = (house(&world).await.id, shadows(&world).await[0].id.clone());
    let ended = world.fast(world.engine.wait(&house, &sent, None)).await.unwrap().generation;
    assert_eq!(ended.status, Status::Failed);
}

#[tokio::test]
async fn nothing_is_sent_twice_over_a_restart_and_the_team_is_the_same() {
    let world = world().await;
    make(&world, image(0)).await;
    cast(&world, &[true]).await;
    let before = house(&world).await;
    let first = shadows(&world).await[0].id.clone();
    world.fast(world.engine.wait(&before.id, &first, None)).await.unwrap();
    // The end of another one is written by the next process, and its shadow is that one's to cast.
    world.vendor.always("cheap", [Act::MakeAndHang]);
    let id = world.start(image(1)).await;
    world.until(|| world.vendor.asked("cheap") == 2).await;
    *world.vendor.rules.lock() = shadow(1_000_000, 7_000_000);

    let world = world.kill_and_restart().await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    cast(&world, &[true]).await;
    let after = house(&world).await;
    assert_eq!(after.id, before.id);
    assert_eq!(after.rules.budgets[0].limit, Some(MicroUsd::from_micros(7_000_000)));
    world.engine.close(Duration::from_secs(60)).await;
    assert_eq!(shadows(&world).await.len(), 2);
    assert_eq!(world.vendor.asked(TRIED_AT), 2);
}

#[tokio::test]
async fn an_engine_that_stops_casts_none() {
    let world = world().await;
    world.vendor.always("cheap", [Act::Wait]);
    let id = world.start(image(0)).await;
    world.until(|| world.vendor.asked("cheap") == 1).await;
    let mut close = pin!(world.engine.close(Duration::from_secs(3600)));
    assert!(close.as_mut().now_or_never().is_none(), "it waits for what is under way");
    world.vendor.open_gates();
    world.slowly(close).await;
    let done = world.engine.generation("team_a", &id).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(*world.observed.shadows.lock(), [("photo".to_owned(), false)]);
}

#[tokio::test]
async fn it_goes_with_what_it_is_the_shadow_of() {
    let world = World::prepared(|vendor| {
        stand(vendor, shadow(1_000_000, 5_000_000));
        *vendor.forgotten.lock() = Some(Vec::new());
    });
    let world = world.await;
    let done = make(&world, image(0)).await;
    cast(&world, &[true]).await;
    let (house, sent) = (house(&world).await.id, shadows(&world).await[0].id.clone());
    world.fast(world.engine.wait(&house, &sent, None)).await.unwrap();
    let forgotten = || world.vendor.forgotten.lock().clone().unwrap();
    world.engine.erase("team_a", &done.id).await.unwrap();
    assert!(shadows(&world).await.is_empty());
    world.until(|| forgotten().len() == 2).await;

    // One that is under way keeps nothing of what still comes, neither here nor at the vendor.
    world.vendor.always(TRIED_AT, [Act::Wait]);
    let done = make(&world, image(1)).await;
    cast(&world, &[true, true]).await;
    world.until(|| world.vendor.asked(TRIED_AT) == 2).await;
    world.engine.erase("team_a", &done.id).await.unwrap();
    assert!(shadows(&world).await.is_empty());
    world.until(|| forgotten().len() == 3).await;
    world.vendor.open_gates();
    world.until(|| forgotten().len() == 4).await;
    world.engine.close(Duration::from_secs(60)).await;
    assert!(shadows(&world).await.is_empty());
    assert_eq!(world.booked().await, world.vendor.charged(), "what was made is paid");
}
