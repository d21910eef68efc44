//! The account, what its key lacks, and a new key.

use provider::{AccountStatus, Call, ErrorKind, MicroUsd, Provider, Retry};
use provider_conformance::Answer;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::adapter::{KEY, Scene, ok, page, refused};

const NEW: &str = "gnr_live_a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d0";

fn row(id: u32, key: &str, scopes: &[&str]) -> Value {
    json!({"key_id": id, "prefix": &key[..17], "name": "x", "scopes": scopes})
}

fn account(scopes: &'static [&'static str]) -> Scene {
    Scene::of(move |request, path| match (request.method.as_str(), path) {
        (_, "/credits/balance") => ok(json!({"total": 1250})),
        ("GET", "/api-keys?per_page=100") => page(&[row(2, NEW, &[]), row(1, KEY, scopes)], false),
        ("POST", "/api-keys") => ok(json!({"key_id": 3, "api_key": NEW})),
        other => panic!("not to be asked: {other:?}"),
    })
}

async fn status(scene: &Scene) -> AccountStatus {
    scene.adapter.account(scene.call()).await.unwrap()
}

#[tokio::test]
async fn the_keys_scopes_are_asked_for_once() {
    let scene = account(&["generate"]);
    for _ in 0..3 {
        let status = status(&scene).await;
        assert_eq!(status.balance, Some(MicroUsd::from_micros(1_250_000)));
        assert_eq!(status.warnings.len(), 2, "{status:?}");
    }
    let asked = scene.asked();
    assert_eq!(asked.iter().filter(|line| line.contains("/api-keys")).count(), 1, "{asked:?}");
    assert_eq!(scene.turns.taken(), 4, "each look takes a turn");
    assert!(status(&account(&[])).await.warnings.is_empty(), "no scopes are all");
}

#[tokio::test]
async fn a_key_that_may_not_read_makes_things_all_the_same() {
    let scene = Scene::of(|_, _| refused(403, "FORBIDDEN"));
    let status = status(&scene).await;
    assert!(status.balance.is_none() && status.hold.is_none());
    assert!(status.warnings[0].contains("`read`"), "{status:?}");
    // A proxy's 403 says nothing of the key.
    let scene = Scene::of(|_, _| Answer::new(403, "text/html", "no"));
    let error = scene.adapter.account(scene.call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorised);
}

#[tokio::test]
async fn a_list_of_keys_that_fails_is_asked_for_again() {
    let scene = Scene::of(|_, path| match path {
        "/credits/balance" => ok(json!({"total": 1250})),
        _ => refused(500, "SERVER_ERROR"),
    });
    for _ in 0..2 {
        assert!(status(&scene).await.warnings.is_empty());
    }
    assert_eq!(scene.asked().len(), 4);
}

#[tokio::test]
async fn a_new_key_has_what_the_old_one_has() {
    for (scopes, body) in [
        (&["generate", "write"][..], json!({"name": "Atelier", "scopes": ["generate", "write"]})),
        (&[][..], json!({"name": "Atelier"})),
    ] {
        let scene = account(scopes);
        status(&scene).await;
        let new = scene.adapter.rotate(scene.call()).await.unwrap();
        assert_eq!(new.expose_secret(), NEW);
        let sent = scene.vendor.requests().pop().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&sent.body).unwrap(), body);
    }
    // Nobody has asked yet: every scope of the page.
    let scene = account(&["generate"]);
    scene.adapter.rotate(scene.call()).await.unwrap();
    let sent = scene.vendor.requests().pop().unwrap();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["scopes"], json!(["read", "write", "generate"]));
}

#[tokio::test]
async fn an_account_that_is_full_of_keys_says_so() {
    let scene = Scene::of(|_, _| refused(400, "VALIDATION_ERROR"));
    let error = scene.adapter.rotate(scene.call()).await.unwrap_err();
    assert!(error.public().contains("at most 10"), "{error}");
    assert!(matches!(error.retry(), Retry::Safe { .. }), "nothing was changed");
}

/// Retires the old key with the new one.
async fn retire(scene: &Scene) -> provider::Result<()> {
    let (old, new) = (scene.key.clone(), SecretString::from(NEW.to_owned()));
    let call = Call { key: &new, ..scene.call() };
    scene.adapter.retire(call, &old).await
}

fn keys(rows: Vec<Value>, deleted: Answer) -> Scene {
    Scene::of(move |request, path| match (request.method.as_str(), path) {
        ("GET", "/api-keys?per_page=100") => page(&rows, false),
        ("DELETE", "/api-keys/1") => {
            assert_eq!(request.header("authorization"), Some(&*format!("Bearer {NEW}")));
            deleted.clone()
        }
        other => panic!("not to be asked: {other:?}"),
    })
}

#[tokio::test]
async fn the_old_key_is_revoked_and_never_the_new_one() {
    let both = || vec![row(2, NEW, &[]), row(1, KEY, &[])];
    let revoked = ok(json!({"message": "API key revoked"}));
    for deleted in [revoked, Answer::new(204, "application/json", ""), refused(404, "NOT_FOUND")] {
        let scene = keys(both(), deleted);
        retire(&scene).await.unwrap();
        assert_eq!(scene.asked(), ["GET /api-keys?per_page=100", "DELETE /api-keys/1"]);
        assert_eq!(scene.turns.taken(), 2);
    }
    let scene = keys(both(), refused(500, "SERVER_ERROR"));
    assert!(matches!(retire(&scene).await.unwrap_err().retry(), Retry::Safe { .. }));
}

#[tokio::test]
async fn a_key_that_is_gone_is_retired() {
    let mut dead = row(1, KEY, &[]);
    dead["is_active"] = json!(false);
    for rows in [vec![row(2, NEW, &[])], vec![row(2, NEW, &[]), dead], Vec::new()] {
        let scene = keys(rows, refused(500, "SERVER_ERROR"));
        retire(&scene).await.unwrap();
        assert_eq!(scene.asked().len(), 1);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_told_apart_are_left_alone() {
    let mut short = row(1, KEY, &[]);
    short["prefix"] = json!("gnr_live_");
    let scene = keys(vec![short, row(2, NEW, &[])], refused(500, "SERVER_ERROR"));
    retire(&scene).await.unwrap();
    assert_eq!(scene.asked().len(), 1, "what every key begins with is nobody's");
    let twins = vec![row(1, KEY, &[]), row(3, KEY, &[]), row(2, NEW, &[])];
    let scene = keys(twins, refused(500, "SERVER_ERROR"));
    let error = retire(&scene).await.unwrap_err();
    assert!(error.public().contains("by hand"), "{error}");
    assert_eq!(error.retry(), Retry::No);
}
