//! Never paying twice for the same: one charge, however often and by however many it is asked for.

mod rush;
mod walls;

use serde_json::{Value, json};
use tests::{Gateway, Reply, Team, Vendor, micros, until};
use tokio::task::JoinSet;

use crate::{chat::Talkers, image, json_of, text};

const IMAGES: &str = "/v1/images/generations";

/// A house with the cache as it is by default, and that change.
async fn house(change: Value) -> (Vendor, Gateway) {
    let mut whole = json!({ "cache": { "enabled": true } });
    for (section, values) in change.as_object().expect("sections") {
        match (whole.get_mut(section), values.as_object()) {
            (Some(Value::Object(there)), Some(values)) => there.extend(values.clone()),
            _ => whole[section] = values.clone(),
        }
    }
    crate::house(whole).await
}

fn cache_of(reply: &Reply) -> &str {
    reply.header("x-atelier-cache").unwrap_or_default()
}

async fn asked(team: &Team, body: &Value, headers: &[(&str, &str)]) -> Reply {
    team.client.post_with(IMAGES, body, headers).await
}

#[tokio::test]
async fn the_same_request_returns_the_same_picture_and_is_paid_once() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let first = asked(&team, &json!({ "prompt": "a fox" }), &[]).await.expect(200);
    assert_eq!(cache_of(&first), "miss");
    let key = first.header("x-atelier-cache-key").expect("a key").to_owned();
    let same = json!({ "prompt": " a fox\n", "n": 1, "model": "photo", "size": "auto" });
    let again = asked(&team, &same, &[]).await.expect(200);
    assert_eq!((cache_of(&again), again.header("x-atelier-cost-usd")), ("hit", Some("0.000000")));
    assert_eq!(again.header("x-atelier-cache-key"), Some(&*key));
    let picture = |reply: &Reply| reply.json()["data"][0]["b64_json"].clone();
    assert_eq!(picture(&again), picture(&first));
    assert_ne!(again.header("x-atelier-generation"), first.header("x-atelier-generation"));

    // Its own generation: without attempts or charge, with a link and an asset of its own.
    let id = again.header("x-atelier-generation").expect("an id");
    let native = team.generation(id).await;
    assert_eq!((&native["status"], &native["cache"]), (&json!("completed"), &json!("hit")));
    assert_eq!(
        (&native["attempts"], &native["cost"]["charged_usd"]),
        (&json!([]), &json!("0.000000"))
    );
    assert_eq!(native["provider_model"], first.header("x-atelier-model").expect("a model"));
    let bytes = team.download(&native["outputs"][0]).await.body;
    let other = first.header("x-atelier-generation").expect("an id");
    let other = team.generation(other).await;
    assert_ne!(native["outputs"][0]["asset"], other["outputs"][0]["asset"]);
    assert_eq!(team.download(&other["outputs"][0]).await.body, bytes);

    // What it saved is told wherever money is.
    assert_eq!(vendor.charges().await.len(), 1);
    let usage = team.client.get("/v1/usage").await.expect(200).json();
    assert_eq!(micros(&usage["saved_usd"]), vendor.total().await);
    assert_eq!(micros(&usage["charged_usd"]), vendor.total().await);
    let labels = [("provider", "cache"), ("status", "completed")];
    assert_eq!(gateway.metric("atelier_generations_total", &labels).await, Some(1));
    for (result, count) in [("hit", 1), ("miss", 1)] {
        let labels = [("result", result)];
        let seen = gateway.metric("atelier_cache_requests_total", &labels).await;
        assert_eq!(seen, Some(count), "{result}");
    }
    let saved = gateway.metric_text("atelier_saved_usd_total", &[("reason", "cache")]).await;
    assert!(saved.is_some());
}

#[tokio::test]
async fn the_caller_says_whether_an_earlier_answer_may_do() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let plain = json!({ "prompt": "a fox" });
    let only = [("cache-control", "only-if-cached")];
    let refused = asked(&team, &plain, &only).await;
    assert_eq!((refused.refusal().0, refused.refusal().1.as_str()), (504, "deadline_exceeded"));
    for (body, header, result, charges) in [
        (plain.clone(), "", "miss", 1),
        (plain.clone(), "", "hit", 1),
        (plain.clone(), "only-if-cached", "hit", 1),
        (plain.clone(), "max-age=600", "hit", 1),
        (plain.clone(), "max-age=0", "miss", 2),
        (plain.clone(), "no-cache", "miss", 3),
        (plain.clone(), "no-store", "off", 4),
        (json!({ "prompt": "a fox", "cache": "use" }), "no-store", "hit", 4),
        (json!({ "prompt": "a fox", "cache": "refresh" }), "", "miss", 5),
        (json!({ "prompt": "a fox", "cache": "off" }), "max-age=600", "off", 6),
        (json!({ "prompt": "a fox", "size": "512x512" }), "", "miss", 7),
    ] {
        let reply = asked(&team, &body, &[("cache-control", header)]).await.expect(200);
        assert_eq!(cache_of(&reply), result, "{body} {header:?}");
        assert_eq!(vendor.charges().await.len(), charges, "{body} {header:?}");
    }
}

