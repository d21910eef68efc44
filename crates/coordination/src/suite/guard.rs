//! Checks of [`Guard`]: it stops where it must, waits where it may, and lets go again.
#![expect(clippy::panic, reason = "a check that cannot go on has failed")]

use std::time::Duration;

use provider::{Clock, ManualClock, SafetyRule, Share, Timestamp};

use super::{Waiting, now, start};
use crate::{Guard, Judged, Stopped, Watched};

const MINUTE: Duration = Duration::from_secs(60);

/// Half of at least ten within half an hour, and lines before it.
const RULE: SafetyRule = SafetyRule {
    span: Duration::from_secs(30 * 60),
    team: Share { percent: 30, least: 6 },
    account: Share { percent: 45, least: 8 },
    vendor: Share { percent: 50, least: 10 },
    unbroken: 3,
};

async fn enter(guard: &dyn Guard, team: &str) -> Result<Watched, Stopped> {
    let mut entering: Waiting<'_, _> = start(guard.enter("a", &RULE, team));
    let entered = now(&mut entering).await;
    entered.unwrap_or_else(|| panic!("{team} waits"))
}

async fn send(guard: &dyn Guard, team: &str, verdicts: &[bool]) {
    for rejected in verdicts {
        let watched = enter(guard, team).await;
        watched.unwrap_or_else(|stopped| panic!("{team}: {stopped}")).judged(*rejected);
    }
}

async fn look(guard: &dyn Guard, team: &str) -> Option<Stopped> {
    guard.look("a", &RULE, team).await.err()
}

fn stopped(until: Timestamp, whole: bool) -> Option<Stopped> {
    Some(Stopped { until, whole })
}

/// A team that sends nothing but rejected work takes a rest, and the others go on.
pub async fn an_unbroken_team_rests(guard: &dyn Guard, clock: &ManualClock) {
    let begin = clock.now();
    send(guard, "bad", &[true]).await;
    clock.advance(MINUTE);
    send(guard, "bad", &[true, true]).await;
    let rests = stopped(begin.plus(RULE.span), false);
    assert_eq!(look(guard, "bad").await, rests);
    assert_eq!(enter(guard, "bad").await.err(), rests);
    assert_eq!(guard.look("b", &RULE, "bad").await, Ok(()), "accounts share nothing");
    send(guard, "good", &[false; 20]).await;
    let load = guard.load("a", &RULE).await;
    assert_eq!((load.attempts, load.rejected, load.in_flight), (23, 3, 0));
    assert_eq!(load.stopped_until, None);
    assert_eq!(load.stopped_teams, [("bad".to_owned(), begin.plus(RULE.span))]);
    clock.advance(RULE.span - MINUTE);
    assert_eq!(look(guard, "bad").await, None, "the first has left the window");
    send(guard, "bad", &[true]).await;
    assert_eq!(look(guard, "bad").await, stopped(begin.plus(RULE.span + MINUTE), false));
}

/// Something fine breaks the row.
pub async fn a_fine_attempt_breaks_the_row(guard: &dyn Guard) {
    send(guard, "team", &[true, true, false, true]).await;
    assert_eq!(look(guard, "team").await, None);
}

/// From the teams' line on, those with a rejection are stopped and the others are not.
pub async fn teams_with_rejections_stop_first(guard: &dyn Guard, clock: &ManualClock) {
    let begin = clock.now();
    send(guard, "good", &[false, false, false]).await;
    clock.advance(MINUTE);
    send(guard, "mixed", &[false, true, true]).await;
    // Once the three first ones have left, there are too few to tell.
    assert_eq!(look(guard, "mixed").await, stopped(begin.plus(RULE.span), false));
    send(guard, "good", &[false]).await;
    assert_eq!(look(guard, "mixed").await, None, "2 of 7");
}

/// From the account's line on, everybody is stopped.
pub async fn an_account_stops_for_everybody(guard: &dyn Guard, clock: &ManualClock) {
    let begin = clock.now();
    for team in 0..8 {
        clock.advance(MINUTE);
        send(guard, &team.to_string(), &[team % 2 == 0]).await;
    }
    let until = stopped(begin.plus(RULE.span + MINUTE), true);
    assert_eq!(look(guard, "new").await, until);
    assert_eq!(look(guard, "1").await, until);
    assert_eq!(enter(guard, "new").await.err(), until);
    let load = guard.load("a", &RULE).await;
    assert_eq!(load.stopped_until, until.map(|stopped| stopped.until));
    clock.advance(RULE.span - MINUTE * 7);
    assert_eq!(look(guard, "new").await, None, "it recovers");
}

/// The window slides: what is fine leaves it before newer rejections do, and even then the vendor's
/// line is not passed. The last place before it is not for a team with rejections.
pub async fn later_parts_of_the_window_are_safe(guard: &dyn Guard, clock: &ManualClock) {
    let begin = clock.now();
    send(guard, "good", &[false; 40]).await;
    clock.advance(MINUTE);
    send(guard, "mixed", &[false, true, true, true, true]).await;
    // Of the last ten that will be left of these, six would be rejected were two more.
    let until = begin.plus(RULE.span + MINUTE);
    assert_eq!(look(guard, "mixed").await, stopped(until, false));
    send(guard, "good", &[false]).await;
    send(guard, "other", &[true]).await;
    assert_eq!(look(guard, "good").await, stopped(until, true));
    assert_eq!(guard.load("a", &RULE).await.stopped_until, Some(until));
    clock.advance(RULE.span);
    assert_eq!(look(guard, "good").await, None, "it recovers");
}

