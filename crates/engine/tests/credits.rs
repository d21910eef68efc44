//! Estimates that are not charges, catalogues that are read, calls that make several outputs.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{sync::atomic::Ordering, time::Duration};

use engine::{Code, Request, Status};
use provider::{Clock, Kind, MicroUsd, QuoteSource};
use records::{Booking, Change, Lost};
use support::{
    Stage,
    credits::{Credits, ESTIMATE, FIRM},
    operator,
};

type World = Stage<Credits>;

async fn make(world: &World, request: Request) -> std::sync::Arc<engine::Generation> {
    let id = world.start(request).await;
    world.end(&id).await
}

/// The expected price at `credits/pix`, and how it is known.
async fn price(world: &World) -> (i64, QuoteSource) {
    let all = world.engine.estimate(&world.caller, &Request::image("what now?")).await.unwrap();
    let line = all.iter().find(|line| line.provider == "credits").unwrap();
    (line.price.unwrap().expected.micros(), line.source.unwrap())
}

#[tokio::test]
async fn a_plan_stops_preferring_what_is_charged_dearer_than_estimated() {
    let world = World::new().await;
    world.vendor.percent.store(400, Ordering::SeqCst);
    assert_eq!(price(&world).await.0, ESTIMATE);
    let first = make(&world, Request::image("a fox")).await;
    assert_eq!(first.provider.as_deref(), Some("credits"), "by its estimate it is the cheapest");
    assert_eq!(first.cost.charged.micros(), 4 * ESTIMATE);
    assert_eq!(price(&world).await, (4 * ESTIMATE, QuoteSource::Learned));
    let second = make(&world, Request::image("a fox")).await;
    assert_eq!(second.provider.as_deref(), Some("firm"), "it is known to be dearer now");
    assert_eq!(world.booked().await, 4 * ESTIMATE + FIRM);
}

