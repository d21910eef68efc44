//! The adapter as the tests of this crate use it, and a vendor that they write line by line.

use std::sync::Arc;

use provider::{Call, Finished, Output, Provider, RemoteOutput, Result, SystemClock};
use provider_conformance::{Answer, MemorySink, Recorded, Turns, Vendor};
use provider_generor::{Config, Generor};
use provider_http::{Client, Settings};
use secrecy::SecretString;
use serde_json::{Value, json};

pub(crate) const KEY: &str = "gnr_live_00112233445566778899aabbccddeeff00112233";

/// An adapter before a vendor, and whoever calls.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) vendor: Vendor,
    pub(crate) adapter: Generor,
    pub(crate) key: SecretString,
    pub(crate) turns: Turns,
    pub(crate) sink: MemorySink,
}

impl Scene {
    /// Before a vendor that answers by this script: path and query below the API, or the site's path.
    pub(crate) fn of(script: impl Fn(&Recorded, &str) -> Answer + Send + Sync + 'static) -> Self {
        let vendor = Vendor::start(move |request| {
            script(request, request.path.strip_prefix("/api/v1").unwrap_or(&request.path))
        });
        let client = Client::new(Settings::default(), Arc::new(SystemClock)).unwrap();
        let base_url = format!("{}/api/v1", vendor.url());
        let config = Config { base_url, ..Config::default() };
        Self {
            adapter: Generor::new(config, Arc::new(client)).unwrap(),
            vendor,
            key: SecretString::from(KEY.to_owned()),
            turns: Turns::default(),
            sink: MemorySink::default(),
        }
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call { account: "main", key: &self.key, pace: &self.turns }
    }

    /// What was asked for, as `METHOD path`, the API's prefix cut off.
    pub(crate) fn asked(&self) -> Vec<String> {
        let line = |request: &Recorded| {
            let path = request.path.strip_prefix("/api/v1").unwrap_or(&request.path);
            format!("{} {path}", request.method)
        };
        self.vendor.requests().iter().map(line).collect()
    }

    pub(crate) async fn fetch(&self, location: &str) -> Result<Vec<u8>> {
        let mut writer = self.sink.writer();
        let output = RemoteOutput { location: location.to_owned(), expires_at: None };
        self.adapter.fetch(self.call(), &output, &mut writer).await?;
        Ok(writer.bytes)
    }
}

pub(crate) fn ok(data: Value) -> Answer {
    Answer::json(200, &json!({"success": true, "data": data}))
}

/// A page of a list.
pub(crate) fn page(rows: &[Value], has_next: bool) -> Answer {
    Answer::json(
        200,
        &json!({"success": true, "data": rows, "meta": {"page": 1, "has_next": has_next}}),
    )
}

pub(crate) fn refused(status: u16, code: &str) -> Answer {
    let error = json!({"code": code, "message": "no", "status": status});
    Answer::json(status, &json!({"success": false, "error": error}))
}

/// Where the one remote output of finished work lies.
pub(crate) fn location(finished: &Finished) -> String {
    match finished.outputs.as_slice() {
        [Output::Remote(remote)] => remote.location.clone(),
        other => panic!("no single remote output: {other:?}"),
    }
}
