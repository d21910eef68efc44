//! Accounts that come, rest and go while the gateway runs, and the key that seals their credentials.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{
    AccountLoad, Code, Generation, NewAccount, Request, ResealError, Status, Vault, keys::Actor,
};
use provider::{AllowanceLimit, Calendar, Clock, ErrorKind, HoldReason, Kind};
use records::{AuditFilter, Page, Role};
use serde_json::{Value, json};
use support::{
    Counter, Stage, operator,
    queue::Queue,
    vendor::{Act, Scripted},
};

type World = Stage<Queue>;

fn clip(prompt: &str) -> Request {
    Request { kind: Some(Kind::Video), ..Request::image(prompt) }
}

fn new(name: &str, key: &str, settings: Value) -> NewAccount {
    NewAccount {
        provider: "queue".to_owned(),
        name: name.to_owned(),
        key: key.to_owned().into(),
        settings,
    }
}

async fn add(world: &World, name: &str, key: &str) -> AccountLoad {
    world.engine.add_account(&operator(), new(name, key, json!({}))).await.unwrap()
}

async fn hold(world: &World, name: &str, held: bool) -> AccountLoad {
    world.engine.hold_account(&operator(), "queue", name, held).await.unwrap()
}

async fn make(world: &World, prompt: &str) -> Arc<Generation> {
    let id = world.start(clip(prompt)).await;
    world.end(&id).await
}

async fn names(world: &World) -> Vec<String> {
    world.engine.loads().await.into_iter().map(|load| load.account).collect()
}

async fn reason(world: &World, name: &str) -> Option<HoldReason> {
    let loads = world.engine.loads().await;
    loads.iter().find(|load| load.account == name).unwrap().reason()
}

/// Which account made it.
fn maker(done: &Arc<Generation>) -> &str {
    assert_eq!(done.status, Status::Completed, "{done:?}");
    &done.attempts.last().unwrap().account
}

#[tokio::test]
async fn an_added_account_works_at_once_and_after_a_restart() {
    let world = World::new().await;
    hold(&world, "main", true).await;
    "key-of-second".clone_into(&mut world.vendor.key.lock());
    let settings = json!({ "concurrent": 1 });
    let second = new("second", "key-of-second", settings);
    let added = world.engine.add_account(&operator(), second).await.unwrap();
    assert_eq!((added.account.as_str(), added.slots), ("second", Some(1)));
    assert_eq!(maker(&make(&world, "at once").await), "second");
    let world = world.kill_and_restart().await;
    assert_eq!(names(&world).await, ["main", "second"]);
    assert_eq!(world.engine.loads().await[1].slots, Some(1), "its settings are known");
    assert_eq!(maker(&make(&world, "after a restart").await), "second");
    assert!(!world.folder_holds("key-of-second"), "its key is stored sealed");
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused_by_field() {
    let world = World::new().await;
    let refused = async |new: NewAccount| {
        let refusal = world.engine.add_account(&operator(), new).await.unwrap_err();
        (refusal.code, refusal.param.unwrap_or_default())
    };
    let field = |name: &str| (Code::InvalidRequest, name.to_owned());
    assert_eq!(refused(new("main", "a-key", json!({}))).await, field("name"));
    for key in ["", "a key", "a\nkey", "schlüssel"] {
        assert_eq!(refused(new("second", key, json!({}))).await, field("key"), "{key:?}");
    }
    assert_eq!(refused(new("second", "a-key", json!({ "plan": 1 }))).await, field("plan"));
    let nowhere = NewAccount { provider: "nowhere".to_owned(), ..new("a", "a-key", json!({})) };
    assert_eq!(refused(nowhere).await, field("provider"));
    assert_eq!(names(&world).await, ["main"]);
    let unknown =
        world.engine.hold_account(&operator(), "queue", "nobody", true).await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
    let unknown = world.engine.remove_account(&operator(), "queue", "nobody").await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
    assert!(world.records.accounts().await.unwrap().is_empty());
}

/// Two that are added at once under one name are one.
#[tokio::test]
async fn of_two_that_add_the_same_name_one_is_refused() {
    let world = World::new().await;
    let add = || async {
        world.engine.add_account(&operator(), new("second", "secret", json!({}))).await
    };
    let (first, second) = tokio::join!(add(), add());
    assert_ne!(first.is_ok(), second.is_ok());
    assert_eq!(names(&world).await, ["main", "second"]);
}

#[tokio::test]
async fn a_removed_account_ends_its_work_over_a_restart_and_takes_no_more() {
    let world = World::new().await;
    *world.vendor.takes.lock() = Duration::from_secs(300);
    add(&world, "second", "secret").await;
    hold(&world, "main", true).await;
    let id = world.start(clip("under way")).await;
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.jobs().len() == 1).await;
    world.engine.remove_account(&operator(), "queue", "second").await.unwrap();
    assert_eq!(names(&world).await, ["main"]);
    let refused = world.engine.start(&world.caller, clip("more"), None).await.unwrap_err();
    assert_eq!(refused.code, Code::ProvidersUnavailable);
    let world = world.kill_and_restart().await;
    assert_eq!(names(&world).await, ["main"]);
    assert_eq!(maker(&world.end(&id).await), "second");
    assert_eq!(vendor.jobs().len(), 1, "it was not made again");
    // Its units still count: it is the same account when it is there again.
    add(&world, "second", "secret").await;
    let loads = world.engine.loads().await;
    assert_eq!((loads[1].account.as_str(), loads[1].allowances[0].used), ("second", 1));
    assert_eq!(maker(&make(&world, "again").await), "second");
}

