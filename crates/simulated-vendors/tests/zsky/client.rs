//! A customer of the simulated ZSky.

use bytes::Bytes;
use serde_json::{Value, json};
use simulated_vendors::{
    Placement, Running, Zsky,
    zsky::{Latency, Settings},
};

use crate::wire::{self, Reply};

pub(crate) const KEY: &str = "zsky_live_0123456789abcdef0123456789abcdef";
pub(crate) const IMAGES: &str = "/v1/images/generate";
pub(crate) const VIDEOS: &str = "/v1/videos/generate";

/// Settings without waiting, with light pictures, and with the rate out of the way.
pub(crate) fn quick() -> Settings {
    let mut settings = Settings {
        image_latency_ms: Latency::NONE,
        video_latency_ms: Latency::NONE,
        picture_bytes: Some(3000),
        ..Settings::default()
    };
    settings.limits.per_minute = 100_000;
    settings
}

/// A customer of one running vendor.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) base: String,
    pub(crate) control: String,
    pub(crate) key: String,
}

/// A vendor whose clock stands at noon of a day in May, and its customer.
pub(crate) async fn start(settings: Settings) -> (Running, Client) {
    let running = Zsky::start(settings, Placement::default()).await.unwrap();
    let client = Client::of(&running);
    client.set_clock("2026-05-10T12:00:00Z").await;
    (running, client)
}

impl Client {
    pub(crate) fn of(running: &Running) -> Self {
        Self { base: running.base_url(), control: running.control_url(), key: KEY.to_owned() }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Reply {
        self.try_send(method, path, &[], body).await.unwrap()
    }

    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, String> {
        let headers: Vec<_> =
            [("x-api-key", self.key.as_str())].into_iter().chain(more.iter().copied()).collect();
        wire::send(&self.base, method, path, &headers, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "").await
    }

    pub(crate) async fn image(&self, prompt: &str) -> Reply {
        self.post(IMAGES, &json!({ "prompt": prompt })).await
    }

    pub(crate) async fn video(&self, prompt: &str) -> Reply {
        self.post(VIDEOS, &json!({ "prompt": prompt, "width": 256, "height": 256, "length": 25 }))
            .await
    }

    /// The id of a job that was taken in.
    pub(crate) async fn job(&self, prompt: &str) -> String {
        let reply = self.image(prompt).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["job_id"].as_str().unwrap().to_owned()
    }

    /// A job's state.
    pub(crate) async fn state(&self, id: &str) -> Value {
        let reply = self.get(&format!("/v1/jobs/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub(crate) async fn usage(&self) -> Value {
        self.get("/v1/usage").await.json()
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

    /// How the first key stands.
    pub(crate) async fn standing(&self) -> Value {
        self.books().await["keys"][0].clone()
    }
}

/// Fetches a signed link as anybody would, with these headers.
pub(crate) async fn fetch(url: &str, headers: &[(&str, &str)]) -> Reply {
    let (host, rest) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    wire::send(&format!("http://{host}"), "GET", &format!("/{rest}"), headers, "").await.unwrap()
}

/// The link of a completed job.
pub(crate) fn link(state: &Value) -> &str {
    assert_eq!(state["status"], "completed", "{state}");
    state["result_url"].as_str().unwrap()
}
