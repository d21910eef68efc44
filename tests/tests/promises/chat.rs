//! Conversations in OpenAI's shape: answered once, paid once, in one piece.

use std::{fs, ops::Deref, process::Stdio};

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tests::{Gateway, Studio, micros, pictures, quick_studio};
use tokio::process::Command;

use crate::{
    openai_sdks::{root, tools},
    run,
};

/// A gateway whose vendor answers, sees and speaks.
pub(crate) struct Talkers {
    gateway: Gateway,
    vendor: Studio,
}

impl Deref for Talkers {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

impl Talkers {
    pub(crate) async fn start() -> Self {
        Self::start_with(&json!({})).await
    }

    /// The same with more of a configuration.
    pub(crate) async fn start_with(more: &Value) -> Self {
        let vendor = Studio::start(quick_studio()).await;
        let alias = |kind: &str, model: &str| json!({ "kind": kind, "candidates": [model] });
        let models = json!({
            "words": alias("text", "generor/37"),
            "eyes": alias("vision", "generor/34"),
            "voice": alias("speech", "generor/30004"),
            "default": { "text": "words", "vision": "eyes", "speech": "voice" },
        });
        let mut change = json!({ "models": models });
        if let (Some(change), Some(more)) = (change.as_object_mut(), more.as_object()) {
            change.extend(more.clone());
        }
        let config = vendor.config_at(&vendor.url(), json!({}), &change);
        let gateway = run().gateway(&config).await;
        Self { gateway, vendor }
    }

    /// What the vendor charged, call by call.
    pub(crate) async fn charges(&self) -> Vec<Value> {
        self.vendor.charges().await
    }