#[tokio::test]
async fn what_was_learned_outlives_the_process() {
    let world = World::new().await;
    world.vendor.percent.store(400, Ordering::SeqCst);
    make(&world, Request::image("a fox")).await;
    // Written within the half minute.
    let records = std::sync::Arc::clone(&world.records);
    world
        .fast(async {
            while records.document("drift").await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    let world = world.kill_and_restart().await;
    assert_eq!(price(&world).await, (4 * ESTIMATE, QuoteSource::Learned));
}

#[tokio::test]
async fn a_catalogue_is_read_kept_and_served_while_the_vendor_is_down() {
    let world = World::new().await;
    let engine = world.engine.clone();
    world.until(|| engine.market().listing("credits/words").is_some()).await;
    let request = Request { kind: Some(Kind::Text), ..Request::image("foxes") };
    let words = make(&world, request.clone()).await;
    assert_eq!(words.outputs[0].text.as_deref(), Some("about foxes"));
    assert_eq!((words.status, words.outputs[0].asset.as_deref()), (Status::Completed, None));
    let records = std::sync::Arc::clone(&world.records);
    world
        .fast(async {
            while records.document("knowledge:credits").await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    world.vendor.down.store(true, Ordering::SeqCst);
    let world = world.kill_and_restart().await;
    assert!(world.engine.market().listing("credits/words").is_some(), "from memory");
    assert_eq!(make(&world, request).await.status, Status::Completed);
}

#[tokio::test]
async fn a_quote_waits_for_no_turn() {
    let world = World::new().await;
    // Three a minute, the catalogue's reading among them: the clock stands still.
    for _ in 0..20 {
        price(&world).await;
    }
    let asked = world.vendor.estimates.load(Ordering::SeqCst);
    assert!((2..=3).contains(&asked), "{asked} of 20 were asked for");
    assert_eq!(price(&world).await, (ESTIMATE, QuoteSource::Listed));
}

#[tokio::test]
async fn a_strict_request_goes_where_nothing_is_changed() {
    let world = World::new().await;
    let mut request = Request::image("a fox");
    request.provider_options =
        [("credits".to_owned(), [("wish".to_owned(), "x".into())].into())].into();
    assert_eq!(make(&world, request.clone()).await.provider.as_deref(), Some("credits"));
    request.strict = true;
    assert_eq!(make(&world, request.clone()).await.provider.as_deref(), Some("firm"));
    request.model = Some("credits/pix".to_owned());
    let refusal = world.engine.start(&world.caller, request, None).await.unwrap_err();
    assert_eq!(refusal.code, Code::NoCandidate);
    assert!(refusal.message.contains("wish"), "{}", refusal.message);
}

#[tokio::test]
async fn outputs_come_in_one_call_where_that_is_cheaper() {
    let four = |prompt: &str| Request { count: 4, ..Request::image(prompt) };
    // The same money either way: every candidate stands by.
    let world = World::new().await;
    assert_eq!(make(&world, four("plain")).await.outputs.len(), 4);
    assert_eq!(world.vendor.made(), [1, 1, 1, 1]);
    // Some percent off: one call.
    let world =
        Stage::<Credits>::prepared(|vendor| vendor.discount.store(2, Ordering::SeqCst)).await;
    let done = make(&world, four("cheaper")).await;
    assert_eq!((done.outputs.len(), world.vendor.made()), (4, vec![4]));
    assert_eq!(done.cost.charged.micros(), ESTIMATE * 4 * 94 / 100);
    // The one that makes four at once has become dearer than four calls elsewhere.
    world.vendor.percent.store(1000, Ordering::SeqCst);
    make(&world, four("dear")).await;
    make(&world, four("dear again: no single charge is believed")).await;
    let done = make(&world, four("elsewhere")).await;
    assert_eq!(done.provider.as_deref(), Some("firm"));
    assert_eq!(world.vendor.made(), [4, 4, 4, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_batch_that_a_kill_interrupts_stays_a_batch() {
    let world =
        Stage::<Credits>::prepared(|vendor| vendor.discount.store(2, Ordering::SeqCst)).await;
    let vendor = std::sync::Arc::clone(&world.vendor);
    let shut = vendor.gate.acquire_many(1000).await.unwrap();
    let id = world.start(Request { count: 3, ..Request::image("foxes") }).await;
    world.until(|| vendor.arrived.load(Ordering::SeqCst) == 1).await;
    let world = world.kill_and_restart().await;
    drop(shut);
    let done = world.end(&id).await;
    // Nobody can tell whether the first was made: its ceiling is booked, and it is not made again.
    assert_eq!(done.attempts[0].count, 3, "{done:?}");
    assert!(done.attempts[0].uncertain);
}

#[tokio::test]
async fn a_key_is_replaced_while_calls_go_on_and_then_retired() {
    let world = World::new().await;
    let vendor = std::sync::Arc::clone(&world.vendor);
    let shut = vendor.gate.acquire_many(1000).await.unwrap();
    let id = world.start(Request::image("long work")).await;
    world.until(|| vendor.arrived.load(Ordering::SeqCst) == 1).await;
    world.fast(world.engine.rotate(&operator(), "credits", "main", None)).await.unwrap();
    assert_eq!(*vendor.keys.lock(), ["secret", "secret+"], "the old one is in use");
    drop(shut);
    assert_eq!(world.end(&id).await.status, Status::Completed);
    world.until(|| *vendor.keys.lock() == ["secret+"]).await;
    assert_eq!(make(&world, Request::image("more")).await.status, Status::Completed);
    let keys: Vec<String> = vendor.calls.lock().iter().map(|call| call.2.clone()).collect();
    assert_eq!(keys, ["secret", "secret+"]);
    let world = world.kill_and_restart().await;
    assert_eq!(make(&world, Request::image("after a restart")).await.status, Status::Completed);
    assert!(!world.folder_holds("secret+"), "it is stored sealed");
}

/// Words that were found in the vendor's books and booked, by a process that died before it had written
/// them down: they are found again, and neither made nor paid again.
#[tokio::test]
async fn words_that_are_booked_and_not_written_are_found_again() {
    let world = World::new().await;
    let engine = world.engine.clone();
    world.until(|| engine.market().listing("credits/words").is_some()).await;
    *world.vendor.found.lock() = Some("about foxes".to_owned());
    let vendor = std::sync::Arc::clone(&world.vendor);
    let shut = vendor.gate.acquire_many(1000).await.unwrap();
    let id = world.start(Request { kind: Some(Kind::Text), ..Request::image("foxes") }).await;
    let running = world.engine.generation("team_a", &id).await.unwrap();
    let attempt = running.attempts[0].id.clone();
    let at = world.clock.now();
    let booking = Booking {
        attempt: attempt.clone(),
        reference: Some("found".to_owned()),
        amount: MicroUsd::from_micros(ESTIMATE),
        uncertain: false,
        purse: records::Purse::Balance,
        remote: Vec::new(),
        at,
    };
    let lost = Change::Lost { attempt, lost: Lost { at, ended: false } };
    world.records.apply(vec![lost, Change::Book(Box::new(booking))]).await.unwrap();
    let world = world.kill_and_restart().await;
    drop(shut);
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed, "{done:?}");
    assert_eq!(done.outputs[0].text.as_deref(), Some("about foxes"));
    assert_eq!((done.attempts.len(), vendor.calls.lock().len()), (1, 0), "not made again");
    assert_eq!(world.booked().await, ESTIMATE);

    // Gone from the books: the loss is said, and still nothing is paid again.
    let shut = vendor.gate.acquire_many(1000).await.unwrap();
    let id = world.start(Request { kind: Some(Kind::Text), ..Request::image("hares") }).await;
    let attempt = world.engine.generation("team_a", &id).await.unwrap().attempts[0].id.clone();
    let booking = Booking {
        attempt: attempt.clone(),
        reference: Some("another".to_owned()),
        amount: MicroUsd::from_micros(ESTIMATE),
        uncertain: false,
        purse: records::Purse::Balance,
        remote: Vec::new(),
        at,
    };
    let lost = Change::Lost { attempt, lost: Lost { at, ended: false } };
    world.records.apply(vec![lost, Change::Book(Box::new(booking))]).await.unwrap();
    let world = world.kill_and_restart().await;
    drop(shut);
    let done = world.end(&id).await;
    assert_eq!((done.status, done.attempts.len()), (Status::Failed, 1), "{done:?}");
    let booked = world.booked().await;
    assert_eq!((vendor.calls.lock().len(), booked), (0, 2 * ESTIMATE));
}

/// A paid call of a model that has left the catalogue is looked for all the same.
#[tokio::test]
async fn a_model_that_is_gone_ends_what_it_began() {
    let world = World::new().await;
    let engine = world.engine.clone();
    world.until(|| engine.market().listing("credits/words").is_some()).await;
    let vendor = std::sync::Arc::clone(&world.vendor);
    *vendor.found.lock() = Some("about foxes".to_owned());
    let shut = vendor.gate.acquire_many(1000).await.unwrap();
    let named = Some("credits/words".to_owned());
    let request = Request { kind: None, model: named, ..Request::image("foxes") };
    let id = world.start(request).await;
    world.until(|| vendor.arrived.load(Ordering::SeqCst) == 1).await;
    vendor.down.store(true, Ordering::SeqCst);
    // Nothing was kept of the catalogue, and it cannot be read.
    let world = world.kill_and_restart().await;
    assert!(world.engine.market().listing("credits/words").is_none());
    drop(shut);
    let done = world.end(&id).await;
    assert_eq!(done.outputs[0].text.as_deref(), Some("about foxes"), "{done:?}");
    let booked = world.booked().await;
    assert_eq!((vendor.calls.lock().len(), booked), (0, ESTIMATE));
}
