//! Checks of [`Breakers`] by [`BreakerRule::USUAL`]: they open where they must, let one probe through
//! at a time, and close again.
#![expect(clippy::panic, reason = "a check that cannot go on has failed")]

use std::time::Duration;

use provider::{Clock, ManualClock, Timestamp};

use super::{Waiting, now, start};
use crate::{BreakerRule, Breakers, Did, Lane, Open, Permit, Turned};

const RULE: BreakerRule = BreakerRule::USUAL;
const LANE: Lane<'static> = Lane { account: "a/main", model: "one" };
const BADLY: Did = Did::Badly { rest: None };

async fn enter(breakers: &dyn Breakers) -> Permit {
    breakers.enter(LANE).await.unwrap_or_else(|open| panic!("{open}"))
}

async fn send(breakers: &dyn Breakers, ends: &[Did]) -> Option<Turned> {
    let mut last = None;
    for did in ends {
        last = enter(breakers).await.judged(*did);
    }
    last
}

/// Opens the breaker; answers until when.
async fn open(breakers: &dyn Breakers) -> Timestamp {
    match send(breakers, &[BADLY; 5]).await {
        Some(Turned::Opened(Open { until: Some(until), .. })) => until,
        other => panic!("{other:?}"),
    }
}

fn sleep_until(clock: &ManualClock, at: Timestamp) {
    clock.advance(at.since(clock.now()));
}

/// Five failures in a row open it, four do not, and other models and accounts go on.
pub async fn a_row_of_failures_opens(breakers: &dyn Breakers, clock: &ManualClock) {
    assert_eq!(send(breakers, &[BADLY; 4]).await, None);
    assert_eq!(send(breakers, &[Did::Well]).await, None);
    assert_eq!(send(breakers, &[BADLY; 4]).await, None);
    assert_eq!(breakers.look(LANE), Ok(()), "something good broke the row");
    let Some(Turned::Opened(open)) = send(breakers, &[BADLY]).await else {
        panic!("five in a row");
    };
    assert_eq!(open.since, clock.now());
    assert_eq!(breakers.look(LANE), Err(open));
    assert_eq!(breakers.enter(LANE).await.err(), Some(open));
    assert_eq!(breakers.look(Lane { model: "two", ..LANE }), Ok(()));
    assert_eq!(breakers.look(Lane { account: "a/spare", ..LANE }), Ok(()));
}

/// Half of the window's failures open it though good ones lie between; those of an earlier window are
/// forgotten.
pub async fn a_share_of_the_window_opens(breakers: &dyn Breakers, clock: &ManualClock) {
    for _ in 0..9 {
        assert_eq!(send(breakers, &[BADLY, Did::Well]).await, None);
    }
    clock.advance(RULE.span);
    for _ in 0..9 {
        assert_eq!(send(breakers, &[BADLY, Did::Well]).await, None, "too few");
    }
    assert_eq!(send(breakers, &[Did::Well]).await, None, "9 of 19");
    assert!(matches!(send(breakers, &[BADLY]).await, Some(Turned::Opened(_))), "10 of 20");
}

/// What never came to the vendor, or was not its fault, is dropped and says nothing.
pub async fn what_is_not_judged_does_not_count(breakers: &dyn Breakers) {
    assert_eq!(send(breakers, &[BADLY; 4]).await, None);
    for _ in 0..10 {
        drop(enter(breakers).await);
    }
    assert_eq!(breakers.look(LANE), Ok(()));
    assert!(matches!(send(breakers, &[BADLY]).await, Some(Turned::Opened(_))), "still a row");
}

/// After the rest one is let in and nobody else, until it is over; one that was not judged makes room
/// for the next.
pub async fn one_probe_at_a_time(breakers: &dyn Breakers, clock: &ManualClock) {
    let since = clock.now();
    let until = open(breakers).await;
    clock.advance(until.since(since) - Duration::from_millis(1));
    assert_eq!(breakers.look(LANE), Err(Open { since, until: Some(until) }));
    clock.advance(Duration::from_millis(1));
    assert_eq!(breakers.look(LANE), Ok(()));
    let probe = enter(breakers).await;
    assert!(probe.is_probe());
    let trying = Open { since, until: None };
    assert_eq!(breakers.look(LANE), Err(trying));
    assert_eq!(breakers.enter(LANE).await.err(), Some(trying));
    drop(probe);
    let next = enter(breakers).await;
    assert!(next.is_probe());
    assert_eq!(breakers.enter(LANE).await.err(), Some(trying));
    drop(next);
}

/// A probe that the vendor does well closes it, with nothing left of what was before.
pub async fn a_probe_that_goes_well_closes(breakers: &dyn Breakers, clock: &ManualClock) {
    sleep_until(clock, open(breakers).await);
    assert_eq!(enter(breakers).await.judged(Did::Well), Some(Turned::Closed));
    let (one, two) = (enter(breakers).await, enter(breakers).await);
    assert!(!one.is_probe() && !two.is_probe());
    assert_eq!(send(breakers, &[BADLY; 4]).await, None, "the row begins anew");
    drop((one, two));
}

