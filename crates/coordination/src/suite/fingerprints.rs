//! Checks of [`Fingerprints`].

use super::{now, start};
use crate::Fingerprints;

/// Equal attempts run side by side while nothing is lost.
pub async fn equal_attempts_run_together(prints: &dyn Fingerprints) {
    let _one = prints.enter("a", b"cat").await;
    let _two = prints.enter("a", b"cat").await;
}

/// A lost attempt waits for those in flight, and holds back new ones until it is resolved.
pub async fn a_lost_attempt_is_alone(prints: &dyn Fingerprints) {
    let one = prints.enter("a", b"cat").await;
    let other = prints.enter("a", b"cat").await;
    let lost = one.into_lost();
    let mut settled = start(lost.settled());
    let mut new = start(prints.enter("a", b"cat"));
    assert!(now(&mut settled).await.is_none(), "an equal attempt is in flight");
    assert!(now(&mut new).await.is_none(), "a recovery is pending");
    drop(other);
    assert!(now(&mut settled).await.is_some());
    assert!(now(&mut new).await.is_none(), "the recovery reads the books now");
    drop(settled);
    drop(lost);
    assert!(now(&mut new).await.is_some());
}

/// Other accounts and other work are not held back.
pub async fn only_equals_wait(prints: &dyn Fingerprints) {
    let lost = prints.enter("a", b"cat").await.into_lost();
    let _other_account = prints.enter("b", b"cat").await;
    let _other_work = prints.enter("a", b"dog").await;
    lost.settled().await;
}

/// Lost attempts do not wait for each other, however many there are.
pub async fn lost_ones_do_not_block_each_other(prints: &dyn Fingerprints) {
    let one = prints.enter("a", b"cat").await;
    let two = prints.enter("a", b"cat").await;
    let first = one.into_lost();
    let mut settled = start(first.settled());
    assert!(now(&mut settled).await.is_none());
    let second = two.into_lost();
    assert!(now(&mut settled).await.is_some(), "the last one in flight is lost too");
    second.settled().await;
    let mut new = start(prints.enter("a", b"cat"));
    drop(settled);
    drop(first);
    assert!(now(&mut new).await.is_none(), "the second is unresolved");
    drop(second);
    assert!(now(&mut new).await.is_some());
}

/// Those who wait to begin are let in together, and one that gave up is not missed.
pub async fn waiters_begin_together(prints: &dyn Fingerprints) {
    let lost = prints.enter("a", b"cat").await.into_lost();
    let mut one = start(prints.enter("a", b"cat"));
    let mut two = start(prints.enter("a", b"cat"));
    let mut gives_up = start(prints.enter("a", b"cat"));
    for waiting in [&mut one, &mut two, &mut gives_up] {
        assert!(now(waiting).await.is_none());
    }
    drop(gives_up);
    drop(lost);
    let one = now(&mut one).await;
    let two = now(&mut two).await;
    assert!(one.is_some() && two.is_some());
}

/// A waiter that sleeps through one recovery and the beginning of the next is held by the next.
pub async fn a_second_loss_holds_sleepers(prints: &dyn Fingerprints) {
    let lost = prints.enter("a", b"cat").await.into_lost();
    let mut sleeper = start(prints.enter("a", b"cat"));
    assert!(now(&mut sleeper).await.is_none());
    drop(lost);
    let lost_again = prints.enter("a", b"cat").await.into_lost();
    assert!(now(&mut sleeper).await.is_none());
    drop(lost_again);
    assert!(now(&mut sleeper).await.is_some());
}

/// What a killed process lost holds back equals as if it had been lost here.
pub async fn an_adopted_loss_counts(prints: &dyn Fingerprints) {
    let lost = prints.adopt_lost("a", b"cat").await;
    lost.settled().await;
    let mut new = start(prints.enter("a", b"cat"));
    assert!(now(&mut new).await.is_none());
    drop(lost);
    assert!(now(&mut new).await.is_some());
}