/// Work that waits for a turn at an account is not its work yet.
#[tokio::test]
async fn work_that_waits_at_a_removed_account_goes_elsewhere() {
    let world = World::prepared(|queue| queue.limits.lock().concurrent = Some(1)).await;
    *world.vendor.takes.lock() = Duration::from_secs(60);
    let first = world.start(clip("first")).await;
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.jobs().len() == 1).await;
    let waiting = world.start(clip("waits")).await;
    add(&world, "second", "secret").await;
    world.engine.remove_account(&operator(), "queue", "main").await.unwrap();
    assert_eq!(maker(&world.end(&first).await), "main");
    let done = world.end(&waiting).await;
    // It was planned when there was no other account: nothing new begins at the one that is gone.
    assert_eq!((done.status, vendor.jobs().len()), (Status::Failed, 1), "{done:?}");
}

#[tokio::test]
async fn a_configured_account_stays_out_until_it_is_added_again() {
    let world = World::new().await;
    world.engine.remove_account(&operator(), "queue", "main").await.unwrap();
    let world = world.kill_and_restart().await;
    assert!(names(&world).await.is_empty());
    let refused = world.engine.start(&world.caller, clip("nowhere"), None).await.unwrap_err();
    assert_eq!(refused.code, Code::NoCandidate);
    "another".clone_into(&mut world.vendor.key.lock());
    add(&world, "main", "another").await;
    assert_eq!(maker(&make(&world, "again").await), "main");
    let world = world.kill_and_restart().await;
    assert_eq!(maker(&make(&world, "with the key it was added with").await), "main");
}

#[tokio::test]
async fn an_operators_hold_ends_by_an_operator_only() {
    let world = World::new().await;
    *world.vendor.takes.lock() = Duration::from_secs(60);
    let id = world.start(clip("under way")).await;
    let vendor = Arc::clone(&world.vendor);
    world.until(|| vendor.jobs().len() == 1).await;
    let held = hold(&world, "main", true).await.hold.unwrap();
    assert_eq!((held.reason, held.until), (HoldReason::Operator, None));
    assert_eq!(world.end(&id).await.status, Status::Completed, "what it had begun goes on");
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(reason(&world, "main").await, Some(HoldReason::Operator), "good work lifts nothing");
    let world = world.kill_and_restart().await;
    assert_eq!(reason(&world, "main").await, Some(HoldReason::Operator));
    let refused = world.engine.start(&world.caller, clip("more"), None).await.unwrap_err();
    assert_eq!(refused.code, Code::ProvidersUnavailable);
    hold(&world, "main", false).await;
    assert_eq!(maker(&make(&world, "more").await), "main");
    let world = world.kill_and_restart().await;
    assert_eq!(reason(&world, "main").await, None);
}

