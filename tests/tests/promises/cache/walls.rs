//! What one team's answers tell another: nothing, unless operators let them share.

use serde_json::json;
use tests::{Client, path_of};

use super::{IMAGES, asked, cache_of, house};
use crate::image;

#[tokio::test]
async fn a_team_never_gets_another_teams_answer() {
    let (vendor, gateway) = house(json!({})).await;
    vendor.set(json!({ "latency_ms": { "min": 200, "max": 200 } })).await;
    let (ours, theirs) = (gateway.team("ours").await, gateway.team("theirs").await);
    // Neither in flight nor afterwards, whatever is said of the cache.
    let begun = theirs.begin(&image("a fox")).await;
    vendor.asked("generate", 1).await;
    let joined = ours.generate(&image("a fox")).await;
    assert_eq!(joined["cache"], "miss");
    let their = theirs.ended(&begun).await;
    assert_ne!(joined["outputs"][0]["asset"], their["outputs"][0]["asset"]);
    let body = json!({ "prompt": "a hare" });
    drop(asked(&theirs, &body, &[]).await.expect(200));
    for header in ["only-if-cached", "max-age=600, only-if-cached"] {
        let told = asked(&ours, &body, &[("cache-control", header)]).await;
        let never =
            asked(&ours, &json!({ "prompt": "nobody's" }), &[("cache-control", header)]).await;
        assert_eq!((told.refusal(), never.refusal()), (never.refusal(), told.refusal()));
    }
    assert_eq!(cache_of(&asked(&ours, &body, &[]).await.expect(200)), "miss");
    assert_eq!(vendor.charges().await.len(), 4);
    // Nor is another team's usage theirs.
    let usage = ours.client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["saved_usd"], "0.000000");
}

#[tokio::test]
async fn shared_answers_are_each_teams_own() {
    let (vendor, gateway) = house(json!({ "cache": { "scope": "global" } })).await;
    let (ours, theirs) = (gateway.team("ours").await, gateway.team("theirs").await);
    let their = theirs.generate(&image("a fox")).await;
    let our = ours.generate(&image("a fox")).await;
    assert_eq!((&our["cache"], vendor.charges().await.len()), (&json!("hit"), 1));
    let asset =
        |of: &serde_json::Value| of["outputs"][0]["asset"].as_str().expect("one").to_owned();
    let path = |of: &serde_json::Value| format!("/v1/assets/{}", asset(of));
    // With its key each team sees its own name of the picture, and the other's is not there.
    drop(ours.client.get(&path(&our)).await.expect(200));
    drop(ours.client.get(&path(&their)).await.expect(404));
    drop(theirs.client.get(&path(&our)).await.expect(404));
    let id = their["id"].as_str().expect("an id");
    assert!(!our.to_string().contains(id), "whose it was is not told: {our}");
    drop(ours.client.get(&format!("/v1/generations/{id}")).await.expect(404));

    // The first team goes, with everything that is theirs; ours is not touched.
    let team = format!("/admin/v1/teams/{}", theirs.id);
    drop(gateway.admin().delete(&team).await.expect(204));
    drop(gateway.admin().post(&format!("{team}/erase"), &json!({})).await);
    let link = our["outputs"][0]["url"].as_str().expect("a link");
    drop(Client::new(gateway.url()).get(path_of(link)).await.expect(200));
    let again =
        asked(&ours, &json!({ "prompt": "a fox", "size": "512x512" }), &[]).await.expect(200);
    assert_eq!(cache_of(&again), "miss", "what was erased answers nobody");
    drop(
        ours.client
            .post(IMAGES, &json!({ "prompt": "a fox", "size": "512x512" }))
            .await
            .expect(200),
    );
    assert_eq!(vendor.charges().await.len(), 2);
}
