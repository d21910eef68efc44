//! A queued job from its ticket to its end. Where a vendor answers at once, each check demands that the
//! adapter refuses to be asked for a job.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use provider::{Blame, Error, ErrorKind, Polled, Recovery, Retry, Ticket};

use super::{
    honesty::{refuses, stray},
    lifecycle::is_good,
    secrets::WORDS,
};
use crate::{Answer, Ending, Fixture, Queue, stage::Stage};

/// The fixture's queue, or the adapter's refusal to know one.
pub(super) async fn queue_of<F: Fixture>(fixture: &F) -> Option<Queue> {
    let stage = Stage::good(fixture);
    if stage.ticket().await.is_some() {
        return Some(fixture.queue().expect("a vendor with a queue describes it"));
    }
    println!("no queue: the adapter must refuse to poll and to cancel");
    refuses(&stage, stage.provider.poll(stage.call(), &stray()).await);
    refuses(&stage, stage.provider.cancel(stage.call(), &stray()).await);
    None
}

/// A vendor whose polls are all answered so, and the ticket of a job there.
async fn polls_get<F: Fixture>(fixture: &F, queue: &Queue, instead: Answer) -> (Stage, Ticket) {
    let is_poll = queue.is_poll;
    let stage = Stage::scripted(
        fixture,
        move |request, answer| {
            if is_poll(request) { instead.clone() } else { answer }
        },
    );
    let ticket = stage.ticket().await.expect("a ticket");
    (stage, ticket)
}

async fn poll_fails(stage: &Stage, ticket: &Ticket) -> Error {
    match stage.provider.poll(stage.call(), ticket).await {
        Ok(polled) => panic!("the poll should have failed: {polled:?}"),
        Err(error) => error,
    }
}

/// While the job goes on nothing but what the vendor tells is told; its end stays its end.
pub async fn job_is_followed_to_its_end(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    let (is_poll, going) = (queue.is_poll, queue.going.clone());
    let polls = Arc::new(AtomicUsize::new(0));
    let stage = Stage::scripted(fixture, move |request, answer| {
        if !is_poll(request) {
            return answer;
        }
        let index = polls.fetch_add(1, Ordering::SeqCst);
        going.get(index).map_or(answer, |(going, _)| going.clone())
    });
    let ticket = stage.ticket().await.expect("a ticket");
    assert_eq!(ticket.reference, fixture.reference());
    assert!(ticket.look_after > Duration::ZERO, "nobody is asked without a pause");
    assert!(!queue.going.is_empty(), "no state of work that goes on");
    for (answer, told) in &queue.going {
        let polled = stage.provider.poll(stage.call(), &ticket).await.expect("a poll");
        match polled {
            Polled::Running { look_after, progress } => {
                assert_eq!(progress, *told, "{answer:?}");
                assert!(look_after > Duration::ZERO, "nobody is asked without a pause");
            }
            Polled::Finished(finished) => panic!("not yet: {finished:?}"),
        }
    }
    let ended = stage.provider.poll(stage.call(), &ticket).await.expect("a poll");
    let Polled::Finished(finished) = &ended else { panic!("not finished: {ended:?}") };
    is_good(fixture, &stage, finished).await;
    let again = stage.provider.poll(stage.call(), &ticket).await.expect("a poll");
    assert_eq!(again, ended, "a terminal answer changed");
    assert_eq!(stage.submits(fixture), 1);
}

/// A job that the vendor does not know will not be known later.
pub async fn vanished_job_is_not_found(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    let (stage, ticket) = polls_get(fixture, &queue, fixture.error(404, WORDS)).await;
    let error = poll_fails(&stage, &ticket).await;
    assert_eq!((error.kind(), error.retry()), (ErrorKind::NotFound, Retry::No), "{error:?}");
    for reference in ["", ".", "..", "../usage", "a/b", "a?b", "a#b", "a b", "a%2fb", "ä"] {
        let before = stage.vendor.requests().len();
        let ticket = Ticket { reference: reference.to_owned(), ..ticket.clone() };
        let error = poll_fails(&stage, &ticket).await;
        assert_eq!(error.retry(), Retry::No, "{reference:?}: {error:?}");
        // Whatever was sent, it was sent to a job's own address.
        let sent = stage.vendor.requests().split_off(before);
        assert!(sent.iter().all(|request| (queue.is_poll)(request)), "{reference:?}: {sent:?}");
    }
}

