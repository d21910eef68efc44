//! Checks of [`SingleFlight`].

use super::{now, start};
use crate::{CacheKey, Entered, Follow, Lead, Outcome, SingleFlight};

const CAT: CacheKey = [1; 32];
const DOG: CacheKey = [2; 32];

async fn lead(flights: &dyn SingleFlight, key: &CacheKey, name: &str) -> Lead {
    match flights.enter(key, name).await {
        Entered::Lead(lead) => lead,
        Entered::Follow(follow) => unreachable!("{follow:?} leads already"),
    }
}

async fn follow(flights: &dyn SingleFlight, key: &CacheKey, name: &str) -> Follow {
    match flights.enter(key, name).await {
        Entered::Follow(follow) => follow,
        Entered::Lead(_) => unreachable!("nobody leads"),
    }
}

fn shared(outcome: Outcome) -> String {
    match outcome {
        Outcome::Shared(answer) => String::from_utf8_lossy(&answer).into_owned(),
        other => unreachable!("{other:?}"),
    }
}

fn led(outcome: Outcome) -> Lead {
    match outcome {
        Outcome::Lead(lead) => lead,
        other => unreachable!("{other:?}"),
    }
}

/// One does it, and everybody who came meanwhile gets its answer; whoever comes later begins anew.
pub async fn one_does_it_for_all(flights: &dyn SingleFlight) {
    assert!(flights.follow(&CAT, "gen_0").await.is_none());
    let first = lead(flights, &CAT, "gen_1").await;
    let one = follow(flights, &CAT, "gen_2").await;
    let two = flights.follow(&CAT, "gen_3").await;
    let two = two.unwrap_or_else(|| unreachable!("somebody leads"));
    assert_eq!((one.leader(), two.leader()), ("gen_1", "gen_1"));
    let (mut one, mut two) = (start(one.outcome()), start(two.outcome()));
    assert!(now(&mut one).await.is_none() && now(&mut two).await.is_none());
    first.share("a cat".into());
    for waiting in [&mut one, &mut two] {
        assert_eq!(now(waiting).await.map(shared).as_deref(), Some("a cat"));
    }
    assert!(flights.follow(&CAT, "gen_4").await.is_none());
    drop(lead(flights, &CAT, "gen_5").await);
}

/// Other work is nobody's concern.
pub async fn other_work_is_another(flights: &dyn SingleFlight) {
    let cat = lead(flights, &CAT, "gen_1").await;
    let dog = lead(flights, &DOG, "gen_2").await;
    let waiting = follow(flights, &DOG, "gen_3").await;
    cat.share("a cat".into());
    let mut waiting = start(waiting.outcome());
    assert!(now(&mut waiting).await.is_none());
    dog.share("a dog".into());
    assert_eq!(now(&mut waiting).await.map(shared).as_deref(), Some("a dog"));
}

/// A leader without an answer hands over to the one that waits longest; the others follow that one.
pub async fn a_failure_is_handed_to_one(flights: &dyn SingleFlight) {
    let first = lead(flights, &CAT, "gen_1").await;
    let mut second = start(follow(flights, &CAT, "gen_2").await.outcome());
    let mut third = start(follow(flights, &CAT, "gen_3").await.outcome());
    drop(first);
    let next = now(&mut second).await.map(led);
    assert!(now(&mut third).await.is_none(), "never to two");
    let fourth = follow(flights, &CAT, "gen_4").await;
    assert_eq!(fourth.leader(), "gen_2");
    let mut fourth = start(fourth.outcome());
    drop(next);
    let next = now(&mut third).await.map(led);
    assert!(now(&mut fourth).await.is_none());
    next.unwrap_or_else(|| unreachable!("it leads")).share("a cat".into());
    assert_eq!(now(&mut fourth).await.map(shared).as_deref(), Some("a cat"));
    let last = lead(flights, &CAT, "gen_5").await;
    drop(last);
    drop(lead(flights, &CAT, "gen_6").await);
}

/// Who gave up is passed over, also when the lead was theirs already.
pub async fn those_who_gave_up_are_passed_over(flights: &dyn SingleFlight) {
    let first = lead(flights, &CAT, "gen_1").await;
    let gone = follow(flights, &CAT, "gen_2").await;
    let unread = follow(flights, &CAT, "gen_3").await;
    let mut patient = start(follow(flights, &CAT, "gen_4").await.outcome());
    drop(gone);
    drop(first);
    assert!(now(&mut patient).await.is_none());
    drop(unread);
    drop(now(&mut patient).await.map(led));
    assert!(flights.follow(&CAT, "gen_5").await.is_none(), "nobody is left");
}

/// A follower learns when its leader can be turned away no longer; the next leader begins anew.
pub async fn beginning_is_told(flights: &dyn SingleFlight) {
    let first = lead(flights, &CAT, "gen_1").await;
    let mut early = start(follow(flights, &CAT, "gen_2").await.begun());
    assert!(now(&mut early).await.is_none());
    first.begin();
    let early = now(&mut early).await.and_then(Result::ok);
    assert!(early.is_some());
    let late = follow(flights, &CAT, "gen_3").await.begun().await;
    let late = late.unwrap_or_else(|outcome| unreachable!("{outcome:?}"));

    // Turned away: the next one leads, and has not begun.
    drop(first);
    let mut early = start(early.unwrap_or_else(|| unreachable!()).outcome());
    let second = now(&mut early).await.map(led).unwrap_or_else(|| unreachable!("it leads"));
    let mut newcomer = start(follow(flights, &CAT, "gen_4").await.begun());
    assert!(now(&mut newcomer).await.is_none());
    // One that follows a leader who never begins learns what comes of it all the same.
    let mut late = start(late.outcome());
    second.share("a cat".into());
    assert_eq!(now(&mut late).await.map(shared).as_deref(), Some("a cat"));
    let told = now(&mut newcomer).await.and_then(Result::err);
    assert_eq!(told.map(shared).as_deref(), Some("a cat"));
}
