//! Budgets and limits as the engine keeps them: what is held when, who is refused, what failed work gives
//! back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::sync::Arc;

use engine::{Caller, Code, Refusal, Request, Status};
use provider::{ErrorKind, Kind, MicroUsd};
use records::{Budget, Change, LedgerFilter, Limits, Pace, Period, Rules};
use support::{
    Stage, Stand, World,
    credits::{Credits, ESTIMATE, FIRM},
    vendor::{Act, COST},
};

/// The vendor may charge twice its usual price, so that is what must be covered.
const UPPER: i64 = 2 * COST;

/// What the vendor charges for that many: each costs a little more than the one before.
fn spent(made: i64) -> i64 {
    made * COST + made * (made - 1) / 2
}

fn dollars(limit: i64) -> Budget {
    Budget {
        limit: Some(MicroUsd::from_micros(limit)),
        outputs: None,
        period: Period::Total,
        hard: true,
        alert_at: Vec::new(),
    }
}

fn rules(budgets: Vec<Budget>, limits: Limits) -> Rules {
    Rules { budgets, limits, ..Rules::default() }
}

/// The team has these rules from now on.
async fn ruled<V: Stand>(mut world: Stage<V>, rules: Rules) -> Stage<V> {
    Arc::make_mut(&mut world.caller.team).rules = rules;
    let team = (*world.caller.team).clone();
    world.records.apply(vec![Change::UpdateTeam(team)]).await.unwrap();
    world
}

async fn budgeted<V: Stand>(world: Stage<V>, limit: i64) -> Stage<V> {
    ruled(world, rules(vec![dollars(limit)], Limits::default())).await
}

async fn refused<V: Stand>(world: &Stage<V>, request: Request) -> Refusal {
    world.engine.start(&world.caller, request, None).await.unwrap_err()
}

async fn held<V: Stand>(world: &Stage<V>) -> i64 {
    world.records.held("team_a").await.unwrap().micros()
}

/// Nothing is held and everything adds up.
async fn settled<V: Stand>(world: &Stage<V>) {
    assert_eq!(held(world).await, 0);
    assert_eq!(world.records.verify().await.unwrap(), []);
}

#[tokio::test]
async fn the_last_micro_dollar_may_be_spent_and_not_one_more() {
    for (limit, made) in [(spent(2) + UPPER, 3), (spent(3) + UPPER - 1, 3), (UPPER - 1, 0), (0, 0)]
    {
        let world = budgeted(World::new().await, limit).await;
        for n in 0..made {
            let id = world.start(Request::image(format!("fox {n}"))).await;
            assert_eq!(world.end(&id).await.status, Status::Completed);
        }
        let refusal = refused(&world, Request::image("one more")).await;
        assert_eq!(refusal.code, Code::BudgetExceeded, "{limit}");
        let left = MicroUsd::from_micros(limit - spent(made)).to_string();
        assert_eq!(refusal.details.unwrap()["remaining_usd"], left.as_str());
        assert_eq!(world.booked().await, spent(made));
        settled(&world).await;
    }
}

