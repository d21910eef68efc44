//! Checks of [`Quotas`]: minutes and places hold, exactly.

use std::{sync::Arc, time::Duration};

use provider::{Clock, ManualClock, Timestamp};
use tokio::task::JoinSet;

use crate::{Admission, Denied, DeniedReason, Quota, QuotaLoad, Quotas};

const SECOND: Duration = Duration::from_secs(1);

fn minute(name: &str, requests: u32) -> Quota<'_> {
    Quota { name, requests_per_minute: Some(requests), concurrent: None }
}

fn at_once(name: &str, generations: u32) -> Quota<'_> {
    Quota { name, requests_per_minute: None, concurrent: Some(generations) }
}

fn full(quota: usize, limit: u32, retry_at: Timestamp) -> Option<Denied> {
    Some(Denied { quota, reason: DeniedReason::Rate, limit, retry_at: Some(retry_at) })
}

fn busy(quota: usize, limit: u32) -> Option<Denied> {
    Some(Denied { quota, reason: DeniedReason::Concurrent, limit, retry_at: None })
}

async fn requests_left(quotas: &dyn Quotas, quota: Quota<'_>) -> Option<u32> {
    quotas.load(&quota).await.requests_left
}

/// As many in a minute as the limit says, whatever became of them; names are counted apart.
pub async fn the_minute_holds(quotas: &dyn Quotas, clock: &ManualClock) {
    let begin = clock.now();
    let team = [minute("team_1", 2)];
    assert!(quotas.admit(&team).await.is_ok());
    clock.advance(SECOND * 10);
    let under_way = quotas.admit(&team).await;
    assert!(under_way.is_ok());
    clock.advance(SECOND * 10);
    let denied = quotas.admit(&team).await.err();
    assert_eq!(denied, full(0, 2, begin.plus(SECOND * 60)));
    assert!(quotas.admit(&[minute("team_2", 2)]).await.is_ok());
    assert!(quotas.admit(&[minute("team_1/video", 2)]).await.is_ok());
}

/// In no sixty seconds are there more than the limit, wherever they begin.
pub async fn the_minute_slides(quotas: &dyn Quotas, clock: &ManualClock) {
    let team = [minute("team_1", 3)];
    let mut accepted: Vec<Timestamp> = Vec::new();
    let mut refused = 0;
    for step in 0..400_u32 {
        clock.advance(Duration::from_millis(u64::from(step * 7919 % 1500)));
        let now = clock.now();
        let inside = accepted.iter().filter(|at| now.since(**at) < SECOND * 60).count();
        match quotas.admit(&team).await {
            Ok(_) => {
                assert!(inside < 3, "one too many");
                accepted.push(now);
            }
            Err(denied) => {
                assert_eq!(inside, 3, "refused too early");
                let leaves = accepted[accepted.len() - 3].plus(SECOND * 60);
                assert_eq!(Some(denied), full(0, 3, leaves));
                refused += 1;
            }
        }
    }
    assert!(refused > 100 && accepted.len() > 10);
    clock.advance(SECOND * 60);
    assert_eq!(requests_left(quotas, team[0]).await, Some(3));
}

/// So many at once, and one more when one is over.
pub async fn places_at_once_hold(quotas: &dyn Quotas) {
    let team = [at_once("team_1", 2)];
    let first = quotas.admit(&team).await;
    let second = quotas.admit(&team).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(quotas.admit(&team).await.err(), busy(0, 2));
    drop(first);
    let third = quotas.admit(&team).await;
    assert!(third.is_ok(), "one is over");
    assert_eq!(quotas.admit(&team).await.err(), busy(0, 2));
    second.into_iter().for_each(Admission::refused);
    assert!(quotas.admit(&team).await.is_ok(), "one was refused after all");
}

/// What one quota denies counts under none of them.
pub async fn all_or_none(quotas: &dyn Quotas) {
    let both =
        |keys| [minute("team_1", 10), Quota { concurrent: Some(1), ..minute("key_1", keys) }];
    let held = quotas.admit(&both(10)).await;
    assert!(held.is_ok());
    for _ in 0..20 {
        assert_eq!(quotas.admit(&both(10)).await.err(), busy(1, 1));
        assert_eq!(quotas.admit(&both(1)).await.err().map(|denied| denied.quota), Some(1));
    }
    for quota in both(10) {
        assert_eq!(requests_left(quotas, quota).await, Some(9));
    }
    drop(held);
    let load = quotas.load(&at_once("team_1", 1)).await;
    assert_eq!(load.concurrent_left, Some(1), "nothing of those denied is under way");
}

