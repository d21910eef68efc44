//! Our books against a vendor's own: what either side has alone is found, told and entered once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{sync::atomic::Ordering, time::Duration};

use engine::{Code, DifferenceKind, Reconciliation, Request, keys::Actor};
use provider::{Clock, MicroUsd, Told};
use records::{AuditFilter, Role};
use support::{
    Stage, World,
    queue::Queue,
    vendor::{Act, Row},
};

/// Work that is done and booked, and more than two minutes old.
async fn worked(pictures: usize) -> World {
    let world = World::new().await;
    for number in 0..pictures {
        let id = world.start(Request::image(format!("fox {number}"))).await;
        world.end(&id).await;
    }
    world.clock.advance(Duration::from_secs(600));
    world
}

/// The one account's last hours.
async fn look<V: support::Stand>(world: &Stage<V>) -> Reconciliation {
    let now = world.clock.now();
    let looked = world.engine.reconcile(now.minus(Duration::from_secs(86_400)), now);
    let mut all = world.fast(looked).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn kinds(told: &Reconciliation) -> Vec<DifferenceKind> {
    let net: MicroUsd = told.differences.iter().map(|d| d.charged - d.booked).sum();
    assert_eq!(told.charged, Some(told.booked + net), "differences explain the sums: {told:?}");
    told.differences.iter().map(|difference| difference.kind).collect()
}

fn usd(micros: i64) -> MicroUsd {
    MicroUsd::from_micros(micros)
}

/// Somebody used the key by hand.
fn beside(world: &World, micros: i64) {
    let at = world.clock.now().minus(Duration::from_secs(400));
    let (reference, prompt) = (format!("by hand {micros}"), "by hand".to_owned());
    world.vendor.rows.lock().push(Row { reference, prompt, cost: usd(micros), at });
}

#[tokio::test]
async fn books_that_were_kept_through_a_restart_agree() {
    let world = worked(2).await;
    world.vendor.script([Act::MakeAndLose { ended: true }, Act::MakeRemote]);
    for prompt in ["lost", "remote"] {
        let id = world.start(Request::image(prompt)).await;
        world.end(&id).await;
    }
    let world = world.kill_and_restart().await;
    world.clock.advance(Duration::from_secs(600));
    let told = look(&world).await;
    assert_eq!(kinds(&told), []);
    assert_eq!(told.charged, Some(usd(world.vendor.charged())));
    assert!(!told.incomplete && told.problem.is_none(), "{told:?}");
    assert_eq!((told.provider.as_str(), told.account.as_str()), ("scripted", "main"));
}

#[tokio::test]
async fn each_kind_of_difference_is_found() {
    let world = worked(3).await;
    beside(&world, 90_000);
    {
        let mut rows = world.vendor.rows.lock();
        rows[1].cost += usd(300);
        rows.remove(0);
    }
    let told = look(&world).await;
    let mut found = kinds(&told);
    found.sort_by_key(|kind| kind.as_str());
    assert_eq!(
        found,
        [DifferenceKind::Amount, DifferenceKind::MissingHere, DifferenceKind::MissingThere]
    );
    let of = |kind| told.differences.iter().find(|difference| difference.kind == kind).unwrap();
    let amount = of(DifferenceKind::Amount);
    assert_eq!(
        (amount.charged - amount.booked, amount.reference.as_deref()),
        (usd(300), Some("ref1"))
    );
    assert!(amount.generation.as_ref().is_some_and(|id| id.starts_with("gen_")));
    assert_eq!(of(DifferenceKind::MissingHere).reference.as_deref(), Some("by hand 90000"));
    assert_eq!(of(DifferenceKind::MissingThere).reference.as_deref(), Some("ref0"));
    assert!(told.differences.iter().all(|difference| difference.certain));
}

#[tokio::test]
async fn charges_without_names_are_matched_by_what_they_cost() {
    let world = worked(3).await;
    world.vendor.telling.lock().names = false;
    assert_eq!(kinds(&look(&world).await), []);
    beside(&world, 26_700);
    let told = look(&world).await;
    assert_eq!(kinds(&told), [DifferenceKind::MissingHere]);
    assert_eq!(told.differences[0].charged, usd(26_700));
}

#[tokio::test]
async fn pages_are_read_one_by_one_and_a_failed_look_is_tried_again() {
    let world = worked(5).await;
    *world.vendor.telling.lock() =
        support::vendor::Telling { page: 2, failures: 2, ..support::vendor::Telling::all() };
    assert_eq!(kinds(&look(&world).await), []);
    assert_eq!(world.vendor.pages_told.load(Ordering::SeqCst), 3 + 2);
}

#[tokio::test]
async fn books_that_are_not_read_whole_make_nothing_certain() {
    let world = worked(2).await;
    beside(&world, 90_000);
    world.vendor.telling.lock().endless = true;
    let told = look(&world).await;
    assert!(told.incomplete, "{told:?}");
    assert_eq!(world.vendor.pages_told.load(Ordering::SeqCst), 200);
    assert_eq!(kinds(&told), [DifferenceKind::MissingHere]);
    assert!(!told.differences[0].certain);
    let booked = world.engine.book_drift(&Actor::system("cli"), &told).await.unwrap();
    assert_eq!(booked, 0);

    world.vendor.telling.lock().failures = 1000;
    let told = look(&world).await;
    assert!(told.incomplete && told.problem.as_deref() == Some("not now"), "{told:?}");
    assert_eq!((told.told, told.charged), (Told::Nothing, None), "nothing was told");
}

#[tokio::test]
async fn what_is_under_way_may_be_the_charge_that_is_missing() {
    let world = worked(1).await;
    world.vendor.script([Act::MakeAndHang]);
    world.start(Request::image("slow")).await;
    world.until(|| world.vendor.made() == 2).await;
    let id = world.start(Request::image("quick")).await;
    world.end(&id).await;
    world.clock.advance(Duration::from_secs(180));
    let told = look(&world).await;
    assert_eq!(kinds(&told), [DifferenceKind::MissingHere]);
    assert!(!told.differences[0].certain, "{told:?}");
    world.vendor.open_gates();
}

#[tokio::test]
async fn what_the_vendor_lists_nowhere_is_compared_with_nothing() {
    let world = worked(2).await;
    world.vendor.rows.lock().clear();
    world.vendor.telling.lock().but = vec!["one".to_owned()];
    let told = look(&world).await;
    assert_eq!((kinds(&told), told.booked), (vec![], usd(0)));
}

#[tokio::test]
async fn drift_is_entered_once_and_the_books_are_the_vendors_then() {
    let world = worked(3).await;
    beside(&world, 90_000);
    world.vendor.rows.lock()[1].cost += usd(300);
    world.vendor.rows.lock().remove(0);
    let told = look(&world).await;
    let viewer = Actor { role: Role::Viewer, ..Actor::system("usr_1") };
    let refused = world.engine.book_drift(&viewer, &told).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);

    let operator = Actor::system("cli");
    assert_eq!(world.engine.book_drift(&operator, &told).await.unwrap(), 3);
    assert_eq!(world.booked().await, world.vendor.charged());
    let again = look(&world).await;
    assert_eq!((kinds(&again), again.booked), (vec![], usd(world.vendor.charged())));
    assert_eq!(world.engine.book_drift(&operator, &again).await.unwrap(), 0);
    // Who held the old list enters nothing twice.
    let late = world.engine.book_drift(&operator, &told).await.unwrap_err();
    assert_eq!(late.code, Code::NotReady);
    assert_eq!(world.booked().await, world.vendor.charged());
    assert_eq!(world.records.verify().await.unwrap(), []);

    let filter = AuditFilter { action: Some("ledger.drift".to_owned()), ..AuditFilter::default() };
    let entries = world.records.audit(filter, engine::Page::first(10)).await.unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!((entries[0].actor.as_str(), entries[0].target.as_str()), ("cli", "scripted/main"));
    let after: serde_json::Value =
        serde_json::from_str(entries[0].after.as_deref().unwrap()).unwrap();
    assert_eq!(
        (after["entries"].as_u64(), after["amount_usd"].as_str()),
        (Some(3), Some("0.063600"))
    );
}

#[tokio::test]
async fn prepaid_units_are_compared_by_both_sides_counts() {
    let world = Stage::<Queue>::new().await;
    let clip = Request { kind: Some(provider::Kind::Video), ..Request::image("a lighthouse") };
    let id = world.start(clip).await;
    world.end(&id).await;
    world.vendor.used_elsewhere("main", 4, world.clock.now());
    let told = look(&world).await;
    assert_eq!((told.told, told.charged, told.differences.len()), (Told::Totals, None, 0));
    let [month] = told.allowances.as_slice() else { unreachable!("{:?}", told.allowances) };
    assert_eq!((month.used_there, month.used_here, month.undecided), (5, 1, 0));
    assert_eq!((month.overage_there, month.overage_here), (0, 0));
}

#[tokio::test]
async fn a_span_has_to_be_one() {
    let world = World::new().await;
    let now = world.clock.now();
    let day = Duration::from_secs(86_400);
    for (from, to, param) in
        [(now, now, "to"), (now, now.minus(day), "to"), (now.minus(day * 93), now, "from")]
    {
        let refused = world.engine.reconcile(from, to).await.unwrap_err();
        assert_eq!((refused.code, refused.param.as_deref()), (Code::InvalidRequest, Some(param)));
    }
}
