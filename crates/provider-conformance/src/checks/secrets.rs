//! The credential goes into one header; the vendor's words go to operators.

use provider::ErrorKind;

use crate::{
    Answer, Ending, Fixture,
    capture::Capture,
    stage::{SECRET, Stage},
};

/// Words that a vendor says and no caller may read.
pub(super) const WORDS: &str = "marzipan-internal-detail";

/// Neither a success nor any failure shows the credential, though the vendor echoes it.
pub async fn secret_never_in_debug_display_or_log(fixture: &impl Fixture) {
    let capture = Capture::default();
    let guard = tracing::subscriber::set_default(capture.clone());
    let good = Stage::good(fixture);
    let mut shown = format!("{good:?} {:?} {:?}", good.call(), good.provider);
    let finished = good.finish(&good.work).await.expect("finished work");
    shown.push_str(&format!("{finished:?}"));
    let with_key =
        |request: &crate::Recorded| request.headers.iter().any(|(_, value)| value.contains(SECRET));
    assert!(good.vendor.requests().iter().any(with_key), "the credential is sent");
    let echo = format!("the key {SECRET} is bad");
    let mut answers: Vec<Answer> = [400, 401, 402, 403, 404, 429, 451, 500, 503]
        .map(|status| fixture.error(status, &echo))
        .to_vec();
    answers.push(Answer::new(500, "text/plain", echo.clone()));
    answers.push(Answer::new(200, "text/plain", echo.clone()));
    answers.push(fixture.error(200, &echo));
    answers.push(Answer::new(200, "application/json", format!("\"{echo}\"")));
    answers.push(Answer::new(200, "text/plain", echo.clone()).ending(Ending::CutAfter(9)));
    answers.push(Answer::new(200, "text/plain", "").ending(Ending::Reset));
    for answer in answers {
        let stage = Stage::submit_gets(fixture, answer);
        let error = stage.refused().await;
        shown.push_str(&format!("{error:?} {error} {} {:?}", error.private(), error.vendor_code()));
        shown.push_str(&format!("{stage:?}"));
    }
    drop(guard);
    assert!(!shown.contains(SECRET), "shown: {shown}");
    assert!(!capture.text().contains(SECRET), "logged: {}", capture.text());
    let prompt = &good.work.prompt;
    assert!(!capture.text().contains(prompt), "a prompt was logged: {}", capture.text());
}

/// The vendor's own words reach operators and no caller.
pub async fn vendor_error_text_never_in_public_message(fixture: &impl Fixture) {
    for status in [400, 401, 402, 403, 404, 409, 422, 429, 451, 500, 502, 503] {
        let stage = Stage::submit_gets(fixture, fixture.error(status, WORDS));
        let error = stage.refused().await;
        assert!(!error.public().contains(WORDS), "{status}: {}", error.public());
        assert!(!error.to_string().contains(WORDS), "{status}: {error}");
        assert!(!error.public().is_empty(), "{status}: a caller is told something");
        assert!(error.private().contains(WORDS), "{status}: {}", error.private());
        assert_ne!(error.kind(), ErrorKind::Unsupported);
    }
}