/// Where the minute and the places are full, the minute is told: waiting for a place would not help.
/// Of several minutes the one that is full longest.
pub async fn the_minute_speaks_first(quotas: &dyn Quotas, clock: &ManualClock) {
    let asked = [
        at_once("team_1", 1),
        Quota { concurrent: Some(1), ..minute("team_2", 1) },
        minute("key_1", 1),
    ];
    let _held = quotas.admit(&asked[..2]).await;
    clock.advance(SECOND);
    let later = clock.now();
    assert_eq!(quotas.admit(&asked).await.err(), full(1, 1, later.plus(SECOND * 59)));
    assert!(quotas.admit(&asked[2..]).await.is_ok());
    assert_eq!(quotas.admit(&asked).await.err(), full(2, 1, later.plus(SECOND * 60)));
    let never = Denied { quota: 1, reason: DeniedReason::Rate, limit: 0, retry_at: None };
    let shut = [minute("key_1", 1), minute("key_2", 0), minute("key_1", 1)];
    assert_eq!(quotas.admit(&shut[..2]).await.err(), Some(never), "it never opens");
    clock.advance(SECOND * 60);
    assert_eq!(quotas.admit(&asked).await.err(), busy(0, 1));
}

/// A request that became no generation gives its minutes back, only its own place and only once.
pub async fn what_was_refused_counts_nowhere(quotas: &dyn Quotas, clock: &ManualClock) {
    let begin = clock.now();
    let team = [minute("team_1", 2), minute("key_1", 5)];
    assert!(quotas.admit(&team).await.is_ok());
    for _ in 0..5 {
        clock.advance(SECOND);
        let admitted = quotas.admit(&team).await;
        assert!(admitted.is_ok(), "a refused one counted");
        admitted.into_iter().for_each(Admission::refused);
    }
    let load = quotas.load(&team[0]).await;
    assert_eq!((load.requests_left, load.resets_at), (Some(1), Some(begin.plus(SECOND * 60))));
    assert_eq!(requests_left(quotas, team[1]).await, Some(4));
    // One that is refused when its minute has passed takes nobody else's place away.
    let late = quotas.admit(&team).await;
    clock.advance(SECOND * 60);
    assert!(quotas.admit(&team).await.is_ok());
    late.into_iter().for_each(Admission::refused);
    assert_eq!(requests_left(quotas, team[0]).await, Some(1));
}

/// A smaller limit holds for what was counted; a larger one has room at once.
pub async fn limits_change_at_any_time(quotas: &dyn Quotas, clock: &ManualClock) {
    let begin = clock.now();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.extend(quotas.admit(&[minute("team_1", 5)]).await);
        clock.advance(SECOND);
    }
    // Of five, four must leave before a limit of two has room.
    let opens = begin.plus(SECOND * 63);
    assert_eq!(quotas.admit(&[minute("team_1", 2)]).await.err(), full(0, 2, opens));
    assert!(quotas.admit(&[minute("team_1", 6)]).await.is_ok());
    // What is under way is known though it was not limited when it began.
    assert_eq!(quotas.admit(&[at_once("team_1", 5)]).await.err(), busy(0, 5));
    assert!(quotas.admit(&[at_once("team_1", 6)]).await.is_ok());
    drop(held);
    assert_eq!(quotas.load(&at_once("team_1", 6)).await.concurrent_left, Some(6));
}

/// No quota and no limit admit everything; what holds nothing ends in no harm.
pub async fn nothing_is_nothing(quotas: &dyn Quotas) {
    let open = Quota { name: "team_1", requests_per_minute: None, concurrent: None };
    for _ in 0..100 {
        assert!(quotas.admit(&[]).await.is_ok());
        assert!(quotas.admit(&[open]).await.is_ok());
    }
    drop(Admission::none());
    Admission::default().refused();
    quotas.adopt(&[]).await.refused();
    assert_eq!(quotas.load(&open).await, QuotaLoad::default());
    let shut = Quota { requests_per_minute: Some(0), concurrent: Some(0), ..open };
    assert_eq!(quotas.admit(&[shut]).await.err().map(|denied| denied.retry_at), Some(None));
    assert_eq!(quotas.admit(&[at_once("team_1", 0)]).await.err(), busy(0, 0));
}

