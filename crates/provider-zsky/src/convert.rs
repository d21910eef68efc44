//! Pure translation, both ways.

use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use provider::{
    AccountStatus, Adjustments, Allowance, AllowanceUse, Blame, Calendar, Charge, Error, ErrorKind,
    Finished, Kind, Limits, MicroUsd, Model, Output, Polled, RemoteOutput, Result, Retry,
    Submitted, Ticket, Timestamp, Work,
};
use provider_http::{Effect, Extracted, Taken, json_shape, redact, sink_error, unreadable};

use crate::{
    keys, models,
    wire::{Generate, Job, Place, Refused, Usage},
};

/// What every job that was worked on takes of the plan.
pub(crate) const UNIT: Charge = Charge {
    amount: MicroUsd::ZERO,
    certain: true,
    allowance: Some(AllowanceUse { units: 1 }),
    estimated: None,
};

/// Of a prompt refused at once and of a job that failed the page does not say whether it counts; the
/// account's usage tells afterwards.
const PERHAPS_A_UNIT: Charge = Charge { certain: false, ..UNIT };

/// When to look at an image again: what the vendor's own sample client does.
const LOOK_AT_IMAGE: Duration = Duration::from_secs(2);
/// When to look at a video again, which takes a minute.
const LOOK_AT_VIDEO: Duration = Duration::from_secs(5);
/// So many bytes tell media from JSON.
pub(crate) const MAGIC_BYTES: usize = 12;
/// A text shorter than this is no picture.
const BASE64_MIN: usize = 16;

/// The body of a submit.
pub(crate) fn body(model: &Model, work: &Work) -> Result<Bytes> {
    let sizes = &model.capabilities.sizes;
    let size = sizes.resolve(work.size, work.aspect_ratio).ok().flatten();
    let size = size.ok_or_else(|| ours("an admitted request has no size"))?;
    let fields = Generate {
        prompt: &work.prompt,
        width: size.width,
        height: size.height,
        length: models::frames(model, work)?,
        seed: work.seed,
        negative: work.negative_prompt.as_deref(),
    };
    serde_json::to_vec(&fields).map(Bytes::from).map_err(|error| ours(&error.to_string()))
}

fn ours(private: &str) -> Error {
    let public = "the request could not be written as JSON";
    Error::new(ErrorKind::Failed, Blame::Gateway, Retry::No, public).with_private(private)
}

/// What an answer to a submit came to.
#[derive(Debug)]
pub(crate) enum Answered {
    /// All that there is.
    Submitted(Submitted),
    /// An output too small to have been lifted out on its way; it is still to be written.
    Bytes(Option<String>, Vec<u8>),
}

/// An answer to a submit in JSON, its long base64 lifted out while it came. In the order of what is
/// worth most: the end of the job, bytes, an address, a job to follow.
pub(crate) fn submitted(
    answer: &Extracted,
    kind: Kind,
    date: Option<Timestamp>,
    key: &SecretString,
) -> Result<Answered> {
    let json: Value = parse(&answer.json, Effect::Paid)?;
    let job = job(&json, Effect::Paid)?;
    let reference = job.job_id.clone().filter(|id| is_job_id(id));
    let state = state(&job);
    if matches!(state, State::Blocked | State::Failed) {
        return Err(ended(&job, state, key));
    }
    let done = |finished| Ok(Answered::Submitted(Submitted::Finished(finished)));
    if let Some(taken) = largest(answer) {
        return match taken {
            Taken::Written(receipt) => done(finished(reference, Output::Written(receipt.clone()))),
            Taken::NotKept(failed) => Err(sink_error(failed).with_charge(UNIT)),
            Taken::Empty | Taken::Spoiled => Err(unreadable(Effect::Paid, "no output")),
        };
    }
    if let Some(bytes) = small_output(&json) {
        return Ok(Answered::Bytes(reference, bytes));
    }
    if job.result_url.is_some() {
        let output = remote(&job, reference.clone(), date);
        return done(finished(reference, output));
    }
    let reference =
        reference.ok_or_else(|| unreadable(Effect::Paid, "no output and no usable job_id"))?;
    Ok(Answered::Submitted(Submitted::Running(ticket(reference, kind))))
}

/// The job that a 503 names: then there is one, and it is queued.
pub(crate) fn queued_all_the_same(by_status: &Error, body: &[u8], kind: Kind) -> Option<Ticket> {
    let job: Job = serde_json::from_slice(body).ok().filter(|_| by_status.status() == Some(503))?;
    let goes_on = state(&job) == State::Going && job.status.is_some();
    job.job_id.filter(|id| goes_on && is_job_id(id)).map(|reference| ticket(reference, kind))
}

fn ticket(reference: String, kind: Kind) -> Ticket {
    let look_after = look_after(if kind == Kind::Video { "video" } else { "image" });
    Ticket { reference, look_after }
}

