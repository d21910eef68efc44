//! The vendor's public pages: no credential is sent, and nothing changes there.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use provider::{Pace, Result, Turn};
use provider_http::{Base, Client, Effect, Request, json_shape, unreadable};
use serde_json::Value;

use crate::{facts::Media, options::is_slug};

/// A catalogue of hundreds of models is longer than an answer about one piece of work.
const CATALOGUE_MAX: usize = 8 * 1024 * 1024;
/// The page: «max 100».
const PER_PAGE: usize = 100;
/// The site speaks of 93 generators and more: a list that has not ended here does not end.
const PAGES_MAX: usize = 20;

/// Reads without a credential.
#[derive(Debug)]
pub(crate) struct Public {
    http: Arc<Client>,
    base: Base,
}

impl Public {
    pub(crate) fn new(base: Base, http: Arc<Client>) -> Self {
        Self { http, base }
    }

    /// `GET /models`, or `GET /models/{type}`: what its pages hold.
    pub(crate) async fn models(&self, of: Option<Media>, pace: &dyn Pace) -> Result<Vec<Value>> {
        let path = of.map_or_else(|| "models".to_owned(), |of| format!("models/{}", of.name()));
        let mut pages = Vec::new();
        let mut next = path.clone();
        for page in 2..=PAGES_MAX {
            let (data, has_next) = self.read("models", &next, pace).await?;
            pages.push(data);
            if !has_next {
                break;
            }
            // The page shows no paging here, and says that lists have it.
            next = format!("{path}?page={page}");
        }
        Ok(pages)
    }

    /// `GET /generators`, page by page: the rows of all.
    pub(crate) async fn generators(&self, pace: &dyn Pace) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        for page in 1..=PAGES_MAX {
            let path = format!("generators?status=all&page={page}&per_page={PER_PAGE}");
            let (data, has_next) = self.read("generators", &path, pace).await?;
            let before = rows.len();
            match data {
                Value::Array(more) => rows.extend(more),
                Value::Object(more) => rows.extend(more.into_values()),
                _ => return Err(unreadable(Effect::Read, "the generators are no list")),
            }
            if !has_next || rows.len() == before {
                break;
            }
        }
        Ok(rows)
    }

    /// `GET /generators/{slug}`.
    pub(crate) async fn generator(&self, slug: &str, pace: &dyn Pace) -> Result<Value> {
        if !is_slug(slug) {
            return Err(unreadable(Effect::Read, "no generator can have that name"));
        }
        let path = format!("generators/{slug}");
        self.read("generator", &path, pace).await.map(|(data, _)| data)
    }

    /// `POST /generators/{slug}/estimate`, within a time where somebody waits for it. The caller has the
    /// turn already.
    pub(crate) async fn estimate(
        &self,
        slug: &str,
        body: Bytes,
        within: Option<Duration>,
        _turn: Turn,
    ) -> Result<Value> {
        if !is_slug(slug) {
            return Err(unreadable(Effect::Read, "no generator can have that name"));
        }
        let url = self.url(&format!("generators/{slug}/estimate"))?;
        let request = Request::question("estimate", url, body);
        let request = match within {
            Some(whole) => request.within(whole),
            None => request,
        };
        self.data(request).await.map(|(data, _)| data)
    }

    async fn read(
        &self,
        operation: &'static str,
        path: &str,
        pace: &dyn Pace,
    ) -> Result<(Value, bool)> {
        let request = Request::read(operation, self.url(path)?).json_up_to(CATALOGUE_MAX);
        let _turn = pace.turn().await?;
        self.data(request).await
    }

    fn url(&self, path: &str) -> Result<url::Url> {
        self.base.join(path).map_err(|_| unreadable(Effect::Read, "no address"))
    }

    /// What is in the envelope, and whether there is a next page.
    async fn data(&self, request: Request<'_>) -> Result<(Value, bool)> {
        let answer = self.http.send(request).await?;
        if !answer.is_success() {
            return Err(answer.refusal().await.0);
        }
        let body = answer.json().await?;
        let mut body: Value = serde_json::from_slice(&body)
            .map_err(|error| unreadable(Effect::Read, json_shape(&error)))?;
        if body.get("success").and_then(Value::as_bool) == Some(false) {
            return Err(unreadable(Effect::Read, "an answer of success that says it is none"));
        }
        let has_next = body.pointer("/meta/has_next").and_then(Value::as_bool) == Some(true);
        let data = body.get_mut("data").map(Value::take).unwrap_or(body);
        Ok((data, has_next))
    }
}
