//! Never paying twice for the same: what was made is given again, what is being made is waited for.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{sync::Arc, time::Duration};

use engine::{
    CacheResult, CacheUse, Caller, Code, Generation, IdempotencyKey, Request, Status, Variants,
    Wishes,
};
use provider::{ErrorKind, Kind, MicroUsd};
use support::{
    Stage, World,
    queue::Queue,
    vendor::{Act, COST},
};

fn fox() -> Request {
    Request::image("a fox")
}

async fn caching() -> World {
    World::caching(|_| {}).await
}

/// Makes it and waits for its end.
async fn made(world: &World, request: Request) -> Arc<Generation> {
    let id = world.start(request).await;
    world.end(&id).await
}

async fn made_by(world: &World, caller: &Caller, request: Request) -> Arc<Generation> {
    let id = world.engine.start(caller, request, None).await.unwrap().id;
    world.fast(world.engine.wait(&caller.team.id, &id, None)).await.unwrap().generation
}

fn place(generation: &Generation) -> String {
    generation.outputs[0].place().unwrap().to_owned()
}

fn asset(generation: &Generation) -> String {
    generation.outputs[0].asset.clone().unwrap()
}

async fn has_bytes(world: &World, place: &str) -> bool {
    world.engine.read(place, None).await.is_ok()
}

/// Deletes it; its own task may still be about to leave it.
async fn erased(world: &World, id: &str) {
    while let Err(refusal) = world.engine.erase("team_a", id).await {
        assert_eq!(refusal.code, Code::NotReady, "{refusal:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether it is written how it was decided who makes it.
async fn decided(world: &World, generation: &Generation) -> bool {
    world.engine.decision("team_a", &generation.id).await.unwrap().is_some()
}

async fn saved(world: &World, team: &str) -> i64 {
    let (from, to) =
        (support::now(world).minus(support::days(9)), support::now(world).plus(support::days(9)));
    world.engine.usage(team, from, to).await.unwrap().saved.micros()
}

#[tokio::test]
async fn the_same_request_is_answered_with_the_same_picture_and_pays_nothing() {
    let world = caching().await;
    let first = made(&world, fox()).await;
    assert_eq!(first.cache, CacheResult::Miss);
    let request =
        Request { prompt: " a fox\n".to_owned(), delivery: engine::Delivery::B64, ..fox() };
    let started = world.engine.start(&world.caller, request, None).await.unwrap();
    let again = started.answer.clone().unwrap();
    assert_eq!((again.status, again.cache), (Status::Completed, CacheResult::Hit));
    assert_eq!((again.cost.charged, again.attempts.len()), (MicroUsd::ZERO, 0));
    assert_ne!((&again.id, asset(&again)), (&first.id, asset(&first)));
    assert_eq!(place(&again), place(&first));
    assert_eq!(again.provider_model, first.provider_model);
    assert_eq!(again.source.as_ref(), Some(&first.id));
    let recorded = world.records.generation("team_a", &again.id).await.unwrap().unwrap();
    assert_eq!(recorded, *again, "what is told is what is written");
    assert!(decided(&world, &first).await && !decided(&world, &again).await, "nobody was asked");
    assert_eq!(world.vendor.made(), 1);
    assert_eq!(world.booked().await, COST);
    assert_eq!(saved(&world, "team_a").await, COST);
    // Another meaning is another picture.
    assert_eq!(made(&world, Request::image("a hare")).await.cache, CacheResult::Miss);
    assert_eq!(world.vendor.made(), 2);
}

#[tokio::test]
async fn who_asks_for_what_is_being_made_waits_for_it() {
    let world = caching().await;
    world.vendor.script([Act::Wait]);
    let first = world.start(fox()).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.start(fox()).await);
    }
    let waits = world.engine.generation("team_a", &ids[0]).await.unwrap();
    assert_eq!((waits.status, waits.cache), (Status::Queued, CacheResult::Coalesced));
    assert_eq!(waits.source.as_ref(), Some(&first));
    world.vendor.open_gates();
    let first = world.end(&first).await;
    for id in &ids {
        let one = world.end(id).await;
        assert_eq!((one.status, one.cache), (Status::Completed, CacheResult::Coalesced));
        assert_eq!((place(&one), one.cost.charged), (place(&first), MicroUsd::ZERO));
        let recorded = world.records.generation("team_a", id).await.unwrap().unwrap();
        assert_eq!(recorded, *one);
    }
    assert_eq!((world.vendor.made(), world.booked().await), (1, COST));
    assert_eq!(saved(&world, "team_a").await, 5 * COST);
    assert_eq!(made(&world, fox()).await.cache, CacheResult::Hit);
}

#[tokio::test]
async fn a_failure_is_handed_to_one_and_never_to_all() {
    let world = caching().await;
    world.vendor.script([Act::WaitAndRefuse(ErrorKind::Failed), Act::Refuse(ErrorKind::Invalid)]);
    let first = world.start(fox()).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(world.start(fox()).await);
    }
    world.vendor.open_gates();
    let first = world.end(&first).await;
    let mut ends = Vec::new();
    for id in &ids {
        ends.push(world.end(id).await);
    }
    let paid: Vec<_> = ends.iter().filter(|one| !one.cost.charged.is_zero()).collect();
    // Whoever failed was tried again by the one that is next, until one succeeded for all that are left.
    let failed = ends.iter().filter(|one| one.status == Status::Failed).count();
    let completed = ends.iter().filter(|one| one.status == Status::Completed).count();
    assert_eq!(failed + completed, 4);
    for one in ends.iter().chain([&first]) {
        let own = one.cache == CacheResult::Miss;
        assert_eq!(decided(&world, one).await, own, "who asks a vendor is decided about: {one:?}");
    }
    if first.status == Status::Completed {
        assert_eq!((paid.len(), failed), (0, 0), "it was tried again by itself");
    } else {
        assert_eq!(paid.len(), 1);
        assert_eq!(paid[0].cache, CacheResult::Miss, "it paid for itself");
    }
    assert_eq!((world.vendor.made(), world.booked().await), (1, COST));
}

