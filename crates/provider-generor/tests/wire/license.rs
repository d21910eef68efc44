//! The license of what was made: set afterwards, for each creation, and never at the cost of the work.

use provider::{Adjustment, ErrorKind, Finished, MicroUsd, Provider, Submitted, Work};
use provider_conformance::{Answer, Recorded};
use serde_json::{Value, json};

use crate::adapter::{Scene, ok, refused};

/// The vendor, which answers so when the license of a creation is to be changed.
fn scene(set: impl Fn(&Recorded, &str) -> Answer + Send + Sync + 'static) -> Scene {
    Scene::of(move |request, path| match path {
        "/generators/image/generate" => ok(json!({"credit_cost": 9, "creations": [
            {"creation_id": 8, "image_url": "/users/2/img/image-8.webp"},
            {"creation_id": 7, "image_url": "/users/2/img/image-7.webp"},
        ]})),
        "/generators/joke/generate" => ok(json!({"credit_cost": 9, "creations": [
            {"creation_id": 7, "text": "one"}, {"creation_id": 8, "text": "another"},
        ]})),
        path => set(request, path),
    })
}

fn work(model: &str, license: Value) -> Work {
    let options = [("license".to_owned(), license)].into();
    let kind = if model == "37" { provider::Kind::Text } else { provider::Kind::Image };
    Work { options, count: 2, kind, ..Work::image(model, "a fox") }
}

async fn made(scene: &Scene, work: &Work) -> Finished {
    let mut sink = scene.sink.clone();
    match scene.adapter.submit(scene.call(), work, &mut sink).await.unwrap() {
        Submitted::Finished(finished) => finished,
        Submitted::Running(ticket) => panic!("{ticket:?}"),
    }
}

fn not_set(finished: &Finished) -> &Adjustment {
    assert_eq!(finished.outputs.len(), 2, "nothing is lost: {finished:?}");
    assert_eq!(finished.charge.amount, MicroUsd::from_micros(9000));
    let told = &finished.adjustments["provider_options.generor.license"];
    assert_eq!((&told.requested, &told.used), (&json!(2), &json!(1)));
    told
}

#[tokio::test]
async fn each_creation_gets_the_license_when_it_is_made() {
    for (model, order) in [("10003", ["8", "7"]), ("37", ["7", "8"])] {
        let scene = scene(|request, _| {
            assert_eq!(
                serde_json::from_slice::<Value>(&request.body).unwrap(),
                json!({"license": 2})
            );
            assert!(request.header("authorization").is_some());
            ok(json!({"license": 2}))
        });
        let finished = made(&scene, &work(model, json!(2))).await;
        assert!(finished.adjustments.is_empty(), "{finished:?}");
        let set: Vec<String> = order.iter().map(|id| format!("PATCH /creations/{id}")).collect();
        assert_eq!(scene.asked()[1..], set);
        assert_eq!(scene.turns.taken(), 2, "the first request's was taken before");
        let sent: Value = serde_json::from_slice(&scene.vendor.requests()[0].body).unwrap();
        assert!(sent.get("license").is_none(), "no field of it: {sent}");
    }
}

#[tokio::test]
async fn an_open_license_is_there_from_the_beginning() {
    let scene = scene(|_, path| panic!("not to be asked: {path}"));
    let finished = made(&scene, &work("10003", json!(1))).await;
    assert!(finished.adjustments.is_empty() && scene.turns.taken() == 0, "{finished:?}");
}

#[tokio::test]
async fn a_license_that_is_not_to_be_had_is_told_and_costs_nothing_more() {
    let fails = scene(|_, path| match path {
        "/creations/8" => refused(500, "SERVER_ERROR"),
        _ => ok(json!({"license": 2})),
    });
    let finished = made(&fails, &work("10003", json!(2))).await;
    assert!(!not_set(&finished).reason.is_empty());
    assert_eq!(fails.asked().len(), 3, "the other has it: {:?}", fails.asked());
    let lacks = scene(|_, _| refused(403, "FORBIDDEN"));
    let finished = made(&lacks, &work("10003", json!(2))).await;
    assert!(not_set(&finished).reason.contains("`write`"), "{finished:?}");
    assert_eq!(lacks.asked().len(), 2, "the key may not for the other either");
}

#[tokio::test]
async fn another_license_is_refused_before_anything_is_sent() {
    for bad in [json!(0), json!(3), json!("2"), json!(null)] {
        let scene = scene(|_, path| panic!("not to be asked: {path}"));
        let mut sink = scene.sink.clone();
        let refused = scene.adapter.submit(scene.call(), &work("10003", bad), &mut sink).await;
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.reasons()[0].param, "provider_options.license");
        assert!(scene.asked().is_empty());
    }
}