/// A team whose first attempts are only in flight waits for nothing.
pub async fn first_attempts_wait_for_nothing(guard: &dyn Guard) {
    let mut flying = Vec::new();
    for _ in 0..5 {
        flying.push(enter(guard, "new").await);
    }
    assert!(flying.iter().all(Result::is_ok));
    assert_eq!(guard.load("a", &RULE).await.in_flight, 5);
}

/// Where only attempts in flight stand in the way, it waits for them: a fine end lets it go.
pub async fn a_fine_end_lets_go(guard: &dyn Guard) {
    send(guard, "team", &[true]).await;
    let first = enter(guard, "team").await;
    let second = enter(guard, "team").await;
    let mut waits = start(guard.enter("a", &RULE, "team"));
    assert!(now(&mut waits).await.is_none(), "all three may be rejected");
    assert_eq!(look(guard, "team").await, None, "for planning they are fine");
    assert!(enter(guard, "other").await.is_ok(), "others do not wait behind it");
    drop(second);
    let third = now(&mut waits).await;
    assert!(matches!(third, Some(Ok(_))), "one was not judged: there is room");
    let mut waits = start(guard.enter("a", &RULE, "team"));
    assert!(now(&mut waits).await.is_none());
    if let Ok(first) = first {
        first.judged(false);
    }
    assert!(matches!(now(&mut waits).await, Some(Ok(_))), "the row is broken");
}

/// Who waits for an end that is a rejection is refused.
pub async fn a_rejected_end_refuses(guard: &dyn Guard, clock: &ManualClock) {
    send(guard, "team", &[true, true]).await;
    let flying = enter(guard, "team").await;
    let mut waits = start(guard.enter("a", &RULE, "team"));
    assert!(now(&mut waits).await.is_none());
    clock.advance(MINUTE);
    let until = clock.now().plus(RULE.span).minus(MINUTE);
    if let Ok(flying) = flying {
        flying.judged(true);
    }
    let refused = now(&mut waits).await.and_then(Result::err);
    assert_eq!(refused, stopped(until, false), "when the first of the three leaves");
}

/// Those who wait go in the order of asking, as far as there is room, and who gives up passes on.
pub async fn waiting_is_fair(guard: &dyn Guard) {
    let mut flying = Vec::new();
    for team in 0..5 {
        flying.push(enter(guard, &team.to_string()).await.ok());
    }
    let mut first = start(guard.enter("a", &RULE, "first"));
    let mut second = start(guard.enter("a", &RULE, "second"));
    let mut third = start(guard.enter("a", &RULE, "third"));
    for waiting in [&mut first, &mut second, &mut third] {
        assert!(now(waiting).await.is_none(), "six of ten might be rejected");
    }
    drop(flying.pop());
    assert!(now(&mut third).await.is_none() && now(&mut second).await.is_none());
    drop(first);
    assert!(now(&mut third).await.is_none(), "the place is the second one's");
    let entered = now(&mut second).await;
    assert!(matches!(entered, Some(Ok(_))));
    assert!(now(&mut third).await.is_none());
    drop(second);
    drop(entered);
    assert!(matches!(now(&mut third).await, Some(Ok(_))));
    drop((third, flying));
    assert_eq!(guard.load("a", &RULE).await.in_flight, 0);
}

/// A rejection counts from its verdict on, a fine attempt from its sending.
pub async fn moments_are_the_safe_ones(guard: &dyn Guard, clock: &ManualClock) {
    let begin = clock.now();
    let (fine, bad) = (enter(guard, "one").await, enter(guard, "two").await);
    clock.advance(MINUTE);
    for (watched, rejected) in [(fine, false), (bad, true)] {
        if let Ok(watched) = watched {
            watched.judged(rejected);
        }
    }
    clock.advance(begin.plus(RULE.span).since(clock.now()));
    let load = guard.load("a", &RULE).await;
    assert_eq!((load.attempts, load.rejected), (1, 1));
    clock.advance(MINUTE);
    assert_eq!(guard.load("a", &RULE).await.attempts, 0);
}

/// After a restart, verdicts count on and attempts in flight can be judged.
pub async fn a_restart_forgets_nothing(guard: &dyn Guard, clock: &ManualClock) {
    let begin = clock.now();
    let judged = |minutes, rejected| Judged {
        team: "team".to_owned(),
        at: begin.minus(MINUTE * minutes),
        rejected,
    };
    guard.restore("a", &[judged(1, true), judged(29, true), judged(31, false)]).await;
    let flying = guard.adopt("a", "team", begin.minus(MINUTE * 2)).await;
    let load = guard.load("a", &RULE).await;
    assert_eq!((load.attempts, load.rejected, load.in_flight), (2, 2, 1));
    let mut waits = start(guard.enter("a", &RULE, "team"));
    assert!(now(&mut waits).await.is_none());
    flying.judged(true);
    let refused = now(&mut waits).await.and_then(Result::err);
    assert_eq!(refused, stopped(begin.plus(MINUTE), false));
}