/// What was accepted in the last minute counts on, and what was left under way holds its places.
pub async fn a_restart_forgets_nothing(quotas: &dyn Quotas, clock: &ManualClock) {
    let begin = clock.now();
    let ago = |seconds: u32| begin.minus(SECOND * seconds);
    quotas.restore("team_1", &[ago(10), ago(60), ago(50), ago(70)]).await;
    let team = Quota { concurrent: Some(2), ..minute("team_1", 2) };
    let denied = quotas.admit(&[team]).await.err();
    assert_eq!(denied, full(0, 2, begin.plus(SECOND * 10)));
    let mut adopted = Vec::new();
    for _ in 0..3 {
        adopted.push(quotas.adopt(&["team_1", "key_1"]).await);
    }
    let load = quotas.load(&team).await;
    assert_eq!((load.requests_left, load.concurrent_left), (Some(0), Some(0)));
    clock.advance(SECOND * 10);
    assert_eq!(quotas.admit(&[team]).await.err(), busy(0, 2), "adopted whatever the limit");
    adopted.truncate(1);
    adopted.into_iter().for_each(Admission::refused);
    assert!(quotas.admit(&[team]).await.is_ok());
    assert_eq!(quotas.load(&at_once("key_1", 1)).await.concurrent_left, Some(1));
    // A moment that has not come yet, by a clock that was ahead, counts for a minute from now.
    quotas.restore("team_2", &[begin.plus(SECOND * 900)]).await;
    clock.advance(SECOND * 60);
    assert_eq!(requests_left(quotas, minute("team_2", 1)).await, Some(1));
}

/// The load tells what is left, and when it gets more.
pub async fn the_load_is_told(quotas: &dyn Quotas, clock: &ManualClock) {
    let begin = clock.now();
    let team = Quota { concurrent: Some(3), ..minute("team_1", 4) };
    let untouched = QuotaLoad { requests_left: Some(4), resets_at: None, concurrent_left: Some(3) };
    assert_eq!(quotas.load(&team).await, untouched);
    let held = quotas.admit(&[team]).await;
    clock.advance(SECOND * 20);
    drop(quotas.admit(&[team]).await);
    let resets_at = Some(begin.plus(SECOND * 60));
    let load = quotas.load(&team).await;
    assert_eq!(load, QuotaLoad { requests_left: Some(2), resets_at, concurrent_left: Some(2) });
    let unlimited = Quota { requests_per_minute: None, concurrent: None, ..team };
    let load = quotas.load(&unlimited).await;
    assert_eq!((load.requests_left, load.concurrent_left), (None, None));
    drop(held);
    clock.advance(SECOND * 80);
    assert_eq!(quotas.load(&team).await, untouched);
}

/// However many ask at once, exactly as many are admitted as there are places. The runtime must have
/// several threads.
pub async fn races_admit_no_more(quotas: Arc<dyn Quotas>) {
    let mut tasks = JoinSet::new();
    for task in 0..500_usize {
        let quotas = Arc::clone(&quotas);
        tasks.spawn(async move {
            let key = format!("key_{}", task % 40);
            let asked = [
                Quota { concurrent: Some(90), ..minute("team_1", 100) },
                minute(&key, 4),
                at_once("everybody", 70),
            ];
            quotas.admit(&asked).await
        });
    }
    let mut admitted: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(admitted.len(), 70);
    assert_eq!(requests_left(&*quotas, minute("team_1", 100)).await, Some(30));
    assert_eq!(quotas.load(&at_once("team_1", 90)).await.concurrent_left, Some(20));
    let ends = admitted.split_off(35);
    let mut tasks = JoinSet::new();
    for admission in ends {
        tasks.spawn(async move { drop(admission) });
    }
    for admission in admitted {
        tasks.spawn(async move { admission.refused() });
    }
    tasks.join_all().await;
    assert_eq!(requests_left(&*quotas, minute("team_1", 100)).await, Some(65));
    assert_eq!(quotas.load(&at_once("everybody", 70)).await.concurrent_left, Some(70));
}