    /// Runs an SDK's script with the base URL, the key and a picture.
    async fn drive(&self, mut command: Command, script: &str) {
        let team = self.team("sdk").await;
        let picture = self.folder().join("picture.png");
        fs::write(&picture, pictures::picture(image::ImageFormat::Png)).expect("it is written");
        command.args([self.url(), &team.key]).arg(picture).stdin(Stdio::null());
        let output = command.output().await.expect("it runs");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (said(&output.stdout), said(&output.stderr));
        assert!(output.status.success(), "{script}: {out}{err}\n{}", self.logged());
    }
}

fn hello(more: Value) -> Value {
    let mut body = json!({
        "model": "words", "messages": [{ "role": "user", "content": "a joke about lighthouses" }],
    });
    let more = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(more);
    body
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().expect("a text")
}

#[tokio::test]
async fn a_conversation_is_paid_once_and_told_again_for_nothing() {
    let house = Talkers::start().await;
    let team = house.team("a").await;
    let key = [("idempotency-key", "one")];
    let path = "/v1/chat/completions";
    let first = team.client.post_with(path, &hello(json!({})), &key).await.expect(200);
    let again = team.client.post_with(path, &hello(json!({})), &key).await.expect(200);
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let charges = house.charges().await;
    let [charge] = charges.as_slice() else { panic!("{charges:?}") };
    // A credit is a thousandth of a dollar where nobody says otherwise.
    let credits = charge["credits"].as_i64().expect("credits");
    let told = Value::from(first.header("x-atelier-cost-usd").expect("a cost"));
    assert_eq!(micros(&told), credits * 1000, "{charge}");
    let id = first.header("x-atelier-generation").expect("an id");
    let native = team.ended(id).await;
    assert_eq!(native["outputs"][0]["text"], content(&first.json()));
    assert_eq!(
        (&native["kind"], &native["provider_model"]),
        (&json!("text"), &json!("generor/37"))
    );
}

#[tokio::test]
async fn what_the_vendor_knows_is_passed_on_and_the_rest_is_told() {
    let house = Talkers::start().await;
    let team = house.team("a").await;
    let path = "/v1/chat/completions";
    let more = json!({ "temperature": 0.25, "top_p": 0.5, "stop": ["."] });
    let told = team.client.post(path, &hello(more)).await.expect(200);
    assert_eq!(told.header("x-atelier-adjusted"), Some("stop,top_p"));
    let strict = json!({ "temperature": 0.25, "strict": true });
    drop(team.client.post(path, &hello(strict)).await.expect(200));
    let strict = json!({ "top_p": 0.5, "strict": true });
    let refused = team.client.post(path, &hello(strict)).await.refusal();
    let wanted = (400, "unsupported_parameter".to_owned(), Some("top_p".to_owned()));
    assert_eq!(refused, wanted);
    let orders = house.vendor.orders().await;
    assert_eq!(orders.len(), 2, "{orders:?}");
    for order in orders {
        assert_eq!(order["fields"]["temperature"], 0.25, "{order}");
    }
}

#[tokio::test]
async fn a_picture_is_seen_in_a_conversation() {
    let house = Talkers::start().await;
    let team = house.team("a").await;
    let picture = STANDARD.encode_to_string(pictures::picture(image::ImageFormat::Png));
    let url = format!("data:image/png;base64,{picture}");
    let content_of = |url: &str| {
        let part = json!({ "type": "image_url", "image_url": { "url": url } });
        json!({ "messages": [{ "role": "user", "content": [part] }] })
    };
    let path = "/v1/chat/completions";
    let seen = team.client.post(path, &content_of(&url)).await.expect(200).json();
    assert!(content(&seen).contains("64 by 48 pixels"), "{seen}");
    // An address that leads nowhere public is never asked, and costs nothing.
    let refused = team.client.post(path, &content_of("http://169.254.169.254/a")).await.refusal();
    assert_eq!((refused.0, refused.1.as_str()), (400, "invalid_request"));
    assert_eq!(house.charges().await.len(), 1);
}

#[tokio::test]
async fn a_stream_is_one_event_and_its_end() {
    let house = Talkers::start().await;
    let team = house.team("a").await;
    let body = hello(json!({ "stream": true }));
    let answer = team.client.post("/v1/chat/completions", &body).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = answer.text();
    let events: Vec<&str> = text.split_terminator("\n\n").collect();
    let [event, "data: [DONE]"] = events[..] else { panic!("{events:?}") };
    let data = event.strip_prefix("data: ").expect("an event");
    let chunk: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(chunk["object"], "chat.completion.chunk");
    assert_eq!(chunk["choices"][0]["finish_reason"], "stop");
    assert!(chunk["choices"][0]["delta"]["content"].is_string(), "{chunk}");
}

#[tokio::test]
async fn what_can_be_asked_for_tells_its_price() {
    let house = Talkers::start().await;
    let team = house.team("a").await;
    let model = team.client.get("/v1/models/generor/37").await.expect(200).json();
    assert_eq!((&model["kind"], &model["owned_by"]), (&json!("text"), &json!("generor")));
    let (expected, upper) = (micros(&model["expected_usd"]), micros(&model["upper_usd"]));
    assert!(0 < expected && expected <= upper, "{model}");
    assert!(model["source"].is_string() && model["age_s"].is_u64(), "{model}");
    let all = house.admin().get("/admin/v1/models").await.expect(200).json();
    let rows = all["data"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["id"] == "generor/37").expect("a row");
    assert_eq!((&row["available"], &row["reason"]), (&json!(true), &Value::Null), "{row}");
    let eyes = rows.iter().find(|row| row["id"] == "generor/34").expect("a row");
    assert_eq!(eyes["capabilities"]["inputs"][0]["min"], 1, "{eyes}");
    assert_eq!(team.client.get("/admin/v1/models").await.refusal().0, 403);
}

#[tokio::test]
async fn the_python_sdk_talks_and_speaks() {
    let tools = tools().await;
    let mut python = Command::new(tools.join("venv/bin/python"));
    python.arg(root().join("tests/tools/chat.py"));
    Talkers::start().await.drive(python, "chat.py").await;
}

#[tokio::test]
async fn the_node_sdk_talks_and_speaks() {
    let tools = tools().await;
    let mut node = Command::new("node");
    node.arg(root().join("tests/tools/chat.mjs")).arg(tools.join("node"));
    Talkers::start().await.drive(node, "chat.mjs").await;
}