/// Calls that are under way together, then one each time that the growing rest is over.
#[tokio::test]
async fn a_refused_key_is_held_and_not_retried_to_death() {
    let world = Stage::<Scripted>::new().await;
    world.vendor.script((0..1000).map(|_| Act::Refuse(ErrorKind::Unauthorised)));
    let submits = || world.vendor.submits.load(Ordering::SeqCst);
    let mut ids = Vec::new();
    for number in 0..40 {
        let request = Request::image(format!("fox {number}"));
        match world.engine.start(&world.caller, request, None).await {
            Ok(started) => ids.push(started.id),
            Err(refused) => assert_eq!(refused.code, Code::ProvidersUnavailable),
        }
    }
    for id in ids {
        assert_eq!(world.end(&id).await.status, Status::Failed);
    }
    let slots = 3;
    assert!((1..=slots).contains(&submits()), "{}", submits());
    let until = world.clock.now().plus(Duration::from_secs(3600));
    while world.clock.now() < until {
        let request = Request::image("one more fox");
        if let Ok(started) = world.engine.start(&world.caller, request, None).await {
            assert_eq!(world.end(&started.id).await.status, Status::Failed);
        }
        world.clock.advance(Duration::from_secs(10));
    }
    let doublings = 7;
    assert!(submits() <= slots + doublings, "{} calls in an hour", submits());
    // A key that was made by hand is used at once.
    world.vendor.forget_script();
    let by_hand = Some("by-hand".to_owned().into());
    world.engine.rotate(&operator(), "scripted", "main", by_hand).await.unwrap();
    let id = world.start(Request::image("a good fox")).await;
    assert_eq!(world.end(&id).await.status, Status::Completed);
}

#[tokio::test]
async fn a_key_that_was_made_by_hand_ends_a_lock_out() {
    let world = World::new().await;
    world.vendor.loses_rotation.store(true, Ordering::SeqCst);
    let by = operator();
    let lost = world.engine.rotate(&by, "queue", "main", None);
    assert_eq!(world.fast(lost).await.unwrap_err().code, Code::ProviderError);
    assert_eq!(reason(&world, "main").await, Some(HoldReason::Credential));
    "made-by-hand".clone_into(&mut world.vendor.key.lock());
    let given = Some("made-by-hand".to_owned().into());
    world.engine.rotate(&operator(), "queue", "main", given).await.unwrap();
    assert_eq!(maker(&make(&world, "with it").await), "main");
    let world = world.kill_and_restart().await;
    assert_eq!(maker(&make(&world, "with it, after a restart").await), "main");
    assert!(!world.folder_holds("made-by-hand"), "it is stored sealed");
}

#[tokio::test]
async fn who_may_not_write_changes_nothing_and_the_audit_tells_everything_but_secrets() {
    let world = World::new().await;
    let engine = &world.engine;
    for role in [Role::Billing, Role::Viewer, Role::TeamAdmin] {
        let by = Actor { role, team: Some("team_a".to_owned()), ..operator() };
        let key = || Some("s3cr3t".to_owned().into());
        let refused = [
            engine.add_account(&by, new("second", "s3cr3t", json!({}))).await.map(drop),
            engine.hold_account(&by, "queue", "main", true).await.map(drop),
            engine.remove_account(&by, "queue", "main").await,
            engine.rotate(&by, "queue", "main", key()).await,
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().code, Code::Forbidden, "{role:?}");
        }
    }
    add(&world, "second", "s3cr3t-of-second").await;
    hold(&world, "second", true).await;
    hold(&world, "second", true).await;
    hold(&world, "second", false).await;
    let given = Some("s3cr3t-by-hand".to_owned().into());
    engine.rotate(&operator(), "queue", "second", given).await.unwrap();
    engine.remove_account(&operator(), "queue", "second").await.unwrap();
    let audit = world.records.audit(AuditFilter::default(), Page::first(100)).await.unwrap();
    let actions: Vec<&str> = audit.iter().rev().map(|entry| entry.action.as_str()).collect();
    let wanted =
        ["account.add", "account.hold", "account.release", "account.rotate", "account.remove"];
    assert_eq!(actions, wanted);
    for entry in &audit {
        assert_eq!((entry.actor.as_str(), entry.target.as_str()), ("admin", "queue/second"));
        let said = format!("{:?} {:?}", entry.before, entry.after);
        assert!(!said.contains("s3cr3t") && !said.contains("v1."), "{said}");
    }
}

