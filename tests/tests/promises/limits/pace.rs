//! Requests a minute and generations at once.

use serde_json::{Value, json};
use tests::{Reply, Team};

use super::{limits, slow_house};
use crate::{house, image};

/// A 429 of too many requests: all that it must say.
#[track_caller]
fn assert_too_fast(reply: &Reply, limit: &str) {
    assert_eq!(reply.refusal(), (429, "rate_limit_exceeded".to_owned(), None), "{}", reply.text());
    let seconds: u64 = number(reply, "retry-after");
    assert!((1..=61).contains(&seconds), "{seconds}");
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some(limit));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("0"));
    let reset = reply.header("x-ratelimit-reset-requests").and_then(|text| text.strip_suffix('s'));
    let reset: u64 = reset.and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=61).contains(&reset), "{reset}");
}

/// A 429 of too many at once.
#[track_caller]
fn assert_too_many(reply: &Reply, limit: &str) {
    assert_eq!(reply.refusal(), (429, "concurrency_exceeded".to_owned(), None), "{}", reply.text());
    assert!(number(reply, "retry-after") >= 1);
    assert_eq!(reply.header("x-ratelimit-limit-concurrent"), Some(limit));
    assert_eq!(reply.header("x-ratelimit-remaining-concurrent"), Some("0"));
}

#[track_caller]
fn number(reply: &Reply, header: &str) -> u64 {
    let text = reply.header(header).unwrap_or_else(|| panic!("no {header}: {:?}", reply.headers));
    text.parse().expect("a number")
}

async fn post(team: &Team, body: &Value) -> Reply {
    team.client.post("/v1/generations", body).await
}

#[tokio::test]
async fn the_first_request_too_many_in_a_minute_is_refused() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team_with("a", &limits(json!({ "requests_per_minute": 3 }))).await;
    for left in ["2", "1", "0"] {
        let reply = post(&team, &image(left)).await.expect(202);
        assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("3"));
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some(left));
    }
    assert_too_fast(&post(&team, &image("a fourth")).await, "3");
    let openai = json!({ "prompt": "a fourth", "size": "512x512" });
    assert_too_fast(&team.client.post("/v1/images/generations", &openai).await, "3");
    // Nobody else is slowed down, and looking is free.
    post(&gateway.team("b").await, &image("another team's")).await.expect(202);
    team.client.get("/v1/generations").await.expect(200);
    team.client.post("/v1/estimates", &image("how much?")).await.expect(200);
    vendor.charged(4).await;
    assert_eq!(team.generations().await.len(), 3);
}

#[tokio::test]
async fn only_what_is_accepted_counts() {
    let (_vendor, gateway) = house(json!({})).await;
    let rules = json!({ "limits": { "requests_per_minute": 2 },
                        "budget": { "limit_outputs": 1, "period": "total" } });
    let team = gateway.team_with("a", &rules).await;
    let first = [("idempotency-key", "k1")];
    team.client.post_with("/v1/generations", &image("the first"), &first).await.expect(202);
    for (body, status) in [
        (json!({ "kind": "image", "prompt": "" }), 400),
        (json!({ "kind": "image", "prompt": "x", "model": "nobody" }), 404),
        (json!({ "kind": "image", "prompt": "x", "size": "640x480", "strict": true }), 422),
        (image("the budget's second"), 402),
    ] {
        let refused = post(&team, &body).await.expect(status);
        if let Some(left) = refused.header("x-ratelimit-remaining-requests") {
            assert_eq!(left, "1", "{body}");
        }
    }
    // A repetition is no request of its own.
    let again = team.client.post_with("/v1/generations", &image("the first"), &first).await;
    assert_eq!(again.expect(202).header("idempotent-replayed"), Some("true"));
    let path = format!("/admin/v1/teams/{}", team.id);
    drop(gateway.admin().patch(&path, &json!({ "budget": null })).await.expect(200));
    post(&team, &image("the second")).await.expect(202);
    let third = |prompt: &str| {
        let (client, body) = (team.client.clone(), image(prompt));
        let key = [("idempotency-key", "k2")];
        async move { client.post_with("/v1/generations", &body, &key).await }
    };
    assert_too_fast(&third("the third").await, "2");
    // Other limits hold at once, with all that was counted, and the refused request used no key up.
    drop(
        gateway
            .admin()
            .patch(&path, &limits(json!({ "requests_per_minute": 3 })))
            .await
            .expect(200),
    );
    let taken = third("another third").await.expect(202);
    assert_eq!(taken.header("idempotent-replayed"), None);
    assert_too_fast(&post(&team, &image("a fourth")).await, "3");
}