#[tokio::test]
async fn whoever_is_next_takes_what_was_made_meanwhile() {
    let world = caching().await;
    world.vendor.script([Act::WaitAndRefuse(ErrorKind::Failed)]);
    let first = world.start(fox()).await;
    let next = world.start(fox()).await;
    let anew = made(&world, Request { cache: Some(CacheUse::Refresh), ..fox() }).await;
    world.vendor.script([Act::Refuse(ErrorKind::Invalid)]);
    world.vendor.open_gates();
    assert_eq!(world.end(&first).await.status, Status::Failed);
    let next = world.end(&next).await;
    assert_eq!((next.status, next.cache), (Status::Completed, CacheResult::Coalesced));
    assert_eq!((place(&next), next.cost.charged), (place(&anew), MicroUsd::ZERO));
    assert_eq!((world.vendor.made(), world.booked().await), (1, COST));
}

#[tokio::test]
async fn who_called_it_back_or_waited_long_enough_holds_up_nobody() {
    let world = caching().await;
    world.vendor.script([Act::Wait]);
    let first = world.start(fox()).await;
    let gone = world.start(fox()).await;
    let hurried = Wishes { deadline: Some(Duration::from_secs(5)), ..Wishes::default() };
    let late = world.start(Request { routing: hurried, ..fox() }).await;
    let patient = world.start(fox()).await;
    let cancelled = world.engine.cancel("team_a", &gone).await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
    let late = world.end(&late).await;
    assert_eq!(late.error.as_ref().unwrap().code, "deadline_exceeded");
    world.vendor.open_gates();
    assert_eq!(world.end(&first).await.status, Status::Completed);
    assert_eq!(world.end(&patient).await.cache, CacheResult::Coalesced);
    assert_eq!(world.vendor.made(), 1);
}

#[tokio::test]
async fn a_safety_stop_is_everybodys_and_nobody_keeps_it() {
    let world = caching().await;
    world.vendor.script([Act::Wait, Act::Refuse(ErrorKind::Blocked)]);
    let first = world.start(Request::image("a hare")).await;
    world.vendor.forget_script();
    world.vendor.open_gates();
    world.end(&first).await;
    world.vendor.script([Act::Refuse(ErrorKind::Blocked)]);
    assert_eq!(made(&world, fox()).await.status, Status::Blocked);
    let again = made(&world, fox()).await;
    assert_eq!((again.status, again.cache), (Status::Completed, CacheResult::Miss));
}

