//! What of a creation is its output.
//!
//! The page shows the answers of pictures and of jokes, and of nothing else: so any field that ends in
//! `_url`, or list of objects with a `url`, may be one. What is left out are addresses that were sent, and
//! those whose names say that they are something beside it (a thumbnail, a source, a profile).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use provider::{Blame, Error, ErrorKind, Kind, Output, RemoteOutput, Result, Retry};
use provider_http::json_shape;

/// Where an output lies: its address, and the creation by which it is asked for anew.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// What it is: tells its address from the creation's others.
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Which of the creation's addresses it is.
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) index: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_first(index: &usize) -> bool {
    *index == 0
}

impl Place {
    fn output(&self) -> Output {
        let location = serde_json::to_string(self).unwrap_or_default();
        Output::Remote(RemoteOutput { location, expires_at: None })
    }

    pub(crate) fn read(location: &str) -> Result<Self> {
        serde_json::from_str(location).map_err(|error| {
            let public = "the output's place is none that this provider keeps";
            Error::new(ErrorKind::Failed, Blame::Gateway, Retry::No, public)
                .with_private(json_shape(&error))
        })
    }
}

/// The creations of one call, each once: the one that it is claimed by, and those in which its outputs
/// lie.
pub(crate) fn creations(reference: &str, outputs: &[RemoteOutput]) -> Result<Vec<String>> {
    let mut all = vec![reference.to_owned()];
    for output in outputs {
        if let Some(id) = Place::read(&output.location)?.creation
            && !all.contains(&id)
        {
            all.push(id);
        }
    }
    Ok(all)
}

/// Fields about an output, or about somebody: no output.
const BESIDE: [&str; 18] = [
    "thumb",
    "preview",
    "avatar",
    "profile",
    "poster",
    "page",
    "share",
    "source",
    "reference",
    "input",
    "ending",
    "start",
    "original",
    "creation",
    "website",
    "callback",
    "parent",
    "user",
];
/// Fields of creations that say what it was asked for, or how it is kept, and not what it is.
const ABOUT: [&str; 29] = [
    "id",
    "username",
    "user",
    "prompt",
    "created_at",
    "updated_at",
    "privacy_mode",
    "type",
    "license",
    "images",
    "videos",
    "audio",
    "generator",
    "generator_data",
    "status",
    "team",
    "model",
    "model_name",
    "model_type",
    "parameters",
    "rating",
    "comments",
    "comment_count",
    "likes",
    "views",
    "language",
    "count",
    "title",
    "credit_cost",
];

/// The outputs of one creation, in order. `sent`: addresses that went with the request.
pub(crate) fn outputs(
    creation: &Value,
    id: Option<&str>,
    kind: Kind,
    sent: &[&str],
) -> Vec<Output> {
    let mut found = Vec::new();
    let is_text = matches!(kind, Kind::Text | Kind::Vision);
    if is_text {
        found.extend(text(creation).map(Output::Text));
    }
    let places = addresses(creation, kind, sent);
    // Words may be told aloud, too; a picture in them is an illustration of the page's.
    let place = |index, url| Place { kind, creation: id.map(str::to_owned), url, index };
    let placed = places.into_iter().enumerate();
    found.extend(placed.map(|(index, url)| place(index, Some(url)).output()));
    if found.is_empty() && !is_text && id.is_some() {
        // It is made and paid for: the vendor's page of it tells where it lies.
        found.push(place(0, None).output());
    }
    found
}

/// Whether a row of the books shows the output, so that the creation is done.
pub(crate) fn is_shown(creation: &Value, kind: Kind, sent: &[&str]) -> bool {
    match kind {
        Kind::Text | Kind::Vision => {
            let members = creation.as_object();
            let own = members.and_then(|members| members.get("generator_data")?.as_object());
            members.and_then(plain).is_some()
                || own.is_some_and(|own| own.keys().any(|k| is_own(k)))
        }
        _ => !addresses(creation, kind, sent).is_empty(),
    }
}

/// What such a thing is called in the vendor's fields.
const fn names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Image | Kind::Upscale | Kind::BackgroundRemoval => {
            &["image", "img", "picture", "photo", "upscaled", "result", "output"]
        }
        Kind::Vector => &["vector", "svg", "image", "img"],
        Kind::Video => &["video", "clip", "movie"],
        Kind::Text | Kind::Vision | Kind::Speech | Kind::Music | Kind::SoundEffect => {
            &["audio", "speech", "voice", "music", "sound", "song", "track"]
        }
    }
}

