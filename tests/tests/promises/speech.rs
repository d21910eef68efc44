//! Speech in OpenAI's shape, and every kind of sound by the native route.

use serde_json::json;

use crate::chat::Talkers;

#[tokio::test]
async fn a_text_is_spoken_once_and_told_again_for_nothing() {
    let house = Talkers::start().await;
    let team = house.team("a").await;
    let key = [("idempotency-key", "one")];
    let body = json!({ "input": "The lighthouse is open.", "voice": "alloy" });
    let path = "/v1/audio/speech";
    let first = team.client.post_with(path, &body, &key).await.expect(200);
    let again = team.client.post_with(path, &body, &key).await.expect(200);
    assert_eq!(first.body, again.body);
    let media_type = first.header("content-type").expect("a type").to_owned();
    assert!(media_type.starts_with("audio/"), "{media_type}");
    assert_eq!(house.charges().await.len(), 1);
    let id = first.header("x-atelier-generation").expect("an id");
    let native = team.ended(id).await;
    let output = &native["outputs"][0];
    assert_eq!((&native["kind"], &output["mime_type"]), (&json!("speech"), &json!(media_type)));
    assert_eq!(team.download(output).await.body, first.body);
    let adjusted = first.header("x-atelier-adjusted").expect("the voice has no effect");
    assert!(adjusted.split(',').any(|name| name == "voice"), "{adjusted}");
}

#[tokio::test]
async fn what_would_be_adjusted_is_refused_where_it_is_strict() {
    let house = Talkers::start().await;
    let team = house.team("a").await;
    for (name, more) in [("voice", json!("alloy")), ("response_format", json!("mp3"))] {
        let body = json!({ "input": "x", "strict": true, name: more });
        let refused = team.client.post("/v1/audio/speech", &body).await.refusal();
        assert_eq!((refused.0, refused.1.as_str()), (400, "unsupported_parameter"), "{name}");
    }
    assert_eq!(house.charges().await.len(), 0);
}
