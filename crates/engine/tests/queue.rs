//! Queued jobs, allowances and the guard: nothing submitted is forgotten, no unit is lost or taken
//! twice, and no team brings an account to suspension.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{Caller, Code, Generation, Outcome, Request, Status};
use provider::{AllowanceLimit, Calendar, Clock, HoldReason, Kind, Limits, Timestamp};
use support::{
    Stage, operator,
    queue::{Fate, Queue, overage},
};

type World = Stage<Queue>;

fn clip(prompt: &str) -> Request {
    Request { kind: Some(Kind::Video), ..Request::image(prompt) }
}

fn limited(world: &Queue, window: Calendar, units: u32) {
    let mut limits = world.limits.lock();
    limits.allowances.retain(|allowance| allowance.window != window);
    limits.allowances.push(AllowanceLimit { kind: Kind::Video, window, units });
}

async fn with(change: impl FnOnce(&Queue)) -> World {
    World::prepared(change).await
}

/// What the account says of its month's videos: used and left.
async fn month(world: &World) -> (u32, u32) {
    window(world, Calendar::Month).await
}

async fn window(world: &World, window: Calendar) -> (u32, u32) {
    let loads = world.engine.loads().await;
    let of_window = |lot: &&coordination::LotLoad| lot.window == window;
    let lot = loads[0].allowances.iter().find(of_window).unwrap();
    (lot.used, lot.remaining)
}

#[tokio::test]
async fn a_clip_is_made_and_uses_one_unit() {
    let world = World::new().await;
    let id = world.start(clip("a lighthouse")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Completed, "{done:?}");
    assert_eq!((done.outputs.len(), &*done.outputs[0].media_type), (1, "video/mp4"));
    assert!(done.cost.charged.is_zero());
    assert_eq!(month(&world).await, (1, 299));
    assert_eq!(world.booked().await, 0);
    let safety = world.engine.loads().await[0].safety.clone().unwrap();
    assert_eq!((safety.attempts, safety.rejected, safety.in_flight), (1, 0, 0), "judged as fine");
}

/// Before the submit is known, after it, while polling, while fetching: one unit, one clip, and where
/// nobody can tell, the unit stands and nothing is made twice in silence.
#[tokio::test]
async fn a_kill_at_any_step_uses_one_unit() {
    for (prompt, bad_fetches) in [("a fox", 0), ("a fox, fetched late", 3)] {
        let world = World::new().await;
        world.vendor.bad_fetches.store(bad_fetches, Ordering::SeqCst);
        let id = world.start(clip(prompt)).await;
        let vendor = Arc::clone(&world.vendor);
        match bad_fetches {
            0 => world.until(|| vendor.polls.load(Ordering::SeqCst) == 1).await,
            _ => world.until(|| vendor.bad_fetches.load(Ordering::SeqCst) < bad_fetches).await,
        }
        let world = world.kill_and_restart().await;
        // The vendor tells nothing of the day: this is our own count.
        let day = window(&world, Calendar::Day).await;
        assert_eq!((day, month(&world).await), ((1, 49), (1, 299)), "{prompt}: counters survive");
        let done = world.end(&id).await;
        assert_eq!(done.status, Status::Completed, "{prompt}: {done:?}");
        assert_eq!((world.vendor.jobs().len(), month(&world).await), (1, (1, 299)), "{prompt}");
        assert!(world.records.unfinished().await.unwrap().is_empty(), "{prompt}");
    }
}

