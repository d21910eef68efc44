//! Vendors that fail: left alone and probed, passed over for better ones, retried only where it helps.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{sync::Arc, time::Duration};

use engine::{Code, Generation, Outcome, Request, Status, Wishes};
use provider::{Clock, ErrorKind, HoldReason};
use routing::Policy;
use support::{World, vendor::Act};

const DARK: Act = Act::Refuse(ErrorKind::Unavailable);
/// The longest first rest of a breaker, and the longest of all.
const REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// A world with these accounts, by provider and name.
async fn world(accounts: &[(&'static str, &'static str)]) -> World {
    let accounts = accounts.to_vec();
    World::prepared(move |vendor| *vendor.accounts.lock() = accounts).await
}

/// Two providers, the first one asked first.
async fn two_providers() -> World {
    world(&[("a", "main"), ("b", "spare")]).await
}

/// Who is asked first does not depend on who was quick.
fn image(number: usize) -> Request {
    Request {
        routing: Wishes { policy: Some(Policy::Ordered), ..Wishes::default() },
        ..Request::image(format!("a fox, number {number}"))
    }
}

fn in_time(span: Duration) -> Request {
    Request {
        routing: Wishes { deadline: Some(span), ..Wishes::default() },
        ..Request::image("a fox that has time")
    }
}

/// The end, without a moment passing.
async fn end_at_once(world: &World, id: &str) -> Arc<Generation> {
    let wait = world.engine.wait(&world.caller.team.id, id, None);
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap().unwrap().generation
}

async fn make(world: &World, number: usize) -> Arc<Generation> {
    let id = world.start(image(number)).await;
    end_at_once(world, &id).await
}

/// The account that made it.
async fn made_at(world: &World, number: usize) -> Option<String> {
    let done = make(world, number).await;
    account(&done).map(str::to_owned)
}

fn account(done: &Generation) -> Option<&str> {
    assert_eq!(done.status, Status::Completed, "{done:?}");
    done.account.as_deref()
}