#[tokio::test]
async fn who_wants_others_asked_after_a_safety_stop_does_not_take_it_from_the_one_it_waits_for() {
    let world = caching().await;
    world.vendor.script([Act::WaitAndRefuse(ErrorKind::Blocked)]);
    let first = world.start(fox()).await;
    let next = Wishes { next_on_blocked: true, ..Wishes::default() };
    let insists = world.start(Request { routing: next, ..fox() }).await;
    let agrees = world.start(fox()).await;
    world.vendor.open_gates();
    assert_eq!(world.end(&first).await.status, Status::Blocked);
    assert_eq!(world.end(&agrees).await.status, Status::Blocked);
    let insists = world.end(&insists).await;
    assert_eq!((insists.status, insists.cache), (Status::Completed, CacheResult::Miss));
    assert_eq!((world.vendor.made(), world.booked().await), (1, COST));
}

#[tokio::test]
async fn wishes_about_the_cache_are_heeded() {
    let world = caching().await;
    let with = |cache| Request { cache: Some(cache), ..fox() };
    let first = made(&world, fox()).await;
    let off = made(&world, with(CacheUse::Off)).await;
    assert_eq!(off.cache, CacheResult::Off);
    assert_eq!(
        place(made(&world, fox()).await.as_ref()),
        place(&first),
        "what is off is not kept either"
    );
    let fresh = made(&world, with(CacheUse::Refresh)).await;
    assert_eq!(fresh.cache, CacheResult::Miss);
    assert_ne!(place(&fresh), place(&first));
    assert_eq!(
        place(made(&world, fox()).await.as_ref()),
        place(&fresh),
        "the new one takes its place"
    );
    assert_eq!(world.vendor.made(), 3);

    let young = |seconds| Request { max_age: Some(Duration::from_secs(seconds)), ..fox() };
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(made(&world, young(120)).await.cache, CacheResult::Hit);
    assert_eq!(made(&world, young(10)).await.cache, CacheResult::Miss);
    let only = |prompt: &str| Request { only_cached: true, ..Request::image(prompt) };
    assert_eq!(made(&world, only("a fox")).await.cache, CacheResult::Hit);
    let refused = world.engine.start(&world.caller, only("a hare"), None).await.unwrap_err();
    assert_eq!(refused.code, Code::DeadlineExceeded);
    assert_eq!(world.vendor.made(), 4);
}

#[tokio::test]
async fn what_may_not_be_kept_is_not() {
    let world = caching().await;
    let off = Request { cache: Some(CacheUse::Off), ..fox() };
    assert_eq!(made(&world, off).await.cache, CacheResult::Off);
    world.vendor.script([Act::Refuse(ErrorKind::Invalid)]);
    assert_eq!(made(&world, fox()).await.status, Status::Failed);
    assert_eq!(made(&world, fox()).await.cache, CacheResult::Miss);
    assert_eq!(world.vendor.made(), 2);
}

#[tokio::test]
async fn an_answer_with_fewer_pictures_than_were_asked_for_is_not_kept() {
    let world = caching().await;
    let two = || Request { count: 2, ..fox() };
    world.vendor.script([Act::Make, Act::Refuse(ErrorKind::Invalid)]);
    let part = made(&world, two()).await;
    assert_eq!((part.status, part.outputs.len()), (Status::Completed, 1));
    let whole = made(&world, two()).await;
    assert_eq!((whole.cache, whole.outputs.len()), (CacheResult::Miss, 2));
    assert_eq!(made(&world, two()).await.cache, CacheResult::Hit);
}

#[tokio::test]
async fn what_nobody_may_store_is_not_kept_for_others() {
    let world = Stage::<Queue>::caching(|_| {}).await;
    let clip = |store| Request { kind: Some(Kind::Video), store, ..fox() };
    for (store, expected) in [
        (false, CacheResult::Off),
        (true, CacheResult::Miss),
        (true, CacheResult::Hit),
        (false, CacheResult::Off),
    ] {
        let id = world.start(clip(store)).await;
        let done = world.end(&id).await;
        assert_eq!((done.status, done.cache), (Status::Completed, expected), "{store}");
    }
    assert_eq!(world.vendor.jobs().len(), 3);
}

#[tokio::test]
async fn fresh_variants_are_made_anew_unless_a_seed_names_them() {
    let world = World::caching(|cache| cache.variants = Variants::Fresh).await;
    let (one, other) = (made(&world, fox()).await, made(&world, fox()).await);
    assert_eq!((one.cache, other.cache), (CacheResult::Off, CacheResult::Off));
    assert_ne!(place(&one), place(&other));
    assert_eq!(world.vendor.made(), 2);
}

