//! Pictures, clips and sounds that come with a request: by asset, by address, in base64, as a file.

use std::borrow::Cow;

use bytes::Bytes;
use engine::{Code, Engine, InputRef, Refusal};
use provider::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields::words;

/// More inputs than any vendor takes.
pub(super) const MOST_INPUTS: usize = 16;

/// An input before it is kept.
pub(super) struct InputSource<'a> {
    pub(super) role: Role,
    /// The field it came in, as a path.
    pub(super) param: String,
    pub(super) from: From<'a>,
    /// What the caller says it is.
    pub(super) mime_type: Option<Cow<'a, str>>,
}

/// Where an input comes from.
pub(super) enum From<'a> {
    Asset(Cow<'a, str>),
    Url(Cow<'a, str>),
    Base64(Cow<'a, str>),
    Bytes(Bytes),
}

/// One input of a native request: one of `asset`, `url` and `data`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InputBody<'a> {
    /// What it is for.
    #[schema(schema_with = role_schema)]
    role: Role,
    /// An asset of the team.
    #[serde(borrow)]
    asset: Option<Cow<'a, str>>,
    /// A public address.
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    /// Base64, or a `data:` URL.
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    /// What it is; checked, not believed.
    #[serde(borrow)]
    mime_type: Option<Cow<'a, str>>,
}

/// One picture of an edit in JSON: OpenAI's `image_url` or `file_id`, or one of our own three.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PictureBody<'a> {
    /// A public address or a `data:` URL.
    #[serde(borrow)]
    image_url: Option<Cow<'a, str>>,
    /// An asset of the team, as OpenAI names it.
    #[serde(borrow)]
    file_id: Option<Cow<'a, str>>,
    /// An asset of the team.
    #[serde(borrow)]
    asset: Option<Cow<'a, str>>,
    /// A public address.
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    /// Base64, or a `data:` URL.
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    /// What it is; checked, not believed.
    #[serde(borrow)]
    mime_type: Option<Cow<'a, str>>,
}

fn role_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    words(&["source", "reference", "first_frame", "last_frame", "mask", "video", "audio"])
}

impl<'a> InputBody<'a> {
    /// # Errors
    /// `invalid_request` unless it says exactly once where it comes from.
    pub(super) fn source(self, param: &str) -> Result<InputSource<'a>, Refusal> {
        let given = [
            ("asset", self.asset.map(From::Asset)),
            ("url", self.url.map(From::Url)),
            ("data", self.data.map(From::Base64)),
        ];
        let (name, from) = exactly_one(given, param)?;
        let param = format!("{param}.{name}");
        Ok(InputSource { role: self.role, param, from, mime_type: self.mime_type })
    }
}

impl<'a> PictureBody<'a> {
    /// # Errors
    /// `invalid_request` unless it says exactly once where it comes from.
    pub(super) fn source(self, role: Role, param: &str) -> Result<InputSource<'a>, Refusal> {
        let address = |text: Cow<'a, str>| match text.starts_with("data:") {
            true => From::Base64(text),
            false => From::Url(text),
        };
        let given = [
            ("image_url", self.image_url.map(address)),
            ("file_id", self.file_id.map(From::Asset)),
            ("asset", self.asset.map(From::Asset)),
            ("url", self.url.map(From::Url)),
            ("data", self.data.map(From::Base64)),
        ];
        let (name, from) = exactly_one(given, param)?;
        Ok(InputSource { role, param: format!("{param}.{name}"), from, mime_type: self.mime_type })
    }
}

fn exactly_one<'a, const N: usize>(
    given: [(&'static str, Option<From<'a>>); N],
    param: &str,
) -> Result<(&'static str, From<'a>), Refusal> {
    let names = given.each_ref().map(|(name, _)| *name).join("`, `");
    let mut found = given.into_iter().filter_map(|(name, from)| Some((name, from?)));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Refusal::field(param, format!("`{param}` takes exactly one of `{names}`"))),
    }
}

/// Keeps every input as an asset; nothing is asked of a vendor before all are good.
pub(super) async fn keep(
    engine: &Engine,
    team: &str,
    sources: Vec<InputSource<'_>>,
    limit: usize,
) -> Result<Vec<InputRef>, Refusal> {
    let mut kept = Vec::with_capacity(sources.len());
    for source in sources {
        let InputSource { role, param, from, mime_type } = source;
        let input = match from {
            From::Asset(id) => engine.input_from_asset(team, role, &param, &id).await?,
            From::Url(url) => engine.input_from_url(team, role, &param, &url).await?,
            From::Base64(text) => {
                let bytes = decode(&text, &param, limit)?;
                check_role(role, assets::sniff(&bytes), &param)?;
                engine.input_from_bytes(team, role, &param, bytes).await?
            }
            From::Bytes(bytes) => engine.input_from_bytes(team, role, &param, bytes).await?,
        };
        check_role(role, &input.media_type, &param)?;
        check_type(mime_type.as_deref(), &input, &param)?;
        kept.push(input);
    }
    Ok(kept)
}

