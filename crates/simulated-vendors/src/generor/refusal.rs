//! The vendor's refusals: the codes of the page's table in its envelope.

use hyper::{
    StatusCode,
    header::{ALLOW, RETRY_AFTER},
};
use serde_json::json;

use crate::answer::Answer;

/// Something that the vendor will not do.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_s: Option<u64>,
    allow: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None, allow: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Missing or invalid API key")
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("{what} not found"))
    }

    pub(crate) fn wrong_method(allow: String) -> Self {
        let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
        let mut refusal = Self::new(status, code, "HTTP method not supported for this endpoint");
        refusal.allow = Some(allow);
        refusal
    }

    pub(crate) fn unpaid() -> Self {
        let message = "Not enough credits for generation";
        Self::new(StatusCode::PAYMENT_REQUIRED, "INSUFFICIENT_CREDITS", message)
    }

    pub(crate) fn too_many(retry_after_s: u64) -> Self {
        let message = "Too many requests, check Retry-After header";
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED", message);
        refusal.retry_after_s = Some(retry_after_s);
        refusal
    }

    pub(crate) fn unsafe_prompt() -> Self {
        Self::invalid("Your prompt was rejected by our content policy")
    }

    pub(crate) fn failed() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "SERVER_ERROR", "Internal server error")
    }

    /// The books could not be written.
    pub(crate) fn broken(error: &std::io::Error) -> Self {
        tracing::warn!(%error, "the books could not be written");
        Self::failed()
    }

    pub(crate) fn answer(&self) -> Answer {
        let (code, message, status) = (self.code, &self.message, self.status.as_u16());
        let body = json!({
            "success": false,
            "error": { "code": code, "message": message, "status": status },
        });
        let mut answer = Answer::json(self.status, &body);
        if let Some(seconds) = self.retry_after_s {
            answer = answer.with(RETRY_AFTER, &seconds.to_string());
        }
        if let Some(allow) = &self.allow {
            answer = answer.with(ALLOW, allow);
        }
        answer
    }
}
