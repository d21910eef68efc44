//! One generation's life, in every way that it can go: paid once, never lost, never in silence.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{IdempotencyKey, Outcome, Request, Status};
use parking_lot::Mutex;
use provider::{ErrorKind, MicroUsd};
use support::{World, vendor::Act};

fn image(prompt: &str) -> Request {
    Request::image(prompt)
}

#[tokio::test]
async fn a_picture_is_made_kept_and_booked_once() {
    let world = World::new().await;
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed, "{done:?}");
    assert_eq!(done.cost.charged.micros(), world.vendor.charged());
    assert_eq!(world.booked().await, world.vendor.charged());
    assert_eq!(done.outputs.len(), 1);
    let asset = done.outputs[0].asset.clone().unwrap();
    assert!(world.engine.read(&asset, None).await.is_ok());
    // What is in memory and what is recorded are the same.
    world.until(|| true).await;
    let recorded = world.records.generation("team_a", &id).await.unwrap().unwrap();
    assert_eq!(recorded.status, done.status);
    assert_eq!(recorded.outputs, done.outputs);
    assert_eq!(recorded.cost, done.cost);
    assert_eq!(recorded.attempts.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_found_in_the_vendors_books() {
    for ended in [true, false] {
        let world = World::new().await;
        world.vendor.script([Act::MakeAndLose { ended }]);
        let id = world.start(image("a fox")).await;
        let done = world.end(&id).await;
        assert_eq!(done.status, Status::Completed, "{done:?}");
        assert_eq!(world.vendor.submits.load(Ordering::SeqCst), 1, "paid again");
        assert_eq!(world.booked().await, world.vendor.charged());
    }
}

#[tokio::test]
async fn what_never_happened_is_tried_again_only_when_the_books_say_so() {
    let world = World::new().await;
    world.vendor.script([Act::LoseOnly { ended: false }]);
    let began = support::now(&world);
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed);
    assert_eq!(world.vendor.made(), 1);
    assert_eq!(world.booked().await, world.vendor.charged());
    // Not before the vendor could no longer have been working on the first one.
    let waited = done.attempts[1].started_at.since(began);
    assert!(waited >= Duration::from_secs(30), "{waited:?}");
}

/// The moment from which a lost call no longer holds its slot comes while its charge is being written.
#[tokio::test]
async fn a_claim_that_is_being_written_is_waited_for() {
    let world = World::handing_over().await;
    world.vendor.script([Act::MakeAndLose { ended: false }]);
    let (database, lock) = (world.database(), Arc::new(Mutex::new(None)));
    let taken = Arc::clone(&lock);
    *world.vendor.at_look.lock() = Some(Box::new(move || {
        let other = rusqlite::Connection::open(database).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        *taken.lock() = Some(other);
    }));
    let id = world.start(image("a fox")).await;
    while lock.lock().is_none() {
        tokio::task::yield_now().await;
    }
    // What it found waits for the lock now.
    world.clock.advance(Duration::from_secs(31));
    drop(lock.lock().take());
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed, "{done:?}");
    assert_eq!(world.vendor.submits.load(Ordering::SeqCst), 1, "paid again");
    assert_eq!(world.booked().await, world.vendor.charged());
}

/// More than a vendor's failures are ever tried again.
#[tokio::test]
async fn what_a_kill_cut_off_is_no_failure_of_the_vendors() {
    const ACCOUNTS: [(&str, &str); 5] = [
        ("scripted", "a"),
        ("scripted", "b"),
        ("scripted", "c"),
        ("scripted", "d"),
        ("scripted", "e"),
    ];
    let world = World::prepared(|vendor| *vendor.accounts.lock() = ACCOUNTS.to_vec()).await;
    let all = 3 * ACCOUNTS.len();
    world.vendor.script(vec![Act::WaitAndRefuse(ErrorKind::Failed); all]);
    let mut ids = Vec::new();
    for number in 0..all {
        ids.push(world.start(image(&format!("fox {number}"))).await);
    }
    world.until(|| world.vendor.submits.load(Ordering::SeqCst) == all).await;
    let world = world.kill_and_restart().await;
    for id in &ids {
        let done = world.end(id).await;
        assert_eq!((done.status, done.attempts.len()), (Status::Completed, 2), "{done:?}");
    }
    assert_eq!(world.vendor.made(), all);
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn a_vendor_without_books_is_booked_at_its_ceiling_and_not_paid_again() {
    let world = World::new().await;
    world.vendor.has_history.store(false, Ordering::SeqCst);
    world.vendor.script([Act::MakeAndLose { ended: false }]);
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Failed);
    assert_eq!(world.vendor.submits.load(Ordering::SeqCst), 1);
    assert!(done.attempts[0].uncertain);
    assert_eq!(done.attempts[0].outcome, Some(Outcome::Unknown));
    assert_eq!(done.cost.uncertain.micros(), 2 * 26_700);
    assert_eq!(world.booked().await, 2 * 26_700);
}