/// Each probe that fails doubles the rest, which is at least half of its span and never longer than the
/// longest.
pub async fn rests_double_up_to_the_longest(breakers: &dyn Breakers, clock: &ManualClock) {
    let since = clock.now();
    let mut until = open(breakers).await;
    let mut whole = RULE.rest;
    for _ in 0..10 {
        let rest = until.since(clock.now());
        assert!(whole / 2 <= rest && rest <= whole, "{rest:?} of {whole:?}");
        sleep_until(clock, until);
        let Some(Turned::StillOpen(open)) = enter(breakers).await.judged(BADLY) else {
            panic!("it failed");
        };
        assert_eq!(open.since, since, "it never worked in between");
        until = open.until.unwrap_or_else(|| panic!("no probe is under way"));
        whole = (whole * 2).min(RULE.longest_rest);
    }
    assert_eq!(whole, RULE.longest_rest);
}

/// One that opens again soon after it closed goes on doubling; after a calm window it begins anew.
pub async fn a_flickering_vendor_rests_longer(breakers: &dyn Breakers, clock: &ManualClock) {
    for nth in 0..4 {
        let until = open(breakers).await;
        let rest = until.since(clock.now());
        assert!(rest >= RULE.rest * 2_u32.pow(nth) / 2, "{nth}: {rest:?}");
        sleep_until(clock, until);
        assert_eq!(enter(breakers).await.judged(Did::Well), Some(Turned::Closed));
    }
    clock.advance(RULE.span);
    assert!(open(breakers).await.since(clock.now()) <= RULE.rest);
}

/// A vendor that says when to come back is not asked before.
pub async fn the_vendors_word_lengthens_a_rest(breakers: &dyn Breakers, clock: &ManualClock) {
    send(breakers, &[BADLY; 4]).await;
    let told = RULE.rest * 5;
    let turned = send(breakers, &[Did::Badly { rest: Some(told) }]).await;
    let until = clock.now().plus(told);
    let open = Open { since: clock.now(), until: Some(until) };
    assert_eq!(turned, Some(Turned::Opened(open)));
}

/// What was under way when it opened or closed neither opens nor closes it, good or bad.
pub async fn late_ends_say_nothing(breakers: &dyn Breakers, clock: &ManualClock) {
    let mut under_way = Vec::new();
    for _ in 0..12 {
        under_way.push(enter(breakers).await);
    }
    let until = open(breakers).await;
    let mut end = |did| under_way.pop().and_then(|permit| permit.judged(did));
    assert_eq!([end(Did::Well), end(BADLY)], [None, None]);
    assert!(breakers.look(LANE).is_err());
    sleep_until(clock, until);
    let probe = enter(breakers).await;
    assert_eq!([end(Did::Well), end(BADLY)], [None, None]);
    assert!(breakers.look(LANE).is_err(), "the probe decides");
    assert_eq!(probe.judged(Did::Well), Some(Turned::Closed));
    for _ in 0..8 {
        assert_eq!(end(BADLY), None);
    }
    assert_eq!(breakers.look(LANE), Ok(()));
}

/// Who waits for an open one is woken when a probe may go, and again when the probe is over.
pub async fn who_waits_is_woken(breakers: &dyn Breakers, clock: &ManualClock) {
    let mut nothing: Waiting<'_, ()> = start(breakers.ready(LANE));
    assert_eq!(now(&mut nothing).await, Some(()), "it is closed");
    let until = open(breakers).await;
    let (mut one, mut two) = (start(breakers.ready(LANE)), start(breakers.ready(LANE)));
    assert_eq!((now(&mut one).await, now(&mut two).await), (None, None));
    sleep_until(clock, until);
    assert_eq!(now(&mut one).await, Some(()));
    let probe = enter(breakers).await;
    assert_eq!(now(&mut two).await, None, "somebody else tries it");
    drop(probe);
    assert_eq!(now(&mut two).await, Some(()), "not judged: the next may try");
    let probe = enter(breakers).await;
    let mut three: Waiting<'_, ()> = start(breakers.ready(LANE));
    assert_eq!(now(&mut three).await, None);
    probe.judged(BADLY);
    assert_eq!(now(&mut three).await, None, "it rests again");
    clock.advance(RULE.longest_rest);
    assert_eq!(now(&mut three).await, Some(()));
}

/// What operators see: only what something is known of.
pub async fn the_load_is_told(breakers: &dyn Breakers, clock: &ManualClock) {
    assert!(breakers.load(LANE.account).is_empty());
    send(breakers, &[Did::Well, BADLY]).await;
    let load = breakers.load(LANE.account);
    let line = load.first().map(|load| (load.model.as_str(), load.open, load.judged, load.failed));
    assert_eq!((load.len(), line), (1, Some((LANE.model, None, 2, 1))));
    let since = clock.now();
    send(breakers, &[BADLY; 4]).await;
    let stands = |breakers: &dyn Breakers| breakers.load(LANE.account).pop().and_then(|l| l.open);
    let open = stands(breakers).unwrap_or_else(|| panic!("it is open"));
    assert_eq!(open.since, since);
    clock.advance(RULE.span);
    assert_eq!(stands(breakers), Some(open), "half-open and untried");
    let probe = enter(breakers).await;
    assert_eq!(stands(breakers), Some(Open { since, until: None }));
    probe.judged(Did::Well);
    assert!(breakers.load(LANE.account).is_empty());
}