#[tokio::test]
async fn a_lost_submit_is_a_used_unit_and_fails_with_a_reason() {
    let world = World::new().await;
    let id = world.start(clip("lost at sea")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Failed);
    assert_eq!(done.error.as_ref().unwrap().code, Code::ProviderError.as_str());
    assert_eq!(done.attempts.len(), 1, "never made again in silence: {done:?}");
    assert_eq!(done.attempts[0].outcome, Some(Outcome::Unknown));
    assert!(done.attempts[0].uncertain);
    assert_eq!(month(&world).await, (1, 299));
    // It may be running all the same: its slot is free only when it can't be any more, whatever
    // process holds it.
    assert_eq!(world.engine.loads().await[0].in_flight, 1);
    let world = world.kill_and_restart().await;
    assert_eq!(world.engine.loads().await[0].in_flight, 1);
    world.clock.advance(Duration::from_secs(121));
    world.until(|| true).await;
    let engine = world.engine.clone();
    world
        .fast(async {
            while engine.loads().await[0].in_flight > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
}

#[tokio::test]
async fn a_lost_submit_goes_to_another_account() {
    let world = with(|queue| queue.accounts.lock().push("other".to_owned())).await;
    // The first account loses it, and so does the second: it never comes back to one of them.
    let id = world.start(clip("lost at sea")).await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Failed);
    let accounts: Vec<_> = done.attempts.iter().map(|attempt| &*attempt.account).collect();
    assert_eq!(accounts, ["main", "other"]);
}

#[tokio::test]
async fn never_more_jobs_at_once_than_the_plan_allows() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(world.start(clip(&format!("number {number}"))).await);
    }
    for id in ids {
        assert_eq!(world.end(&id).await.status, Status::Completed);
    }
    assert_eq!(world.vendor.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn work_spreads_over_accounts() {
    let world = with(|queue| {
        *queue.accounts.lock() = (0..4).map(|n| format!("a{n}")).collect();
    })
    .await;
    let mut ids = Vec::new();
    for number in 0..16 {
        ids.push(world.start(clip(&format!("number {number}"))).await);
    }
    for id in ids {
        assert_eq!(world.end(&id).await.status, Status::Completed);
    }
    let mut by_account: BTreeMap<String, usize> = BTreeMap::new();
    for job in world.vendor.jobs() {
        *by_account.entry(job.account).or_default() += 1;
    }
    assert!(by_account.len() == 4 && by_account.values().all(|n| *n >= 3), "{by_account:?}");
}

#[tokio::test]
async fn a_blocked_job_uses_its_unit_and_a_refused_one_what_the_vendor_says() {
    let world = World::new().await;
    for (prompt, status, units) in [
        ("bad", Status::Blocked, 1),
        ("refused", Status::Blocked, 1),
        ("broken", Status::Failed, 1),
        ("fine", Status::Completed, 2),
    ] {
        let id = world.start(clip(prompt)).await;
        let done = world.end(&id).await;
        assert_eq!(done.status, status, "{prompt}: {done:?}");
        // What is in doubt stands until the vendor was asked.
        let engine = world.engine.clone();
        world
            .fast(async {
                while month(&world).await.0 != units {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
        drop(engine);
    }
}

#[tokio::test]
async fn a_poll_that_is_told_to_slow_down_ends_nothing() {
    let world = World::new().await;
    world.vendor.slow_downs.store(4, Ordering::SeqCst);
    let id = world.start(clip("patience")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    assert_eq!(world.vendor.jobs().len(), 1);
}

#[tokio::test]
async fn an_allowance_that_is_gone_is_a_passing_refusal_and_comes_back() {
    let world = with(|queue| limited(queue, Calendar::Day, 2)).await;
    for number in 0..2 {
        let id = world.start(clip(&format!("number {number}"))).await;
        assert_eq!(world.end(&id).await.status, Status::Completed);
    }
    let refused = world.engine.start(&world.caller, clip("one more"), None).await.unwrap_err();
    assert_eq!(refused.code, Code::ProvidersUnavailable, "{refused:?}");
    let hold = world.engine.loads().await[0].hold.unwrap();
    assert_eq!(hold.reason, HoldReason::Allowance);
    assert_eq!(hold.until, Some(Calendar::Day.end(world.clock.now())));
    let day = Calendar::Day.end(world.clock.now()).since(world.clock.now());
    world.clock.advance(day);
    let id = world.start(clip("tomorrow")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
}

#[tokio::test]
async fn the_month_turns_and_what_waited_goes_out() {
    let world = with(|queue| {
        limited(queue, Calendar::Month, 5);
        *queue.takes.lock() = Duration::from_secs(20);
    })
    .await;
    // Seconds before the month ends five are asked for: three run, two wait for a slot.
    let turn = Calendar::Month.end(world.clock.now());
    world.clock.advance(turn.since(world.clock.now()) - Duration::from_secs(10));
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(world.start(clip(&format!("number {number}"))).await);
    }
    for id in &ids {
        assert_eq!(world.end(id).await.status, Status::Completed);
    }
    assert!(world.clock.now() > turn);
    let of_new_month = world.vendor.jobs().iter().filter(|job| job.at >= turn).count();
    assert_eq!(of_new_month, 2, "those that waited went out in the new month");
    assert_eq!(month(&world).await, (2, 3), "and only they count in it");
}

#[tokio::test]
async fn overage_is_paid_within_its_cap_and_what_is_left_carries_over() {
    let world = with(|queue| {
        limited(queue, Calendar::Month, 1);
        queue.limits.lock().overage = Some(overage(1_000_000));
    })
    .await;
    let make = async |prompt: &str| {
        let id = world.start(clip(prompt)).await;
        world.end(&id).await
    };
    assert!(make("prepaid").await.cost.charged.is_zero());
    assert_eq!(make("bought").await.cost.charged.micros(), 500_000);
    assert_eq!(world.booked().await, 500_000);
    // Half a dollar is left: it carries over to the next month's dollar, three clips past the first.
    let next = Calendar::Month.end(world.clock.now()).since(world.clock.now());
    world.clock.advance(next);
    for (prompt, price) in [("prepaid", 0), ("a", 500_000), ("b", 500_000), ("c", 500_000)] {
        assert_eq!(make(prompt).await.cost.charged.micros(), price, "{prompt}");
    }
    let refused = world.engine.start(&world.caller, clip("too much"), None).await.unwrap_err();
    assert_eq!(refused.code, Code::ProvidersUnavailable);
    assert_eq!(world.booked().await, 2_000_000);
    // A restart knows all of it.
    let world = world.kill_and_restart().await;
    let refused = world.engine.start(&world.caller, clip("too much"), None).await.unwrap_err();
    assert_eq!(refused.code, Code::ProvidersUnavailable);
}

async fn ends(world: &World, caller: &Caller, prompt: &str) -> Result<Arc<Generation>, Code> {
    let started = world.engine.start(caller, clip(prompt), None).await;
    let id = started.map_err(|refusal| refusal.code)?.id;
    let done = world.fast(world.engine.wait(&caller.team.id, &id, None)).await.unwrap();
    Ok(done.generation)
}

#[tokio::test]
async fn a_team_of_bad_prompts_suspends_nobody_and_the_others_go_on() {
    let world = World::new().await;
    let other = world.another_team("team_b").await;
    let mut stopped = 0;
    for number in 0..20 {
        match ends(&world, &world.caller, &format!("bad {number}")).await {
            Ok(done) => assert_eq!(done.status, Status::Blocked),
            Err(code) => {
                assert_eq!(code, Code::ProvidersUnavailable);
                stopped += 1;
            }
        }
    }
    assert!(stopped > 10, "{stopped}");
    for number in 0..12 {
        let done = ends(&world, &other, &format!("good {number}")).await.unwrap();
        assert_eq!(done.status, Status::Completed, "{number}: {done:?}");
    }
    assert!(!world.vendor.is_suspended("main"));
    // A restart forgets none of it.
    let world = world.kill_and_restart().await;
    assert!(ends(&world, &world.caller, "bad again").await.is_err());
    assert!(ends(&world, &other, "good again").await.is_ok());
}

#[tokio::test]
async fn many_new_teams_with_a_bad_prompt_each_suspend_nobody() {
    let world = World::new().await;
    for number in 0..30 {
        let team = world.another_team(&format!("team_{number}")).await;
        let _ = ends(&world, &team, "bad").await;
    }
    assert!(!world.vendor.is_suspended("main"));
    let hold = world.engine.loads().await[0].hold.unwrap();
    assert_eq!(hold.reason, HoldReason::Safety);
    assert!(hold.until.unwrap() > world.clock.now());
    let blocked = world.vendor.jobs().iter().filter(|job| job.fate == Fate::Blocked).count();
    assert!((4..=9).contains(&blocked), "{blocked}");
}

#[tokio::test]
async fn nothing_is_kept_of_what_must_not_be() {
    let world = World::new().await;
    let request = Request { store: false, ..clip("a secret lighthouse") };
    let id = world.engine.start(&world.caller, request, None).await.unwrap().id;
    let wait = world.engine.wait(&world.caller.team.id, &id, None);
    let done = world.fast(wait).await.unwrap();
    assert_eq!(done.generation.status, Status::Completed, "{done:?}");
    let asset = done.generation.outputs[0].asset.clone().unwrap();
    assert!(done.inline.contains_key(&asset), "the bytes are in the one answer");
    assert!(world.vendor.jobs()[0].deleted, "and no longer at the vendor");
    let recorded = world.records.generation("team_a", &id).await.unwrap().unwrap();
    assert!(!recorded.request.contains("secret") && recorded.outputs[0].asset.is_none());
    assert!(world.engine.read(&asset, None).await.is_err());
    assert!(!world.folder_holds("secret lighthouse") && !world.folder_holds("ftypisom"));
}

#[tokio::test]
async fn nothing_kept_means_that_a_kill_ends_it() {
    let world = World::new().await;
    let request = Request { store: false, ..clip("a secret lighthouse") };
    let id = world.engine.start(&world.caller, request, None).await.unwrap().id;
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.polls.load(Ordering::SeqCst) == 1).await;
    let world = world.kill_and_restart().await;
    let done = world.end(&id).await;
    assert_eq!(done.status, Status::Failed);
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.jobs()[0].deleted).await;
    assert_eq!(month(&world).await, (1, 299));
    assert!(!world.folder_holds("secret lighthouse"));
}

#[tokio::test]
async fn a_deadline_ends_the_wait_and_the_clip_comes_late() {
    let world = World::new().await;
    let mut request = clip("slow");
    request.routing.deadline = Some(Duration::from_secs(4));
    let id = world.start(request).await;
    let done = world.end(&id).await;
    assert_eq!((done.status, done.outputs.len()), (Status::Failed, 0));
    assert_eq!(done.error.as_ref().unwrap().code, Code::DeadlineExceeded.as_str());
    let engine = world.engine.clone();
    let late = world
        .fast(async {
            loop {
                let seen = engine.generation("team_a", &id).await.unwrap();
                if !seen.outputs.is_empty() {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    assert_eq!(late.status, Status::Failed, "the status stays");
}

/// What the vendor itself counts is asked for, and more than ours is used elsewhere.
#[tokio::test]
async fn the_vendors_count_is_heard() {
    let world = World::new().await;
    let elsewhere = Timestamp::from_millis(world.clock.now().millis());
    world.vendor.used_elsewhere("main", 40, elsewhere);
    let world = world.kill_and_restart().await;
    let engine = world.engine.clone();
    world
        .fast(async {
            while engine.loads().await[0].allowances.iter().all(|lot| lot.used < 40) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    assert_eq!(month(&world).await, (40, 260));
    let limits: Limits = world.vendor.limits.lock().clone();
    assert_eq!(limits.allowance(Kind::Video, Calendar::Month), Some(300));
}

/// Two processes, one set of records: the dead one's jobs are looked at by the living one, which leaves
/// alone what a living one drives.
#[tokio::test]
async fn a_dead_process_is_taken_over() {
    let first = World::new().await;
    *first.vendor.takes.lock() = Duration::from_secs(90);
    let second = first.beside().await;
    let id = first.start(clip("a lighthouse")).await;
    let own = second.start(clip("another")).await;
    let vendor = Arc::clone(&first.vendor);
    second.until(|| vendor.jobs().len() == 2).await;
    first.kill();
    let killed_at = second.clock.now();
    let done = second.end(&own).await;
    assert_eq!(done.status, Status::Completed);
    let engine = second.engine.clone();
    let done = second
        .fast(async {
            loop {
                let seen = engine.generation("team_a", &id).await.unwrap();
                if seen.status.is_final() {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    assert_eq!((done.status, done.outputs.len()), (Status::Completed, 1), "{done:?}");
    assert!(
        second.clock.now().since(killed_at) >= Duration::from_secs(25),
        "it was believed alive"
    );
    assert_eq!(vendor.jobs().len(), 2, "nothing was sent again");
}

#[tokio::test]
async fn a_key_is_replaced_without_losing_a_job_and_outlives_the_process() {
    let world = World::new().await;
    *world.vendor.takes.lock() = Duration::from_secs(60);
    let id = world.start(clip("while the key changes")).await;
    world.fast(world.engine.rotate(&operator(), "queue", "main", None)).await.unwrap();
    assert_eq!(*world.vendor.key.lock(), "secret+");
    assert_eq!(world.end(&id).await.status, Status::Completed);
    assert!(!world.folder_holds("secret+"), "it is stored sealed");
    let world = world.kill_and_restart().await;
    let id = world.start(clip("with the new key")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    let unknown = world.engine.rotate(&operator(), "queue", "nobody", None).await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
}

#[tokio::test]
async fn a_lost_rotation_holds_the_account_and_a_restart_still_knows() {
    let world = World::new().await;
    world.vendor.loses_rotation.store(true, Ordering::SeqCst);
    let lost =
        world.fast(world.engine.rotate(&operator(), "queue", "main", None)).await.unwrap_err();
    assert_eq!(lost.code, Code::ProviderError);
    for world in [world.beside().await, world.kill_and_restart().await] {
        let hold = world.engine.loads().await[0].hold.unwrap();
        assert_eq!((hold.reason, hold.until), (HoldReason::Credential, None));
        let refused = world.engine.start(&world.caller, clip("no key"), None).await.unwrap_err();
        assert_eq!(refused.code, Code::ProvidersUnavailable);
    }
}

/// What a failed job past the plan may have cost is booked as uncertain, and taken back once the
/// vendor's count shows that it cost nothing.
#[tokio::test]
async fn money_in_doubt_is_corrected() {
    let world = with(|queue| {
        limited(queue, Calendar::Month, 1);
        queue.limits.lock().overage = Some(overage(5_000_000));
    })
    .await;
    let id = world.start(clip("prepaid")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    let id = world.start(clip("broken")).await;
    assert_eq!(world.end(&id).await.status, Status::Failed);
    world
        .fast(async {
            while world.booked().await != 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    let done = world.records.generation("team_a", &id).await.unwrap().unwrap();
    assert!(done.cost.charged.is_zero() && done.cost.uncertain.is_zero(), "{done:?}");
    let entries = world
        .records
        .ledger(records::LedgerFilter::default(), engine::Page::first(100))
        .await
        .unwrap();
    assert!(entries.iter().any(|entry| entry.kind == "correction"), "{entries:?}");
    let id = world.start(clip("bought")).await;
    assert_eq!(world.end(&id).await.cost.charged.micros(), 500_000, "its unit was free again");
}

/// What is deleted here is deleted at the vendor: the job and its output, however often it takes, and
/// whoever asked waits for none of it.
#[tokio::test]
async fn what_is_deleted_is_deleted_at_the_vendor_too() {
    let world = World::new().await;
    world.vendor.bad_forgets.store(3, Ordering::SeqCst);
    let mut ids = Vec::new();
    for prompt in ["kept", "a lighthouse", "lost at sea"] {
        let id = world.start(clip(prompt)).await;
        assert!(world.end(&id).await.status.is_final());
        ids.push(id);
    }
    for id in &ids[1..] {
        world.fast(erased(&world, id)).await;
    }
    let vendor = Arc::clone(&world.vendor);
    world.until(|| !vendor.forgotten.lock().is_empty()).await;
    assert_eq!(vendor.bad_forgets.load(Ordering::SeqCst), 0);
    let told = vendor.forgotten.lock().clone();
    let job = "job1".to_owned();
    assert_eq!(told, [("main".to_owned(), job.clone(), vec![job])], "the one that has a name");
    let deleted: Vec<_> = vendor.jobs().iter().map(|job| job.deleted).collect();
    assert_eq!(deleted, [false, true, false]);
    let again = world.engine.erase("team_a", &ids[1]).await.unwrap_err();
    assert_eq!(again.code, Code::NotFound);
}

#[tokio::test]
async fn what_no_try_deletes_is_deleted_here_all_the_same() {
    let world = World::new().await;
    world.vendor.bad_forgets.store(100, Ordering::SeqCst);
    let id = world.start(clip("a lighthouse")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    world.fast(erased(&world, &id)).await;
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.bad_forgets.load(Ordering::SeqCst) == 96).await;
    assert!(vendor.forgotten.lock().is_empty(), "after four tries");
    assert_eq!(world.engine.generation("team_a", &id).await.unwrap_err().code, Code::NotFound);
}

/// Its own task may still be about to leave it.
async fn erased(world: &World, id: &str) {
    while let Err(refusal) = world.engine.erase("team_a", id).await {
        assert_eq!(refusal.code, Code::NotReady, "{refusal:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Who waits for a job has it, if it comes in time; nobody else's job holds up the end.
#[tokio::test]
async fn an_engine_that_stops_looks_on_while_somebody_waits() {
    for somebody in [true, false] {
        let world = World::new().await;
        let id = world.start(clip("a lighthouse")).await;
        world.until(|| world.vendor.polls.load(Ordering::SeqCst) == 1).await;
        let began = world.clock.now();
        let close = world.engine.close(Duration::from_secs(3600));
        let wait = async {
            match somebody {
                true => Some(world.engine.wait("team_a", &id, None).await.unwrap()),
                false => None,
            }
        };
        let (waited, ()) = world.fast(async { tokio::join!(biased; wait, close) }).await;
        let took = world.clock.now().since(began);
        let status = world.engine.generation("team_a", &id).await.unwrap().status;
        match waited {
            Some(done) => {
                assert_eq!(
                    (done.generation.status, status),
                    (Status::Completed, Status::Completed)
                );
                assert!(took < Duration::from_secs(600), "{took:?}");
            }
            None => {
                assert_eq!(status, Status::Running);
                assert!(took < Duration::from_secs(2), "{took:?}");
            }
        }
    }
}

#[tokio::test]
async fn who_waits_longer_than_an_engine_that_stops_is_told() {
    let world = World::new().await;
    let id = world.start(clip("a lighthouse")).await;
    world.until(|| world.vendor.polls.load(Ordering::SeqCst) == 1).await;
    *world.vendor.takes.lock() = Duration::from_secs(9999);
    let close = world.engine.close(Duration::from_secs(1));
    let wait = world.engine.wait("team_a", &id, None);
    let far = Timestamp::from_millis(i64::MAX);
    let make = Box::pin(world.engine.make(&world.caller, clip("in the last moment"), None, far));
    let (waited, made, ()) = world.fast(async { tokio::join!(biased; wait, make, close) }).await;
    assert_eq!(waited.unwrap().generation.status, Status::Running);
    assert_eq!(made.unwrap().1.generation.status, Status::Running);
    let world = world.kill_and_restart().await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
    assert_eq!(world.vendor.jobs().len(), 2);
}