fn decode(text: &str, param: &str, limit: usize) -> Result<Bytes, Refusal> {
    let no_base64 = || Refusal::field(param, format!("`{param}` is not base64"));
    let digits = match text.strip_prefix("data:") {
        None => text,
        Some(rest) => rest.split_once(";base64,").ok_or_else(no_base64)?.1,
    };
    if digits.len() / 4 * 3 > limit {
        let message = format!("`{param}` is larger than {limit} bytes");
        return Err(Refusal::new(Code::RequestTooLarge, message).at(param));
    }
    let bytes = base64_simd::forgiving_decode_to_vec(digits.as_bytes()).map_err(|_| no_base64())?;
    if bytes.is_empty() {
        return Err(Refusal::field(param, format!("`{param}` is empty")));
    }
    Ok(bytes.into())
}

/// What an input is for says what it may be. Pictures are looked at more closely where they are kept.
fn check_role(role: Role, media_type: &str, param: &str) -> Result<(), Refusal> {
    let (families, wanted): (&[&str], _) = match role {
        Role::Video => (&["video/"], "a clip"),
        Role::Audio => (&["audio/"], "a sound"),
        Role::Reference => (&["image/", "video/", "audio/"], "a picture, a clip or a sound"),
        Role::Source | Role::FirstFrame | Role::LastFrame | Role::Mask => return Ok(()),
    };
    if families.iter().any(|family| media_type.starts_with(family)) {
        return Ok(());
    }
    Err(Refusal::field(param, format!("`{param}` is {media_type}, and not {wanted}")))
}

/// What a caller says an input is must be what it is: someone mixed something up otherwise.
fn check_type(said: Option<&str>, input: &InputRef, param: &str) -> Result<(), Refusal> {
    let same = |said: &str| {
        said.eq_ignore_ascii_case(&input.media_type)
            || (said.eq_ignore_ascii_case("image/jpg") && input.media_type == "image/jpeg")
    };
    if said.is_none_or(same) {
        return Ok(());
    }
    let param = match param.rsplit_once('.') {
        Some((input, _)) => format!("{input}.mime_type"),
        None => param.to_owned(),
    };
    let message = format!("`{param}` is not what the bytes are: {}", input.media_type);
    Err(Refusal::field(param, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    fn source(body: &str) -> Result<(String, &'static str), String> {
        let input: InputBody<'_> = parse(body.as_bytes()).map_err(|r| r.param.unwrap())?;
        let source = input.source("inputs[0]").map_err(|r| r.param.unwrap())?;
        let kind = match source.from {
            From::Asset(_) => "asset",
            From::Url(_) => "url",
            From::Base64(_) => "base64",
            From::Bytes(_) => "bytes",
        };
        Ok((source.param, kind))
    }

    #[test]
    fn an_input_comes_from_exactly_one_place() {
        let good = |param: &str, kind| Ok((param.to_owned(), kind));
        let bad = |param: &str| Err(param.to_owned());
        for (body, wanted) in [
            (r#"{"role": "source", "asset": "ast_1"}"#, good("inputs[0].asset", "asset")),
            (r#"{"role": "mask", "url": "https://a"}"#, good("inputs[0].url", "url")),
            (r#"{"role": "video", "data": "AA\/="}"#, good("inputs[0].data", "base64")),
            (r#"{"role": "source"}"#, bad("inputs[0]")),
            (r#"{"role": "source", "url": "a", "data": "b"}"#, bad("inputs[0]")),
            (r#"{"role": "sauce", "url": "a"}"#, bad("role")),
            (r#"{"url": "a"}"#, bad("role")),
            (r#"{"role": "source", "href": "a"}"#, bad("href")),
        ] {
            assert_eq!(source(body), wanted, "{body}");
        }
    }

    #[test]
    fn base64_is_checked() {
        assert_eq!(decode("aGk=", "p", 9).unwrap(), "hi");
        assert_eq!(decode("data:image/png;base64,aGk=", "p", 9).unwrap(), "hi");
        assert_eq!(decode("aG\nk", "p", 9).unwrap(), "hi");
        for bad in ["", "not base64!", "a", "data:image/png,aGk=", "aGk=x", "a-_b"] {
            let refusal = decode(bad, "inputs[0].data", 99).unwrap_err();
            assert_eq!(refusal.param.as_deref(), Some("inputs[0].data"), "{bad:?}");
            assert_eq!(refusal.code, Code::InvalidRequest, "{bad:?}");
        }
        assert_eq!(decode(&"A".repeat(400), "p", 99).unwrap_err().code, Code::RequestTooLarge);
    }
}
