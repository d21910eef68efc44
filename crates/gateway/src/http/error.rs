//! Errors in the contract's one shape.
//!
//! A handler's error only says *what*; the [envelope](super::envelope) writes the body, because it
//! alone knows the request's id and because it also sees what actix refuses on its own (an unknown
//! path, a wrong method). So there is one place that writes errors, and none that can forget a part.

use std::fmt;

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use engine::{Code, Refusal};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::standing;

/// Generations that may be under way at once, where that is what was reached.
const LIMIT_CONCURRENT: HeaderName = HeaderName::from_static("x-ratelimit-limit-concurrent");
/// How many more of them may be: none.
const LEFT_CONCURRENT: HeaderName = HeaderName::from_static("x-ratelimit-remaining-concurrent");

/// The result of a handler.
pub(super) type Result<T = HttpResponse, E = ApiError> = std::result::Result<T, E>;

/// Why a request has no other answer.
pub(super) struct ApiError(Box<Inner>);

struct Inner {
    refusal: Refusal,
    status: StatusCode,
    /// Of an OpenAI-shaped wait that ended badly: what it waited for.
    generation: Option<String>,
    /// `Content-Range` of an answer to a range that is not there.
    range: Option<String>,
}

/// A refusal on its way to the envelope, in the response's extensions.
pub(super) struct Refused(pub(super) Refusal);

impl ApiError {
    /// With another status than the code's own: the contract has no code for every status of HTTP.
    pub(super) fn with_status(refusal: Refusal, status: StatusCode) -> Self {
        Self(Box::new(Inner { refusal, status, generation: None, range: None }))
    }

    /// Says which generation it was about.
    pub(super) fn of_generation(mut self, id: &str) -> Self {
        self.0.generation = Some(id.to_owned());
        self
    }

    /// 416: no byte of the asked range is there.
    pub(super) fn range(size: u64) -> Self {
        let refusal = Refusal::field("range", format!("the asset has {size} bytes"));
        let mut error = Self::with_status(refusal, StatusCode::RANGE_NOT_SATISFIABLE);
        error.0.range = Some(format!("bytes */{size}"));
        error
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = status_and_type(refusal.code).0;
        Self::with_status(refusal, status)
    }
}

impl From<records::Error> for ApiError {
    fn from(error: records::Error) -> Self {
        Refusal::from(error).into()
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({})", self.0.refusal.code.as_str())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.refusal.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.0.status);
        if let Some(after) = self.0.refusal.retry_after {
            // Rounded up: who comes back at the second told must not be early.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(limit) = self.0.refusal.limit {
            tell_limit(&mut builder, &self.0.refusal, limit);
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            builder.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(generation) = &self.0.generation {
            builder.insert_header(("x-atelier-generation", generation.as_str()));
        }
        if let Some(range) = &self.0.range {
            builder.insert_header((header::CONTENT_RANGE, range.as_str()));
        }
        let mut response = builder.finish();
        response.extensions_mut().insert(Refused(self.0.refusal.clone()));
        response
    }
}

/// Tells which limit was reached, and when there is room again.
fn tell_limit(builder: &mut HttpResponseBuilder, refusal: &Refusal, limit: u32) {
    if refusal.code == Code::ConcurrencyExceeded {
        builder.insert_header((LIMIT_CONCURRENT, limit.to_string()));
        builder.insert_header((LEFT_CONCURRENT, "0"));
        return;
    }
    builder.insert_header((standing::LIMIT, limit.to_string()));
    builder.insert_header((standing::LEFT, "0"));
    if let Some(after) = refusal.retry_after {
        let seconds = after.as_millis().div_ceil(1000).max(1);
        builder.insert_header((standing::RESET, format!("{seconds}s")));
    }
}

/// The status of each code and OpenAI's word for its family.
pub(super) const fn status_and_type(code: Code) -> (StatusCode, &'static str) {
    const INVALID: &str = "invalid_request_error";
    match code {
        Code::InvalidJson
        | Code::InvalidRequest
        | Code::UnsupportedParameter
        | Code::InvalidImage => (StatusCode::BAD_REQUEST, INVALID),
        Code::MissingApiKey | Code::InvalidApiKey => {
            (StatusCode::UNAUTHORIZED, "authentication_error")
        }
        Code::Forbidden | Code::ModelNotAllowed => (StatusCode::FORBIDDEN, "permission_error"),
        Code::BudgetExceeded => (StatusCode::PAYMENT_REQUIRED, "insufficient_quota"),
        Code::NotFound | Code::ModelNotFound => (StatusCode::NOT_FOUND, "not_found_error"),
        Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, INVALID),
        Code::IdempotencyConflict | Code::NotCancellable | Code::NotReady => {
            (StatusCode::CONFLICT, "conflict_error")
        }
        Code::Expired => (StatusCode::GONE, "not_found_error"),
        Code::RequestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, INVALID),
        Code::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID),
        Code::NoCandidate => (StatusCode::UNPROCESSABLE_ENTITY, INVALID),
        Code::ContentBlocked => (StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, INVALID),
        Code::RateLimitExceeded | Code::ConcurrencyExceeded => {
            (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error")
        }
        Code::InternalError => (StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
        Code::ProviderError => (StatusCode::BAD_GATEWAY, "api_error"),
        Code::ProvidersUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "api_error"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "api_error"),
    }
}

/// What a bare status of actix means in the contract's words.
pub(super) fn refusal_of_status(status: StatusCode) -> Refusal {
    let of = |code, message: &str| Refusal::new(code, message);
    match status {
        StatusCode::NOT_FOUND => of(Code::NotFound, "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => {
            of(Code::MethodNotAllowed, "this path does not take this method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => of(Code::RequestTooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            of(Code::UnsupportedMediaType, "this path does not take this content type")
        }
        status if status.is_client_error() => of(Code::InvalidRequest, "the request is malformed"),
        _ => of(Code::InternalError, "something went wrong inside the gateway"),
    }
}

/// Every error of Atelier.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody<'a> {
    error: ErrorFacts<'a>,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
struct ErrorFacts<'a> {
    /// In words.
    message: &'a str,
    /// OpenAI's word for the family of errors.
    #[schema(example = "invalid_request_error")]
    r#type: &'static str,
    /// The contract's code.
    #[schema(example = "invalid_request")]
    code: &'static str,
    /// The field it is about, as a path.
    #[schema(example = "inputs[0].data")]
    param: Option<&'a str>,
    /// As in `x-request-id`.
    request_id: &'a str,
    /// More, as data.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
}

/// The body of an error.
pub(super) fn write(refusal: &Refusal, request_id: &str) -> Vec<u8> {
    let error = ErrorFacts {
        message: &refusal.message,
        r#type: status_and_type(refusal.code).1,
        code: refusal.code.as_str(),
        param: refusal.param.as_deref(),
        request_id,
        details: refusal.details.as_ref(),
    };
    serde_json::to_vec(&ErrorBody { error }).unwrap_or_default()
}
