//! JSON bodies, strictly: what is not known is refused by name, what has the wrong type by path.
//!
//! A good body is read by serde alone. Only a bad one is read a second time, by way of
//! `serde_path_to_error`, which knows where in the body it stands but pays an allocation for every
//! key: nobody minds in an error.

use actix_web::http::header::{self, HeaderMap};
use engine::{Code, Refusal};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// How much of a parser's message is shown: it may quote the value, and the value may be large.
const LONGEST_MESSAGE: usize = 300;

/// Refuses a body that does not say it is JSON, or that is packed.
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    expect_plain(headers)?;
    let given = media_type(headers);
    if given.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(unsupported(&given, "application/json"))
}

/// The body's media type without its parameters.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let name = value.unwrap_or_default().split(';').next().unwrap_or_default();
    name.trim().to_owned()
}

/// 415, saying what is taken.
pub(super) fn unsupported(given: &str, wanted: &str) -> Refusal {
    let message = match given {
        "" => format!("say what the body is: send `Content-Type: {wanted}`"),
        given => format!("this takes {wanted}, not {given:?}"),
    };
    Refusal::new(Code::UnsupportedMediaType, message)
}

/// Refuses packed bodies: nothing here unpacks them.
pub(super) fn expect_plain(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let message = "send the body without a Content-Encoding";
            Err(Refusal::new(Code::UnsupportedMediaType, message))
        }
        _ => Ok(()),
    }
}

/// Reads a body.
///
/// # Errors
/// `invalid_json`, `unsupported_parameter` for a field that is not known, `invalid_request` for the
/// rest; the latter two name the field.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    // What serde calls a syntax error may be a number where a word was expected: whether it is JSON
    // at all is asked for by itself. That reader passes over texts without looking into them.
    if std::str::from_utf8(body).is_err() {
        return Err(Refusal::new(Code::InvalidJson, "the body is not UTF-8"));
    }
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| not_json(&error))?;
    let reader = &mut serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(reader).map_err(|error| refuse(&error))
}

/// As [`parse`], from a value that came in another way.
pub(super) fn parse_value<'a, T: Deserialize<'a>>(value: &'a Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize::<_, T>(value).map_err(|error| refuse(&error))
}

fn not_json(error: &serde_json::Error) -> Refusal {
    let (line, column) = (error.line(), error.column());
    let message = format!("the body is not JSON (line {line}, column {column})");
    Refusal::new(Code::InvalidJson, message)
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    let said = error.inner().to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(words, _)| words);
    let path = error.path().to_string();
    if let Some(names) = said.strip_prefix("unknown field ") {
        return unknown(&path, names);
    }
    for (start, end) in [("missing field ", "is missing"), ("duplicate field ", "is given twice")] {
        if let Some(name) = said.strip_prefix(start) {
            let path = join(&path, name.trim_matches('`'));
            return Refusal::field(path.clone(), format!("`{path}` {end}"));
        }
    }
    let said = match said {
        "expected value" => "it has the wrong type".to_owned(),
        said => shorten(said),
    };
    match path.as_str() {
        "." => Refusal::new(Code::InvalidRequest, said),
        path => Refusal::field(path, format!("`{path}`: {said}")),
    }
}

/// `names` is serde's: "`given`, expected one of `a`, `b`".
fn unknown(path: &str, names: &str) -> Refusal {
    let mut quoted = names.split('`').skip(1).step_by(2);
    let given = quoted.next().unwrap_or_default();
    let path = match path.rsplit_once('.') {
        Some((_, last)) if last == given => path.to_owned(),
        _ if path == given => path.to_owned(),
        _ => join(path, given),
    };
    unknown_name(&path, given, quoted)
}

/// 400 for a name that is in no one's documentation, with the nearest known one.
pub(super) fn unknown_name<'n>(
    path: &str,
    given: &str,
    known: impl Iterator<Item = &'n str>,
) -> Refusal {
    let near = |name: &&str| strsim::damerau_levenshtein(name, given);
    let nearest = known.min_by_key(near).filter(|name| near(name) <= 1 + given.len() / 3);
    let path_shown = shorten(path);
    let message = match nearest {
        Some(name) => format!("there is no `{path_shown}`; did you mean `{name}`?"),
        None => format!("there is no `{path_shown}`"),
    };
    Refusal::new(Code::UnsupportedParameter, message).at(path_shown)
}

fn join(path: &str, name: &str) -> String {
    match path {
        "." | "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the reading is tested")]
    struct Outer {
        count: Option<u8>,
        inner: Option<Inner>,
        list: Option<Vec<Inner>>,
        metadata: Option<BTreeMap<String, String>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the reading is tested")]
    struct Inner {
        policy: String,
    }

    fn refused(body: &str) -> (Code, String) {
        let refusal = parse::<Outer>(body.as_bytes()).unwrap_err();
        (refusal.code, refusal.param.unwrap_or_default())
    }

    #[test]
    fn bad_bodies_name_what_is_wrong() {
        for (body, code, param) in [
            ("", Code::InvalidJson, ""),
            ("{", Code::InvalidJson, ""),
            ("{} {}", Code::InvalidJson, ""),
            ("nonsense", Code::InvalidJson, ""),
            ("{\"count\": 1e}", Code::InvalidJson, ""),
            ("{\"count\": 300, \"inner\": nonsense}", Code::InvalidJson, ""),
            ("[]", Code::InvalidRequest, ""),
            ("7", Code::InvalidRequest, ""),
            ("{\"count\": \"1\"}", Code::InvalidRequest, "count"),
            ("{\"count\": -1}", Code::InvalidRequest, "count"),
            ("{\"count\": 1, \"count\": 2}", Code::InvalidRequest, "count"),
            ("{\"inner\": {}}", Code::InvalidRequest, "inner.policy"),
            ("{\"inner\": {\"policy\": 1}}", Code::InvalidRequest, "inner.policy"),
            ("{\"list\": [{\"policy\": \"\"}, 4]}", Code::InvalidRequest, "list[1]"),
            ("{\"metadata\": {\"a\": 1}}", Code::InvalidRequest, "metadata.a"),
            ("{\"coumt\": 1}", Code::UnsupportedParameter, "coumt"),
            ("{\"inner\": {\"polcy\": 1}}", Code::UnsupportedParameter, "inner.polcy"),
            ("{\"list\": [{\"x\": 1}]}", Code::UnsupportedParameter, "list[0].x"),
        ] {
            assert_eq!(refused(body), (code, param.to_owned()), "{body}");
        }
        assert_eq!(parse::<Outer>(b"\"\xff\"").unwrap_err().code, Code::InvalidJson);
    }

    #[test]
    fn an_unknown_field_brings_the_nearest_known_one() {
        let refusal = parse::<Outer>(b"{\"metadta\": {}}").unwrap_err();
        assert_eq!(refusal.message, "there is no `metadta`; did you mean `metadata`?");
        let refusal = parse::<Outer>(b"{\"zzzzzz\": {}}").unwrap_err();
        assert_eq!(refusal.message, "there is no `zzzzzz`");
    }

    #[test]
    fn a_large_value_is_not_sent_back() {
        let body = format!("{{\"count\": \"{}\"}}", "x".repeat(100_000));
        assert!(parse::<Outer>(body.as_bytes()).unwrap_err().message.len() < 500);
    }
}