/// The books of sealed texts: where, and how.
async fn sealed(world: &World) -> BTreeSet<String> {
    let all = world.records.sealed().await.unwrap();
    all.into_iter().map(|(place, text)| format!("{place:?} {text}")).collect()
}

#[tokio::test]
async fn everything_is_sealed_anew_in_one_go_or_not_at_all() {
    let world = World::new().await;
    add(&world, "second", "secret").await;
    world.fast(world.engine.rotate(&operator(), "queue", "main", None)).await.unwrap();
    world.engine.renew_webhook_secret(&operator(), "team_a").await.unwrap();
    let (first, second, third) = (Vault::new(&[7; 32]), Vault::new(&[8; 32]), Vault::new(&[9; 32]));
    let entropy = Counter::default();
    let reseal = async |old: &Vault, new: &Vault| {
        engine::reseal(&*world.records, old, new, &entropy, world.clock.now()).await
    };
    let before = sealed(&world).await;
    assert!(before.len() >= 6, "settings, webhook, credentials, account: {before:?}");
    let wrong = reseal(&third, &second).await.unwrap_err();
    assert!(matches!(wrong, ResealError::Closed { .. }), "{wrong}");
    assert!(wrong.to_string().contains("nothing was changed"), "{wrong}");
    assert_eq!(sealed(&world).await, before);
    assert_eq!(reseal(&first, &second).await.unwrap(), before.len());
    let after = sealed(&world).await;
    assert!(after.is_disjoint(&before));
    assert!(after.iter().all(|text| text.contains(second.name())), "{after:?}");
    assert_eq!(reseal(&first, &second).await.unwrap(), 0, "a second time nothing happens");
    assert_eq!(sealed(&world).await, after);
    assert_eq!(reseal(&second, &first).await.unwrap(), before.len());
    let filter =
        AuditFilter { action: Some("accounts.reseal".to_owned()), ..AuditFilter::default() };
    let audit = world.records.audit(filter, Page::first(10)).await.unwrap();
    assert_eq!(audit.len(), 2, "{audit:?}");
    assert_eq!(audit[0].actor, "cli");
    // Whatever was sealed twice still opens: the replaced key is used.
    let world = world.kill_and_restart().await;
    assert_eq!(maker(&make(&world, "with the replaced key").await), "main");
}

fn limited(queue: &Queue, units: u32) {
    let allowance = |window, units| AllowanceLimit { kind: Kind::Video, window, units };
    queue.limits.lock().allowances =
        vec![allowance(Calendar::Day, 1000), allowance(Calendar::Month, units)];
}

#[tokio::test]
async fn a_low_allowance_is_told_while_it_is_low() {
    let world = World::prepared(|queue| limited(queue, 20)).await;
    let warnings = async || world.engine.loads().await[0].warnings.clone();
    for _ in 0..17 {
        make(&world, "a clip").await;
    }
    assert!(warnings().await.is_empty(), "15 % are left");
    make(&world, "a clip").await;
    let told = warnings().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("2 of the month's 20 units of video are left"), "{told:?}");
    let next = Calendar::Month.end(world.clock.now());
    world.clock.advance(next.since(world.clock.now()));
    assert!(warnings().await.is_empty(), "a new month");
}

#[tokio::test]
async fn of_equally_dear_accounts_the_one_with_most_left_is_asked() {
    let world = World::prepared(|queue| limited(queue, 20)).await;
    add(&world, "second", "secret").await;
    let mut makers = Vec::new();
    for number in 0..8 {
        makers.push(maker(&make(&world, &format!("clip {number}")).await).to_owned());
    }
    let of_main = makers.iter().filter(|name| *name == "main").count();
    assert_eq!(of_main, 4, "{makers:?}");
}
