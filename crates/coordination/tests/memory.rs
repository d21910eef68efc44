//! The suite over the implementation for one process, and what is this implementation's own.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use coordination::{
    BreakerRule, Fingerprints, Lease, Share, Turns,
    memory::{
        MemoryBreakers, MemoryCache, MemoryFingerprints, MemoryGuard, MemoryLots, MemoryQuotas,
        MemorySingleFlight, MemoryTurns,
    },
    suite,
};
use proptest::prelude::*;
use provider::{Clock, Entropy, Limits, ManualClock, RateWindow, SlotUse, SystemClock, Timestamp};

/// Where it makes no difference whose leases they are.
const ANY: Share<'_> = Share { team: "team_1", weight: 1 };

fn turns() -> (MemoryTurns, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    (MemoryTurns::new(Arc::new(clock.clone()), Duration::ZERO), clock)
}

fn lots() -> (MemoryLots, ManualClock) {
    // Noon of 14 November 2026.
    let clock = ManualClock::at(Timestamp::from_millis(1_794_657_600_000));
    (MemoryLots::new(Arc::new(clock.clone())), clock)
}

fn guard() -> (MemoryGuard, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    (MemoryGuard::new(Arc::new(clock.clone())), clock)
}

/// Randomness that is always the same.
#[derive(Debug)]
struct Same(u8);

