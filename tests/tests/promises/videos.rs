//! Clips, in OpenAI's shape: started, looked at until they are there, fetched, listed, deleted.

use std::process::Stdio;

use serde_json::{Value, json};
use tests::{Gateway, Team, Vendor, until};
use tokio::process::Command;

use crate::{
    house,
    openai_sdks::{root, tools},
};

/// A house with a vendor of clips: the simulated one that the gateway starts itself.
async fn clip_house() -> (Vendor, Gateway) {
    let zsky = json!({ "type": "zsky", "base_url": "simulated", "accounts": { "main": {} } });
    house(json!({ "providers": { "zsky": zsky } })).await
}

/// Starts a clip: the video as it stands.
async fn begun(team: &Team, body: &Value) -> Value {
    team.client.post("/v1/videos", body).await.expect(200).json()
}

/// Looks until a video is over; on the way its progress never falls.
async fn watched(team: &Team, id: &Value) -> Value {
    let path = format!("/v1/videos/{}", id.as_str().expect("an id"));
    let mut before = 0;
    loop {
        let video = team.client.get(&path).await.expect(200).json();
        let progress = video["progress"].as_u64().expect("a number");
        assert!(progress <= 100, "{video}");
        match video["status"].as_str() {
            Some("queued") => assert_eq!(progress, 0, "{video}"),
            Some("in_progress") => assert!(before <= progress && progress <= 95, "{video}"),
            _ => return video,
        }
        before = progress;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_video_is_made_fetched_in_parts_and_deleted() {
    let (_vendor, gateway) = clip_house().await;
    let team = gateway.team("a").await;
    let video = begun(&team, &json!({ "prompt": "waves", "seconds": "5" })).await;
    assert_eq!(
        (&video["object"], &video["remixed_from_video_id"]),
        (&json!("video"), &Value::Null)
    );
    let id = video["id"].as_str().expect("an id").to_owned();
    let done = watched(&team, &video["id"]).await;
    assert_eq!((&done["status"], &done["progress"]), (&json!("completed"), &json!(100)), "{done}");
    assert!(done["expires_at"].as_i64() > done["completed_at"].as_i64(), "{done}");
    let path = format!("/v1/videos/{id}/content");
    let whole = team.client.get(&path).await.expect(200);
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    assert_eq!(&whole.body[4..8], b"ftyp");
    let part = team.client.send("GET", &path, &[("range", "bytes=4-7")], "").await.expect(206);
    assert_eq!(&part.body[..], b"ftyp");
    let native = team.generation(&id).await;
    assert_eq!((&native["kind"], &native["status"]), (&json!("video"), &json!("completed")));
    assert_eq!(native["outputs"][0]["bytes"].as_u64(), u64::try_from(whole.body.len()).ok());
    // What is still being settled may be deleted a moment later.
    let gone = until("its deletion", || async {
        let answer = team.client.delete(&format!("/v1/videos/{id}")).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(gone, json!({ "id": id, "object": "video.deleted", "deleted": true }));
    assert_eq!(team.client.get(&path).await.refusal().0, 404);
}

#[tokio::test]
async fn another_teams_video_is_not_there() {
    let (_vendor, gateway) = clip_house().await;
    let (ours, theirs) = (gateway.team("ours").await, gateway.team("theirs").await);
    let video = begun(&theirs, &json!({ "prompt": "theirs" })).await;
    let id = watched(&theirs, &video["id"]).await["id"].as_str().expect("an id").to_owned();
    for (method, path) in [("GET", ""), ("DELETE", ""), ("GET", "/content")] {
        let path = format!("/v1/videos/{id}{path}");
        let refused = ours.client.send(method, &path, &[], "").await.refusal();
        assert_eq!((refused.0, refused.1.as_str()), (404, "not_found"), "{method} {path}");
    }
    let list = ours.client.get("/v1/videos").await.expect(200).json();
    assert_eq!((&list["data"], &list["has_more"]), (&json!([]), &json!(false)));
    assert_eq!(theirs.client.get(&format!("/v1/videos/{id}/content")).await.status, 200);
}

/// Runs an SDK's script against a house that makes clips.
async fn drive(mut command: Command, script: &str) {
    let (_vendor, gateway) = clip_house().await;
    let team = gateway.team("sdk").await;
    command.args([gateway.url(), &team.key]).stdin(Stdio::null());
    let output = command.output().await.expect("it runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{script}: {out}{err}\n{}", gateway.logged());
}

#[tokio::test]
async fn the_python_sdk_makes_videos() {
    let tools = tools().await;
    let mut python = Command::new(tools.join("venv/bin/python"));
    python.arg(root().join("tests/tools/videos.py"));
    drive(python, "videos.py").await;
}

#[tokio::test]
async fn the_node_sdk_makes_videos() {
    let tools = tools().await;
    let mut node = Command::new("node");
    node.arg(root().join("tests/tools/videos.mjs")).arg(tools.join("node"));
    drive(node, "videos.mjs").await;
}