/// The largest of the lifted texts that were base64: a preview may come beside the output.
fn largest(answer: &Extracted) -> Option<&Taken> {
    let real = |taken: &&Taken| matches!(taken, Taken::Written(_) | Taken::NotKept(_));
    let all = answer.taken.iter().zip(&answer.lengths).filter(|(taken, _)| real(taken));
    all.max_by_key(|(_, length)| **length).map(|(taken, _)| taken)
}

/// Bytes of an image or a video in any text of a JSON answer. A short text may be base64 by chance, so
/// what it decodes to has to begin as media do.
fn small_output(json: &Value) -> Option<Vec<u8>> {
    let mut longest: Option<Vec<u8>> = None;
    texts(json, &mut |text| {
        let encoded = match text.strip_prefix("data:") {
            Some(rest) => rest.split_once(',').map_or("", |(_, encoded)| encoded),
            None => text,
        };
        if encoded.len() < BASE64_MIN {
            return;
        }
        let decoded = base64_simd::forgiving_decode_to_vec(encoded.as_bytes()).ok();
        let larger = |bytes: &Vec<u8>| longest.as_ref().is_none_or(|l| bytes.len() > l.len());
        if let Some(bytes) = decoded.filter(|bytes| begins_as_media(bytes) && larger(bytes)) {
            longest = Some(bytes);
        }
    });
    longest
}

/// Whether an answer is the output itself. Its label may lie; what begins as media do is one, and what
/// begins as JSON does is none.
pub(crate) fn is_output(label: &str, begin: &[u8]) -> bool {
    let labelled = ["image/", "video/", "audio/"].iter().any(|kind| label.starts_with(kind))
        || label.ends_with("/octet-stream");
    let json = begin.trim_ascii_start().first().is_none_or(|first| b"{[".contains(first));
    begins_as_media(begin) || labelled && !json
}

/// WebP, PNG, JPEG, GIF, Matroska (`WebM` too), MP4 and AVIF.
fn begins_as_media(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [b"RIFF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1a\x45\xdf\xa3"];
    starts.iter().any(|start| bytes.starts_with(start)) || bytes.get(4..8) == Some(b"ftyp")
}

