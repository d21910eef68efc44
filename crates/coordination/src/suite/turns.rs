//! Checks of [`Turns`]: limits hold, and waiting is fair. Give windows a margin of zero.

use std::time::Duration;

use provider::{Clock, Limits, ManualClock, RateWindow, SlotUse, Timestamp};

use super::{now, start};
use crate::{Busy, Lease, Share, Turns};

const SECOND: Duration = Duration::from_secs(1);
/// Where it makes no difference whose leases they are.
const ANY: Share<'_> = Share { team: "team_1", weight: 1 };

fn limits(concurrent: Option<u32>, windows: &[(u64, u32)]) -> Limits {
    let window = |(seconds, calls): &(u64, u32)| RateWindow {
        span: Duration::from_secs(*seconds),
        calls: *calls,
    };
    Limits {
        concurrent,
        slot: SlotUse::Job,
        windows: windows.iter().map(window).collect(),
        ..Limits::none(SECOND)
    }
}

/// As many calls at once as there are slots; the next one cannot know when.
pub async fn slots_hold(turns: &dyn Turns) {
    let limits = limits(Some(2), &[]);
    let first = turns.try_lease("a", &limits).await;
    let second = turns.try_lease("a", &limits).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(turns.try_lease("a", &limits).await.err(), Some(Busy { retry_at: None }));
    assert!(turns.try_lease("b", &limits).await.is_ok(), "accounts do not share slots");
    drop(first);
    assert!(turns.try_lease("a", &limits).await.is_ok(), "a dropped lease frees its slot");
}

/// Every window holds, and each opens when its oldest call leaves it.
pub async fn windows_slide(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(None, &[(1, 2), (10, 3)]);
    let begin = clock.now();
    assert!(turns.try_lease("a", &limits).await.is_ok());
    clock.advance(SECOND / 2);
    assert!(turns.turn("a", &limits, None).await.is_ok(), "a turn counts like a lease");
    let busy = turns.try_lease("a", &limits).await.err();
    assert_eq!(busy, Some(Busy { retry_at: Some(begin.plus(SECOND)) }));
    clock.advance(SECOND / 2);
    assert!(turns.try_lease("a", &limits).await.is_ok());
    clock.advance(SECOND);
    let busy = turns.try_lease("a", &limits).await.err();
    assert_eq!(busy, Some(Busy { retry_at: Some(begin.plus(SECOND * 10)) }), "the longer window");
}

/// Who asked first is served first, and nobody overtakes those who wait.
pub async fn waiting_is_fair(turns: &dyn Turns) {
    let limits = limits(Some(1), &[]);
    let held = turns.try_lease("a", &limits).await;
    let mut first = start(turns.lease("a", &limits, ANY, None));
    let mut second = start(turns.lease("a", &limits, ANY, None));
    assert!(now(&mut first).await.is_none() && now(&mut second).await.is_none());
    drop(held);
    assert!(turns.try_lease("a", &limits).await.is_err(), "the slot is the first one's");
    assert!(now(&mut second).await.is_none(), "not the second one's");
    let lease = now(&mut first).await;
    assert!(matches!(lease, Some(Ok(_))), "the first has its turn");
    assert!(now(&mut second).await.is_none());
    drop(lease);
    assert!(matches!(now(&mut second).await, Some(Ok(_))));
}

/// A window that opens wakes those who wait, one by one.
pub async fn windows_wake(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(None, &[(10, 1)]);
    assert!(turns.try_lease("a", &limits).await.is_ok());
    let mut first = start(turns.lease("a", &limits, ANY, None));
    let mut second = start(turns.lease("a", &limits, ANY, None));
    assert!(now(&mut first).await.is_none() && now(&mut second).await.is_none());
    clock.advance(SECOND * 9);
    assert!(now(&mut first).await.is_none());
    clock.advance(SECOND);
    assert!(matches!(now(&mut first).await, Some(Ok(_))));
    assert!(now(&mut second).await.is_none(), "a lease that ended still counts in its window");
    clock.advance(SECOND * 10);
    assert!(matches!(now(&mut second).await, Some(Ok(_))));
}

