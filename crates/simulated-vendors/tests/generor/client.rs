//! A customer of the simulated Generor.

use bytes::Bytes;
use serde_json::{Value, json};
use simulated_vendors::{
    Generor, Placement, Running,
    generor::{Latencies, Rate, Settings},
};

use crate::wire::{self, Reply};

pub(crate) const KEY: &str = "gnr_live_0123456789abcdef0123456789abcdef01234567";
/// A picture that costs 6 by the catalogue and 24 in the end.
pub(crate) const SCHNELL: u32 = 10003;

/// Settings without waiting, with light pictures, and with the rates out of the way.
pub(crate) fn quick() -> Settings {
    let mut settings =
        Settings { latency_ms: Latencies::NONE, picture_bytes: Some(3000), ..Settings::default() };
    let many = 1_000_000;
    settings.limits.free = Rate { per_minute: many, per_hour: many, per_day: many };
    settings.limits.anonymous_per_minute = many;
    settings
}

/// A customer of one running vendor.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// As a configuration's `base_url` would hold it.
    pub(crate) base_url: String,
    pub(crate) control: String,
    /// Nobody when absent.
    pub(crate) key: Option<String>,
}

/// A vendor whose clock stands at noon of a day in May, and its customer.
pub(crate) async fn start(settings: Settings) -> (Running, Client) {
    let running = Generor::start(settings, Placement::default()).await.unwrap();
    let client = Client::of(&running);
    client.set_clock("2026-05-10T12:00:00Z").await;
    (running, client)
}

impl Client {
    pub(crate) fn of(running: &Running) -> Self {
        let (base_url, control) = (running.base_url(), running.control_url());
        Self { base_url, control, key: Some(KEY.to_owned()) }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    pub(crate) fn nobody(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    /// The site, without the API's path.
    pub(crate) fn site(&self) -> &str {
        self.base_url.strip_suffix("/api/v1").unwrap()
    }

    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, String> {
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let headers: Vec<_> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        wire::send(self.site(), method, &format!("/api/v1{path}"), &headers, body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Reply {
        self.try_send(method, path, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, body.to_string()).await
    }

    /// What a successful request tells.
    pub(crate) async fn data(&self, path: &str) -> Value {
        told(&self.get(path).await)
    }

    pub(crate) async fn generate(&self, slug: &str, body: &Value) -> Reply {
        self.post(&format!("/generators/{slug}/generate"), body).await
    }

    pub(crate) async fn estimate(&self, slug: &str, body: &Value) -> Reply {
        self.post(&format!("/generators/{slug}/estimate"), body).await
    }

    /// A picture that was made.
    pub(crate) async fn image(&self, prompt: &str) -> Value {
        let body = json!({ "prompt": prompt, "model_id": SCHNELL });
        told(&self.generate("image", &body).await)
    }

    pub(crate) async fn total(&self) -> u64 {
        self.data("/credits/balance").await["total"].as_u64().unwrap()
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = wire::send(&self.control, method, path, &[], body.to_string()).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub(crate) async fn set_clock(&self, at: &str) {
        self.control("POST", "/clock", json!({ "set": at })).await;
    }

    pub(crate) async fn advance(&self, seconds: i64) {
        self.control("POST", "/clock", json!({ "advance_ms": seconds * 1000 })).await;
    }

    pub(crate) async fn set(&self, change: Value) {
        self.control("PUT", "/settings", change).await;
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

    /// Comes back once a call has begun.
    pub(crate) async fn begun(&self) {
        while self.books().await["generations"] == json!([]) {
            tokio::task::yield_now().await;
        }
    }

    /// The last call's order as it was understood.
    pub(crate) async fn order(&self) -> Value {
        let books = self.books().await;
        books["generations"].as_array().unwrap().last().unwrap()["order"].clone()
    }
}

/// The data of a successful answer.
pub(crate) fn told(reply: &Reply) -> Value {
    let body = reply.json();
    assert!(reply.status < 300 && body["success"] == true, "{body}");
    body["data"].clone()
}

/// Status and code of a refusal, whose envelope is as the page shows.
pub(crate) fn refused(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    assert_eq!((&body["success"], &body["error"]["status"]), (&json!(false), &json!(reply.status)));
    assert!(body["error"]["message"].is_string());
    (reply.status, body["error"]["code"].as_str().unwrap().to_owned())
}

/// Fetches an absolute address as anybody would.
pub(crate) async fn fetch(url: &str) -> Reply {
    let (host, rest) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    wire::send(&format!("http://{host}"), "GET", &format!("/{rest}"), &[], "").await.unwrap()
}
