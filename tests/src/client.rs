//! A caller close enough to the wire to hang up in the middle, and to see how an answer ends.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet};

/// No answer of a healthy gateway takes this long here.
const PATIENCE: Duration = Duration::from_secs(100);

/// A caller with a key, or without. Every request has a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    key: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Stream {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    // Its drop closes the connection.
    _connection: JoinSet<()>,
}

impl Client {
    /// A caller of the service at `base`, without a key.
    pub fn new(base: impl Into<String>) -> Self {
        Self { base: base.into(), key: None }
    }

    /// The same with this key.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { base: self.base.clone(), key: Some(key.into()) }
    }

    /// Where it calls.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "").await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], "").await
    }

    /// `PATCH` with JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        let json = [("content-type", "application/json")];
        self.send("PATCH", path, &json, body.to_string()).await
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, body, &[]).await
    }

    /// `POST` of JSON with more headers.
    pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send("POST", path, &all, body.to_string()).await
    }

    /// Any request that must be answered.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let answer = self.try_send(method, path, headers, body).await;
        answer.unwrap_or_else(|error| panic!("{method} {}{path}: {error}", self.base))
    }

    /// Any request.
    ///
    /// # Errors
    /// No answer came, or it broke off.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, String> {
        let whole = async {
            let stream = self.open(method, path, headers, body).await?;
            stream.whole().await
        };
        tokio::time::timeout(PATIENCE, whole).await.map_err(|_| "no answer in time".to_owned())?
    }

    /// Any request, its answer read piece by piece.
    ///
    /// # Errors
    /// No answer came.
    pub async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Stream, String> {
        let authority = self.base.strip_prefix("http://").expect("a plain http address");
        let text = |error: &dyn std::fmt::Debug| format!("{error:?}");
        let stream = TcpStream::connect(authority).await.map_err(|error| text(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
        let mut driver = JoinSet::new();
        // A connection's own error shows in the answer as well.
        driver.spawn(async move { drop(connection.await) });
        let mut request = Request::builder().method(method).uri(path).header("host", authority);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a well-formed request");
        let answer = sender.send_request(request).await.map_err(|error| text(&error))?;
        let (head, body) = answer.into_parts();
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Stream { status, headers, body, _connection: driver })
    }

    /// Any request, its head written by hand and its body at most partly sent: what came back.
    pub async fn raw(&self, head_and_body: &[u8]) -> Vec<u8> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let authority = self.base.strip_prefix("http://").expect("a plain http address");
        let mut stream = TcpStream::connect(authority).await.expect("it listens");
        stream.write_all(head_and_body).await.expect("it reads");
        stream.shutdown().await.expect("the sending side closes");
        let mut answer = Vec::new();
        // What was read before a reset is the answer.
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        answer
    }
}

impl Stream {
    /// The next piece of the body; `None` at its end.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let frame = self.body.frame().await?.expect("the body goes on");
            if let Ok(data) = frame.into_data() {
                return Some(data);
            }
        }
    }

    async fn whole(mut self) -> Result<Reply, String> {
        let mut body = BytesMut::new();
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| format!("the body broke off: {error:?}"))?;
            body.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
        }
        let body = body.freeze();
        Ok(Reply { status: self.status, headers: self.headers, body })
    }
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.shown()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The beginning of the body, for messages.
    fn shown(&self) -> String {
        self.text().chars().take(2000).collect()
    }

    /// One header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The same, if its status is this one; a failure that shows the body otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.shown());
        self
    }

    /// Status, `error.code` and `error.param` of an answer that must be in the errors' one shape.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String, Option<String>) {
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {body}"));
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        assert!(error.contains_key("param"), "no param: {body}");
        assert!(text("message").is_some_and(|message| !message.is_empty()), "no message: {body}");
        assert!(text("type").is_some(), "no type: {body}");
        assert_eq!(text("request_id").as_deref(), self.header("x-request-id"), "{body}");
        (self.status, text("code").expect("a code"), text("param"))
    }
}

/// A link without its origin: after a restart the gateway listens elsewhere.
pub fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |slash| &rest[slash..])
}