#[tokio::test]
async fn what_was_deleted_or_expired_is_not_given_again() {
    let world = caching().await;
    let first = made(&world, fox()).await;
    let shared = made(&world, fox()).await;
    let blob = place(&first);
    erased(&world, &first.id).await;
    assert!(has_bytes(&world, &blob).await, "another answer shows them");
    assert!(world.engine.asset(&asset(&first)).await.is_err());
    assert!(world.engine.asset(&asset(&shared)).await.is_ok());
    let second = made(&world, fox()).await;
    assert_eq!(second.cache, CacheResult::Miss, "its entry went with it");
    erased(&world, &shared.id).await;
    assert!(!has_bytes(&world, &blob).await, "nobody shows them any more");

    // Outputs are kept for an hour here: an answer of which some are gone is none.
    world.clock.advance(Duration::from_secs(1800));
    let young = made(&world, fox()).await;
    assert_eq!(young.cache, CacheResult::Hit);
    world.clock.advance(Duration::from_secs(1801));
    let third = made(&world, fox()).await;
    assert_eq!(third.cache, CacheResult::Miss);
    world.engine.sweep_once(support::now(&world)).await.unwrap();
    assert!(world.engine.asset(&asset(&second)).await.is_err());
    assert!(
        has_bytes(&world, &place(&second)).await,
        "the younger answer is good for its own hour"
    );
    world.clock.advance(Duration::from_secs(3600));
    world.engine.sweep_once(support::now(&world)).await.unwrap();
    assert!(!has_bytes(&world, &place(&second)).await);
    assert_eq!(world.vendor.made(), 3);
}

#[tokio::test]
async fn a_teams_answers_are_its_own_unless_all_share() {
    for global in [false, true] {
        let world = World::caching(|cache| cache.global = global).await;
        let first = made(&world, fox()).await;
        let stranger = world.another_team("team_b").await;
        let theirs = made_by(&world, &stranger, fox()).await;
        if !global {
            assert_eq!(theirs.cache, CacheResult::Miss);
            assert_eq!(world.vendor.made(), 2);
            continue;
        }
        assert_eq!((theirs.cache, place(&theirs)), (CacheResult::Hit, place(&first)));
        let own = world.engine.asset(&asset(&theirs)).await.unwrap();
        assert_eq!(own.team, "team_b", "the name is theirs, and so is what they may do with it");
        assert_eq!((saved(&world, "team_a").await, saved(&world, "team_b").await), (0, COST));
        erased(&world, &first.id).await;
        assert!(has_bytes(&world, &place(&theirs)).await);
        // As an input it is theirs as well, wherever its bytes lie.
        let role = provider::Role::Reference;
        let input = world.engine.input_from_asset("team_b", role, "x", &own.id).await;
        assert!(input.is_ok(), "{input:?}");
    }
}

#[tokio::test]
async fn an_idempotency_key_stands_for_an_answer_as_for_any_generation() {
    let world = caching().await;
    let key = |body: u8| Some(IdempotencyKey { key: "once".to_owned(), body: [body; 32] });
    made(&world, fox()).await;
    let start = async |body, prompt: &str| {
        world.engine.start(&world.caller, Request::image(prompt), key(body)).await
    };
    let hit = start(1, "a fox").await.unwrap();
    assert_eq!(hit.answer.as_ref().unwrap().cache, CacheResult::Hit);
    let again = start(1, "a fox").await.unwrap();
    assert_eq!((again.replayed, &again.id), (true, &hit.id));
    assert_eq!(start(2, "a hare").await.unwrap_err().code, Code::IdempotencyConflict);
    let world = world.kill_and_restart().await;
    let later = world.engine.start(&world.caller, fox(), key(1)).await.unwrap();
    assert_eq!((later.replayed, &later.id), (true, &hit.id));
    assert_eq!(world.vendor.made(), 1);
}

#[tokio::test]
async fn those_who_waited_go_on_after_a_kill_and_nobody_pays_twice() {
    // Killed while the first is made: it is found, and the others get it.
    let world = caching().await;
    world.vendor.script([Act::MakeAndHang]);
    let first = world.start(fox()).await;
    world.until(|| world.vendor.made() == 1).await;
    let waits = world.start(fox()).await;
    let world = world.kill_and_restart().await;
    let (first, waits) = (world.end(&first).await, world.end(&waits).await);
    assert_eq!((first.status, waits.status), (Status::Completed, Status::Completed));
    assert_eq!((waits.cache, place(&waits)), (CacheResult::Coalesced, place(&first)));
    assert_eq!((world.vendor.made(), world.booked().await), (1, COST));
}

