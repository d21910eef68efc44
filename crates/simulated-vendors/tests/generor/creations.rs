//! Creations: listed, looked at, changed, deleted; and who may see them.

use crate::client::{SCHNELL, fetch, quick, refused, start, told};
use serde_json::{Value, json};

#[tokio::test]
async fn one_s_own_are_listed_newest_first_in_pages() {
    let (_running, client) = start(quick()).await;
    for number in 0..5 {
        client.image(&format!("picture {number}")).await;
    }
    told(&client.generate("joke", &json!({ "prompt": "a joke", "model_id": 37 })).await);
    let page = async |query: &str| {
        let body = client.get(&format!("/creations{query}")).await.json();
        let rows = body["data"].as_array().unwrap().clone();
        let prompts: Vec<_> =
            rows.iter().map(|row| row["prompt"].as_str().unwrap().to_owned()).collect();
        (prompts, body["meta"].clone())
    };
    let (prompts, meta) = page("?generator=image&page=2&per_page=2").await;
    assert_eq!(prompts, ["picture 2", "picture 1"]);
    let shown = json!({
        "page": 2, "per_page": 2, "total": 5, "total_pages": 3, "has_next": true, "has_prev": true,
    });
    assert_eq!(meta, shown);
    assert_eq!(page("?sort=oldest&per_page=1").await.0, ["picture 0"]);
    let (prompts, meta) = page("?per_page=1000").await;
    assert_eq!((prompts.len(), &meta["per_page"]), (6, &json!(100)));
    assert_eq!(prompts[0], "a joke");
    let (prompts, meta) = page("?page=9").await;
    assert!(prompts.is_empty() && meta["has_next"] == false);
    assert_eq!(client.with_key("gnr_live_simulated").data("/creations").await, json!([]));
}

#[tokio::test]
async fn a_creation_is_shown_as_the_page_does_and_words_come_again() {
    let (_running, client) = start(quick()).await;
    client.image("A sunset over mountains").await;
    let shown = json!({
        "creation_id": 6144, "generator": "image", "user_id": 2, "username": "user2",
        "prompt": "A sunset over mountains", "created_at": "2026-05-10 12:00:00",
        "privacy_mode": 0, "type": "img", "license": 1,
        "images": [{ "url": "/users/2/img/image-6144.png", "width": 1024, "height": 1024 }],
        "generator_data": {
            "model_id": 10003, "parameters": { "image-aspect-ratio": "1", "model-image": "8" },
        },
    });
    let mut data = client.data("/creations/6144").await;
    data["generator_data"]["parameters"]["model-image"] = json!("8");
    assert_eq!(data, shown);
    let joke = told(&client.generate("joke", &json!({ "prompt": "x", "model_id": 37 })).await);
    let again = client.data("/creations/6145").await;
    assert_eq!(again["generator_data"]["text"], joke["creations"][0]["text"]);
    assert_eq!(again["type"], "text");
}

#[tokio::test]
async fn private_ones_are_their_owner_s_and_public_ones_everybody_s() {
    let (_running, client) = start(quick()).await;
    client.image("an open sunset").await;
    let private = json!({ "prompt": "a closed sunset", "model_id": SCHNELL, "privacy_mode": 1 });
    told(&client.generate("image", &private).await);
    for other in [client.nobody(), client.with_key("gnr_live_simulated")] {
        assert_eq!(other.get("/creations/6144").await.status, 200);
        assert_eq!(refused(&other.get("/creations/6145").await), (404, "NOT_FOUND".to_owned()));
        for path in [
            "/creations/public",
            "/creations/search?q=SUNSET",
            "/generators/image/creations",
            "/users/user2/creations",
        ] {
            let rows = other.data(path).await;
            assert_eq!(
                (rows.as_array().unwrap().len(), &rows[0]["creation_id"]),
                (1, &json!(6144)),
                "{path}"
            );
        }
    }
    assert_eq!(client.data("/creations/6145").await["privacy_mode"], 1);
    assert_eq!(client.data("/creations").await.as_array().unwrap().len(), 2);
    assert_eq!(client.data("/creations/search?q=sunset+moon").await, json!([]));
    assert_eq!(client.get("/creations/search").await.status, 400);
    let stranger = client.with_key("gnr_live_simulated");
    assert_eq!(stranger.get("/creations/6144/status").await.status, 404);
}

#[tokio::test]
async fn owners_change_and_delete_and_nobody_else_does() {
    let (_running, client) = start(quick()).await;
    let url = client.image("x").await["creations"][0]["image_url"].as_str().unwrap().to_owned();
    let path = "/creations/6144";
    let change = json!({ "privacy_mode": 1, "license": 2 }).to_string();
    let stranger = client.with_key("gnr_live_simulated");
    assert_eq!(
        refused(&stranger.send("PATCH", path, change.clone()).await),
        (403, "FORBIDDEN".to_owned())
    );
    let changed = told(&client.send("PATCH", path, change).await);
    assert_eq!((&changed["privacy_mode"], &changed["license"]), (&json!(1), &json!(2)));
    assert_eq!(stranger.send("DELETE", path, "").await.status, 404, "it is private now");
    for bad in [json!({}), json!({ "license": 3 }), json!({ "privacy_mode": "1" })] {
        assert_eq!(client.send("PATCH", path, bad.to_string()).await.status, 400, "{bad}");
    }
    let license = json!({ "license": 1 }).to_string();
    let changed = told(&client.send("PATCH", path, license).await);
    assert_eq!((&changed["privacy_mode"], &changed["license"]), (&json!(1), &json!(1)));
    assert_eq!(fetch(&url).await.status, 200);
    told(&client.send("DELETE", path, "").await);
    for gone in [path.to_owned(), format!("{path}/status")] {
        assert_eq!(client.get(&gone).await.status, 404);
    }
    assert_eq!(fetch(&url).await.status, 404);
    assert_eq!(client.data("/creations").await, Value::Array(Vec::new()));
    assert_eq!(client.charges().await.len(), 1, "what was paid is paid");
}

#[tokio::test]
async fn a_status_is_told_while_the_work_lasts() {
    let (_running, client) = start(quick()).await;
    client.fault(json!({ "kind": "job_stuck", "on": "generate" })).await;
    let other = client.clone();
    let call = async move { other.image("stuck").await };
    let looks = async {
        loop {
            let reply = client.get("/creations/6144/status").await;
            if reply.status == 200 {
                return told(&reply)["status"].clone();
            }
        }
    };
    tokio::select! {
        _ = call => unreachable!(),
        status = looks => assert_eq!(status, "generating"),
    }
    assert_eq!(client.data("/creations").await, json!([]), "only what is there is listed");
    assert_eq!(client.books().await["keys"][0]["reserved"], 6);
}
