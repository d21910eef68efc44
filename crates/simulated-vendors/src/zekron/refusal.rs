//! The vendor's refusals: one table of what can be wrong, worded in the shape of the dialect that was spoken.

use hyper::{
    StatusCode,
    header::{ALLOW, RETRY_AFTER},
};
use serde::Serialize;

use super::settings::ErrorCodes;
use crate::{answer::Answer, pictures::noise::mix};

/// Which of the two pages a request follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `POST /api/v1/zekron-image-1:image-preview`.
    Preview,
    /// `/v1/...`.
    V1,
}

impl Dialect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::V1 => "v1",
        }
    }
}

/// Something that the vendor will not do, by the code of the v1 page's table.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_s: Option<u64>,
    allow: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None, allow: None }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Resource not found")
    }

    pub(crate) fn failed() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "generation_failed", "Image generation failed")
    }

    pub(crate) fn unpaid() -> Self {
        Self::new(StatusCode::PAYMENT_REQUIRED, "insufficient_balance", "Not enough balance")
    }

    pub(crate) fn too_many(retry_after_s: u64) -> Self {
        let (status, code) = (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded");
        let mut refusal = Self::new(status, code, "Too many requests (60/min)");
        refusal.retry_after_s = Some(retry_after_s);
        refusal
    }

    pub(crate) fn wrong_method(allow: &'static str) -> Self {
        let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        let mut refusal = Self::new(status, code, "Invalid HTTP method");
        refusal.allow = Some(allow);
        refusal
    }

    pub(crate) fn answer(&self, dialect: Dialect, codes: ErrorCodes, now_ms: i64) -> Answer {
        let mut answer = match dialect {
            Dialect::V1 => Answer::json(self.status, &self.in_v1(codes, now_ms)),
            Dialect::Preview => Answer::json(self.status, &self.in_preview()),
        };
        if let Some(seconds) = self.retry_after_s {
            answer = answer.with(RETRY_AFTER, &seconds.to_string());
        }
        if let Some(allow) = self.allow {
            answer = answer.with(ALLOW, allow);
        }
        answer
    }

    fn in_v1(&self, codes: ErrorCodes, now_ms: i64) -> V1Body {
        let seconds = now_ms.div_euclid(1000);
        let support_code = format!("ERROR_CODE_{}_{seconds}", code_letters(self.code, now_ms));
        let by_word = match codes {
            ErrorCodes::Documented => true,
            ErrorCodes::Support => false,
            ErrorCodes::Mixed => !self.status.is_server_error(),
        };
        V1Body {
            success: false,
            error: V1Error {
                message: self.message.clone(),
                code: if by_word { self.code.to_owned() } else { support_code.clone() },
                support: format!("Contact support with error code: {support_code}"),
            },
        }
    }

    fn in_preview(&self) -> PreviewBody {
        let (kind, suggestion) = match self.status.as_u16() {
            401 => ("unauthorized", "Check your API key."),
            402 => ("payment_required", "Top up your balance with the Telegram bot."),
            404 => ("not_found", "Check the endpoint URL."),
            405 => ("method_not_allowed", "Use the documented HTTP method."),
            410 => ("expired", "Images are kept for 24 hours. Generate it again."),
            429 => ("rate_limit_exceeded", "Wait for the time in the Retry-After header."),
            500.. => ("server_error", "Try again later."),
            _ => ("bad_request", "Check the request body."),
        };
        let message = match self.status.as_u16() {
            401 => "Invalid API key".to_owned(),
            402 => "Insufficient balance".to_owned(),
            500.. => "Internal server error".to_owned(),
            _ => self.message.clone(),
        };
        PreviewBody { error: PreviewError { kind, message, suggestion } }
    }
}

/// Six letters and figures for the support code, as in the page's `ABC123`.
fn code_letters(code: &str, now_ms: i64) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let start = code.bytes().fold(now_ms.unsigned_abs(), |hash, byte| mix(hash ^ u64::from(byte)));
    let mut left = start;
    let mut letters = String::with_capacity(6);
    for _ in 0..6 {
        letters.extend(
            LETTERS.iter().cycle().nth(usize::from(left.to_le_bytes()[0])).map(|l| char::from(*l)),
        );
        left >>= 8;
    }
    letters
}

#[derive(Serialize)]
struct V1Body {
    success: bool,
    error: V1Error,
}

#[derive(Serialize)]
struct V1Error {
    message: String,
    code: String,
    support: String,
}

#[derive(Serialize)]
struct PreviewBody {
    error: PreviewError,
}

#[derive(Serialize)]
struct PreviewError {
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
    suggestion: &'static str,
}