#[tokio::test]
async fn who_waited_for_one_that_ended_before_the_kill_finds_it() {
    let world = caching().await;
    let first = made(&world, fox()).await;
    // As a kill between the two commits leaves it: the first is over, the other still waits.
    let waits = records::NewGeneration {
        id: "gen_zz".to_owned(),
        team: "team_a".to_owned(),
        key: "key_a".to_owned(),
        kind: Kind::Image,
        model: "photo".to_owned(),
        request: first.request.clone(),
        metadata: Default::default(),
        estimated: MicroUsd::ZERO,
        at: support::now(&world),
        idempotency: None,
        running: false,
        worker: String::new(),
        reserve: records::Reserve::default(),
        checks: Vec::new(),
        cache: CacheResult::Coalesced,
        source: Some(first.id.clone()),
    };
    world.records.apply(vec![records::Change::Accept(Box::new(waits))]).await.unwrap();
    let world = world.kill_and_restart().await;
    let waits = world.end("gen_zz").await;
    assert_eq!((waits.status, place(&waits)), (Status::Completed, place(&first)));
    assert_eq!((world.vendor.made(), world.booked().await), (1, COST));
}

#[tokio::test]
async fn a_similar_prompt_gets_the_teams_own_answer_and_says_so() {
    let world = World::caching(|cache| {
        cache.similar = Some(900);
        cache.global = true;
    })
    .await;
    let first = made(&world, Request::image("A red fox, in the snow")).await;
    let near = made(&world, Request::image("in the snow: a RED fox!")).await;
    assert_eq!((near.cache, place(&near)), (CacheResult::Similar, place(&first)));
    let told = &near.adjustments["cache"];
    assert!(told.reason.contains(&first.id), "{told:?}");
    assert_eq!(saved(&world, "team_a").await, COST);
    let strict = Request { strict: true, ..Request::image("in the snow: a red fox") };
    assert_eq!(made(&world, strict).await.cache, CacheResult::Miss);
    assert_eq!(
        made(&world, Request::image("a red fox in the sand")).await.cache,
        CacheResult::Miss
    );
    // Whole answers are everybody's here, likeness is the team's own.
    let stranger = world.another_team("team_b").await;
    let theirs = made_by(&world, &stranger, Request::image("a red fox in the snow!")).await;
    assert_eq!(theirs.cache, CacheResult::Miss);
    // What was deleted is not found by its likeness either.
    erased(&world, &first.id).await;
    let gone = made(&world, Request::image("snow: a red fox in the")).await;
    assert_eq!(gone.cache, CacheResult::Miss);
}

#[tokio::test]
async fn answers_are_revoked_by_operators() {
    let world = caching().await;
    made(&world, fox()).await;
    let purge = coordination::Purge { model: Some("photo".to_owned()), ..Default::default() };
    assert_eq!(world.engine.purge_cache(&support::operator(), &purge).await.unwrap(), 1);
    assert_eq!(world.engine.purge_cache(&support::operator(), &purge).await.unwrap(), 0);
    assert_eq!(made(&world, fox()).await.cache, CacheResult::Miss);
    let audit = world.records.audit(Default::default(), engine::Page::first(9)).await.unwrap();
    assert_eq!(audit.iter().filter(|entry| entry.action == "cache.purge").count(), 2);
    let viewer = engine::keys::Actor { role: records::Role::Viewer, ..support::operator() };
    assert!(world.engine.purge_cache(&viewer, &purge).await.is_err());
}

#[tokio::test]
async fn a_deadline_ends_one_wait_and_not_the_others() {
    let world = Stage::<support::vendor::Scripted>::caching(|_| {}).await;
    world.vendor.script([Act::Wait]);
    let hurried = Wishes { deadline: Some(Duration::from_secs(5)), ..Wishes::default() };
    let first = world.start(Request { routing: hurried, ..fox() }).await;
    let patient = world.start(fox()).await;
    let first = world.end(&first).await;
    assert_eq!(first.error.as_ref().unwrap().code, "deadline_exceeded");
    world.vendor.open_gates();
    let patient = world.end(&patient).await;
    assert_eq!((patient.status, patient.cache), (Status::Completed, CacheResult::Coalesced));
    assert_eq!(world.vendor.made(), 1, "what was paid for late is the others' all the same");
    // Late outputs are kept for nobody who comes later.
    assert_eq!(made(&world, fox()).await.cache, CacheResult::Miss);
}
