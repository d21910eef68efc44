//! What each status means, in the vendor's own words and in a proxy's.

use std::time::Duration;

use provider::{Blame, ErrorKind, Retry};

use crate::{Answer, Ending, Fixture, stage::Stage};

/// The kinds, the blame and the word on trying again that a refused submit may have.
fn allowed(status: u16) -> (&'static [ErrorKind], &'static [Blame]) {
    use ErrorKind::*;
    match status {
        400 | 409 | 422 => (&[Invalid, Blocked], &[Blame::Caller, Blame::Gateway]),
        401 => (&[Unauthorised], &[Blame::Account]),
        402 => (&[Unpaid, Exhausted], &[Blame::Account]),
        403 => (&[Unauthorised, Suspended], &[Blame::Account]),
        404 => (&[Failed, NotFound], &[Blame::Vendor, Blame::Gateway]),
        429 => (&[RateLimited, Exhausted], &[Blame::Account, Blame::Vendor]),
        500 | 502 => (&[Failed, Unavailable], &[Blame::Vendor]),
        503 => (&[Unavailable], &[Blame::Vendor]),
        _ => panic!("no expectation for {status}"),
    }
}

/// A status in the vendor's own error shape has the kind, the blame and the retry of the contract.
pub async fn maps_status(fixture: &impl Fixture, status: u16) {
    let stage = Stage::submit_gets(fixture, fixture.error(status, "no"));
    let error = stage.refused().await;
    let (kinds, blames) = allowed(status);
    assert_eq!(error.status(), Some(status));
    assert!(kinds.contains(&error.kind()), "{status}: {error:?}");
    assert!(blames.contains(&error.blame()), "{status}: {error:?}");
    match status {
        400 | 409 | 422 => assert_eq!(error.retry(), Retry::No, "{status}"),
        // Nothing was done, so that another account or vendor may be asked.
        401..=429 => assert!(matches!(error.retry(), Retry::Safe { .. }), "{status}: {error:?}"),
        // Whether the vendor's own word of failure proves that nothing was made is the vendor's page
        // to say; that the same request fails the same way is nobody's.
        _ => assert_ne!(error.retry(), Retry::No, "{status}"),
    }
    assert_eq!(stage.submits(fixture), 1, "an adapter never tries again");
}

/// A failure in no shape of the vendor's comes from something in between: the work may be done.
pub async fn a_proxys_failure_proves_nothing(fixture: &impl Fixture) {
    for status in [500, 502, 503, 504] {
        for body in ["<html><h1>Bad Gateway</h1></html>", "", "{}", "[]", "{\"error\":null}"] {
            let stage = Stage::submit_gets(fixture, Answer::new(status, "text/html", body));
            let error = stage.refused().await;
            let unknown = matches!(error.retry(), Retry::Unknown { .. });
            assert!(unknown, "{status} {body:?}: {error:?}");
            assert_eq!(error.status(), Some(status));
        }
    }
}

/// The vendor's word on when to come again reaches the caller, in seconds and as a date.
pub async fn retry_after_is_kept(fixture: &impl Fixture) {
    let limited = fixture.error(429, "slow down");
    let dated = limited
        .clone()
        .header("date", "Sun, 07 Apr 2024 12:00:00 GMT")
        .header("retry-after", "Sun, 07 Apr 2024 12:00:07 GMT");
    for answer in [limited.clone().header("retry-after", "7"), dated] {
        let error = Stage::submit_gets(fixture, answer).refused().await;
        assert_eq!(error.retry(), Retry::Safe { after: Some(Duration::from_secs(7)) });
    }
    let error = Stage::submit_gets(fixture, limited.header("retry-after", "soon")).refused().await;
    assert_eq!(error.retry(), Retry::Safe { after: None }, "nonsense is no time");
    // The status has said it all: a body that never ends takes nothing from it.
    let cut =
        fixture.error(429, "slow down").header("retry-after", "7").ending(Ending::CutAfter(3));
    let error = Stage::submit_gets(fixture, cut).refused().await;
    assert_eq!(error.retry(), Retry::Safe { after: Some(Duration::from_secs(7)) });
}

/// What a safety check stopped is not tried again, nor blamed on the account.
pub async fn content_refusal_is_not_retryable(fixture: &impl Fixture) {
    let stage = Stage::submit_gets(fixture, fixture.content_refusal());
    let error = match stage.finish(&stage.work).await {
        Ok(finished) => panic!("blocked work finished: {finished:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Blocked, "{error:?}");
    assert_eq!(error.blame(), Blame::Caller);
    assert_eq!(error.retry(), Retry::No);
}
