//! Creations are deleted at the vendor, each once.

use provider::{Blame, ErrorKind, Provider, RemoteOutput, Result, Retry};
use provider_conformance::Answer;
use serde_json::json;

use crate::adapter::{Scene, ok, refused};

/// Where outputs of these creations lie.
fn places(creations: &[Option<u32>]) -> Vec<RemoteOutput> {
    let place = |id: &Option<u32>| {
        let location = json!({"kind": "image", "creation": id.map(|id| id.to_string()),
            "url": "/users/2/img/image.webp"});
        RemoteOutput { location: location.to_string(), expires_at: None }
    };
    creations.iter().map(place).collect()
}

async fn forget(scene: &Scene, creations: &[Option<u32>]) -> Result<()> {
    scene.adapter.forget(scene.call(), "7", &places(creations)).await
}

fn deleted() -> Answer {
    ok(json!({"message": "Creation deleted"}))
}

#[tokio::test]
async fn each_creation_of_a_call_is_deleted_once() {
    for answer in [deleted(), Answer::new(204, "application/json", ""), refused(404, "NOT_FOUND")] {
        let scene = Scene::of(move |request, _| {
            assert!(request.header("authorization").is_some());
            answer.clone()
        });
        // Two outputs of one creation, and one that shows none.
        forget(&scene, &[Some(7), Some(8), Some(8), None]).await.unwrap();
        assert_eq!(scene.asked(), ["DELETE /creations/7", "DELETE /creations/8"]);
        assert_eq!(scene.turns.taken(), 2);
    }
    let scene = Scene::of(|_, _| deleted());
    forget(&scene, &[]).await.unwrap();
    assert_eq!(scene.asked(), ["DELETE /creations/7"], "words have no place");
}

#[tokio::test]
async fn one_that_cannot_be_deleted_keeps_none_of_the_others() {
    let scene = Scene::of(|_, path| match path {
        "/creations/7" => refused(500, "SERVER_ERROR"),
        _ => deleted(),
    });
    let error = forget(&scene, &[Some(7), Some(8)]).await.unwrap_err();
    assert!(matches!(error.retry(), Retry::Safe { .. }), "{error:?}");
    assert_eq!(scene.asked(), ["DELETE /creations/7", "DELETE /creations/8"]);
}

#[tokio::test]
async fn a_key_that_may_not_delete_is_told_so_and_asked_no_further() {
    let scene = Scene::of(|_, _| refused(403, "FORBIDDEN"));
    let error = forget(&scene, &[Some(7), Some(8)]).await.unwrap_err();
    assert_eq!((error.kind(), error.blame()), (ErrorKind::Unauthorised, Blame::Account));
    assert!(error.public().contains("`write`"), "{error}");
    assert_eq!(scene.asked().len(), 1);
    // A proxy's 403 says nothing of the key.
    let scene = Scene::of(|_, _| Answer::new(403, "text/html", "no"));
    let error = forget(&scene, &[Some(7)]).await.unwrap_err();
    assert!(!error.public().contains("`write`"), "{error}");
    let scene = Scene::of(|_, _| refused(429, "RATE_LIMIT_EXCEEDED"));
    let error = forget(&scene, &[Some(7), Some(8)]).await.unwrap_err();
    assert_eq!((error.kind(), scene.asked().len()), (ErrorKind::RateLimited, 1));
}

#[tokio::test]
async fn what_is_no_creation_is_not_asked_for() {
    let scene = Scene::of(|_, path| panic!("not to be asked: {path}"));
    let strange = RemoteOutput { location: "https://x.example/1".to_owned(), expires_at: None };
    assert!(scene.adapter.forget(scene.call(), "7", &[strange]).await.is_err());
    assert!(scene.adapter.forget(scene.call(), "..", &[]).await.is_err());
}