/// The addresses of what was made: those under a name for it, or else any; for the same thing may be
/// shown under a name of its own and in a list, whichever holds more of them.
pub(crate) fn addresses(creation: &Value, kind: Kind, sent: &[&str]) -> Vec<String> {
    let mut all = Gathered { sent, fields: BTreeMap::new() };
    all.gather(creation, "", 0);
    let words = names(kind);
    let rank =
        |field: &str| words.iter().position(|word| field.contains(word)).unwrap_or(words.len());
    let best = all.fields.keys().map(|(_, field)| rank(field)).min();
    let only = matches!(kind, Kind::Text | Kind::Vision).then_some(words.len());
    let Some(best) = best.filter(|best| Some(*best) != only) else { return Vec::new() };
    let of_best = |in_list: bool| {
        let chosen = all
            .fields
            .iter()
            .filter(|((listed, field), _)| *listed == in_list && rank(field) == best);
        let mut urls: Vec<String> = Vec::new();
        for url in chosen.flat_map(|(_, urls)| urls) {
            if !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        urls
    };
    let (alone, listed) = (of_best(false), of_best(true));
    if listed.len() > alone.len() { listed } else { alone }
}

/// Addresses by whether they stood in a list, and under which name.
struct Gathered<'a> {
    sent: &'a [&'a str],
    fields: BTreeMap<(bool, String), Vec<String>>,
}

impl Gathered<'_> {
    fn gather(&mut self, value: &Value, under: &str, depth: usize) {
        let Value::Object(members) = value else { return };
        for (name, value) in members {
            let field = name.to_ascii_lowercase();
            if BESIDE.iter().any(|beside| field.contains(beside)) {
                continue;
            }
            let is_address = field == "url" || field.ends_with("_url");
            // An address that is only called so is named by what it stands in.
            let named = if field == "url" && !under.is_empty() { under } else { &field };
            match value {
                Value::String(url) if is_address => self.take(false, named, url),
                Value::Array(items) => self.gather_list(&field, items),
                Value::Object(_) if depth < 3 => {
                    let inner = if field == "generator_data" { "" } else { &field };
                    self.gather(value, inner, depth + 1);
                }
                _ => {}
            }
        }
    }

    fn gather_list(&mut self, field: &str, items: &[Value]) {
        for item in items {
            match item {
                Value::Object(members) => {
                    if let Some(Value::String(url)) = members.get("url") {
                        self.take(true, field, url);
                    }
                }
                Value::String(url) if field.ends_with("urls") => self.take(true, field, url),
                _ => {}
            }
        }
    }

    fn take(&mut self, listed: bool, field: &str, url: &str) {
        let is_address = !url.is_empty()
            && url.contains('/')
            && !url.starts_with("data:")
            && !url.contains(char::is_whitespace);
        if is_address && !self.sent.contains(&url) {
            self.fields.entry((listed, field.to_owned())).or_default().push(url.to_owned());
        }
    }
}

/// The words of a creation: its `text`, or else its own fields, which are other ones for each generator.
pub(crate) fn text(creation: &Value) -> Option<String> {
    let members = creation.as_object()?;
    let own = members.get("generator_data").and_then(Value::as_object);
    let places = [Some(members), own];
    if let Some(text) = places.into_iter().flatten().find_map(plain) {
        return Some(text.to_owned());
    }
    let fields: Map<String, Value> = own
        .unwrap_or(members)
        .iter()
        .filter(|(name, value)| is_own(name) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut values = fields.values();
    match (values.next(), values.next()) {
        (None, _) => None,
        (Some(Value::String(only)), None) => Some(only.clone()),
        _ => serde_json::to_string_pretty(&sorted(fields)).ok(),
    }
}

fn plain(members: &Map<String, Value>) -> Option<&str> {
    members.get("text").and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn is_own(name: &str) -> bool {
    !ABOUT.contains(&name) && !name.ends_with("_id") && !name.ends_with("_url")
}

/// By name, whatever order the build of the JSON library keeps.
fn sorted(fields: Map<String, Value>) -> BTreeMap<String, Value> {
    fields.into_iter().collect()
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
