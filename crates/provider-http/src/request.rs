//! What is sent, and what a second sending of it would cost.

use std::fmt;

use bytes::Bytes;
use reqwest::{
    Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use provider::{Blame, Error, ErrorKind, Result, Retry};

/// What it means that a request may have reached the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The vendor may have worked and charged: whoever sends again may pay twice.
    Paid,
    /// Nothing changes at the vendor: sending again is safe.
    Read,
}

/// One request to a vendor.
pub struct Request<'a> {
    pub(crate) operation: &'static str,
    pub(crate) effect: Effect,
    pub(crate) url: Url,
    pub(crate) public_only: bool,
    bearer: Option<&'a SecretString>,
    json: Option<Bytes>,
}

impl<'a> Request<'a> {
    /// A POST that the vendor charges for. `operation` names it in logs and errors.
    pub fn paid(operation: &'static str, url: Url, json: impl Into<Bytes>) -> Self {
        let json = Some(json.into());
        Self { operation, effect: Effect::Paid, url, public_only: false, bearer: None, json }
    }

    /// A GET that changes nothing.
    pub fn read(operation: &'static str, url: Url) -> Self {
        let effect = Effect::Read;
        Self { operation, effect, url, public_only: false, bearer: None, json: None }
    }

    /// Sends the credential as `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(mut self, key: &'a SecretString) -> Self {
        self.bearer = Some(key);
        self
    }

    /// For addresses that a vendor's answer named: they may lead to public networks only.
    #[must_use]
    pub fn public_only(mut self) -> Self {
        self.public_only = true;
        self
    }

    /// Nothing was sent where this fails: the credential is not one that a header can carry.
    pub(crate) fn into_http(self) -> Result<reqwest::Request> {
        let method = if self.json.is_some() { Method::POST } else { Method::GET };
        let mut http = reqwest::Request::new(method, self.url);
        let headers = http.headers_mut();
        if let Some(key) = self.bearer {
            headers.insert(AUTHORIZATION, bearer(key)?);
        }
        if let Some(json) = self.json {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            *http.body_mut() = Some(json.into());
        }
        Ok(http)
    }
}

fn bearer(key: &SecretString) -> Result<HeaderValue> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).map_err(|_| {
            Error::new(
                ErrorKind::Unauthorised,
                Blame::Account,
                Retry::Safe { after: None },
                "the account's credential is not one that a header can carry",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("effect", &self.effect)
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}
