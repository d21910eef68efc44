//! What is sent, and what a second sending of it would cost.

use std::{fmt, time::Duration};

use bytes::Bytes;
use reqwest::{
    Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use provider::{Blame, Error, ErrorKind, Result, Retry};

/// What it means that a request may have reached the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The vendor may have worked and charged: whoever sends again may pay twice.
    Paid,
    /// Nothing changes at the vendor, or nothing more the second time: sending again is safe.
    Read,
}

/// One request to a vendor.
pub struct Request<'a> {
    pub(crate) operation: &'static str,
    pub(crate) effect: Effect,
    pub(crate) url: Url,
    pub(crate) public_only: bool,
    pub(crate) work: Option<Duration>,
    pub(crate) whole: Option<Duration>,
    pub(crate) json_max: Option<usize>,
    method: Method,
    credential: Option<Credential<'a>>,
    headers: Vec<(&'static str, &'static str)>,
    json: Option<Bytes>,
}

/// Where the credential goes.
enum Credential<'a> {
    Bearer(&'a SecretString),
    Header(&'static str, &'a SecretString),
}

impl<'a> Request<'a> {
    fn new(operation: &'static str, effect: Effect, method: Method, url: Url) -> Self {
        Self {
            operation,
            effect,
            url,
            public_only: false,
            work: None,
            whole: None,
            json_max: None,
            method,
            credential: None,
            headers: Vec::new(),
            json: None,
        }
    }

    /// A POST that the vendor charges for. `operation` names it in logs and errors.
    pub fn paid(operation: &'static str, url: Url, json: impl Into<Bytes>) -> Self {
        let json = Some(json.into());
        Self { json, ..Self::new(operation, Effect::Paid, Method::POST, url) }
    }

    /// A POST without a body that changes something for good, though it costs nothing: its loss is as
    /// ambiguous as that of a paid one.
    pub fn change(operation: &'static str, url: Url) -> Self {
        Self::new(operation, Effect::Paid, Method::POST, url)
    }

    /// The same with a JSON body.
    pub fn change_with(operation: &'static str, url: Url, json: impl Into<Bytes>) -> Self {
        Self { json: Some(json.into()), ..Self::change(operation, url) }
    }

    /// A POST that changes nothing: a question whose words do not fit into an address.
    pub fn question(operation: &'static str, url: Url, json: impl Into<Bytes>) -> Self {
        let json = Some(json.into());
        Self { json, ..Self::new(operation, Effect::Read, Method::POST, url) }
    }

    /// A GET that changes nothing.
    pub fn read(operation: &'static str, url: Url) -> Self {
        Self::new(operation, Effect::Read, Method::GET, url)
    }

    /// A DELETE: what is gone is not more gone the second time.
    pub fn delete(operation: &'static str, url: Url) -> Self {
        Self::new(operation, Effect::Read, Method::DELETE, url)
    }

    /// A PATCH that sets fields to these values: doing it twice is doing it once.
    pub fn amend(operation: &'static str, url: Url, json: impl Into<Bytes>) -> Self {
        let json = Some(json.into());
        Self { json, ..Self::new(operation, Effect::Read, Method::PATCH, url) }
    }

    /// Sends the credential as `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(mut self, key: &'a SecretString) -> Self {
        self.credential = Some(Credential::Bearer(key));
        self
    }

    /// Sends the credential as the value of a header of the vendor's own.
    #[must_use]
    pub fn key_header(mut self, name: &'static str, key: &'a SecretString) -> Self {
        self.credential = Some(Credential::Header(name, key));
        self
    }

    /// Sends one header more, or another value where the client has one of its own.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// For addresses that a vendor's answer named: they may lead to public networks only, and no
    /// credential goes there, whatever else is said of the request.
    #[must_use]
    pub fn public_only(mut self) -> Self {
        self.public_only = true;
        self
    }

    /// For an answer that begins when the vendor's work has ended: it may take so long, beyond the
    /// client's own deadline for the first byte.
    #[must_use]
    pub fn works_for(mut self, longest: Duration) -> Self {
        self.work = Some(longest);
        self
    }

    /// For an answer that somebody waits for: all of it takes so long at most, if the client's own
    /// deadlines do not end it before.
    #[must_use]
    pub fn within(mut self, whole: Duration) -> Self {
        self.whole = Some(whole);
        self
    }

    /// For an answer that is a long list: its JSON may have so many bytes, whatever the client's
    /// settings say of JSON. [`Settings::body_max_bytes`](crate::Settings) holds all the same.
    #[must_use]
    pub fn json_up_to(mut self, bytes: usize) -> Self {
        self.json_max = Some(bytes);
        self
    }

    /// What its loss means.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Nothing was sent where this fails: the credential is not one that a header can carry.
    pub(crate) fn into_http(self) -> Result<reqwest::Request> {
        let mut http = reqwest::Request::new(self.method, self.url);
        let headers = http.headers_mut();
        match self.credential {
            _ if self.public_only => {}
            None => {}
            Some(Credential::Bearer(key)) => {
                let value = secret(&format!("Bearer {}", key.expose_secret()))?;
                headers.insert(AUTHORIZATION, value);
            }
            Some(Credential::Header(name, key)) => {
                insert(headers, name, secret(key.expose_secret())?)?;
            }
        }
        if self.json.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        for (name, value) in self.headers {
            let value = HeaderValue::try_from(value).map_err(|_| no_header(name))?;
            insert(headers, name, value)?;
        }
        if let Some(json) = self.json {
            *http.body_mut() = Some(json.into());
        }
        Ok(http)
    }
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: HeaderValue) -> Result<()> {
    headers.insert(HeaderName::try_from(name).map_err(|_| no_header(name))?, value);
    Ok(())
}