impl Entropy for Same {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

/// Breakers whose rests are as long as they get, but for a hair.
fn breakers() -> (MemoryBreakers, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let (shared, entropy) = (Arc::new(clock.clone()), Arc::new(Same(255)));
    (MemoryBreakers::new(shared, entropy, BreakerRule::USUAL), clock)
}

fn cache() -> (MemoryCache, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let idle = Some(Duration::from_secs(3600));
    (MemoryCache::new(Arc::new(clock.clone()), 1 << 20, idle), clock)
}

fn quotas() -> (MemoryQuotas, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    (MemoryQuotas::new(Arc::new(clock.clone())), clock)
}

macro_rules! checks {
    ($($room:ident($make:expr) { $($check:ident($($argument:tt)*);)* })*) => {$(mod $room {
        use super::*;
        $(
            #[tokio::test]
            async fn $check() {
                let made = $make;
                checks!(@call $room $check made $($argument)*);
            }
        )*
    })*};
    (@call $room:ident $check:ident $made:ident $it:ident, clock) => {
        suite::$room::$check(&$made.0, &$made.1).await
    };
    (@call $room:ident $check:ident $made:ident $it:ident) => {
        suite::$room::$check(&$made.0).await
    };
}

checks! {
    turns(turns()) {
        slots_hold(turns);
        windows_slide(turns, clock);
        waiting_is_fair(turns);
        windows_wake(turns, clock);
        deadlines_end_waiting(turns, clock);
        leaving_passes_on(turns);
        leases_go_first(turns, clock);
        turns_need_no_slot(turns);
        a_turn_holds_a_slot_where_every_request_does(turns);
        what_was_not_sent_does_not_count(turns);
        uncounted_turns_wait_for_no_window(turns, clock);
        a_pause_holds(turns, clock);
        a_restart_forgets_nothing(turns, clock);
        an_adopted_slot_lets_turns_go(turns, clock);
        the_load_is_told(turns, clock);
    }
    shares(turns()) {
        a_large_team_keeps_nobody_waiting(turns);
        weights_divide_the_slot(turns);
        a_newcomer_waits_for_one_of_each_team(turns);
        equal_teams_take_turns(turns);
        a_team_is_served_in_order(turns);
        idling_earns_nothing(turns);
        those_who_gave_up_cost_nothing(turns);
        a_deadline_costs_nothing(turns, clock);
        an_open_account_is_nobodys(turns);
        windows_are_shared_too(turns, clock);
    }
    quotas(quotas()) {
        the_minute_holds(quotas, clock);
        the_minute_slides(quotas, clock);
        places_at_once_hold(quotas);
        all_or_none(quotas);
        the_minute_speaks_first(quotas, clock);
        what_was_refused_counts_nowhere(quotas, clock);
        limits_change_at_any_time(quotas, clock);
        nothing_is_nothing(quotas);
        a_restart_forgets_nothing(quotas, clock);
        the_load_is_told(quotas, clock);
    }
    cache(cache()) {
        answers_are_kept(cache, clock);
        what_is_revoked_does_not_come_back(cache, clock);
        answers_end_with_their_moment(cache, clock);
        idle_answers_are_forgotten(cache, clock);
        answers_are_revoked(cache, clock);
        the_nearest_is_found(cache, clock);
    }
    single((MemorySingleFlight::default(),)) {
        one_does_it_for_all(it);
        other_work_is_another(it);
        a_failure_is_handed_to_one(it);
        those_who_gave_up_are_passed_over(it);
        beginning_is_told(it);
    }
    fingerprints((MemoryFingerprints::default(),)) {
        equal_attempts_run_together(it);
        a_lost_attempt_is_alone(it);
        only_equals_wait(it);
        lost_ones_do_not_block_each_other(it);
        waiters_begin_together(it);
        a_second_loss_holds_sleepers(it);
        an_adopted_loss_counts(it);
    }
    lots(lots()) {
        a_day_holds(lots, clock);
        a_month_holds(lots, clock);
        races_take_no_more(lots);
        attempts_count_once(lots);
        ends_are_kept_apart(lots);
        freed_units_go_where_they_came_from(lots, clock);
        overage_is_bought(lots, clock);
        money_carries_over(lots, clock);
        the_larger_count_holds(lots, clock);
        a_smaller_count_clears_doubts(lots, clock);
        overage_elsewhere_is_spent(lots, clock);
        the_vendors_calendar_counts(lots, clock);
        the_smaller_limit_holds(lots, clock);
        a_restart_forgets_nothing(lots, clock);
    }
    breakers(breakers()) {
        a_row_of_failures_opens(breakers, clock);
        a_share_of_the_window_opens(breakers, clock);
        what_is_not_judged_does_not_count(breakers);
        one_probe_at_a_time(breakers, clock);
        a_probe_that_goes_well_closes(breakers, clock);
        rests_double_up_to_the_longest(breakers, clock);
        a_flickering_vendor_rests_longer(breakers, clock);
        the_vendors_word_lengthens_a_rest(breakers, clock);
        late_ends_say_nothing(breakers, clock);
        who_waits_is_woken(breakers, clock);
        the_load_is_told(breakers, clock);
    }
    guard(guard()) {
        an_unbroken_team_rests(guard, clock);
        a_fine_attempt_breaks_the_row(guard);
        teams_with_rejections_stop_first(guard, clock);
        an_account_stops_for_everybody(guard, clock);
        later_parts_of_the_window_are_safe(guard, clock);
        first_attempts_wait_for_nothing(guard);
        a_fine_end_lets_go(guard);
        a_rejected_end_refuses(guard, clock);
        waiting_is_fair(guard);
        moments_are_the_safe_ones(guard, clock);
        a_restart_forgets_nothing(guard, clock);
    }
}

#[tokio::test]
async fn fingerprints_are_forgotten_when_over() {
    let prints = MemoryFingerprints::default();
    let flight = prints.enter("a", b"cat").await;
    let lost = prints.enter("a", b"cat").await.into_lost();
    assert_eq!(prints.tracked(), 1);
    drop(flight);
    drop(lost);
    assert_eq!(prints.tracked(), 0);
}

#[tokio::test]
async fn the_margin_lengthens_windows() {
    let clock = ManualClock::at(Timestamp::from_millis(0));
    let turns = MemoryTurns::new(Arc::new(clock.clone()), Duration::from_millis(20));
    let window = RateWindow { span: Duration::from_millis(100), calls: 1 };
    let limits = Limits { windows: vec![window], ..Limits::none(Duration::ZERO) };
    drop(turns.turn("a", &limits, None).await.unwrap());
    let busy = turns.try_lease("a", &limits).await.unwrap_err();
    assert_eq!(busy.retry_at, Some(Timestamp::from_millis(120)));
}

/// Many tasks on many threads: never more at once than slots, and everybody is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_is_served_within_the_slots() {
    let turns = Arc::new(MemoryTurns::new(Arc::new(SystemClock), Duration::ZERO));
    let limits = Arc::new(Limits {
        concurrent: Some(5),
        slot: SlotUse::Job,
        windows: vec![RateWindow { span: Duration::from_millis(2), calls: 50 }],
        ..Limits::none(Duration::ZERO)
    });
    let at_once = Arc::new(AtomicU32::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..600_u32 {
        let (turns, limits, at_once) =
            (Arc::clone(&turns), Arc::clone(&limits), Arc::clone(&at_once));
        tasks.spawn(async move {
            if number % 3 == 0 {
                drop(turns.turn("a", &limits, None).await.unwrap());
                return;
            }
            let lease = turns.lease("a", &limits, ANY, None).await.unwrap();
            assert!(at_once.fetch_add(1, Ordering::SeqCst) < 5);
            tokio::task::yield_now().await;
            at_once.fetch_sub(1, Ordering::SeqCst);
            drop(lease);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let load = turns.load("a", &limits).await;
    assert_eq!((load.in_flight, load.waiting), (0, 0));
}

type Asked<'a> = Pin<Box<dyn Future<Output = Option<Lease>> + Send + 'a>>;

#[derive(Debug, Clone)]
enum Step {
    Lease,
    Turn,
    GiveUp(usize),
    Free(usize),
    Advance(u64),
    Pause(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Lease),
        3 => Just(Step::Turn),
        1 => any::<usize>().prop_map(Step::GiveUp),
        3 => any::<usize>().prop_map(Step::Free),
        4 => (1_u64..400).prop_map(Step::Advance),
        1 => (1_u64..400).prop_map(Step::Pause),
    ]
}

/// Polls every waiter that was asked for, in the given order, until nobody moves any more.
async fn settle(waiting: &mut Vec<Asked<'_>>, held: &mut Vec<Lease>) -> usize {
    let mut served = 0;
    loop {
        let before = waiting.len();
        let mut still = Vec::new();
        for mut asked in waiting.drain(..) {
            let polled = poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx))).await;
            match polled {
                Poll::Ready(lease) => held.extend(lease),
                Poll::Pending => still.push(asked),
            }
        }
        *waiting = still;
        served += before - waiting.len();
        if waiting.len() == before {
            return served;
        }
    }
}

