//! A new key is told once. Whoever loses it is locked out, whoever shows it has lost it.

use provider::{Error, Retry};
use secrecy::ExposeSecret;

use super::honesty::refuses;
use crate::{
    Answer, Ending, Fixture, Rotation,
    capture::Capture,
    stage::{SECRET, Stage},
};

/// The fixture's rotation, or the adapter's refusal to know one.
async fn rotation_of(fixture: &impl Fixture) -> Option<Rotation> {
    let stage = Stage::good(fixture);
    if stage.provider.describe().can_rotate {
        return Some(fixture.rotation().expect("a vendor that rotates keys says how"));
    }
    println!("no rotation: the adapter must refuse");
    refuses(&stage, stage.provider.rotate(stage.call()).await);
    None
}

fn rotations_get(fixture: &impl Fixture, rotation: &Rotation, instead: Answer) -> Stage {
    let is_rotation = rotation.is_rotation;
    Stage::scripted(
        fixture,
        move |request, answer| {
            if is_rotation(request) { instead.clone() } else { answer }
        },
    )
}

/// The key is found in every shape, with one request, sent with the old key.
pub async fn rotation_finds_the_key(fixture: &impl Fixture) {
    let Some(rotation) = rotation_of(fixture).await else { return };
    for (shape, answer) in &rotation.answers {
        let stage = rotations_get(fixture, &rotation, answer.clone());
        let key = stage.provider.rotate(stage.call()).await;
        let key = key.unwrap_or_else(|error| panic!("{shape}: {error:?}"));
        assert_eq!(key.expose_secret(), rotation.key, "{shape}");
        let requests = stage.vendor.requests();
        assert!(requests.len() == 1 && (rotation.is_rotation)(&requests[0]), "{requests:?}");
        let with_key = requests[0].headers.iter().any(|(_, value)| value.contains(SECRET));
        assert!(with_key, "{shape}: the old key asks for the new one");
    }
}

async fn lost(fixture: &impl Fixture, rotation: &Rotation, answer: Answer) -> Error {
    let stage = rotations_get(fixture, rotation, answer);
    let rotated = stage.provider.rotate(stage.call()).await;
    assert_eq!(stage.vendor.requests().len(), 1, "a rotation is never tried again");
    rotated.expect_err("there is no key to be had")
}

/// An answer that is lost, or holds no new key, may have locked the account out: nobody calls that
/// safe, and whoever reads the message learns what to do. A refusal has changed nothing.
pub async fn lost_rotation_is_unknown(fixture: &impl Fixture) {
    let Some(rotation) = rotation_of(fixture).await else { return };
    let (_, good) = rotation.answers.first().expect("a shape of a rotation's answer").clone();
    let half = good.body.len() / 2;
    let old = serde_json::json!({ "key": SECRET });
    for answer in [
        good.clone().ending(Ending::CutAfter(half)),
        good.ending(Ending::Reset),
        Answer::new(200, "application/json", "{}"),
        Answer::new(200, "text/html", "<title>Welcome</title>"),
        Answer::new(204, "application/json", ""),
        Answer::json(200, &old),
        fixture.error(500, "no"),
        fixture.error(503, "no"),
    ] {
        let what = format!("{answer:?}");
        let error = lost(fixture, &rotation, answer).await;
        assert!(matches!(error.retry(), Retry::Unknown { .. }), "{what}: {error:?}");
        assert!(error.public().contains("by hand"), "{what}: what to do: {}", error.public());
    }
    for status in [401, 403, 429] {
        let error = lost(fixture, &rotation, fixture.error(status, "no")).await;
        assert!(matches!(error.retry(), Retry::Safe { .. }), "{status}: {error:?}");
        assert!(!error.public().contains("by hand"), "{status}: {}", error.public());
    }
}

/// Neither the old key nor the new one is shown or logged, however the rotation ends.
pub async fn rotated_key_is_never_shown(fixture: &impl Fixture) {
    let Some(rotation) = rotation_of(fixture).await else { return };
    let capture = Capture::default();
    let guard = tracing::subscriber::set_default(capture.clone());
    let mut shown = String::new();
    let said = format!("{} is the new key, {SECRET} the old one", rotation.key);
    let mut answers: Vec<Answer> = rotation.answers.iter().map(|(_, good)| good.clone()).collect();
    for status in [200, 400, 401, 403, 404, 429, 500, 503] {
        answers.push(fixture.error(status, &said));
        answers.push(Answer::new(status, "text/plain", said.clone()));
    }
    for answer in answers {
        let stage = rotations_get(fixture, &rotation, answer);
        let rotated = stage.provider.rotate(stage.call()).await;
        shown.push_str(&format!("{rotated:?} {stage:?}"));
        if let Err(error) = rotated {
            shown.push_str(&format!("{error} {} {:?}", error.private(), error.vendor_code()));
        }
    }
    drop(guard);
    for key in [rotation.key, SECRET] {
        assert!(!shown.contains(key), "shown: {shown}");
        assert!(!capture.text().contains(key), "logged: {}", capture.text());
    }
}