#[tokio::test]
async fn equal_lost_work_claims_each_row_once() {
    let world = World::new().await;
    let lose = Act::MakeAndLose { ended: true };
    world.vendor.script([lose.clone(), Act::LoseOnly { ended: true }, lose]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.start(image("the same")).await);
    }
    for id in &ids {
        assert_eq!(world.end(id).await.status, Status::Completed);
    }
    assert_eq!(world.vendor.made(), 3);
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn a_kill_at_any_step_loses_nothing_and_pays_once() {
    let steps = [
        Act::MakeAndHang,                  // after the charge, before the answer
        Act::Wait,                         // before the work
        Act::Queue,                        // while polling
        Act::MakeRemote,                   // while fetching
        Act::MakeAndLose { ended: false }, // while recovering
    ];
    for act in steps {
        let world = World::new().await;
        if matches!(act, Act::MakeRemote) {
            world.vendor.bad_fetches.store(2, Ordering::SeqCst);
        }
        world.vendor.script([act.clone()]);
        let id = world.start(image("a fox")).await;
        let vendor = Arc::clone(&world.vendor);
        world.until(|| vendor.submits.load(Ordering::SeqCst) == 1).await;
        let world = world.kill_and_restart().await;
        let done = world.end(&id).await;
        assert_eq!(done.status, Status::Completed, "{act:?}: {done:?}");
        assert_eq!(world.booked().await, world.vendor.charged(), "{act:?}");
        assert_eq!(world.vendor.made(), 1, "{act:?}: paid twice");
        assert!(world.records.unfinished().await.unwrap().is_empty(), "{act:?}");
    }
}

#[tokio::test]
async fn of_several_outputs_the_good_ones_count() {
    let world = World::new().await;
    world.vendor.script([Act::Make, Act::Refuse(ErrorKind::Invalid), Act::Make]);
    let id = world.start(Request { count: 3, ..image("three") }).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed);
    assert_eq!(done.outputs.len(), 2);
    assert_eq!(done.attempts.len(), 3);
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn several_outputs_survive_a_kill_in_between() {
    let world = World::new().await;
    world.vendor.script([Act::Make, Act::MakeAndHang, Act::Make]);
    let id = world.start(Request { count: 3, ..image("three") }).await;
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.made() == 3).await;
    let world = world.kill_and_restart().await;
    let done = world.end(&id).await;
    assert_eq!((done.status, done.outputs.len()), (Status::Completed, 3), "{done:?}");
    assert_eq!(world.vendor.made(), 3);
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn refusals_are_tried_again_only_where_that_helps() {
    for (kind, submits) in [
        (ErrorKind::Unavailable, 3),
        (ErrorKind::Failed, 3),
        (ErrorKind::Invalid, 1),
        (ErrorKind::Unauthorised, 1),
        (ErrorKind::Unpaid, 1),
    ] {
        let world = World::new().await;
        world.vendor.script(vec![Act::Refuse(kind); 3]);
        let id = world.start(image("a fox")).await;
        let done = world.end(&id).await;
        assert_eq!(done.status, Status::Failed, "{kind:?}");
        assert_eq!(world.vendor.submits.load(Ordering::SeqCst), submits, "{kind:?}");
        assert_eq!(world.booked().await, 0);
    }
}

#[tokio::test]
async fn a_safety_stop_is_final() {
    let world = World::new().await;
    world.vendor.script([Act::Refuse(ErrorKind::Blocked)]);
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Blocked);
    assert_eq!(done.error.as_ref().unwrap().code, "content_blocked");
    assert_eq!(world.vendor.submits.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn slow_down_is_waited_for() {
    let world = World::new().await;
    world.vendor.script(vec![Act::Refuse(ErrorKind::RateLimited); 5]);
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed);
    assert_eq!(done.attempts.len(), 6);
    assert!(done.attempts[5].started_at.since(done.created_at) >= Duration::from_secs(25));
}

