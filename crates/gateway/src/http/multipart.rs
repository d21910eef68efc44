//! Forms with files, as OpenAI's edits and our uploads send them.
//!
//! The words of a form become the JSON that the same request would have been, so that one strict
//! reader serves both: `n` is a number there, `routing[policy]` a field within an object.

use std::pin::Pin;

use actix_multipart::{Field, Multipart};
use actix_web::{http::header::HeaderMap, web::Payload};
use bytes::{Bytes, BytesMut};
use engine::{Code, Refusal};
use futures_util::{Stream, TryStreamExt};
use provider::Role;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{
    body::{announced, too_large},
    inputs::{From, InputSource, MOST_INPUTS},
    json::{expect_plain, media_type, unknown_name, unsupported},
};

/// Opens a form.
///
/// # Errors
/// `unsupported_media_type` where it is none; `request_too_large` where it says it is.
pub(super) fn open(
    headers: &HeaderMap,
    payload: Payload,
    limit: usize,
) -> Result<Multipart, Refusal> {
    expect_plain(headers)?;
    let given = media_type(headers);
    if !given.eq_ignore_ascii_case("multipart/form-data") {
        return Err(unsupported(&given, "multipart/form-data"));
    }
    if announced(headers).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    Ok(Multipart::new(headers, payload))
}

/// A file that a form may carry.
pub(super) struct FileField {
    name: &'static str,
    role: Role,
    /// May stand there more than once, also as `name[]`.
    repeats: bool,
    /// Without a file's name it is words like any other field.
    or_words: bool,
}

/// The files of an edit.
pub(super) const EDIT: &[FileField] = &[
    FileField { name: "image", role: Role::Source, repeats: true, or_words: false },
    FileField { name: "mask", role: Role::Mask, repeats: false, or_words: false },
];

/// The file of a video.
pub(super) const VIDEO: &[FileField] =
    &[FileField { name: "input_reference", role: Role::Source, repeats: false, or_words: true }];

impl FileField {
    fn is_named(&self, name: &str) -> bool {
        name == self.name || (self.repeats && name.strip_suffix("[]") == Some(self.name))
    }

    /// The path of the next file in this field, after so many.
    fn param(&self, before: usize) -> Result<String, Refusal> {
        match (self.repeats, before) {
            (true, before) => Ok(format!("{}[{before}]", self.name)),
            (false, 0) => Ok(self.name.to_owned()),
            (false, _) => {
                let message = format!("`{}` is given twice", self.name);
                Err(Refusal::field(self.name, message))
            }
        }
    }
}

/// A form, read.
pub(super) struct Form {
    /// Its words as JSON.
    pub(super) fields: Value,
    /// Its files, in order.
    pub(super) files: Vec<InputSource<'static>>,
}

/// Reads a form that may carry these files.
///
/// # Errors
/// `invalid_request` and `unsupported_parameter` naming the field, `request_too_large`.
pub(super) async fn form(
    mut form: Multipart,
    limits: super::Limits,
    known: &[FileField],
) -> Result<Form, Refusal> {
    let mut fields = Map::new();
    let mut files: Vec<InputSource<'static>> = Vec::new();
    let mut left = limits.body_bytes();
    while let Some(mut field) = form.try_next().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file =
            field.content_disposition().is_some_and(|given| given.get_filename().is_some());
        let found = known.iter().find(|known| known.is_named(&name));
        let Some(file) = found.filter(|found| is_file || !found.or_words) else {
            if is_file {
                return Err(unknown_name(&name, &name, known.iter().map(|known| known.name)));
            }
            let text = collect(&mut field, &name, &mut left, usize::MAX).await?;
            insert(&mut fields, &name, &text)?;
            continue;
        };
        let before = files.iter().filter(|other| other.role == file.role).count();
        let param = file.param(before)?;
        if files.len() == MOST_INPUTS {
            let message = format!("a form takes at most {MOST_INPUTS} files");
            return Err(Refusal::field(param, message));
        }
        let bytes = collect(&mut field, &param, &mut left, limits.input_size()).await?;
        files.push(InputSource {
            role: file.role,
            param,
            from: From::Bytes(bytes),
            mime_type: None,
        });
    }
    Ok(Form { fields: Value::Object(fields), files })
}

/// The whole of a field; `left` is what remains of the form's limit.
async fn collect(
    field: &mut Field,
    param: &str,
    left: &mut usize,
    most: usize,
) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(part) = field.try_next().await.map_err(broken)? {
        if part.len() > *left || whole.len() + part.len() > most {
            let message = format!("`{param}` makes the request too large");
            return Err(Refusal::new(Code::RequestTooLarge, message).at(param));
        }
        *left -= part.len();
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
}

/// Puts a form's field where JSON would have it.
fn insert(fields: &mut Map<String, Value>, name: &str, text: &[u8]) -> Result<(), Refusal> {
    let text = std::str::from_utf8(text)
        .map_err(|_| Refusal::field(name, format!("`{name}` is not UTF-8")))?;
    let malformed = || Refusal::field(name, format!("`{name}` cannot be read as a field's name"));
    let (first, rest) = match name.split_once('[') {
        None => (name, ""),
        Some((first, rest)) => (first, rest.strip_suffix(']').ok_or_else(malformed)?),
    };
    let mut place = fields.entry(first).or_insert(Value::Null);
    if !rest.is_empty() || name.ends_with("[]") {
        for key in rest.split("][") {
            place = step(place, key).ok_or_else(malformed)?;
        }
    }
    if !place.is_null() {
        return Err(Refusal::field(name, format!("`{name}` is given twice")));
    }
    *place = value(first, name, text);
    Ok(())
}