#[tokio::test]
async fn a_dark_vendor_is_left_alone_probed_and_used_again() {
    let world = two_providers().await;
    world.vendor.always("main", [DARK]);
    for number in 0..20 {
        assert_eq!(made_at(&world, number).await.as_deref(), Some("spare"));
    }
    assert_eq!(world.vendor.asked("main"), 5, "five in a row, and nothing more");
    let estimates = world.engine.estimate(&world.caller, &image(0)).await.unwrap();
    let dark = estimates.iter().find(|estimate| estimate.account == "main").unwrap();
    assert!(!dark.usable && dark.reason.as_ref().unwrap().contains("is left alone until"));
    let load = &world.engine.loads().await[0];
    assert!(!load.is_available() && load.models[0].open.is_some(), "{load:?}");

    world.clock.advance(REST);
    for number in 0..20 {
        assert_eq!(made_at(&world, number).await.as_deref(), Some("spare"));
    }
    assert_eq!(world.vendor.asked("main"), 6, "one probe");

    world.vendor.always("main", []);
    world.clock.advance(LONGEST_REST);
    for number in 0..3 {
        assert_eq!(made_at(&world, number).await.as_deref(), Some("main"));
    }
    let load = &world.engine.loads().await[0];
    assert!(load.is_available() && load.models[0].open.is_none(), "{load:?}");
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn while_a_probe_is_under_way_nobody_else_tries() {
    let world = two_providers().await;
    world.vendor.always("main", [DARK]);
    for number in 0..5 {
        make(&world, number).await;
    }
    world.clock.advance(REST);
    world.vendor.always("main", [Act::Wait]);
    let probe = world.start(image(5)).await;
    world.until(|| world.vendor.asked("main") == 6).await;
    for number in 6..10 {
        assert_eq!(made_at(&world, number).await.as_deref(), Some("spare"));
    }
    assert_eq!(world.vendor.asked("main"), 6);
    world.vendor.open_gates();
    let done = world.end(&probe).await;
    assert_eq!(account(&done), Some("main"));
    assert_eq!(made_at(&world, 10).await.as_deref(), Some("main"), "it closed");
}

#[tokio::test]
async fn a_lone_dark_vendor_is_a_refusal_unless_the_caller_has_time() {
    let world = World::new().await;
    world.vendor.always("main", [DARK]);
    for number in 0..2 {
        let id = world.start(image(number)).await;
        assert_eq!(world.slowly(end_at_once(&world, &id)).await.status, Status::Failed);
    }
    assert_eq!(world.vendor.asked("main"), 5);
    let refused = world.engine.start(&world.caller, image(2), None).await.unwrap_err();
    assert_eq!(refused.code, Code::ProvidersUnavailable);
    assert!(refused.retry_after.is_some_and(|after| after <= REST), "{refused:?}");

    let id = world.start(in_time(Duration::from_secs(120))).await;
    world.vendor.always("main", []);
    let done = world.end(&id).await;
    assert_eq!(account(&done), Some("main"));
    assert_eq!(done.attempts.len(), 1, "it waited and was the probe: {done:?}");
}

#[tokio::test]
async fn who_waits_for_a_vendor_that_stays_dark_ends_by_the_deadline() {
    let world = World::new().await;
    world.vendor.always("main", [DARK]);
    let span = Duration::from_secs(10);
    for _ in 0..4 {
        let id = world.start(in_time(span)).await;
        let done = world.end(&id).await;
        assert_eq!(done.status, Status::Failed, "{done:?}");
        let took = done.completed_at.unwrap().since(done.created_at);
        assert!(took <= span + Duration::from_secs(1), "{took:?}");
    }
    assert!(world.vendor.asked("main") < 12, "{}", world.vendor.asked("main"));
}

#[tokio::test]
async fn another_provider_comes_before_another_account_and_costs_no_time() {
    let world = world(&[("a", "main"), ("a", "second"), ("b", "spare")]).await;
    world.vendor.always("main", [DARK]);
    world.vendor.always("second", [DARK]);
    // The clock stands still: a rest before the next try would never end.
    let done = make(&world, 0).await;
    assert_eq!(account(&done), Some("spare"));
    assert_eq!(done.attempts.len(), 2, "{done:?}");
}

#[tokio::test]
async fn retries_stop_where_the_budget_ends() {
    let world = World::new().await;
    // One in three fails, and each retry helps: no breaker minds.
    world.vendor.always("main", [DARK, Act::Make, Act::Make]);
    let mut failed = 0;
    for number in 0..30 {
        let id = world.start(image(number)).await;
        let done = world.slowly(end_at_once(&world, &id)).await;
        failed += usize::from(done.status == Status::Failed);
        assert!(done.attempts.len() <= 2, "{done:?}");
    }
    let retries = world.vendor.asked("main") - 30;
    assert!((10..=13).contains(&retries), "a tenth of thirty and ten besides: {retries}");
    assert!(failed > 0, "those without a retry fail");
    // Another minute, another budget.
    world.clock.advance(Duration::from_secs(60));
    world.vendor.always("main", [DARK, Act::Make]);
    let id = world.start(image(31)).await;
    let done = world.slowly(end_at_once(&world, &id)).await;
    assert_eq!((account(&done), done.attempts.len()), (Some("main"), 2));
}

#[tokio::test]
async fn retry_after_is_kept() {
    let world = World::new().await;
    let told = Duration::from_secs(7);
    world.vendor.script([Act::RefuseFor(ErrorKind::Unavailable, told)]);
    let id = world.start(image(0)).await;
    let done = world.slowly(end_at_once(&world, &id)).await;
    assert_eq!(account(&done), Some("main"));
    let waited = done.attempts[1].started_at.since(done.attempts[0].ended_at.unwrap());
    assert!(waited >= told, "{waited:?}");
}

#[tokio::test]
async fn the_account_that_stands_out_is_passed_over_until_that_is_forgotten() {
    let world = world(&[("a", "main"), ("a", "second")]).await;
    world.vendor.always("main", [DARK, Act::Make]);
    for number in 0..60 {
        let id = world.start(image(number)).await;
        world.slowly(end_at_once(&world, &id)).await;
    }
    let asked = world.vendor.asked("main");
    assert!((10..=12).contains(&asked), "once enough is known, no more: {asked}");
    assert_eq!(world.engine.loads().await.iter().filter(|load| load.is_available()).count(), 2);
    // Long ago, it is no reason any more.
    world.vendor.always("main", []);
    world.clock.advance(Duration::from_secs(900));
    assert_eq!(made_at(&world, 60).await.as_deref(), Some("main"));
}

#[tokio::test]
async fn payment_trouble_holds_the_account_and_not_the_request() {
    let world = two_providers().await;
    world.vendor.always("main", [Act::Refuse(ErrorKind::Unpaid)]);
    let done = make(&world, 0).await;
    assert_eq!(account(&done), Some("spare"));
    assert_eq!(done.attempts[0].outcome, Some(Outcome::Unpaid));
    let load = &world.engine.loads().await[0];
    assert_eq!(load.reason(), Some(HoldReason::Balance));
    assert!(load.models.iter().all(|model| model.open.is_none()), "its breaker hears nothing");
    for number in 1..10 {
        assert_eq!(made_at(&world, number).await.as_deref(), Some("spare"));
    }
    assert_eq!(world.vendor.asked("main"), 1, "while it is on hold nobody asks");
    let until = load.hold.unwrap().until.unwrap();
    world.clock.advance(until.since(world.clock.now()));
    world.vendor.always("main", []);
    assert_eq!(made_at(&world, 10).await.as_deref(), Some("main"));
}

#[tokio::test]
async fn what_is_no_fault_of_the_vendors_opens_no_breaker() {
    for kind in [ErrorKind::Invalid, ErrorKind::Blocked, ErrorKind::NotFound] {
        let world = two_providers().await;
        world.vendor.always("main", [Act::Refuse(kind)]);
        for number in 0..12 {
            make(&world, number).await;
        }
        assert_eq!(world.vendor.asked("main"), 12, "{kind:?}");
    }
}

#[tokio::test]
async fn a_refusal_for_safety_is_final_unless_the_request_says_otherwise() {
    let world = two_providers().await;
    world.vendor.always("main", [Act::Refuse(ErrorKind::Blocked)]);
    assert_eq!(make(&world, 0).await.status, Status::Blocked);
    assert_eq!(world.vendor.asked("spare"), 0);
    let routing = Wishes { next_on_blocked: true, ..Wishes::default() };
    let id = world.start(Request { routing, ..image(1) }).await;
    let done = end_at_once(&world, &id).await;
    assert_eq!(account(&done), Some("spare"));
}
