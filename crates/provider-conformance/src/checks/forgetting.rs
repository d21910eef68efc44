//! What a vendor keeps of finished work, and having it deleted there.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use provider::{Finished, Output, RemoteOutput, Retry};

use super::{honesty::refuses, secrets::WORDS};
use crate::{Answer, Fixture, Recorded, stage::Stage};

/// Finished work and what lies at the vendor of it, which deletes each thing once.
async fn made<F: Fixture>(fixture: &F) -> (Stage, Finished, Vec<RemoteOutput>) {
    let (known, gone) = (fixture.clone(), fixture.error(404, WORDS));
    let deleted: Arc<Mutex<HashSet<String>>> = Arc::default();
    let stage = Stage::scripted(fixture, move |request, answer| {
        let again = known.is_forget(request) && !deleted.lock().insert(request.path.clone());
        if again { gone.clone() } else { answer }
    });
    let finished = stage.finish(&stage.work).await.expect("finished work");
    let remote = finished.outputs.iter().filter_map(|output| match output {
        Output::Remote(remote) => Some(remote.clone()),
        Output::Written(_) | Output::Text(_) => None,
    });
    let remote = remote.collect();
    (stage, finished, remote)
}

/// Has it deleted: what the vendor was told, each with a turn of its own.
async fn told<F: Fixture>(
    fixture: &F,
    stage: &Stage,
    reference: &str,
    outputs: &[RemoteOutput],
) -> Vec<Recorded> {
    let (before, turns) = (stage.vendor.requests().len(), stage.turns.taken());
    let forgotten = stage.provider.forget(stage.call(), reference, outputs).await;
    forgotten.expect("it is deleted, or gone already");
    let told = stage.vendor.requests().split_off(before);
    assert!(!told.is_empty(), "the vendor was not told");
    assert!(told.iter().all(|request| fixture.is_forget(request)), "{told:?}");
    assert_eq!(stage.turns.taken() - turns, told.len(), "each request takes a turn");
    told
}

/// Finished work is deleted at the vendor by the name that it was claimed by, and what is gone is no
/// failure; a vendor that fails is one. Where it is not advertised it is refused, and nothing is sent.
pub async fn forgetting_is_honest(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let reference = fixture.reference();
    if !stage.provider.describe().can_forget {
        println!("nothing is deleted: the adapter must refuse");
        refuses(&stage, stage.provider.forget(stage.call(), &reference, &[]).await);
        assert_eq!(stage.vendor.requests().len(), 0, "a refusal sends nothing");
        return;
    }
    let (stage, finished, outputs) = made(fixture).await;
    assert_eq!(finished.reference.as_ref(), Some(&reference), "what it is deleted by");
    for outputs in [outputs.as_slice(), &outputs, &[]] {
        let told = told(fixture, &stage, &reference, outputs).await;
        let names_it = |request: &Recorded| request.path.contains(&reference);
        assert!(told.iter().any(names_it), "the work itself: {told:?}");
    }
    let (known, failed): (_, Answer) = (fixture.clone(), fixture.error(500, WORDS));
    let stage =
        Stage::scripted(
            fixture,
            move |request, answer| {
                if known.is_forget(request) { failed.clone() } else { answer }
            },
        );
    let forgotten = stage.provider.forget(stage.call(), &reference, &outputs).await;
    let error = forgotten.expect_err("it was not deleted");
    assert!(matches!(error.retry(), Retry::Safe { .. }), "{error:?}");
}