#[tokio::test]
async fn work_under_way_holds_what_it_may_cost() {
    let world = budgeted(World::new().await, 2 * UPPER - 1).await;
    world.vendor.script([Act::Wait]);
    let id = world.start(Request::image("slow")).await;
    world.until(|| world.vendor.submits.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    assert_eq!(held(&world).await, UPPER);
    assert_eq!(refused(&world, Request::image("more")).await.code, Code::BudgetExceeded);
    world.vendor.open_gates();
    world.end(&id).await;
    let one = world.start(Request::image("one")).await;
    assert_eq!(world.end(&one).await.status, Status::Completed, "what was not charged is free");
    settled(&world).await;
}

#[tokio::test]
async fn failed_work_gives_back_what_it_held() {
    let world = budgeted(World::new().await, UPPER).await;
    world.vendor.script([Act::Refuse(ErrorKind::Invalid)]);
    let id = world.start(Request::image("bad")).await;
    assert_eq!(world.end(&id).await.status, Status::Failed);
    settled(&world).await;
    let id = world.start(Request::image("good")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    settled(&world).await;
}

#[tokio::test]
async fn a_second_try_is_paid_from_what_the_first_gave_back() {
    let world = budgeted(World::new().await, UPPER).await;
    world.vendor.script([Act::Refuse(ErrorKind::Unavailable)]);
    let id = world.start(Request::image("again")).await;
    let done = world.end(&id).await;
    assert_eq!((done.status, done.attempts.len()), (Status::Completed, 2), "{done:?}");
    assert_eq!(world.booked().await, COST);
    settled(&world).await;
}

#[tokio::test]
async fn a_killed_process_leaves_no_hold_behind() {
    let world = budgeted(World::new().await, 2 * UPPER - 1).await;
    world.vendor.script([Act::Wait]);
    let id = world.start(Request::image("a fox")).await;
    world.until(|| world.vendor.submits.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    let world = world.kill_and_restart().await;
    assert_eq!(refused(&world, Request::image("more")).await.code, Code::BudgetExceeded);
    world.end(&id).await;
    assert_eq!(world.booked().await, world.vendor.charged());
    settled(&world).await;
}

#[tokio::test]
async fn what_the_budget_covers_is_made_elsewhere() {
    // The cheaper one may come to five times its estimate; the dearer one is firm.
    const { assert!(5 * ESTIMATE > FIRM) };
    let world = budgeted(Stage::<Credits>::new().await, FIRM).await;
    let id = world.start(Request::image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.provider.as_deref(), Some("firm"), "{done:?}");
    assert_eq!(world.booked().await, FIRM);
    let refusal = refused(&world, Request::image("a hare")).await;
    assert_eq!(refusal.code, Code::BudgetExceeded);
    settled(&world).await;
}

#[tokio::test]
async fn outputs_are_counted_whatever_they_cost() {
    let outputs = Budget { limit: None, outputs: Some(3), ..dollars(0) };
    let world = ruled(World::new().await, rules(vec![outputs], Limits::default())).await;
    let id = world.start(Request { count: 2, ..Request::image("two") }).await;
    world.end(&id).await;
    let two = Request { count: 2, ..Request::image("two more") };
    let refusal = refused(&world, two).await;
    assert_eq!(refusal.code, Code::BudgetExceeded);
    assert_eq!(refusal.details.unwrap()["remaining_outputs"], 1);
    let id = world.start(Request::image("one")).await;
    world.end(&id).await;
    assert_eq!(refused(&world, Request::image("more")).await.code, Code::BudgetExceeded);
    settled(&world).await;
}

#[tokio::test]
async fn a_soft_budget_refuses_nothing() {
    let soft = Budget { hard: false, ..dollars(1) };
    let world = ruled(World::new().await, rules(vec![soft], Limits::default())).await;
    let id = world.start(Request::image("a fox")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    let states = world.engine.budgets_of(&world.caller).await.unwrap();
    assert_eq!(states[0].charged.micros(), COST);
    assert_eq!(states[0].remaining, Some(MicroUsd::ZERO));
}

#[tokio::test]
async fn the_tighter_of_key_and_team_decides() {
    let mut world = budgeted(World::new().await, 10 * COST).await;
    Arc::make_mut(&mut world.caller.key).rules.budgets = vec![dollars(UPPER)];
    let id = world.start(Request::image("a fox")).await;
    world.end(&id).await;
    let refusal = refused(&world, Request::image("a hare")).await;
    assert_eq!(refusal.details.unwrap()["owner"], "key_a");
    let states = world.engine.budgets_of(&world.caller).await.unwrap();
    let left: Vec<i64> = states.iter().map(|state| state.remaining.unwrap().micros()).collect();
    assert_eq!(left, [COST, 9 * COST]);
}

#[tokio::test]
async fn paid_bytes_that_are_lost_are_not_the_teams_to_pay() {
    let world = budgeted(World::new().await, UPPER).await;
    world.vendor.script([Act::MakeNonsense]);
    let id = world.start(Request::image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Failed, "{done:?}");
    assert_eq!(done.cost.charged.micros(), COST, "the vendor charged");
    assert_eq!(world.booked().await, COST);
    let entries = world.records.ledger(LedgerFilter::default(), engine::Page::first(10)).await;
    let entries = entries.unwrap();
    let of = |begins: &str| -> i64 {
        let those = entries.iter().filter(|entry| entry.account.starts_with(begins));
        those.map(|entry| entry.amount.micros()).sum()
    };
    assert_eq!((of("team:"), of("loss:")), (0, -COST), "{entries:?}");
    settled(&world).await;
    let id = world.start(Request::image("another")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed, "the money is there again");
}

fn at_once(concurrent: u32) -> Limits {
    let all = Pace { requests_per_minute: None, concurrent: Some(concurrent) };
    Limits { all, ..Limits::default() }
}

#[tokio::test]
async fn a_place_is_held_until_the_end_and_across_a_restart() {
    let world = ruled(World::new().await, rules(Vec::new(), at_once(1))).await;
    world.vendor.script([Act::Wait]);
    let id = world.start(Request::image("slow")).await;
    let refusal = refused(&world, Request::image("another")).await;
    assert_eq!(refusal.code, Code::ConcurrencyExceeded);
    world.until(|| world.vendor.submits.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    let world = world.kill_and_restart().await;
    world.vendor.script([Act::Wait]);
    let running = world.engine.generation("team_a", &id).await.unwrap();
    if !running.status.is_final() {
        let refusal = refused(&world, Request::image("another")).await;
        assert_eq!(refusal.code, Code::ConcurrencyExceeded, "its place is taken again");
    }
    world.vendor.open_gates();
    world.end(&id).await;
    world.vendor.forget_script();
    let id = world.start(Request::image("another")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
}

#[tokio::test]
async fn only_accepted_requests_count() {
    let all = Pace { requests_per_minute: Some(2), concurrent: None };
    let limits = Limits { all, ..Limits::default() };
    let outputs = Budget { limit: None, outputs: Some(2), ..dollars(0) };
    let world = ruled(World::new().await, rules(vec![outputs], limits)).await;
    let three = Request { count: 3, ..Request::image("three") };
    for _ in 0..3 {
        assert_eq!(refused(&world, three.clone()).await.code, Code::BudgetExceeded);
    }
    let unknown = Request { kind: Some(Kind::Video), ..Request::image("clip") };
    refused(&world, unknown).await;
    for n in 0..2 {
        let caller: &Caller = &world.caller;
        world.engine.start(caller, Request::image(format!("{n}")), None).await.unwrap();
    }
    let refusal = refused(&world, Request::image("third")).await;
    assert_eq!(refusal.code, Code::RateLimitExceeded);
    assert!(refusal.retry_after.is_some_and(|wait| wait.as_secs() <= 60), "{refusal:?}");
    assert_eq!(world.engine.pace_of(&world.caller).await.unwrap().remaining, 0);
}

#[tokio::test]
async fn several_calls_are_covered_together_or_not_at_all() {
    let world = budgeted(World::new().await, 3 * UPPER - 1).await;
    let three = Request { count: 3, ..Request::image("three foxes") };
    assert_eq!(refused(&world, three.clone()).await.code, Code::BudgetExceeded);
    assert_eq!((world.vendor.made(), held(&world).await), (0, 0));
    let world = budgeted(World::new().await, 3 * UPPER).await;
    let id = world.start(three).await;
    assert_eq!(world.end(&id).await.outputs.len(), 3);
    settled(&world).await;
}

#[tokio::test]
async fn nobody_takes_the_money_of_work_that_rests_between_two_tries() {
    let world = budgeted(World::new().await, UPPER).await;
    world.vendor.script([Act::Refuse(ErrorKind::Unavailable)]);
    let id = world.start(Request::image("a fox")).await;
    // The clock stands still: the second try waits for it.
    let failed = || async {
        let now = world.records.generation("team_a", &id).await.unwrap().unwrap();
        now.attempts.first().is_some_and(|attempt| attempt.ended_at.is_some())
    };
    while !failed().await {
        tokio::task::yield_now().await;
    }
    assert_eq!(refused(&world, Request::image("a hare")).await.code, Code::BudgetExceeded);
    assert_eq!(world.end(&id).await.status, Status::Completed);
    settled(&world).await;
}
