//! The control port: how a test, a demo or a benchmark looks behind a vendor's counter and sets its stage.
//! No vendor has such a port; it listens on loopback, beside the vendor's own, and asks for no key.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /healthz` | `{"status": "ok", "vendor": ...}` |
//! | `GET /books` | `charges` (`?since=ID` leaves out those up to that one), `keys` with how each stands, counts of `requests`; more where a vendor has more |
//! | `GET /requests` | the recent requests, one by one, with the status answered and the fault injected |
//! | `GET`, `PUT /settings` | the vendor's settings; a change is a JSON merge patch (RFC 7386) |
//! | `GET`, `POST`, `DELETE /faults` | the script; one [`Fault`] or a list is added at its end |
//! | `GET`, `POST /clock` | `{"set": RFC3339}`, `{"advance_ms": N}` or `{"follow": OFFSET_MS}` |
//! | `POST /reset` | empties books, script, log and windows; settings and clock as at the start |
//!
//! A vendor adds its own: [`zekron`](crate::zekron) a balance to set, [`zsky`](crate::zsky) overage and suspensions,
//! [`generor`](crate::generor) credits and tiers.

use std::{str::FromStr, sync::Arc};

use hyper::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    backstage::Vendor,
    clock::{self, ClockCommand},
    faults::Fault,
    server::{Received, Service},
};

const MAX_BODY: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Control<V>(pub(crate) Arc<V>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Fault),
    Many(Vec<Fault>),
}

impl<V: Vendor> Service for Control<V> {
    fn now_ms(&self) -> i64 {
        self.0.backstage().clock.now_ms()
    }

    fn max_body(&self) -> usize {
        MAX_BODY
    }

    async fn handle(self: Arc<Self>, request: Received) -> Answer {
        match self.answer(&request) {
            Ok(body) => Answer::json(StatusCode::OK, &body),
            Err((status, message)) => Answer::json(status, &json!({ "error": message })),
        }
    }
}

/// What a control answers.
pub(crate) type Outcome = Result<Value, (StatusCode, String)>;

impl<V: Vendor> Control<V> {
    fn answer(&self, request: &Received) -> Outcome {
        let stage = self.0.backstage();
        match (&request.method, request.path.as_str()) {
            (&Method::GET, "/healthz") => Ok(json!({ "status": "ok", "vendor": self.0.name() })),
            (&Method::GET, "/books") => Ok(self.books(&request.query)),
            (&Method::GET, "/requests") => Ok(
                json!({ "counts": stage.requests.counts(), "requests": stage.requests.recent() }),
            ),
            (&Method::GET, "/settings") => Ok(self.0.shown_settings()),
            (&Method::PUT, "/settings") => {
                self.0.merge_settings(parse(request)?).map_err(bad_request)?;
                Ok(self.0.shown_settings())
            }
            (&Method::GET, "/faults") => Ok(json!({ "script": stage.faults.script() })),
            (&Method::POST, "/faults") => {
                stage.faults.add(match parse(request)? {
                    OneOrMany::One(fault) => vec![fault],
                    OneOrMany::Many(faults) => faults,
                });
                Ok(json!({ "script": stage.faults.script() }))
            }
            (&Method::DELETE, "/faults") => {
                stage.faults.clear();
                Ok(json!({ "script": [] }))
            }
            (&Method::GET, "/clock") => Ok(self.time()),
            (&Method::POST, "/clock") => {
                stage.clock.obey(&parse::<ClockCommand>(request)?);
                Ok(self.time())
            }
            (&Method::POST, "/reset") => self.reset(),
            _ => self
                .0
                .own_control(request)
                .unwrap_or_else(|| Err((StatusCode::NOT_FOUND, "no such control".to_owned()))),
        }
    }

    /// `?since=ID` leaves out the charges up to that one.
    fn books(&self, query: &str) -> Value {
        let mut books = self.0.books(parameter(query, "since").unwrap_or(0_u64));
        books.insert("vendor".to_owned(), json!(self.0.name()));
        books.insert("requests".to_owned(), json!(self.0.backstage().requests.counts()));
        Value::Object(books)
    }

    fn time(&self) -> Value {
        let now = self.0.backstage().clock.now_ms();
        json!({ "now": clock::date(now).to_rfc3339(), "now_ms": now })
    }

    fn reset(&self) -> Outcome {
        let stage = self.0.backstage();
        self.0
            .reset_books()
            .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        stage.faults.clear();
        stage.requests.clear();
        stage.limiter.forget_windows();
        self.0.restore_settings();
        Ok(json!({ "status": "reset" }))
    }
}

pub(crate) fn bad_request(message: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, message.into())
}

pub(crate) fn parse<T: DeserializeOwned>(request: &Received) -> Result<T, (StatusCode, String)> {
    let Ok(body) = &request.body else {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large".to_owned()));
    };
    serde_json::from_slice(body).map_err(|error| bad_request(error.to_string()))
}

/// A number of the query string.
pub(crate) fn parameter<T: FromStr>(query: &str, name: &str) -> Option<T> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).and_then(|(_, value)| T::from_str(value).ok())
}
