//! The id that every response carries: the caller's own where it is sane, else a new one.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use provider::Ids;

/// `x-request-id`
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a caller.
const LONGEST: usize = 128;

/// The request's id, also as a header.
#[derive(Debug, Clone)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    /// Takes the caller's, or makes one.
    pub(super) fn of(headers: &HeaderMap, ids: &Ids) -> Self {
        if let Some(given) = headers.get(&X_REQUEST_ID)
            && is_sane(given.as_bytes())
        {
            return Self(given.clone());
        }
        let made = HeaderValue::from_str(&ids.next("req_"));
        Self(made.unwrap_or_else(|_| HeaderValue::from_static("req_unknown")))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// What cannot confuse a log or a header.
fn is_sane(text: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/+=@".contains(b);
    (1..=LONGEST).contains(&text.len()) && text.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken() {
        for good in ["a", "req-1_2.3", "018f:ab/cd+=="] {
            assert!(is_sane(good.as_bytes()), "{good}");
        }
        for bad in ["", "a b", "a\tb", "é", "<script>", &"x".repeat(129)] {
            assert!(!is_sane(bad.as_bytes()), "{bad}");
        }
    }
}