#[tokio::test]
async fn each_alias_chooses_whether_variants_are_fresh() {
    let alias = json!({ "kind": "image", "candidates": ["zekron/zekron-image-1"] });
    let mut fresh = alias.clone();
    fresh["variants"] = json!("fresh");
    let models = json!({ "photo": alias, "lottery": fresh, "default": { "image": "photo" } });
    let (vendor, gateway) = house(json!({ "models": models })).await;
    let team = gateway.team("a").await;
    for (model, result) in
        [("photo", "miss"), ("photo", "hit"), ("lottery", "off"), ("lottery", "off")]
    {
        let body = json!({ "prompt": "a fox", "model": model });
        let reply = asked(&team, &body, &[]).await.expect(200);
        assert_eq!(cache_of(&reply), result, "{body}");
    }
    assert_eq!(vendor.charges().await.len(), 3);
}

#[tokio::test]
async fn a_deleted_picture_is_made_anew_and_those_that_were_given_live_on() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let first = team.generate(&image("a fox")).await;
    let shared = team.generate(&image("a fox")).await;
    assert_eq!(shared["cache"], "hit");
    let bytes = team.download(&first["outputs"][0]).await.body;
    let path = format!("/v1/generations/{}", first["id"].as_str().expect("an id"));
    drop(team.client.delete(&path).await.expect(200));
    drop(team.client.get(&path).await.expect(404));
    assert_eq!(team.download(&shared["outputs"][0]).await.body, bytes);
    let third = team.generate(&image("a fox")).await;
    assert_eq!(third["cache"], "miss");
    assert_eq!(vendor.charges().await.len(), 2);

    // An input may be what an answer shows, wherever its bytes lie.
    let source = json!([{ "role": "source", "asset": shared["outputs"][0]["asset"] }]);
    let edit = json!({ "kind": "image", "prompt": "in winter", "inputs": source });
    let edited = team.generate(&edit).await;
    assert_eq!(edited["status"], "completed", "{edited}");
}

#[tokio::test]
async fn operators_revoke_answers() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let other = gateway.team("b").await;
    for team in [&team, &other] {
        assert_eq!(team.generate(&image("a fox")).await["cache"], "miss");
    }
    let purge = |query: &str| {
        let (admin, path) = (gateway.admin(), format!("/admin/v1/cache?{query}"));
        async move { admin.delete(&path).await }
    };
    let forgotten = purge(&format!("team={}", team.id)).await.expect(200).json();
    assert_eq!(forgotten, json!({ "forgotten": 1 }));
    assert_eq!(other.generate(&image("a fox")).await["cache"], "hit");
    assert_eq!(team.generate(&image("a fox")).await["cache"], "miss");
    // Too little of a key names nearly all of them, and more than is shown of one is not known.
    for wrong in [&team.key[..3], &team.key[..9], &team.key] {
        let refused = purge(&format!("key_prefix={wrong}")).await;
        assert_eq!(refused.refusal().2.as_deref(), Some("key_prefix"), "{}", wrong.len());
    }
    let begins = &team.key[..8];
    assert_eq!(purge(&format!("key_prefix={begins}")).await.expect(200).json()["forgotten"], 1);
    let told =
        gateway.cli(tests::ADMIN_KEY, &["cache", "purge", "--model", "photo", "--json"]).await;
    assert_eq!(json_of(&told), json!({ "forgotten": 1 }));
    let told = gateway.cli(tests::ADMIN_KEY, &["cache", "purge", "--all"]).await;
    assert_eq!(text(&told.stdout).trim(), "0 answers are forgotten");
    drop(team.client.delete("/admin/v1/cache").await.expect(403));
    let audit = gateway.admin().get("/admin/v1/audit?limit=100").await.expect(200).json();
    let rows = audit["data"].as_array().expect("a list").clone();
    assert_eq!(rows.iter().filter(|row| row["action"] == "cache.purge").count(), 4);
    assert_eq!(vendor.charges().await.len(), 3);
}

#[tokio::test]
async fn words_and_sounds_are_given_again_as_well() {
    let talkers = Talkers::start_with(&json!({ "cache": { "enabled": true } })).await;
    let team = talkers.team("a").await;
    let chat = json!({ "messages": [{ "role": "user", "content": "a joke" }] });
    let speech = json!({ "input": "The lighthouse is open.", "voice": "alloy" });
    for (nth, (path, body)) in
        [("/v1/chat/completions", chat), ("/v1/audio/speech", speech)].into_iter().enumerate()
    {
        let first = team.client.post(path, &body).await.expect(200);
        let again = team.client.post(path, &body).await.expect(200);
        assert_eq!((cache_of(&first), cache_of(&again)), ("miss", "hit"), "{path}");
        if path.ends_with("speech") {
            assert_eq!(first.body, again.body);
        } else {
            let said = |reply: &Reply| reply.json()["choices"][0]["message"]["content"].clone();
            assert_eq!(said(&first), said(&again));
        }
        assert_eq!(talkers.charges().await.len(), nth + 1, "{path}");
    }
}