#[tokio::test]
async fn a_minute_goes_on_after_a_kill() {
    let (_vendor, mut gateway) = house(json!({})).await;
    let team = gateway.team_with("a", &limits(json!({ "requests_per_minute": 2 }))).await;
    for number in 0..2 {
        team.generate(&image(&format!("number {number}"))).await;
    }
    gateway.kill_and_restart().await;
    assert_too_fast(&post(&gateway.again(&team), &image("a third")).await, "2");
}

#[tokio::test]
async fn one_more_at_once_is_refused_until_one_is_over() {
    let (vendor, gateway) = slow_house(1, 600_000).await;
    let team = gateway.team_with("a", &limits(json!({ "concurrent": 2 }))).await;
    post(&team, &image("under way")).await.expect(202);
    vendor.asked("generate", 1).await;
    let waiting = team.begin(&image("waiting")).await;
    assert_too_many(&post(&team, &image("one more")).await, "2");
    let openai = json!({ "prompt": "one more", "size": "512x512" });
    assert_too_many(&team.client.post("/v1/images/generations", &openai).await, "2");
    post(&gateway.team("b").await, &image("another team's")).await.expect(202);
    team.client.post(&format!("/v1/generations/{waiting}/cancel"), &json!({})).await.expect(200);
    post(&team, &image("in its place")).await.expect(202);
    assert_too_many(&post(&team, &image("and one more")).await, "2");
}

#[tokio::test]
async fn who_asks_one_after_the_other_is_never_one_too_many() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team_with("a", &limits(json!({ "concurrent": 1 }))).await;
    for number in 0..10 {
        let made = team.generate(&image(&format!("number {number}"))).await;
        assert_eq!(made["status"], "completed", "{made}");
        let openai = json!({ "prompt": format!("and {number}"), "size": "512x512" });
        team.client.post("/v1/images/generations", &openai).await.expect(200);
    }
}

#[tokio::test]
async fn what_a_killed_process_had_under_way_counts() {
    let (vendor, mut gateway) = slow_house(1, 600_000).await;
    let team = gateway.team_with("a", &limits(json!({ "concurrent": 2 }))).await;
    post(&team, &image("under way")).await.expect(202);
    vendor.asked("generate", 1).await;
    post(&team, &image("waiting")).await.expect(202);
    gateway.kill_and_restart().await;
    assert_too_many(&post(&gateway.again(&team), &image("one more")).await, "2");
}

#[tokio::test]
async fn kinds_and_models_have_limits_of_their_own() {
    let (_vendor, gateway) = house(json!({})).await;
    let by_model = json!({ "models": { "photo": { "requests_per_minute": 1 } },
                           "kinds": { "image": { "requests_per_minute": 2 } } });
    let team = gateway.team_with("a", &limits(by_model)).await;
    let ask = |model: &'static str, prompt: &'static str| {
        let mut body = image(prompt);
        body["model"] = json!(model);
        let team = team.clone();
        async move { post(&team, &body).await }
    };
    let (photo, itself) = ("photo", "zekron/zekron-image-1");
    ask(photo, "one").await.expect(202);
    let refused = ask(photo, "two").await;
    assert_eq!(refused.refusal(), (429, "rate_limit_exceeded".to_owned(), None));
    ask(itself, "two").await.expect(202);
    let refused = ask(itself, "a third image").await;
    assert_eq!(refused.refusal(), (429, "rate_limit_exceeded".to_owned(), None));
}

#[tokio::test]
async fn the_tighter_one_of_key_and_team_holds() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team_with("a", &limits(json!({ "requests_per_minute": 3 }))).await;
    let slow = limits(json!({ "requests_per_minute": 1 }));
    let key = team.another_key(&gateway.admin(), &slow).await;
    post(&key, &image("the key's one")).await.expect(202);
    assert_too_fast(&post(&key, &image("its second")).await, "1");
    for left in ["1", "0"] {
        let reply = post(&team, &image(left)).await.expect(202);
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some(left));
    }
    assert_too_fast(&post(&team, &image("the team's fourth")).await, "3");
}
