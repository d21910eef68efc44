//! Why a request never became a generation, in the contract's codes; it uses no idempotency key up.

use std::time::Duration;

use serde_json::Value;

/// The result of asking the engine for something.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// A code of the contract. The gateway maps it to a status; nothing else here knows HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the contract's codes")]
pub enum Code {
    InvalidJson,
    InvalidRequest,
    UnsupportedParameter,
    InvalidImage,
    MissingApiKey,
    InvalidApiKey,
    Forbidden,
    ModelNotAllowed,
    BudgetExceeded,
    NotFound,
    ModelNotFound,
    MethodNotAllowed,
    IdempotencyConflict,
    NotCancellable,
    NotReady,
    Expired,
    RequestTooLarge,
    UnsupportedMediaType,
    NoCandidate,
    ContentBlocked,
    RateLimitExceeded,
    ConcurrencyExceeded,
    InternalError,
    ProviderError,
    ProvidersUnavailable,
    DeadlineExceeded,
}

impl Code {
    /// The code as the contract writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedParameter => "unsupported_parameter",
            Self::InvalidImage => "invalid_image",
            Self::MissingApiKey => "missing_api_key",
            Self::InvalidApiKey => "invalid_api_key",
            Self::Forbidden => "forbidden",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::BudgetExceeded => "budget_exceeded",
            Self::NotFound => "not_found",
            Self::ModelNotFound => "model_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::NotCancellable => "not_cancellable",
            Self::NotReady => "not_ready",
            Self::Expired => "expired",
            Self::RequestTooLarge => "request_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::NoCandidate => "no_candidate",
            Self::ContentBlocked => "content_blocked",
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::ConcurrencyExceeded => "concurrency_exceeded",
            Self::InternalError => "internal_error",
            Self::ProviderError => "provider_error",
            Self::ProvidersUnavailable => "providers_unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }
}

/// A refusal with what the caller needs to mend it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// For the caller; never a vendor's text, never a secret.
    pub message: String,
    /// The field it is about, as a path (`inputs[0].data`).
    pub param: Option<String>,
    /// More, as data.
    pub details: Option<Value>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// The limit that was reached, of a refusal about how fast somebody asks.
    pub limit: Option<u32>,
}

impl Refusal {
    /// A refusal with this code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            details: None,
            retry_after: None,
            limit: None,
        }
    }

    /// A 400 about one field.
    pub fn field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message).at(param)
    }

    /// Names the field.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }

    /// Names the limit that was reached.
    #[must_use]
    pub const fn of_limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Something is wrong on our side; the cause goes to the log, not to the caller.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::InternalError, "something went wrong inside the gateway")
    }

    /// What is not there, or not this team's: the two cannot be told apart.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }
}

impl From<records::Error> for Refusal {
    fn from(error: records::Error) -> Self {
        Self::internal(&error)
    }
}
