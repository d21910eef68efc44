//! What is ordered: a request body of either dialect, checked as its page says, made into one thing to do.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{refusal::Refusal, settings::Prices};

const V1_SIZES: [&str; 4] = ["512x512", "1024x1024", "1024x768", "768x1024"];
const PREVIEW_SIZES: [&str; 3] = ["1024x1024", "512x512", "256x256"];
const PREVIEW_MODEL: &str = "zekron-image-1:image-preview";
const MAX_SOURCES: usize = 2;

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) model: String,
    pub(crate) size: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) prompt: String,
    pub(crate) negative_prompt: Option<String>,
    /// The pictures to edit, still encoded.
    pub(crate) sources: Vec<Bytes>,
}

impl Order {
    pub(crate) fn v1(body: &[u8], prices: &Prices) -> Result<Self, Refusal> {
        let body = object(body)?;
        let prompt = prompt(&body)?;
        let model = word(&body, "model", "zekron-image-1", "invalid_model")?;
        if !prices.v1.contains_key(&model) {
            return Err(invalid_model());
        }
        let size = word(&body, "size", "1024x1024", "invalid_size")?;
        let (width, height) = dimensions(&size, &V1_SIZES)?;
        let sources = sources(&body)?;
        Ok(Self { model, size, width, height, prompt, negative_prompt: None, sources })
    }

    pub(crate) fn preview(body: &[u8], prices: &Prices) -> Result<Self, Refusal> {
        let body = object(body)?;
        let prompt = prompt(&body)?;
        let mut model = word(&body, "model", PREVIEW_MODEL, "invalid_model")?;
        // The page says that the default is `zekron-image-1`, and lists the model by its longer name.
        if model == "zekron-image-1" {
            PREVIEW_MODEL.clone_into(&mut model);
        }
        if !prices.preview.contains_key(&model) {
            return Err(invalid_model());
        }
        let options = match body.get("options") {
            None | Some(Value::Null) => &Map::new(),
            Some(Value::Object(options)) => options,
            Some(_) => return Err(Refusal::bad("invalid_json", "options must be an object")),
        };
        let size = word(options, "size", "1024x1024", "invalid_size")?;
        let (width, height) = dimensions(&size, &PREVIEW_SIZES)?;
        let negative = word(options, "negative_prompt", "", "invalid_json")?;
        let negative_prompt = (!negative.is_empty()).then_some(negative);
        Ok(Self { model, size, width, height, prompt, negative_prompt, sources: Vec::new() })
    }

    pub(crate) fn kind(&self) -> &'static str {
        if self.sources.is_empty() { "create" } else { "edit" }
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body)
        .map_err(|_| Refusal::bad("invalid_json", "Request body is not valid JSON"))
}

fn prompt(body: &Map<String, Value>) -> Result<String, Refusal> {
    match body.get("prompt").and_then(Value::as_str) {
        Some(prompt) if !prompt.trim().is_empty() => Ok(prompt.to_owned()),
        _ => Err(Refusal::bad("missing_prompt", "The prompt field is required")),
    }
}

fn word(
    body: &Map<String, Value>,
    name: &str,
    default: &str,
    code: &'static str,
) -> Result<String, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(default.to_owned()),
        Some(Value::String(word)) => Ok(word.clone()),
        Some(_) => Err(Refusal::bad(code, format!("{name} must be a string"))),
    }
}

fn invalid_model() -> Refusal {
    Refusal::bad("invalid_model", "Invalid model specified")
}

fn dimensions(size: &str, known: &[&str]) -> Result<(u32, u32), Refusal> {
    let parsed = || {
        let (width, height) = size.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    };
    known
        .contains(&size)
        .then(parsed)
        .flatten()
        .ok_or_else(|| Refusal::bad("invalid_size", "Invalid image size specified"))
}

fn sources(body: &Map<String, Value>) -> Result<Vec<Bytes>, Refusal> {
    let images = match body.get("images") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(images)) => images,
        Some(_) => return Err(Refusal::bad("invalid_json", "images must be an array")),
    };
    if images.len() > MAX_SOURCES {
        let message = "More than 2 images provided for editing";
        return Err(Refusal::bad("too_many_images", message));
    }
    let decode = |image: &Value| {
        let data = image.get("data").and_then(Value::as_str).filter(|data| !data.is_empty());
        data.and_then(|data| base64_simd::STANDARD.decode_to_vec(data).ok())
            .map(Bytes::from)
            .ok_or_else(|| not_base64("Image data is not valid base64"))
    };
    images.iter().map(decode).collect()
}

pub(crate) fn not_base64(message: &str) -> Refusal {
    Refusal::bad("invalid_base64", message)
}
