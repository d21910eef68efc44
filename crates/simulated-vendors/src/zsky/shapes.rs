//! The shapes of the answers, field by field and in the order of the vendor's page.

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    account::Tally,
    calendar::Month,
    job::{Job, Record},
    settings::{Allowance, Settings},
};
use crate::answer::Answer;

/// Fields that the vendor's page does not name.
#[derive(Debug, Serialize)]
struct Unknown {
    queue_region: &'static str,
    moderation: Vec<u8>,
}

fn unknown(strange: bool) -> Option<Unknown> {
    strange.then_some(Unknown { queue_region: "eu-9", moderation: vec![7, 8] })
}

#[derive(Serialize)]
struct Submitted<'a> {
    job_id: &'a str,
    status: &'a str,
    kind: &'a str,
    poll_url: String,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

pub(crate) fn submitted(job: &Job, strange: bool) -> Answer {
    let body = Submitted {
        job_id: &job.id,
        status: "queued",
        kind: job.order.kind.name(),
        poll_url: format!("/v1/jobs/{}", job.id),
        unknown: unknown(strange),
    };
    Answer::json(StatusCode::OK, &body)
}

#[derive(Serialize)]
struct State<'a> {
    job_id: &'a str,
    status: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

/// A job as it stands; `result_url` where it has a result.
pub(crate) fn state(
    record: &Record,
    result_url: Option<String>,
    settings: &Settings,
    strange: bool,
) -> Answer {
    let (job, ended) = (&record.job, record.ended_at_ms.is_some());
    let status = match (ended, strange) {
        (true, _) => job.ending.status(),
        (false, true) => "warming_up",
        (false, false) => &settings.working_status,
    };
    let body = State {
        job_id: &job.id,
        status,
        kind: job.order.kind.name(),
        expires_in: result_url.is_some().then_some(settings.link_expiry_s),
        result_url,
        error: if ended { job.ending.error(job.order.kind) } else { None },
        unknown: unknown(strange),
    };
    Answer::json(StatusCode::OK, &body)
}

#[derive(Serialize)]
struct Usage {
    videos_used: u32,
    videos_overage: u32,
    images_used: u32,
    images_overage: u32,
    overage_charged_cents: u64,
    base_videos_allowance: u32,
    base_images_allowance: u32,
    month_start: String,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

pub(crate) fn usage(tally: Tally, month: Month, allowance: &Allowance, strange: bool) -> Answer {
    let counted = |used: u32, past: u32| {
        if allowance.used_includes_overage { used } else { used.saturating_sub(past) }
    };
    let (used, overage) = (tally.used, tally.overage);
    let body = Usage {
        videos_used: counted(used.videos, overage.videos),
        videos_overage: overage.videos,
        images_used: counted(used.images, overage.images),
        images_overage: overage.images,
        overage_charged_cents: tally.overage_cents,
        base_videos_allowance: allowance.videos,
        base_images_allowance: allowance.images,
        month_start: month.first_day(),
        unknown: unknown(strange),
    };
    Answer::json(StatusCode::OK, &body)
}

/// The page shows no body, only that the new key is shown once.
pub(crate) fn rotated(field: &str, key: &str, strange: bool) -> Answer {
    let mut body = Map::new();
    body.insert(field.to_owned(), json!(key));
    let message = "Save this key now. It cannot be recovered; the previous key is no longer valid.";
    body.insert("message".to_owned(), json!(message));
    if strange {
        body.insert("queue_region".to_owned(), json!("eu-9"));
    }
    Answer::json(StatusCode::OK, &Value::Object(body))
}
