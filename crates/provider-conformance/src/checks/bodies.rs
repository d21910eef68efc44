//! Answers of success that are none.

use provider::{Error, ErrorKind, Retry};

use crate::{
    Answer, Ending, Fixture,
    stage::{Stage, good_answer},
};

/// The vendor has answered, so it has ended; what it charged nobody knows.
fn is_unknown_and_ended(error: &Error, what: &str) {
    assert_eq!(error.kind(), ErrorKind::Failed, "{what}: {error:?}");
    assert_eq!(error.retry(), Retry::Unknown { ended: true }, "{what}: {error:?}");
}

/// A 200 that is no JSON, or not the JSON of a result.
pub async fn malformed_json(fixture: &impl Fixture) {
    let nested = "[".repeat(5000);
    for body in [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "\"\"",
        "{\"success\":true,\"data\":",
        "{\"success\":true,\"data\":{}}",
        "{\"data\":[1,2,3]}",
        "\u{0}\u{1}",
        nested.as_str(),
    ] {
        let stage = Stage::submit_gets(fixture, Answer::new(200, "application/json", body));
        let what = &body[..body.len().min(40)];
        is_unknown_and_ended(&stage.refused().await, what);
    }
}

/// A good answer that breaks off, wherever it does.
pub async fn truncated_body(fixture: &impl Fixture) {
    let good = good_answer(fixture).await;
    let whole = good.body.len();
    for count in [0, 1, whole / 4, whole / 2, whole - 1] {
        let stage = Stage::submit_gets(fixture, good.clone().ending(Ending::CutAfter(count)));
        is_unknown_and_ended(&stage.refused().await, &format!("cut after {count} of {whole}"));
        assert_eq!(stage.sink.finished(), 0, "half an output is none");
    }
}

/// A body without end is given up at the limit, in bounded memory.
pub async fn oversized_body(fixture: &impl Fixture) {
    let begun = Answer::new(200, "application/json", "{\"filler\":\"xx");
    let stage = Stage::submit_gets(fixture, begun.ending(Ending::Endless));
    is_unknown_and_ended(&stage.refused().await, "endless JSON");
    stage.vendor.until("the flood is given up", |seen| seen.abandoned == 1).await;
    // What lies in the sockets' buffers comes on top of the limit.
    let limit = crate::Means::default().body_max_bytes + 16 * 1024 * 1024;
    assert!(stage.vendor.seen().written < limit, "{:?}", stage.vendor.seen());
}

/// A page or a picture where a result should be.
pub async fn wrong_content_type(fixture: &impl Fixture) {
    let page = Answer::new(200, "text/html", "<!doctype html><title>Welcome</title>");
    let nothing = Answer::new(204, "application/json", "");
    for answer in [page, nothing] {
        let what = format!("{answer:?}");
        is_unknown_and_ended(&Stage::submit_gets(fixture, answer).refused().await, &what);
    }
    // A label that is wrong over a body that is right is the vendor's negligence, not a failure.
    let mut good = good_answer(fixture).await;
    good.headers = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
    let stage = Stage::submit_gets(fixture, good);
    stage.finish(&stage.work).await.expect("the body decides, not its label");
}