/// Every text within a JSON value, the names of members not among them.
pub(crate) fn texts<'a>(json: &'a Value, visit: &mut impl FnMut(&'a str)) {
    match json {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, visit)),
        Value::Object(members) => members.values().for_each(|inner| texts(inner, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An answer to a poll.
pub(crate) fn polled(
    body: &[u8],
    reference: &str,
    date: Option<Timestamp>,
    key: &SecretString,
) -> Result<Polled> {
    let job = job(&parse(body, Effect::Read)?, Effect::Read)?;
    match state(&job) {
        State::Going if job.status.is_none() => {
            Err(unreadable(Effect::Read, "a job without a status"))
        }
        State::Going => {
            let look_after = look_after(job.kind.as_deref().unwrap_or_default());
            Ok(Polled::Running { look_after, progress: None })
        }
        State::Done => {
            let output = remote(&job, Some(reference.to_owned()), date);
            Ok(Polled::Finished(finished(Some(reference.to_owned()), output)))
        }
        state @ (State::Blocked | State::Failed) => Err(ended(&job, state, key)),
    }
}

/// A fresh address of a finished job, whose charge is booked already.
pub(crate) fn fresh_address(body: &[u8]) -> Result<String> {
    let job = job(&parse(body, Effect::Read)?, Effect::Read)?;
    job.result_url.ok_or_else(|| unreadable(Effect::Read, "no result_url"))
}

fn parse(body: &[u8], effect: Effect) -> Result<Value> {
    serde_json::from_slice(body).map_err(|error| unreadable(effect, json_shape(&error)))
}

fn job(json: &Value, effect: Effect) -> Result<Job> {
    if !json.is_object() {
        return Err(unreadable(effect, "no JSON object"));
    }
    Job::deserialize(json).map_err(|error| unreadable(effect, json_shape(&error)))
}

/// What a job has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Going,
    Done,
    Blocked,
    Failed,
}

/// A word that the page does not list is one for work that goes on, unless an address says otherwise.
fn state(job: &Job) -> State {
    match job.status.as_deref().unwrap_or_default().to_ascii_lowercase().as_str() {
        "blocked" => State::Blocked,
        "failed" => State::Failed,
        "completed" => State::Done,
        _ if job.result_url.is_some() => State::Done,
        _ => State::Going,
    }
}

/// The vendor tells no progress, so nothing but the kind says when to look again.
fn look_after(kind: &str) -> Duration {
    if kind.eq_ignore_ascii_case("video") { LOOK_AT_VIDEO } else { LOOK_AT_IMAGE }
}

pub(crate) fn finished(reference: Option<String>, output: Output) -> Finished {
    Finished {
        reference,
        outputs: vec![output],
        charge: UNIT,
        balance: None,
        adjustments: Adjustments::new(),
    }
}

/// A job that is done without an address has an output all the same: its address is asked for when
/// the bytes are fetched, and the unit is booked now.
fn remote(job: &Job, id: Option<String>, date: Option<Timestamp>) -> Output {
    let span = job.expires_in.map(|seconds| Duration::from_secs(seconds.into()));
    let place = Place { job: id, url: job.result_url.clone() };
    Output::Remote(RemoteOutput {
        location: serde_json::to_string(&place).unwrap_or_default(),
        expires_at: date.zip(span).map(|(date, span)| date.plus(span)),
    })
}

/// Where an output of ours lies.
pub(crate) fn place(location: &str) -> Result<Place> {
    serde_json::from_str(location).map_err(|error| {
        let public = "the output's place is none that this provider keeps";
        Error::new(ErrorKind::Failed, Blame::Gateway, Retry::No, public)
            .with_private(json_shape(&error))
    })
}

/// A job that ended without an output.
fn ended(job: &Job, state: State, key: &SecretString) -> Error {
    let error = if state == State::Blocked {
        blocked(UNIT)
    } else {
        let public = "the provider failed to make it";
        let again = Retry::Safe { after: None };
        Error::new(ErrorKind::Failed, Blame::Vendor, again, public).with_charge(PERHAPS_A_UNIT)
    };
    let reason = job.error.as_ref().map(spoken).unwrap_or_default();
    error.with_private(said(&reason, key))
}

/// The vendor's own reason goes to operators: it may repeat the prompt.
fn blocked(charge: Charge) -> Error {
    let public = "the provider's safety check stopped it";
    Error::new(ErrorKind::Blocked, Blame::Caller, Retry::No, public).with_charge(charge)
}

/// An answer that is no success, by its status, with the vendor's words for operators.
pub(crate) fn refusal(by_status: Error, effect: Effect, body: &[u8], key: &SecretString) -> Error {
    let status = by_status.status().unwrap_or_default();
    let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
    let words = [refused.error.as_ref(), refused.message.as_ref(), refused.detail.as_ref()];
    let words: Vec<String> = words.into_iter().flatten().map(spoken).collect();
    let words = match words.is_empty() {
        true => String::from_utf8_lossy(body).into_owned(),
        false => words.join("; "),
    };
    let error = match status {
        403 => {
            let public = "the vendor has suspended the account's key";
            Error::new(ErrorKind::Suspended, Blame::Account, by_status.retry(), public)
        }
        451 => blocked(PERHAPS_A_UNIT),
        // «queued — please retry»: there may be a job, and it may run on without us.
        500.. if effect == Effect::Paid => by_status.with_retry(Retry::Unknown { ended: false }),
        _ => by_status,
    };
    error
        .with_status(status)
        .with_private(said(&words, key))
        .with_vendor_code(refused.code.map(|code| said(&code, key)))
}

/// The storage behind the signed addresses is not the API: its refusals say nothing of the account.
pub(crate) fn storage_refusal(status: u16, retry_after: Option<Duration>) -> Error {
    let (kind, retry, public) = match status {
        404 | 410 => {
            (ErrorKind::NotFound, Retry::No, "the vendor no longer keeps what was asked for")
        }
        408 | 429 | 500.. => {
            let again = Retry::Safe { after: retry_after };
            (ErrorKind::Unavailable, again, "the vendor's storage is not available")
        }
        _ => {
            let again = Retry::Safe { after: None };
            (ErrorKind::Failed, again, "the vendor's storage refused the output's address")
        }
    };
    Error::new(kind, Blame::Vendor, retry, public).with_status(status)
}

/// A text, or a text within an object, or whatever else the vendor says.
fn spoken(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => match members.get("message") {
            Some(Value::String(text)) => text.clone(),
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// The vendor's own words, for operators: short, and without any key.
fn said(words: &str, key: &SecretString) -> String {
    keys::without(&redact(words, key))
}

/// The month's counters. `*_used` may or may not count what `*_overage` counts, and both readings come
/// to the same: overage begins where the allowance is gone, so all of it was used then.
pub(crate) fn usage(body: &[u8], limits: &Limits) -> Result<AccountStatus> {
    let usage: Usage = serde_json::from_slice(body)
        .map_err(|error| unreadable(Effect::Read, json_shape(&error)))?;
    let month = |kind, base: Option<u32>, used: Option<u32>, overage: Option<u32>| {
        let limit = base.or_else(|| limits.allowance(kind, Calendar::Month))?;
        let overage = overage.unwrap_or(0).max(used?.saturating_sub(limit));
        let used = if overage > 0 { limit.saturating_add(overage).max(used?) } else { used? };
        let window = Calendar::Month;
        Some(Allowance { kind, window, limit, used, overage, since: usage.month_start })
    };
    let u = &usage;
    let image = month(Kind::Image, u.base_images_allowance, u.images_used, u.images_overage);
    let video = month(Kind::Video, u.base_videos_allowance, u.videos_used, u.videos_overage);
    let allowances: Vec<Allowance> = [image, video].into_iter().flatten().collect();
    if allowances.is_empty() {
        return Err(unreadable(Effect::Read, "no readable counters"));
    }
    Ok(AccountStatus { allowances, ..AccountStatus::default() })
}

/// Whether a name may become part of a path: of unreserved characters, and not a step upwards.
pub(crate) fn is_job_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(plain) && !matches!(text, "." | "..")
}
