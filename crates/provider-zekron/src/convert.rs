//! Pure translation, both ways.

use bytes::Bytes;
use secrecy::SecretString;

use provider::{
    Adjustments, Blame, Charge, Error, ErrorKind, Finished, Model, Output, RemoteOutput, Result,
    Retry, Size, Tariff, Work,
};
use provider_http::{Effect, Extracted, Taken, json_shape, redact, status_error, unreadable};

use crate::{
    Dialect,
    models::FLAGSHIP,
    wire::{Envelope, Generate, Made, Preview, PreviewOptions, Refused},
};

/// The size that is sent: the asked one, or the model's default in so many words.
pub(crate) fn size(model: &Model, work: &Work) -> Option<Size> {
    model.capabilities.sizes.resolve(work.size, work.aspect_ratio).ok().flatten()
}

/// The body of a `v1` request. Sources are encoded straight into it, once.
pub(crate) fn generate_body(model: &Model, work: &Work) -> Result<Bytes> {
    let size = size(model, work).map(|size| size.to_string());
    let fields = Generate { prompt: &work.prompt, model: &model.name, size };
    let encoded: usize = work.inputs.iter().map(|input| input.bytes.len() / 3 * 4 + 64).sum();
    let mut body = Vec::with_capacity(work.prompt.len() + 128 + encoded);
    write_json(&mut body, &fields)?;
    if !work.inputs.is_empty() {
        body.pop();
        body.extend_from_slice(br#","images":["#);
        for (index, input) in work.inputs.iter().enumerate() {
            body.extend_from_slice(if index == 0 { br#"{"data":""# } else { br#",{"data":""# });
            base64_simd::STANDARD.encode_append(&input.bytes, &mut body);
            body.extend_from_slice(br#"","mime_type":"#);
            write_json(&mut body, &input.media_type)?;
            body.push(b'}');
        }
        body.extend_from_slice(b"]}");
    }
    Ok(body.into())
}

/// The body of a `preview` request.
pub(crate) fn preview_body(model: &Model, work: &Work) -> Result<Bytes> {
    // The flagship's name has the dialect in it, the other models' names have not.
    let name =
        if model.name == FLAGSHIP { "zekron-image-1:image-preview" } else { model.name.as_str() };
    let options = PreviewOptions {
        size: size(model, work).map(|size| size.to_string()),
        negative_prompt: work.negative_prompt.as_deref(),
    };
    let mut body = Vec::with_capacity(work.prompt.len() + 256);
    write_json(&mut body, &Preview { prompt: &work.prompt, model: name, options })?;
    Ok(body.into())
}

fn write_json(body: &mut Vec<u8>, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(body, value).map_err(|error| {
        let public = "the request could not be written as JSON";
        Error::new(ErrorKind::Failed, Blame::Gateway, Retry::No, public)
            .with_private(error.to_string())
    })
}

/// A `v1` answer whose picture was lifted out while it came.
pub(crate) fn generated(answer: &Extracted, key: &SecretString) -> Result<Finished> {
    let made = made(&answer.json, key)?;
    let cost = made.cost.ok_or_else(|| unreadable(Effect::Paid, "no readable cost"))?;
    let image = made.image;
    let index = image.as_ref().and_then(|image| image.b64_json.as_deref()?.parse::<usize>().ok());
    let token = made.token.filter(|token| !token.is_empty());
    let expires_at = image.as_ref().and_then(|image| image.expires_at);
    let output = match (index.and_then(|index| answer.taken.get(index)), &token) {
        (Some(Taken::Written(receipt)), _) => Output::Written(receipt.clone()),
        // Without usable bytes the picture is still there to be fetched.
        (_, Some(token)) => Output::Remote(RemoteOutput { location: token.clone(), expires_at }),
        (_, None) => {
            let url = image.and_then(|image| image.url);
            let lost = || unreadable(Effect::Paid, "no picture, no token");
            let location = url.ok_or_else(|| lost().with_charge(Charge::exact(cost)))?;
            Output::Remote(RemoteOutput { location, expires_at })
        }
    };
    Ok(Finished {
        reference: token,
        outputs: vec![output],
        charge: Charge::exact(cost),
        balance: made.remaining_balance,
        adjustments: Adjustments::new(),
    })
}

/// A `preview` answer.
pub(crate) fn previewed(answer: &[u8], model: &Model, key: &SecretString) -> Result<Finished> {
    let made = made(answer, key)?;
    let charge = charge(made.cost, model);
    let lost = || unreadable(Effect::Paid, "no address of the picture").with_charge(charge);
    let location = made.url.ok_or_else(lost)?;
    Ok(Finished {
        reference: made.id,
        outputs: vec![Output::Remote(RemoteOutput { location, expires_at: None })],
        charge,
        balance: made.remaining_balance,
        adjustments: Adjustments::new(),
    })
}

/// The charge by the vendor's word, or else the most it can have been.
pub(crate) fn charge(cost: Option<provider::MicroUsd>, model: &Model) -> Charge {
    match (cost, &model.tariff) {
        (Some(cost), _) => Charge::exact(cost),
        (None, Tariff::PerOutput { most, .. }) => Charge::at_most(*most),
        (None, _) => Charge::at_most(provider::MicroUsd::ZERO),
    }
}

/// The data of an answer of success, which may still be a refusal in disguise.
fn made(json: &[u8], key: &SecretString) -> Result<Made> {
    let envelope: Envelope<Made> = serde_json::from_slice(json)
        .map_err(|error| unreadable(Effect::Paid, json_shape(&error)))?;
    if envelope.success == Some(false) || envelope.data.is_none() && envelope.error.is_some() {
        let refused = envelope.error.unwrap_or_default();
        // Only a code that the page lists with a 4xx says for certain that nothing was made.
        return Err(match refused.code.as_deref().and_then(listed_status) {
            Some(status) => refine(status_error(status, Effect::Paid, None), &refused, key),
            None => {
                let said = said(&refused, key);
                unreadable(Effect::Paid, said).with_vendor_code(code(&refused, key))
            }
        });
    }
    envelope.data.ok_or_else(|| unreadable(Effect::Paid, "no data"))
}

/// The status that the vendor's pages list a code with.
fn listed_status(code: &str) -> Option<u16> {
    Some(match code {
        "invalid_json" | "missing_prompt" | "invalid_model" | "invalid_size"
        | "too_many_images" | "invalid_base64" | "bad_request" => 400,
        "unauthorized" | "invalid_api_key" => 401,
        "insufficient_balance" | "payment_required" => 402,
        "access_denied" => 403,
        "not_found" => 404,
        "method_not_allowed" => 405,
        "rate_limit_exceeded" => 429,
        _ => return None,
    })
}

/// A refusal by status (`by_status`), refined by what the body says.
pub(crate) fn refusal(
    dialect: Dialect,
    by_status: Error,
    body: &[u8],
    key: &SecretString,
) -> Error {
    let envelope: Option<Envelope<serde_json::Value>> = serde_json::from_slice(body).ok();
    let Some(refused) = envelope.and_then(|envelope| envelope.error) else {
        let text = redact(&String::from_utf8_lossy(body), key);
        return by_status.with_private(text);
    };
    let own_shape = refused.kind.is_some() && refused.message.is_some();
    let failed = by_status.status().is_some_and(|status| status >= 500);
    let error = refine(by_status, &refused, key);
    if dialect == Dialect::Preview && failed && own_shape {
        // The vendor itself says that it made nothing; a proxy in front would not say it so.
        return error.with_retry(Retry::Safe { after: None });
    }
    error
}

/// Adds the vendor's words, and moves blame and kind where its code says more than the status.
fn refine(by_status: Error, refused: &Refused, key: &SecretString) -> Error {
    let name = refused.code.as_deref().or(refused.kind.as_deref()).unwrap_or_default();
    let client_error = by_status.status().is_some_and(|status| (400..500).contains(&status));
    let moved = if client_error && is_content_refusal(name, refused.message.as_deref()) {
        let public = "the vendor refused the content";
        Some((ErrorKind::Blocked, Blame::Caller, public))
    } else if by_status.kind() == ErrorKind::Invalid
        && matches!(name, "invalid_model" | "invalid_json")
    {
        // The caller chose neither the vendor's model name nor the JSON.
        let public = "the vendor did not understand the gateway's request";
        Some((ErrorKind::Invalid, Blame::Gateway, public))
    } else {
        None
    };
    let error = match (moved, by_status.status()) {
        (Some((kind, blame, public)), Some(status)) => {
            Error::new(kind, blame, Retry::No, public).with_status(status)
        }
        _ => by_status,
    };
    error.with_private(said(refused, key)).with_vendor_code(code(refused, key))
}

/// No page of the vendor names a safety refusal, and one may come all the same. Where the name says
/// nothing (a support code, `bad_request`), the message is listened to.
fn is_content_refusal(name: &str, message: Option<&str>) -> bool {
    const WORDS: [&str; 5] = ["moderation", "safety", "content policy", "content blocked", "nsfw"];
    let speaks = |text: &str| {
        let text = text.to_ascii_lowercase().replace('_', " ");
        WORDS.iter().any(|word| text.contains(word))
    };
    let says_nothing = name == "bad_request" || listed_status(name).is_none();
    speaks(name) || says_nothing && message.is_some_and(speaks)
}

fn code(refused: &Refused, key: &SecretString) -> Option<String> {
    refused.code.as_deref().or(refused.kind.as_deref()).map(|code| redact(code, key))
}

/// The vendor's own words, for operators and for the vendor's support.
fn said(refused: &Refused, key: &SecretString) -> String {
    let parts = [&refused.message, &refused.support, &refused.suggestion];
    let all: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
    redact(&all.join("; "), key)
}
