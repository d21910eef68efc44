//! The vendor's refusals: the statuses of the page's table. The page gives no body for them; a job that was stopped has
//! its reason in `error`, and so has a refusal here.

use hyper::{
    StatusCode,
    header::{ALLOW, RETRY_AFTER},
};
use serde::Serialize;

use crate::answer::Answer;

/// Something that the vendor will not do.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after_s: Option<u64>,
    allow: Option<&'static str>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after_s: None, allow: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unknown_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Missing or invalid API key")
    }

    pub(crate) fn suspended() -> Self {
        Self::new(StatusCode::FORBIDDEN, "API key suspended")
    }

    pub(crate) fn no_job() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Job not found")
    }

    pub(crate) fn no_such_place() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found")
    }

    pub(crate) fn wrong_method(allow: &'static str) -> Self {
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
        refusal.allow = Some(allow);
        refusal
    }

    pub(crate) fn too_many(message: impl Into<String>, retry_after_s: Option<u64>) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
        refusal.retry_after_s = retry_after_s;
        refusal
    }

    pub(crate) fn unsafe_prompt() -> Self {
        let message = "Sorry — our safety check stopped this prompt. Please try another one.";
        Self::new(StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, message)
    }

    /// The output check of a job whose bytes were to come inline.
    pub(crate) fn stopped(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, message)
    }

    pub(crate) fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error — please retry")
    }

    pub(crate) fn no_workers() -> Self {
        let message = "Workers unavailable; queued — please retry shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    pub(crate) fn answer(&self) -> Answer {
        let mut answer = Answer::json(self.status, &Body { error: &self.message });
        if let Some(seconds) = self.retry_after_s {
            answer = answer.with(RETRY_AFTER, &seconds.to_string());
        }
        if let Some(allow) = self.allow {
            answer = answer.with(ALLOW, allow);
        }
        answer
    }
}