/// A deadline ends the wait: at once where waiting cannot help, else when it comes.
pub async fn deadlines_end_waiting(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(Some(1), &[(10, 2)]);
    let begin = clock.now();
    let deadline = Some(begin.plus(SECOND * 5));
    let held = turns.try_lease("a", &limits).await;
    let mut waits = start(turns.lease("a", &limits, ANY, deadline));
    assert!(now(&mut waits).await.is_none(), "the slot may become free in time");
    clock.advance(SECOND * 5);
    assert!(matches!(now(&mut waits).await, Some(Err(Busy { retry_at: None }))));
    drop(held);
    assert!(turns.lease("a", &limits, ANY, deadline).await.is_ok(), "now is not too late");
    let opens = Some(begin.plus(SECOND * 10));
    let refused = turns.lease("a", &limits, ANY, Some(begin.plus(SECOND * 9))).await;
    assert_eq!(refused.err(), Some(Busy { retry_at: opens }), "no use in waiting");
    let mut waits = start(turns.turn("a", &limits, opens));
    assert!(now(&mut waits).await.is_none());
    clock.advance(SECOND * 5);
    assert!(matches!(now(&mut waits).await, Some(Ok(_))), "just in time");
}

/// Who gives up, even when just woken, passes the slot on.
pub async fn leaving_passes_on(turns: &dyn Turns) {
    let limits = limits(Some(1), &[]);
    let held = turns.try_lease("a", &limits).await;
    let mut first = start(turns.lease("a", &limits, ANY, None));
    let mut second = start(turns.lease("a", &limits, ANY, None));
    let mut third = start(turns.lease("a", &limits, ANY, None));
    for waiting in [&mut first, &mut second, &mut third] {
        assert!(now(waiting).await.is_none());
    }
    drop(second);
    drop(held);
    drop(first);
    assert!(matches!(now(&mut third).await, Some(Ok(_))));
    drop(third);
    assert_eq!(turns.load("a", &limits).await.waiting, 0);
    assert!(turns.try_lease("a", &limits).await.is_ok());
}

/// Leases go before turns, but after a few of them a turn goes first.
pub async fn leases_go_first(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(None, &[(1, 1)]);
    assert!(turns.try_lease("a", &limits).await.is_ok());
    let mut turn = start(turns.turn("a", &limits, None));
    assert!(now(&mut turn).await.is_none());
    let mut leases: Vec<_> = (0..8).map(|_| start(turns.lease("a", &limits, ANY, None))).collect();
    for lease in &mut leases {
        assert!(now(lease).await.is_none());
    }
    let mut leases_before = 0;
    loop {
        clock.advance(SECOND);
        // Whoever is polled first would get the window if nobody had to yield.
        if now(&mut leases[0]).await.is_none() {
            assert!(matches!(now(&mut turn).await, Some(Ok(_))));
            break;
        }
        drop(leases.remove(0));
        leases_before += 1;
        assert!(leases_before < 8, "turns starve");
    }
    assert!(leases_before > 0, "leases go first");
    let second = turns.turn("a", &limits, None);
    clock.advance(SECOND);
    let mut second = start(second);
    assert!(now(&mut second).await.is_none(), "a lease waits");
    assert!(now(&mut leases[0]).await.is_some(), "the turn has had its turn");
}

/// A lease that waits for a slot does not keep the windows from turns.
pub async fn turns_need_no_slot(turns: &dyn Turns) {
    let limits = limits(Some(1), &[(10, 5)]);
    let held = turns.try_lease("a", &limits).await;
    let mut lease = start(turns.lease("a", &limits, ANY, None));
    assert!(now(&mut lease).await.is_none());
    assert!(turns.turn("a", &limits, None).await.is_ok());
    drop(held);
    assert!(matches!(now(&mut lease).await, Some(Ok(_))));
}

/// The vendor's own word stops everything until its moment, and cannot be shortened.
pub async fn a_pause_holds(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(Some(1), &[]);
    let until = clock.now().plus(SECOND * 30);
    turns.pause("a", until).await;
    turns.pause("a", clock.now().plus(SECOND)).await;
    let busy = turns.try_lease("a", &limits).await.err();
    assert_eq!(busy, Some(Busy { retry_at: Some(until) }));
    let mut lease = start(turns.lease("a", &limits, ANY, None));
    let mut turn = start(turns.turn("a", &limits, None));
    clock.advance(SECOND * 29);
    assert!(now(&mut lease).await.is_none() && now(&mut turn).await.is_none());
    clock.advance(SECOND);
    assert!(matches!(now(&mut lease).await, Some(Ok(_))));
    assert!(matches!(now(&mut turn).await, Some(Ok(_))));
}

/// What was sent before a restart counts on, and what it left behind holds its slot.
pub async fn a_restart_forgets_nothing(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(Some(1), &[(60, 2)]);
    let begin = clock.now();
    let ago = |seconds: u32| begin.minus(SECOND * seconds);
    turns.restore("a", &[ago(10), ago(50), ago(70)]).await;
    let left_behind = turns.adopt("a").await;
    let load = turns.load("a", &limits).await;
    assert_eq!((load.in_flight, load.calls_in_window), (1, 2));
    assert_eq!(load.free_at, Some(begin.plus(SECOND * 10)));
    clock.advance(SECOND * 10);
    let mut lease = start(turns.lease("a", &limits, ANY, None));
    assert!(now(&mut lease).await.is_none(), "the window is open, the slot is not");
    left_behind.release();
    assert!(matches!(now(&mut lease).await, Some(Ok(_))));
}