#[tokio::test]
async fn a_late_output_is_kept_and_booked_and_the_status_stays() {
    let world = World::new().await;
    world.vendor.script([Act::Wait]);
    let mut request = image("a fox");
    request.routing.deadline = Some(Duration::from_secs(5));
    let id = world.start(request).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Failed);
    assert_eq!(done.error.as_ref().unwrap().code, "deadline_exceeded");
    assert!(done.outputs.is_empty());
    world.vendor.open_gates();
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.made() == 1).await;
    let late = loop {
        let state = world.records.generation("team_a", &id).await.unwrap().unwrap();
        if !state.outputs.is_empty() {
            break state;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(late.status, Status::Failed);
    assert_eq!(late.cost.charged.micros(), world.vendor.charged());
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn nothing_new_is_paid_for_after_the_deadline() {
    let world = World::new().await;
    world.vendor.script([Act::WaitAndRefuse(ErrorKind::Failed)]);
    let mut request = image("a fox");
    request.routing.deadline = Some(Duration::from_secs(5));
    let id = world.start(request).await;
    assert_eq!(world.end(&id).await.status, Status::Failed);
    world.vendor.open_gates();
    world
        .fast(async {
            while !world.records.unfinished().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    // Longer than any rest between two tries.
    let later = support::now(&world).plus(Duration::from_secs(30));
    world.until(|| support::now(&world) >= later).await;
    assert_eq!(world.vendor.submits.load(Ordering::SeqCst), 1);
    assert_eq!(world.booked().await, 0);
}

#[tokio::test]
async fn a_queued_job_is_followed_to_its_end() {
    let world = World::new().await;
    world.vendor.script([Act::Queue]);
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed);
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn paid_nonsense_is_booked_and_not_paid_again() {
    let world = World::new().await;
    world.vendor.script([Act::MakeNonsense]);
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Failed);
    assert_eq!(done.error.as_ref().unwrap().code, "provider_error");
    assert_eq!(world.vendor.made(), 1);
    assert_eq!(world.booked().await, world.vendor.charged());
}

#[tokio::test]
async fn what_waits_for_a_slot_can_be_called_back_and_what_was_sent_cannot() {
    let world = World::new().await;
    world.vendor.script(vec![Act::Wait; 3]);
    let mut sent = Vec::new();
    for number in 0..3 {
        sent.push(world.start(image(&format!("{number}"))).await);
    }
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.submits.load(Ordering::SeqCst) == 3).await;
    let waiting = world.start(image("waiting")).await;
    let state = world.engine.cancel("team_a", &waiting).await.unwrap();
    assert_eq!(state.status, Status::Cancelled);
    let refusal = world.engine.cancel("team_a", &sent[0]).await.unwrap_err();
    assert_eq!(refusal.code.as_str(), "not_cancellable");
    assert!(world.engine.cancel("team_b", &sent[0]).await.is_err());
    world.vendor.open_gates();
    for id in &sent {
        assert_eq!(world.end(id).await.status, Status::Completed);
    }
    assert_eq!(world.vendor.made(), 3);
}

#[tokio::test]
async fn one_key_is_one_generation() {
    let world = World::new().await;
    let key = |body: u8| Some(IdempotencyKey { key: "once".to_owned(), body: [body; 32] });
    let start = |body: u8| world.engine.start(&world.caller, image("a fox"), key(body));
    let (first, second) = tokio::join!(start(1), start(1));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.id, second.id);
    assert!(first.replayed != second.replayed);
    world.end(&first.id).await;
    assert!(start(1).await.unwrap().replayed);
    assert_eq!(start(2).await.unwrap_err().code.as_str(), "idempotency_conflict");
    assert_eq!(world.vendor.made(), 1);
}

#[tokio::test]
async fn what_no_wait_would_change_is_refused_before_it_is_a_generation() {
    let world = World::new().await;
    let start = |request| world.engine.start(&world.caller, request, None);
    let code = |result: Result<engine::Started, engine::Refusal>| result.unwrap_err().code.as_str();
    let seed = Request { seed: Some(1), ..image("a fox") };
    assert_eq!(code(start(seed).await), "no_candidate");
    let mut dear = image("a fox");
    dear.routing.max_cost = Some(MicroUsd::from_micros(26_700));
    assert_eq!(code(start(dear).await), "no_candidate");
    let unknown = Request { model: Some("nobody/nothing".to_owned()), ..image("a fox") };
    assert_eq!(code(start(unknown).await), "model_not_found");
    assert_eq!(world.vendor.submits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_account_without_money_is_passed_over_and_tried_again_later() {
    let world = World::new().await;
    world.vendor.script([Act::Refuse(ErrorKind::Unpaid)]);
    let id = world.start(image("a fox")).await;
    let done = world.end(&id).await;
    assert_eq!(done.error.as_ref().unwrap().code, "providers_unavailable");
    let refused = world.engine.start(&world.caller, image("another"), None).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "providers_unavailable");
    assert!(refused.retry_after.is_some());
    world.clock.advance(Duration::from_secs(60));
    let id = world.start(image("later")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
}

#[tokio::test]
async fn erasing_takes_the_words_and_leaves_the_money() {
    let world = World::new().await;
    let id = world.start(image("a secret wish")).await;
    let done = world.end(&id).await;
    let asset = done.outputs[0].asset.clone().unwrap();
    world
        .fast(async {
            while world.engine.erase("team_a", &id).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    assert!(world.engine.generation("team_a", &id).await.is_err());
    assert!(world.engine.read(&asset, None).await.is_err());
    assert_eq!(world.booked().await, world.vendor.charged());
}