#[tokio::test]
async fn a_clip_is_given_again_at_once() {
    let zsky = json!({ "type": "zsky", "base_url": "simulated", "accounts": { "main": {} } });
    let (_vendor, gateway) = house(json!({ "providers": { "zsky": zsky } })).await;
    let team = gateway.team("a").await;
    let body = json!({ "prompt": "waves", "seconds": "5" });
    let first = team.client.post("/v1/videos", &body).await.expect(200).json();
    let joined = team.client.post("/v1/videos", &body).await.expect(200);
    assert_eq!(cache_of(&joined), "coalesced");
    let ids = [first["id"].clone(), joined.json()["id"].clone()];
    let mut clips = Vec::new();
    for id in &ids {
        let done = team.ended(id.as_str().expect("an id")).await;
        assert_eq!(done["status"], "completed", "{done}");
        clips.push(team.download(&done["outputs"][0]).await.body);
    }
    assert_eq!(clips[0], clips[1]);
    let hit = team.client.post("/v1/videos", &body).await.expect(200);
    assert_eq!((cache_of(&hit), &hit.json()["status"]), ("hit", &json!("completed")));
    let path = format!("/v1/videos/{}/content", hit.json()["id"].as_str().expect("an id"));
    assert_eq!(team.client.get(&path).await.expect(200).body, clips[0]);
}

#[tokio::test]
async fn a_similar_prompt_is_answered_where_that_is_wanted() {
    let similar = json!({ "enabled": true, "threshold": 0.9 });
    let (vendor, gateway) = house(json!({ "cache": { "similar": similar } })).await;
    let team = gateway.team("a").await;
    let first = asked(&team, &json!({ "prompt": "A red fox, in the snow" }), &[]).await.expect(200);
    let near = asked(&team, &json!({ "prompt": "in the snow: a red FOX" }), &[]).await.expect(200);
    assert_eq!((cache_of(&first), cache_of(&near)), ("miss", "similar"));
    assert_eq!(near.header("x-atelier-adjusted"), Some("cache"));
    let id = near.header("x-atelier-generation").expect("an id");
    let told = team.generation(id).await["adjustments"]["cache"]["reason"].clone();
    let source = first.header("x-atelier-generation").expect("an id");
    assert!(told.as_str().is_some_and(|reason| reason.contains(source)), "{told}");
    let other = asked(&team, &json!({ "prompt": "a red fox in the sand" }), &[]).await.expect(200);
    assert_eq!(cache_of(&other), "miss");
    assert_eq!(vendor.charges().await.len(), 2);
}

#[tokio::test]
async fn a_failing_leader_hands_over_to_one_at_a_time() {
    // One attempt each: whatever strikes a leader is its end.
    let (vendor, gateway) = house(json!({ "routing": { "attempts": 1 } })).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 300, "max": 300 } })).await;
    vendor.fault_on_generate("status_500", json!({})).await;
    let mut callers = JoinSet::new();
    for _ in 0..12 {
        let team = team.clone();
        callers.spawn(async move { team.generate(&image("a fox")).await });
    }
    let ends = callers.join_all().await;
    let with = |status: &str| ends.iter().filter(|one| one["status"] == status).count();
    assert_eq!((with("completed"), with("failed")), (11, 1), "{ends:?}");
    assert_eq!(vendor.charges().await.len(), 1);
    assert_eq!(vendor.count("generate").await, 2, "one failed, one was paid for");
}

#[tokio::test]
async fn a_leader_whose_caller_hangs_up_goes_on_for_the_others() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    vendor.set(json!({ "latency_ms": { "min": 300, "max": 300 } })).await;
    let mut leader = JoinSet::new();
    let client = team.client.clone();
    leader.spawn(async move {
        let headers = [("content-type", "application/json"), ("prefer", "wait=60")];
        drop(
            client.try_send("POST", "/v1/generations", &headers, image("a fox").to_string()).await,
        );
    });
    vendor.asked("generate", 1).await;
    let follower = team.begin(&image("a fox")).await;
    leader.shutdown().await;
    let follower = team.ended(&follower).await;
    assert_eq!(
        (&follower["status"], &follower["cache"]),
        (&json!("completed"), &json!("coalesced"))
    );
    let all = until("both ends", || async {
        let all = team.generations().await;
        all.iter().all(|one| one["status"] == "completed").then_some(all)
    })
    .await;
    assert_eq!((all.len(), vendor.charges().await.len()), (2, 1));
}
