//! Everything that is not about generating: thin, but what is written is read back.

use crate::client::{Client, SCHNELL, quick, refused, start, told};
use serde_json::{Value, json};
use simulated_vendors::Running;

async fn two() -> (Running, Client, Client) {
    let (running, ann) = start(quick()).await;
    ann.get("/users/me").await;
    let bob = ann.with_key("gnr_live_simulated");
    bob.get("/users/me").await;
    (running, ann, bob)
}

#[tokio::test]
async fn a_profile_is_shown_changed_and_public_in_part() {
    let (_running, ann, _) = two().await;
    let change = json!({ "bio": "Updated bio", "website": "https://example.com" });
    told(&ann.send("PATCH", "/users/me", change.to_string()).await);
    ann.image("x").await;
    let me = ann.data("/users/me").await;
    let shown = json!({
        "user_id": 2, "username": "user2", "email": "user2@example.com", "avatar": null,
        "bio": "Updated bio", "website": "https://example.com", "joined": "2026-05-10 12:00:00",
        "credits": me["credits"], "creation_count": 1, "follower_count": 0, "following_count": 0,
        "teams": [],
    });
    assert_eq!(me, shown);
    let public = ann.nobody().data("/users/user2").await;
    assert_eq!(public["bio"], "Updated bio");
    assert!(public.get("credits").is_none() && public.get("email").is_none());
    assert_eq!(ann.get("/users/nobody").await.status, 404);
    assert_eq!(ann.send("PATCH", "/users/me", json!({ "bio": 7 }).to_string()).await.status, 400);
}

#[tokio::test]
async fn follows_fill_the_feed() {
    let (_running, ann, bob) = two().await;
    ann.image("of ann").await;
    assert_eq!(bob.data("/feed").await, json!([]));
    assert_eq!(bob.data("/users/user2/follow").await, json!({ "following": false }));
    told(&bob.post("/users/user2/follow", &Value::Null).await);
    assert_eq!(bob.data("/users/user2/follow").await, json!({ "following": true }));
    assert_eq!(bob.data("/feed?generator=image").await[0]["prompt"], "of ann");
    assert_eq!(bob.data("/feed?generator=joke").await, json!([]));
    let followers = ann.nobody().data("/users/user2/followers").await;
    assert_eq!(followers, json!([{ "user_id": 3, "username": "user3" }]));
    assert_eq!(ann.data("/users/user3/following").await[0]["user_id"], 2);
    told(&bob.send("DELETE", "/users/user2/follow", "").await);
    assert_eq!(bob.data("/feed").await, json!([]));
    assert_eq!(bob.post("/users/user3/follow", &Value::Null).await.status, 400);
}

#[tokio::test]
async fn comments_are_written_voted_on_and_deleted_by_their_writers() {
    let (_running, ann, bob) = two().await;
    ann.image("x").await;
    let path = "/creations/6144/comments";
    let reply = bob.post(path, &json!({ "text": "Great creation!", "parent_id": null })).await;
    assert_eq!(reply.status, 201);
    let id = told(&reply)["comment_id"].clone();
    told(&ann.post(path, &json!({ "text": "Thanks", "parent_id": id })).await);
    assert_eq!(ann.post(path, &json!({ "text": "x", "parent_id": 99 })).await.status, 404);
    assert_eq!(ann.post(path, &json!({ "text": " " })).await.status, 400);
    for (who, vote, score) in [(&ann, "up", 1), (&bob, "up", 2), (&bob, "down", 0)] {
        let voted = who.post(&format!("/comments/{id}/vote"), &json!({ "vote": vote })).await;
        assert_eq!(told(&voted)["score"], score);
    }
    assert_eq!(
        refused(&ann.send("DELETE", &format!("/comments/{id}"), "").await),
        (403, "FORBIDDEN".to_owned())
    );
    told(&bob.send("DELETE", &format!("/comments/{id}"), "").await);
    let rows = ann.nobody().data(path).await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["text"]), (1, &json!("Thanks")));
}

#[tokio::test]
async fn ratings_are_averaged_and_one_s_later_one_counts() {
    let (_running, ann, bob) = two().await;
    ann.image("x").await;
    let path = "/creations/6144/rating";
    for (who, score) in [(&ann, 1), (&ann, 4), (&bob, 5)] {
        told(&who.post(path, &json!({ "score": score })).await);
    }
    let rating = ann.nobody().data(path).await;
    assert_eq!(rating, json!({ "creation_id": 6144, "average": 4.5, "count": 2 }));
    for bad in [json!({}), json!({ "score": 6 }), json!({ "score": 0 })] {
        assert_eq!(ann.post(path, &bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn teams_are_made_joined_led_and_left() {
    let (_running, ann, bob) = two().await;
    let team = told(&ann.post("/teams", &json!({ "name": "My Creative Team" })).await);
    let (id, code) = (team["team_id"].clone(), team["invite_code"].as_str().unwrap().to_owned());
    let path = format!("/teams/{id}");
    let body = json!({ "prompt": "x", "model_id": SCHNELL, "team_id": id, "privacy_mode": 1 });
    assert_eq!(refused(&bob.generate("image", &body).await), (403, "FORBIDDEN".to_owned()));
    assert_eq!(bob.get(&path).await.status, 403);
    told(&bob.post(&format!("/teams/join/{code}"), &Value::Null).await);
    told(&bob.generate("image", &body).await);
    let made = ann.data(&format!("{path}/creations")).await;
    assert_eq!((&made[0]["user_id"], &made[0]["privacy_mode"]), (&json!(3), &json!(1)));
    assert_eq!(ann.data(&path).await["members"].as_array().unwrap().len(), 2);
    assert_eq!(bob.post(&format!("{path}/invite"), &Value::Null).await.status, 403);
    let newer = told(&ann.post(&format!("{path}/invite"), &Value::Null).await);
    assert_ne!(newer["invite_code"], json!(code));
    told(&ann.send("DELETE", &format!("{path}/members/3"), "").await);
    assert_eq!(bob.data("/teams").await, json!([]));
    told(&ann.post(&format!("{path}/members"), &json!({ "username": "user3" })).await);
    assert_eq!(bob.data("/users/me").await["teams"][0]["name"], "My Creative Team");
    told(&bob.send("DELETE", &path, "").await);
    assert_eq!(bob.get(&path).await.status, 403);
    assert_eq!(bob.get("/teams/99").await.status, 404);
}
