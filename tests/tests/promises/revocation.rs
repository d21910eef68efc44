//! A revoked key opens nothing, anywhere in the process, from the moment in which its revocation was
//! answered: no clock is asked here, because nothing may pass afterwards at all.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tests::{Client, Gateway, Line, Team, until};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{house, image};

/// Connections that stay open, many for each of the gateway's workers.
const LINES: usize = 32;
/// Requests of each after the revocation.
const LATER: usize = 5;

fn refused() -> (u16, String, Option<String>) {
    (401, "invalid_api_key".to_owned(), None)
}

/// Asks on many connections at once, before, during and after `revoke`: whatever is asked once that was
/// answered is refused.
async fn assert_ends<F: Future<Output = ()>>(
    gateway: &Gateway,
    key: &str,
    path: &'static str,
    revoke: F,
) {
    let revoked = Arc::new(AtomicBool::new(false));
    let ready = Arc::new(Barrier::new(LINES + 1));
    let mut lines = JoinSet::new();
    for _ in 0..LINES {
        let (revoked, ready) = (Arc::clone(&revoked), Arc::clone(&ready));
        let (mut line, key) = (Line::open(gateway.url()).await, key.to_owned());
        lines.spawn(async move {
            assert_eq!(line.get(path, &key).await, 200, "it is known to this worker");
            ready.wait().await;
            let (mut before, mut after) = (0, 0);
            while after < LATER {
                let late = revoked.load(Ordering::SeqCst);
                let status = line.get(path, &key).await;
                match late {
                    false => before += 1,
                    true => after += 1,
                }
                assert!(status == 401 || !late && status == 200, "{status} after the revocation");
            }
            before
        });
    }
    ready.wait().await;
    revoke.await;
    revoked.store(true, Ordering::SeqCst);
    let before: usize = lines.join_all().await.into_iter().sum();
    assert!(before > 0, "nobody asked while it was revoked");
}

async fn delete(admin: Client, path: String) {
    drop(admin.delete(&path).await.expect(204));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_on_every_connection() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let other = team.another_key(&gateway.admin(), &json!({})).await;
    let revoke = delete(gateway.admin(), format!("/admin/v1/keys/{}", team.key_id));
    assert_ends(&gateway, &team.key, "/v1/models", revoke).await;
    assert_eq!(team.client.post("/v1/generations", &image("x")).await.refusal(), refused());
    assert!(vendor.charges().await.is_empty());
    other.client.get("/v1/models").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_a_revoked_team_are_refused_on_every_connection() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let revoke = delete(gateway.admin(), format!("/admin/v1/teams/{}", team.id));
    assert_ends(&gateway, &team.key, "/v1/models", revoke).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_operator_is_refused_on_every_connection() {
    let (_vendor, gateway) = house(json!({})).await;
    let body = json!({ "name": "Ada", "role": "admin" });
    let user = gateway.admin().post("/admin/v1/users", &body).await.expect(201).json();
    let (id, key) = (user["id"].as_str().expect("an id"), user["key"].as_str().expect("a key"));
    let revoke = delete(gateway.admin(), format!("/admin/v1/users/{id}"));
    assert_ends(&gateway, key, "/admin/v1/teams", revoke).await;
}

/// Rotates a team's key with that grace: the new text.
async fn rotated(gateway: &Gateway, team: &Team, grace: &str) -> String {
    let path = format!("/admin/v1/keys/{}/rotate", team.key_id);
    let answer = gateway.admin().post(&path, &json!({ "grace": grace })).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer.json();
    assert_eq!(answer["id"], team.key_id.as_str(), "the same key with another text");
    answer["key"].as_str().expect("the key itself").to_owned()
}

#[tokio::test]
async fn both_texts_of_a_rotated_key_work_until_the_grace_is_over() {
    let (_vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let new = rotated(&gateway, &team, "10s").await;
    assert!(new != team.key && new.starts_with("atl_"));
    // A restart keeps both: hardly anybody's clients are all changed before one.
    gateway.kill_and_restart().await;
    let (old, new) = (gateway.anyone().with_key(&team.key), gateway.anyone().with_key(new));
    for client in [&old, &new] {
        client.get("/v1/models").await.expect(200);
    }
    until("the end of the grace", || async {
        let answer = old.get("/v1/models").await;
        (answer.status == 401).then(|| assert_eq!(answer.refusal(), refused()))
    })
    .await;
    new.get("/v1/models").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_grace_the_old_text_is_refused_on_every_connection() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let again = team.clone();
    let rotate = async { drop(rotated(&gateway, &again, "0s").await) };
    assert_ends(&gateway, &team.key, "/v1/models", rotate).await;
}

#[tokio::test]
async fn a_revoked_key_takes_its_old_texts_with_it() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let new = gateway.anyone().with_key(rotated(&gateway, &team, "24h").await);
    for client in [&team.client, &new] {
        client.get("/v1/models").await.expect(200);
    }
    let path = format!("/admin/v1/keys/{}", team.key_id);
    delete(gateway.admin(), path.clone()).await;
    for client in [&team.client, &new] {
        assert_eq!(client.get("/v1/models").await.refusal(), refused());
    }
    let shown = gateway.admin().get(&path).await.expect(200).json();
    assert!(
        shown["revoked_at"].is_string() && shown.get("key").is_none_or(Value::is_null),
        "{shown}"
    );
}