/// One level down: into an object by key, or onto the end of a list.
fn step<'v>(place: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    if key.is_empty() {
        if place.is_null() {
            *place = Value::Array(Vec::new());
        }
        let list = place.as_array_mut()?;
        list.push(Value::Null);
        return list.last_mut();
    }
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    Some(place.as_object_mut()?.entry(key).or_insert(Value::Null))
}

/// A field's text as the JSON value that it stands for. Where it stands for none, it stays a text
/// and is refused where it is read.
fn value(first: &str, name: &str, text: &str) -> Value {
    let parsed = || serde_json::from_str::<Value>(text).ok();
    let last = name.trim_end_matches(']').rsplit('[').next().unwrap_or(name);
    let found = match (first, last) {
        (_, "n" | "seed" | "output_compression" | "partial_images" | "deadline_s") => {
            parsed().filter(Value::is_number)
        }
        ("stream" | "strict" | "store" | "audio", _) => parsed().filter(Value::is_boolean),
        ("routing" | "metadata" | "provider_options" | "webhook" | "input_reference", key)
            if key == first =>
        {
            parsed().filter(Value::is_object)
        }
        ("provider_options", _) => parsed(),
        _ => None,
    };
    found.unwrap_or_else(|| Value::from(text))
}

/// The bytes of a form's one file, on their way to someone who works on another thread.
#[derive(Debug)]
pub(super) struct FileStream(mpsc::Receiver<Result<Bytes, Refusal>>);

impl Stream for FileStream {
    type Item = Result<Bytes, Refusal>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Chunks under way between the connection and the store.
const CHUNKS_UNDER_WAY: usize = 8;

/// The form's `file` as a stream, and what feeds it: the two are to be awaited together. A form's
/// fields live on the connection's thread, the store's writers anywhere.
pub(super) fn file(
    form: Multipart,
    most: usize,
) -> (FileStream, impl Future<Output = Result<(), Refusal>>) {
    let (sender, receiver) = mpsc::channel(CHUNKS_UNDER_WAY);
    (FileStream(receiver), feed(form, most, sender))
}

async fn feed(
    form: Multipart,
    most: usize,
    sender: mpsc::Sender<Result<Bytes, Refusal>>,
) -> Result<(), Refusal> {
    let done = pass_on(form, most, &sender).await;
    if let Err(refusal) = &done {
        // The stream ends with the refusal, so that nothing of the upload is kept. A receiver that
        // is gone has failed by itself and says so.
        let _ = sender.send(Err(refusal.clone())).await;
    }
    done
}

async fn pass_on(
    mut form: Multipart,
    most: usize,
    sender: &mpsc::Sender<Result<Bytes, Refusal>>,
) -> Result<(), Refusal> {
    let mut bytes = None;
    while let Some(mut field) = form.try_next().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name != "file" {
            return Err(unknown_name(&name, &name, std::iter::once("file")));
        }
        if bytes.is_some() {
            return Err(Refusal::field("file", "one upload takes one `file`"));
        }
        let mut sum = 0;
        while let Some(part) = field.try_next().await.map_err(broken)? {
            sum += part.len();
            if sum > most {
                return Err(too_large(most).at("file"));
            }
            if sender.send(Ok(part)).await.is_err() {
                return Ok(());
            }
        }
        bytes = Some(sum);
    }
    match bytes {
        None => Err(Refusal::field("file", "`file` is missing")),
        Some(0) => Err(Refusal::field("file", "`file` is empty")),
        Some(_) => Ok(()),
    }
}

fn broken(error: actix_multipart::MultipartError) -> Refusal {
    tracing::debug!(%error, "a form could not be read");
    Refusal::new(Code::InvalidRequest, "the form is malformed or ended early")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Value, String> {
        let mut map = Map::new();
        for (name, text) in fields {
            insert(&mut map, name, text.as_bytes()).map_err(|refusal| refusal.param.unwrap())?;
        }
        Ok(Value::Object(map))
    }

    #[test]
    fn a_form_becomes_the_json_it_stands_for() {
        let form = [
            ("prompt", "7"),
            ("n", "2"),
            ("stream", "true"),
            ("size", "64x64"),
            ("routing[policy]", "cost"),
            ("routing[deadline_s]", "9"),
            ("routing[providers][]", "a"),
            ("routing[providers][]", "b"),
            ("metadata", r#"{"k": "v"}"#),
            ("provider_options[zekron][x]", "1"),
        ];
        let wanted = json!({
            "prompt": "7", "n": 2, "stream": true, "size": "64x64",
            "routing": {"policy": "cost", "deadline_s": 9, "providers": ["a", "b"]},
            "metadata": {"k": "v"}, "provider_options": {"zekron": {"x": 1}},
        });
        assert_eq!(read(&form), Ok(wanted));
    }

    #[test]
    fn what_stands_for_nothing_stays_text_or_is_refused() {
        assert_eq!(read(&[("n", "two")]), Ok(json!({"n": "two"})));
        for form in [
            &[("n", "1"), ("n", "2")][..],
            &[("routing[policy", "cost")],
            &[("routing", "{}"), ("routing[policy]", "cost"), ("routing[policy]", "cost")],
            &[("prompt", "x"), ("prompt[a]", "y")],
        ] {
            assert!(read(form).is_err(), "{form:?}");
        }
        let mut map = Map::new();
        assert!(insert(&mut map, "prompt", b"\xff").is_err());
    }
}