/// A slot that is adopted while a lease waits for the window lets a waiting turn go first.
pub async fn an_adopted_slot_lets_turns_go(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(Some(1), &[(1, 1)]);
    assert!(turns.turn("a", &limits, None).await.is_ok());
    let mut lease = start(turns.lease("a", &limits, ANY, None));
    let mut turn = start(turns.turn("a", &limits, None));
    assert!(now(&mut lease).await.is_none() && now(&mut turn).await.is_none());
    let left_behind = turns.adopt("a").await;
    assert!(now(&mut lease).await.is_none() && now(&mut turn).await.is_none());
    clock.advance(SECOND);
    assert!(matches!(now(&mut turn).await, Some(Ok(_))));
    drop(left_behind);
    clock.advance(SECOND);
    assert!(matches!(now(&mut lease).await, Some(Ok(_))));
}

/// The load tells what holds the account up.
pub async fn the_load_is_told(turns: &dyn Turns, clock: &ManualClock) {
    let limits = limits(Some(2), &[(1, 1), (60, 5)]);
    assert_eq!(turns.load("a", &limits).await, crate::Load::default());
    let lease = turns.try_lease("a", &limits).await;
    let mut waits = start(turns.lease("a", &limits, ANY, None));
    assert!(now(&mut waits).await.is_none());
    let load = turns.load("a", &limits).await;
    assert_eq!((load.in_flight, load.calls_in_window, load.waiting), (1, 1, 1));
    let opens: Option<Timestamp> = Some(clock.now().plus(SECOND));
    assert_eq!(load.free_at, opens);
    drop((waits, lease));
    clock.advance(SECOND);
    let load = turns.load("a", &limits).await;
    assert_eq!((load.in_flight, load.calls_in_window, load.waiting), (0, 1, 0));
    assert_eq!(load.free_at, None);
}

/// Where a vendor counts every request, a turn holds a slot until it is dropped.
pub async fn a_turn_holds_a_slot_where_every_request_does(turns: &dyn Turns) {
    let limits = Limits { slot: SlotUse::Request, ..limits(Some(2), &[]) };
    let lease = turns.try_lease("a", &limits).await;
    let turn = turns.turn("a", &limits, None).await;
    assert!(lease.is_ok() && turn.is_ok());
    assert_eq!(turns.load("a", &limits).await.in_flight, 2);
    assert!(turns.try_lease("a", &limits).await.is_err(), "both slots are taken");
    let mut waits = start(turns.turn("a", &limits, None));
    assert!(now(&mut waits).await.is_none());
    drop(turn);
    assert!(matches!(now(&mut waits).await, Some(Ok(_))), "a dropped turn frees its slot");
    assert_eq!(turns.load("a", &limits).await.in_flight, 1, "so does one that nobody kept");
}

/// Where a vendor counts paid calls alone, reads wait for no window, but for a pause.
pub async fn uncounted_turns_wait_for_no_window(turns: &dyn Turns, clock: &ManualClock) {
    let limits = Limits { count_reads: false, ..limits(None, &[(60, 1)]) };
    assert!(turns.try_lease("a", &limits).await.is_ok());
    assert!(turns.try_lease("a", &limits).await.is_err(), "the window is full");
    for _ in 0..3 {
        assert!(turns.turn("a", &limits, None).await.is_ok());
    }
    turns.pause("a", clock.now().plus(SECOND)).await;
    let mut waits = start(turns.turn("a", &limits, None));
    assert!(now(&mut waits).await.is_none(), "the vendor said: slow down");
    clock.advance(SECOND);
    assert!(matches!(now(&mut waits).await, Some(Ok(_))));
    clock.advance(Duration::from_secs(60));
    assert!(turns.try_lease("a", &limits).await.is_ok(), "turns did not count");
}

/// A lease whose call was never sent leaves nothing behind, in the windows neither.
pub async fn what_was_not_sent_does_not_count(turns: &dyn Turns) {
    let limits = limits(Some(1), &[(60, 2)]);
    for _ in 0..5 {
        let lease = turns.try_lease("a", &limits).await;
        assert!(lease.is_ok(), "a call that was not sent counted");
        lease.into_iter().for_each(Lease::unsent);
    }
    assert_eq!(turns.load("a", &limits).await.calls_in_window, 0);
    for _ in 0..2 {
        drop(turns.try_lease("a", &limits).await);
    }
    assert!(turns.try_lease("a", &limits).await.is_err(), "those that were sent do");
}