/// A poll is a read: however it fails, nothing is lost, and the vendor's word on when is kept.
pub async fn refused_poll_is_safe(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    let limited = fixture.error(429, WORDS).header("retry-after", "7");
    let (stage, ticket) = polls_get(fixture, &queue, limited).await;
    let error = poll_fails(&stage, &ticket).await;
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error:?}");
    assert_eq!(error.retry(), Retry::Safe { after: Some(Duration::from_secs(7)) });
    let page = Answer::new(200, "text/html", "<title>Welcome</title>");
    for answer in [
        fixture.error(500, WORDS),
        fixture.error(503, WORDS),
        Answer::new(502, "text/html", "oops"),
        page.clone(),
        page.clone().ending(Ending::CutAfter(3)),
        page.ending(Ending::Reset),
        Answer::new(200, "application/json", "{}"),
        Answer::new(200, "application/json", "[]"),
    ] {
        let what = format!("{answer:?}");
        let (stage, ticket) = polls_get(fixture, &queue, answer).await;
        let error = poll_fails(&stage, &ticket).await;
        assert!(matches!(error.retry(), Retry::Safe { .. }), "{what}: {error:?}");
        assert!(error.charge().is_none(), "a poll that failed ends no job: {error:?}");
        assert_eq!(stage.count(queue.is_poll), 1, "an adapter never tries again");
    }
}

fn keeps_words(error: &Error) {
    assert!(!error.public().contains(WORDS) && !error.public().is_empty(), "{}", error.public());
    assert!(error.private().contains(WORDS), "{}", error.private());
}

/// What the safety check stopped is over, is the caller's, and tells what it took.
pub async fn blocked_job_is_final(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    let (stage, ticket) = polls_get(fixture, &queue, (queue.blocked)(WORDS)).await;
    for _ in 0..2 {
        let error = poll_fails(&stage, &ticket).await;
        assert_eq!(error.kind(), ErrorKind::Blocked, "{error:?}");
        assert_eq!((error.blame(), error.retry()), (Blame::Caller, Retry::No));
        assert!(error.charge().is_some(), "the vendor says what a blocked job takes");
        keeps_words(&error);
    }
}

/// A job that failed may be made anew; what it took is told, certain or not.
pub async fn failed_job_tells_its_charge(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    let (stage, ticket) = polls_get(fixture, &queue, (queue.failed)(WORDS)).await;
    for _ in 0..2 {
        let error = poll_fails(&stage, &ticket).await;
        assert_eq!((error.kind(), error.blame()), (ErrorKind::Failed, Blame::Vendor), "{error:?}");
        assert!(matches!(error.retry(), Retry::Safe { .. }), "the end is known: {error:?}");
        assert!(error.charge().is_some(), "a job's end without a charge reads as a failed poll");
        keeps_words(&error);
    }
}

/// A queue without a history: whether there is a job nobody can tell, even in the vendor's own words.
pub async fn queued_submit_failure_is_unknown(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    if Stage::good(fixture).model().capabilities.recovery == Recovery::History {
        println!("Recovery::History: the vendor's books decide");
        return;
    }
    for status in [500, 502, 503, 504] {
        let stage = Stage::submit_gets(fixture, fixture.error(status, WORDS));
        let error = stage.refused().await;
        assert_eq!(error.retry(), Retry::Unknown { ended: false }, "{status}: {error:?}");
        assert_eq!(stage.count(queue.is_poll), 0, "there is no name to ask for");
    }
}

/// Deleting what is gone is done; a vendor that fails is not.
pub async fn delete_is_idempotent(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    let is_delete = queue.is_delete;
    let gone = fixture.error(404, WORDS);
    let deletes = Arc::new(AtomicUsize::new(0));
    let stage = Stage::scripted(fixture, move |request, answer| {
        let first = !is_delete(request) || deletes.fetch_add(1, Ordering::SeqCst) == 0;
        if first { answer } else { gone.clone() }
    });
    let ticket = stage.ticket().await.expect("a ticket");
    for times in 1..=3 {
        stage.provider.cancel(stage.call(), &ticket).await.expect("it is gone");
        assert_eq!(stage.count(is_delete), times, "the vendor is told");
    }
    let failed = fixture.error(500, WORDS);
    let stage = Stage::scripted(
        fixture,
        move |request, answer| {
            if is_delete(request) { failed.clone() } else { answer }
        },
    );
    let error = stage.provider.cancel(stage.call(), &ticket).await.expect_err("not deleted");
    assert!(matches!(error.retry(), Retry::Safe { .. }), "{error:?}");
}
