//! Where outputs lie, who gets to see the credential on the way, and outputs that nobody keeps.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use provider::{Blame, ErrorKind, Output, Retry, Submitted, Work};

use super::{honesty::refuses, queue::queue_of, secrets::WORDS};
use crate::{
    Answer, Ending, Fixture, Vendor,
    stage::{SECRET, Stage},
};

/// An address at another host is asked without the credential. Addresses in the fixture's answers lead
/// to the vendor itself; here they are made to lead elsewhere.
pub async fn other_hosts_get_no_credential(fixture: &impl Fixture) {
    let output = fixture.output();
    let elsewhere = Vendor::start(move |_| Answer::new(200, "image/png", output.clone()));
    let there = elsewhere.url();
    let stage = Stage::scripted(fixture, move |request, answer| {
        let here = format!("http://{}", request.header("host").unwrap_or_default());
        match String::from_utf8(answer.body.clone()) {
            Ok(text) if text.contains(&here) => {
                Answer { body: text.replace(&here, &there).into_bytes(), ..answer }
            }
            _ => answer,
        }
    });
    let finished = stage.finish(&stage.work).await.expect("finished work");
    let bytes = stage.bytes(&finished.outputs[0]).await.expect("the output's bytes");
    assert!(bytes == fixture.output(), "{} bytes are not the vendor's", bytes.len());
    let asked = elsewhere.requests();
    if asked.is_empty() {
        println!("the vendor's answers hold no address: nothing else is asked");
        return;
    }
    for request in asked {
        let shown = request.headers.iter().any(|(_, value)| value.contains(SECRET));
        assert!(!shown && !request.path.contains(SECRET), "{request:?}");
        assert!(request.body.is_empty() && request.method == "GET", "{request:?}");
    }
}

/// An address that is no longer good is asked for once more; the storage's refusals say nothing of the
/// account.
pub async fn expired_address_is_issued_anew(fixture: &impl Fixture) {
    let Some(queue) = queue_of(fixture).await else { return };
    let (is_fetch, is_poll) = (queue.is_fetch, queue.is_poll);
    for (status, refusals) in
        [(401, 1), (403, 1), (404, 1), (410, 1), (401, usize::MAX), (403, usize::MAX)]
    {
        let fetches = Arc::new(AtomicUsize::new(0));
        let stage = Stage::scripted(fixture, move |request, answer| {
            let refused = is_fetch(request) && fetches.fetch_add(1, Ordering::SeqCst) < refusals;
            if refused { Answer::new(status, "application/xml", "<Error/>") } else { answer }
        });
        let finished = stage.finish(&stage.work).await.expect("finished work");
        let polls = stage.count(is_poll);
        let fetched = stage.bytes(&finished.outputs[0]).await;
        assert_eq!(stage.count(is_fetch), 2, "{status}: the old address, the new one, no more");
        assert_eq!(stage.count(is_poll), polls + 1, "{status}: a fresh address is asked for once");
        match fetched {
            Ok(bytes) => assert!(refusals == 1 && bytes == fixture.output(), "{status}"),
            Err(error) => {
                assert!(refusals > 1, "{status}: {error:?}");
                assert_eq!((error.kind(), error.blame()), (ErrorKind::Failed, Blame::Vendor));
            }
        }
    }
    // The job itself is gone, too.
    let gone = fixture.error(404, WORDS);
    let polls = Arc::new(AtomicUsize::new(0));
    let stage = Stage::scripted(fixture, move |request, answer| {
        let vanished = is_poll(request) && polls.fetch_add(1, Ordering::SeqCst) > 0;
        let again = is_fetch(request) || vanished;
        if again { gone.clone() } else { answer }
    });
    let finished = stage.finish(&stage.work).await.expect("finished work");
    let error = stage.bytes(&finished.outputs[0]).await.expect_err("it is gone");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::NotFound, Retry::No), "{error:?}");
}

/// Where nothing shall be kept the vendor is told so, and the output comes with the answer, in whatever
/// shape. What breaks off is lost, and is not called safe.
pub async fn nothing_kept_comes_inline(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let work = Work { retain: false, ..stage.work.clone() };
    if !stage.model().capabilities.no_retention {
        println!("no_retention is not advertised: the adapter must refuse");
        return refuses(&stage, stage.submit(&work).await);
    }
    let kept = fixture.nothing_kept().expect("a vendor that keeps nothing says how outputs come");
    for (shape, answer) in kept.answers {
        let stage = Stage::submit_gets(fixture, answer.clone());
        let submitted = stage.submit(&work).await;
        let Ok(Submitted::Finished(finished)) = &submitted else {
            panic!("{shape}: {submitted:?}");
        };
        let [Output::Written(receipt)] = finished.outputs.as_slice() else {
            panic!("{shape}: {finished:?}");
        };
        let bytes = stage.sink.bytes(receipt).expect("the sink's receipt");
        assert!(bytes == fixture.output(), "{shape}: {} bytes are not the vendor's", bytes.len());
        assert!(finished.charge.certain && finished.charge.amount == fixture.charge(), "{shape}");
        let requests = stage.vendor.requests();
        assert!(requests.len() == 1 && (kept.is_asked)(&requests[0]), "{shape}: {requests:?}");

        let half = answer.body.len() / 2;
        let stage = Stage::submit_gets(fixture, answer.ending(Ending::CutAfter(half)));
        let error = stage.submit(&work).await.expect_err("half an output is none");
        assert_eq!(error.retry(), Retry::Unknown { ended: true }, "{shape}: {error:?}");
        assert_eq!(stage.sink.finished(), 0, "{shape}: half an output is none");
    }
    // A job after all is a job.
    let stage = Stage::good(fixture);
    let finished = stage.finish(&work).await.expect("finished work");
    stage.bytes(&finished.outputs[0]).await.expect("the output's bytes");
    assert!(!(kept.is_asked)(&submit_of(fixture).await), "the vendor keeps what it may keep");
}

/// The submit of work that may be kept.
async fn submit_of(fixture: &impl Fixture) -> crate::Recorded {
    let stage = Stage::good(fixture);
    stage.submit(&stage.work).await.expect("submitted work");
    stage.vendor.requests().swap_remove(0)
}
