//! What breaks between us and the vendor, and what that says about money.

use std::time::Duration;

use provider::{Blame, ErrorKind, Retry};

use crate::{
    Answer, Ending, Fixture, Means, Vendor,
    stage::{Stage, good_answer},
};

/// Short enough for a test, long enough for a busy machine to send a request.
const SHORT: Duration = Duration::from_millis(150);

fn short() -> Means {
    Means { deadline: SHORT, ..Means::default() }
}

fn silent() -> Answer {
    Answer::new(200, "application/json", "").ending(Ending::Silent)
}

/// A vendor that never answers may still work; one that stops in the middle has ended.
pub async fn slow_vendor_hits_deadline(fixture: &impl Fixture) {
    let stage = Stage::with(fixture, short(), silent());
    let error = stage.refused().await;
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert_eq!(error.retry(), Retry::Unknown { ended: false });

    let good = good_answer(fixture).await;
    let half = good.body.len() / 2;
    let stage = Stage::with(fixture, short(), good.ending(Ending::StallAfter(half)));
    let error = stage.refused().await;
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert_eq!(error.retry(), Retry::Unknown { ended: true });
    assert_eq!(stage.sink.finished(), 0, "half an output is none");
}

/// Nobody listens: nothing was sent.
pub async fn refused_connection_is_safe(fixture: &impl Fixture) {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = free.local_addr().expect("a bound socket");
    drop(free);
    let mut stage = Stage::good(fixture);
    stage.provider = fixture.provider(&format!("http://{address}"), Means::default());
    let error = stage.refused().await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.blame(), Blame::Network);
    assert_eq!(error.retry(), Retry::Safe { after: None });
}

/// Reset at once: the vendor read nothing, which the adapter cannot know for certain.
pub async fn connection_reset_before_work(fixture: &impl Fixture) {
    let stage = Stage::before(fixture, Vendor::resetting(), Means::default());
    let error = stage.refused().await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.blame(), Blame::Network);
    assert_ne!(error.retry(), Retry::No);
}

/// Reset after the request was read: the work may be done, or still be going on.
pub async fn connection_reset_after_send_is_unknown(fixture: &impl Fixture) {
    let stage = Stage::submit_gets(fixture, silent().ending(Ending::Reset));
    let error = stage.refused().await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.blame(), Blame::Network);
    assert_eq!(error.retry(), Retry::Unknown { ended: false });
}

/// However a submit ends, it is sent once.
pub async fn no_second_submit_on_unknown(fixture: &impl Fixture) {
    let good = good_answer(fixture).await;
    let half = good.body.len() / 2;
    for answer in [
        silent(),
        silent().ending(Ending::Reset),
        good.clone().ending(Ending::CutAfter(half)),
        good.ending(Ending::StallAfter(half)),
        Answer::new(500, "text/html", "oops"),
        Answer::new(503, "text/html", "oops").header("retry-after", "0"),
        Answer::new(307, "text/html", "").header("location", "/elsewhere"),
        Answer::new(200, "application/json", "{"),
    ] {
        let ending = (answer.status, answer.ending);
        let stage = Stage::with(fixture, short(), answer);
        stage.refused().await;
        assert_eq!(stage.vendor.requests().len(), 1, "{ending:?}");
    }
}

/// A caller that goes away takes its request along: no task goes on behind its back.
pub async fn dropped_future_leaves_no_task(fixture: &impl Fixture) {
    let stage = Stage::submit_gets(fixture, silent());
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    {
        let submit = stage.submit(&stage.work);
        tokio::select! {
            submitted = submit => panic!("nothing was answered: {submitted:?}"),
            () = stage.vendor.until("the submit arrives", |seen| seen.requests == 1) => {}
        }
    }
    stage.vendor.until("the connection is closed", |seen| seen.abandoned == 1).await;
    let gone = async {
        while metrics.num_alive_tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    // The connection is closed already: what still lives now has no reason to end.
    let waited = tokio::time::timeout(Duration::from_secs(2), gone).await;
    assert!(waited.is_ok(), "{} tasks live on", metrics.num_alive_tasks() - before);
    assert_eq!(stage.sink.finished(), 0);
}