fn no_header(name: &str) -> Error {
    let public = "the request to the vendor could not be built";
    Error::new(ErrorKind::Failed, Blame::Gateway, Retry::No, public)
        .with_private(format!("{name} is no header"))
}

fn secret(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        "https://vendor.example/v1/jobs/5f3".parse().unwrap()
    }

    fn key() -> SecretString {
        SecretString::from("zz_live_0123456789".to_owned())
    }

    #[test]
    fn a_vendors_own_header_takes_the_key_and_shows_it_nowhere() {
        let key = key();
        let request = Request::delete("delete", url()).key_header("X-API-Key", &key);
        assert_eq!(request.effect, Effect::Read);
        assert!(!format!("{request:?}").contains("zz_live"), "{request:?}");
        let http = request.into_http().unwrap();
        assert_eq!(http.method(), Method::DELETE);
        assert_eq!(http.headers()["x-api-key"], "zz_live_0123456789");
        assert!(http.headers()["x-api-key"].is_sensitive() && http.headers().len() == 1);
        assert!(!format!("{http:?}").contains("zz_live"), "{http:?}");
    }

    #[test]
    fn an_address_from_an_answer_never_gets_a_credential() {
        let key = key();
        for request in [
            Request::read("result", url()).public_only().bearer(&key),
            Request::read("result", url()).key_header("X-API-Key", &key).public_only(),
        ] {
            assert!(request.into_http().unwrap().headers().is_empty());
        }
    }

    #[test]
    fn a_header_more_or_instead() {
        let request = Request::paid("generate", url(), "{}")
            .header("X-ZZ-Store", "0")
            .header("accept", "*/*");
        let http = request.into_http().unwrap();
        assert_eq!(http.headers()["x-zz-store"], "0");
        assert_eq!(http.headers()["accept"], "*/*");
        assert_eq!(http.headers().get_all("accept").iter().count(), 1);
        let change = Request::change("rotate", url());
        assert_eq!(change.effect, Effect::Paid, "its loss is not harmless");
        let http = change.into_http().unwrap();
        assert!(http.method() == Method::POST && http.body().is_none());
        let error = Request::read("x", url()).header("no header", "0").into_http().unwrap_err();
        assert_eq!((error.blame(), error.retry()), (Blame::Gateway, Retry::No));
    }

    #[test]
    fn a_question_is_a_post_that_may_be_asked_again_and_a_change_is_not() {
        let question = Request::question("estimate", url(), "{}");
        assert_eq!(question.effect(), Effect::Read);
        let change = Request::change_with("new key", url(), "{\"name\":\"a\"}");
        assert_eq!(change.effect(), Effect::Paid, "its loss is not harmless");
        for (request, body) in [(question, "{}"), (change, "{\"name\":\"a\"}")] {
            let http = request.into_http().unwrap();
            assert_eq!(http.method(), Method::POST);
            assert_eq!(http.headers()["content-type"], "application/json");
            let sent = http.body().and_then(reqwest::Body::as_bytes);
            assert_eq!(sent, Some(body.as_bytes()));
        }
    }

    #[test]
    fn fields_are_set_by_a_patch_that_may_be_sent_again() {
        let amend = Request::amend("license", url(), "{\"license\":2}");
        assert_eq!(amend.effect(), Effect::Read);
        let http = amend.into_http().unwrap();
        assert_eq!(http.method(), Method::PATCH);
        assert_eq!(http.headers()["content-type"], "application/json");
        assert_eq!(http.body().and_then(reqwest::Body::as_bytes), Some(&b"{\"license\":2}"[..]));
    }

    #[test]
    fn a_key_that_no_header_can_carry_stays_here() {
        let key = SecretString::from("zz_live\r\nx-injected: 1".to_owned());
        let request = Request::change("rotate", url()).key_header("X-API-Key", &key);
        let error = request.into_http().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorised);
        assert!(!format!("{error:?}").contains("zz_live"), "{error:?}");
    }
}
