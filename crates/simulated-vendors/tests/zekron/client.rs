//! A customer of the simulated Zekron.

use bytes::Bytes;
use serde_json::{Value, json};
use simulated_vendors::{
    Running,
    zekron::{Latency, Settings},
};

use crate::wire;
pub(crate) use crate::wire::Reply;

pub(crate) const KEY: &str = "zk_live_0123456789abcdef0123456789abcdef";
pub(crate) const GENERATE: &str = "/v1/generate";
pub(crate) const PREVIEW: &str = "/api/v1/zekron-image-1:image-preview";

/// Settings without waiting.
pub(crate) fn quick() -> Settings {
    Settings { latency_ms: Latency::NONE, ..Settings::default() }
}

/// One request with that key.
pub(crate) async fn send(
    base: &str,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: impl Into<Bytes>,
) -> Result<Reply, String> {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    wire::send(base, method, path, &headers, body).await
}

/// A customer of one running vendor.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) base: String,
    pub(crate) control: String,
    pub(crate) key: String,
}

impl Client {
    pub(crate) fn of(running: &Running) -> Self {
        Self { base: running.base_url(), control: running.control_url(), key: KEY.to_owned() }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body).await.unwrap()
    }

    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Result<Reply, String> {
        send(&self.base, "POST", path, Some(&self.key), body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(&self.base, "GET", path, Some(&self.key), "").await.unwrap()
    }

    pub(crate) async fn generate(&self, prompt: &str) -> Reply {
        self.post(GENERATE, &json!({ "prompt": prompt, "size": "512x512" })).await
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = send(&self.control, method, path, None, body.to_string()).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub(crate) async fn fault(&self, fault: Value) {
        self.control("POST", "/faults", fault).await;
    }

    pub(crate) async fn books(&self) -> Value {
        self.control("GET", "/books", Value::Null).await
    }

    pub(crate) async fn charges(&self) -> Vec<Value> {
        self.books().await["charges"].as_array().unwrap().clone()
    }
}