proptest! {
    /// Whatever happens in whatever order: slots and windows hold, nobody waits while the account
    /// is free, and in the end everybody is served.
    #[test]
    fn limits_hold_and_nobody_is_forgotten(
        steps in prop::collection::vec(step(), 1..80),
        slots in 1_u32..4,
        calls in 1_u32..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (turns, clock) = turns();
            let span = Duration::from_millis(500);
            let limits = Limits {
                concurrent: Some(slots),
                slot: SlotUse::Job,
                windows: vec![RateWindow { span, calls }],
                ..Limits::none(Duration::ZERO)
            };
            let mut waiting: Vec<Asked<'_>> = Vec::new();
            let mut held: Vec<Lease> = Vec::new();
            let mut sent: Vec<Timestamp> = Vec::new();
            let lease = || async { turns.lease("a", &limits, ANY, None).await.ok() };
            let turn = || async { turns.turn("a", &limits, None).await.ok().and(None::<Lease>) };
            for step in steps {
                match step {
                    Step::Lease => waiting.push(Box::pin(lease())),
                    Step::Turn => waiting.push(Box::pin(turn())),
                    Step::GiveUp(n) if !waiting.is_empty() => {
                        drop(waiting.remove(n % waiting.len()));
                    }
                    Step::Free(n) if !held.is_empty() => drop(held.remove(n % held.len())),
                    Step::Advance(millis) => clock.advance(Duration::from_millis(millis)),
                    Step::Pause(millis) => {
                        turns.pause("a", clock.now().plus(Duration::from_millis(millis))).await;
                    }
                    Step::GiveUp(_) | Step::Free(_) => {}
                }
                let served = settle(&mut waiting, &mut held).await;
                sent.extend(std::iter::repeat_n(clock.now(), served));
                let recent = sent.iter().filter(|at| at.plus(span) > clock.now()).count();
                prop_assert!(recent <= usize::try_from(calls).unwrap(), "{} calls", recent);
                prop_assert!(held.len() <= usize::try_from(slots).unwrap());
                let load = turns.load("a", &limits).await;
                prop_assert_eq!(load.waiting, waiting.len());
                let free = load.free_at.is_none() && held.len() < usize::try_from(slots).unwrap();
                prop_assert!(!free || waiting.is_empty(), "waiting at a free account");
            }
            for _ in 0..200 {
                held.clear();
                clock.advance(span);
                settle(&mut waiting, &mut held).await;
            }
            prop_assert!(waiting.is_empty(), "{} never served", waiting.len());
            Ok(())
        })?;
    }
}
