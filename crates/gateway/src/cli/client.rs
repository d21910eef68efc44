//! The command line's own way to a gateway.
//!
//! `provider-http` speaks to vendors: it knows paid calls and what their loss costs. Here the other
//! side is one of us, and its errors have the contract's shape.

use std::{fmt, path::Path, time::Duration};

use reqwest::{Method, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::{fs::File, io::AsyncWriteExt as _};
use url::Url;

use super::failure::{Exit, Failure};

/// A gateway that sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(120);

/// Speaks to one gateway with one key.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<SecretString>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(base: &str, key: Option<SecretString>) -> Result<Self, Failure> {
        let wrong = || Failure::usage(format!("{base:?} is not the address of a gateway"));
        let base = Url::parse(base).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(wrong());
        }
        // An error means that this process has chosen already, and it has one choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .user_agent(concat!("atelier/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { http, base, key })
    }

    /// A path below the gateway's address, each part encoded.
    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::usage("the gateway's address has no paths"))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    #[expect(clippy::disallowed_methods, reason = "a command's own requests to its gateway")]
    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Response, Failure> {
        let mut request = self.http.request(method, url);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        if let Some(body) = body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let gone = |error: reqwest::Error| {
            let what = if error.is_connect() { "nobody answers" } else { "no answer came" };
            Failure::failed(format!("{what} at {}", self.base))
        };
        let response = request.send().await.map_err(gone)?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    async fn value(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let bytes = self.send(method, url, body).await?.bytes().await;
        let bytes = bytes.map_err(|_| Failure::failed("the gateway's answer broke off"))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes)
            .map_err(|_| Failure::failed(format!("{} is not a gateway of Atelier's", self.base)))
    }

    /// Whether its key is a team's, which the administration's routes do not take.
    pub(super) fn is_a_teams(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.expose_secret().starts_with("atl_"))
    }

    /// As [`url`](Self::url), with a query.
    fn asking(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, Failure> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        self.value(Method::GET, self.asking(path, query)?, None).await
    }

    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.value(Method::POST, self.url(path)?, Some(body)).await
    }

    /// A `POST` that says everything by its address.
    pub(super) async fn act(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        self.value(Method::POST, self.asking(path, query)?, None).await
    }

    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.value(Method::PATCH, self.url(path)?, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.value(Method::DELETE, self.url(path)?, None).await
    }

    pub(super) async fn delete_where(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        self.value(Method::DELETE, self.asking(path, query)?, None).await
    }

    /// Every row of a list.
    pub(super) async fn list(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        self.pages(path, query, usize::MAX, |rows| all.extend(rows)).await?;
        Ok(all)
    }

    /// The first rows of a list, `most` at most, handed over page by page.
    pub(super) async fn pages(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        most: usize,
        mut take: impl FnMut(Vec<Value>),
    ) -> Result<(), Failure> {
        let mut left = most;
        let mut cursor: Option<String> = None;
        while left > 0 {
            let limit = left.min(100).to_string();
            let mut url = self.asking(path, query)?;
            url.query_pairs_mut()
                .append_pair("limit", &limit)
                .extend_pairs(cursor.iter().map(|cursor| ("cursor", cursor)));
            let mut page = self.value(Method::GET, url, None).await?;
            if let Some(Value::Array(rows)) = page.get_mut("data").map(Value::take) {
                left = left.saturating_sub(rows.len());
                take(rows);
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(())
    }

    /// What lies at a path, piece by piece as it comes.
    pub(super) async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Failure> {
        let mut response = self.send(Method::GET, self.asking(path, query)?, None).await?;
        loop {
            let piece = response.chunk().await;
            let piece = piece.map_err(|_| Failure::failed("the gateway's answer broke off"))?;
            let Some(piece) = piece else { return Ok(()) };
            take(&piece);
        }
    }

    /// A stream of events: each one's data.
    pub(super) async fn events(&self, path: &[&str]) -> Result<Events, Failure> {
        let response = self.send(Method::GET, self.url(path)?, None).await?;
        Ok(Events { response, buffer: Vec::new() })
    }

    /// Saves what lies at a path. A file that is there is whole.
    pub(super) async fn save(&self, path: &[&str], file: &Path) -> Result<(), Failure> {
        let cannot = |error: std::io::Error| {
            Failure::failed(format!("{} cannot be written: {error}", file.display()))
        };
        let mut response = self.send(Method::GET, self.url(path)?, None).await?;
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let mut out = File::create(&part).await.map_err(cannot)?;
        loop {
            let piece = response.chunk().await;
            let piece = piece.map_err(|_| Failure::failed("the gateway's answer broke off"))?;
            let Some(piece) = piece else { break };
            out.write_all(&piece).await.map_err(cannot)?;
        }
        out.sync_all().await.map_err(cannot)?;
        tokio::fs::rename(&part, file).await.map_err(cannot)
    }
}

/// The path of one row of a list, and what lies below it.
pub(super) fn path_to<'a>(list: &[&'a str], id: &'a str, below: &[&'a str]) -> Vec<&'a str> {
    [list, &[id], below].concat()
}

/// Server-sent events, each with one line of JSON.
#[derive(Debug)]
pub(super) struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event's data; none where the stream has ended or broken off.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if let Some(data) = line.strip_prefix(b"data:") {
                    return serde_json::from_slice(data).ok();
                }
            }
            let piece = self.response.chunk().await.ok()??;
            self.buffer.extend_from_slice(&piece);
        }
    }
}

/// A gateway's error in words, with its exit code.
async fn refusal(response: Response) -> Failure {
    let status = response.status().as_u16();
    let body: Value = match response.bytes().await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let error = &body["error"];
    match (error["message"].as_str(), error["code"].as_str()) {
        (Some(message), Some(code)) => {
            let message = match error["param"].as_str() {
                Some(param) => format!("{param}: {message} ({code})"),
                None => format!("{message} ({code})"),
            };
            Failure { exit: Exit::of_code(code), message }
        }
        _ => Failure {
            exit: Exit::of_status(status),
            message: format!("the answer has the status {status}"),
        },
    }
}
