//! A customer of the simulated vendors, close enough to the wire to see how an answer ends.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use simulated_vendors::{
    Running,
    zekron::{Latency, Settings},
};
use tokio::{net::TcpStream, task::JoinSet};

pub(crate) const KEY: &str = "zk_live_0123456789abcdef0123456789abcdef";
pub(crate) const GENERATE: &str = "/v1/generate";
pub(crate) const PREVIEW: &str = "/api/v1/zekron-image-1:image-preview";

/// Settings without waiting.
pub(crate) fn quick() -> Settings {
    Settings { latency_ms: Latency::NONE, ..Settings::default() }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, or why it broke off.
    pub(crate) body: Result<Bytes, String>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.bytes()).unwrap()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.body.as_ref().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// One request on a connection of its own; an error when no answer came.
pub(crate) async fn send(
    base: &str,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: impl Into<Bytes>,
) -> Result<Reply, String> {
    let authority = base.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(authority).await.unwrap();
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", authority);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let answer = sender.send_request(request).await.map_err(|error| format!("{error:?}"))?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let body = body.map_err(|error| format!("{error:?}"));
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
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
