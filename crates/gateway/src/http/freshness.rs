//! `Cache-Control` of a request: HTTP's own way to say whether an earlier answer may do (RFC 9111, 5.2.1).

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap};
use engine::{CacheUse, Request};

/// What the directives ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Asked {
    cache: Option<CacheUse>,
    max_age: Option<Duration>,
    only: bool,
}

/// The request with what its headers say of the cache. The body's own `cache` wins over them: it is meant
/// for the gateway, and a header may be a proxy's.
pub(super) fn heeded(headers: &HeaderMap, request: Request) -> Request {
    if request.cache.is_some() || !headers.contains_key(CACHE_CONTROL) {
        return request;
    }
    let texts = headers.get_all(CACHE_CONTROL).filter_map(|value| value.to_str().ok());
    let Asked { cache, max_age, only } = read(texts.flat_map(|text| text.split(',')));
    Request { cache, max_age, only_cached: only, ..request }
}

/// Directives that are not known, or make no sense, say nothing. Of two that contradict each other the
/// stricter one holds.
fn read<'a>(directives: impl Iterator<Item = &'a str>) -> Asked {
    let mut asked = Asked::default();
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => asked.cache = Some(CacheUse::Off),
            "no-cache" => asked.cache = asked.cache.or(Some(CacheUse::Refresh)),
            "max-age" => {
                let Ok(seconds) = value.parse() else { continue };
                let age = Duration::from_secs(seconds);
                asked.max_age = Some(asked.max_age.map_or(age, |other| other.min(age)));
            }
            "only-if-cached" => asked.only = true,
            _ => {}
        }
    }
    // What must not be older than this moment must be new.
    if asked.max_age == Some(Duration::ZERO) {
        asked.cache = asked.cache.or(Some(CacheUse::Refresh));
    }
    asked
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn told(texts: &[&'static str]) -> (Option<CacheUse>, Option<u64>, bool) {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(text));
        }
        let Request { cache, max_age, only_cached, .. } = heeded(&headers, Request::image("x"));
        (cache, max_age.map(|age| age.as_secs()), only_cached)
    }

    #[test]
    fn directives_are_read_as_rfc_9111_says() {
        let (off, refresh) = (Some(CacheUse::Off), Some(CacheUse::Refresh));
        for (texts, wanted) in [
            (&["no-cache"][..], (refresh, None, false)),
            (&["No-Store"], (off, None, false)),
            (&["no-cache, no-store"], (off, None, false)),
            (&["no-store", "no-cache"], (off, None, false)),
            (&["max-age=60"], (None, Some(60), false)),
            (&["max-age=\"60\", max-age=5"], (None, Some(5), false)),
            (&["max-age=0"], (refresh, Some(0), false)),
            (&["only-if-cached"], (None, None, true)),
            (&["only-if-cached,max-age = 3"], (None, Some(3), true)),
            (&["max-age=soon, max-stale, private"], (None, None, false)),
            (&[], (None, None, false)),
        ] {
            assert_eq!(told(texts), wanted, "{texts:?}");
        }
    }

    #[test]
    fn the_body_has_the_last_word() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, only-if-cached"));
        let request = Request { cache: Some(CacheUse::Use), ..Request::image("x") };
        assert_eq!(heeded(&headers, request.clone()), request);
    }
}
