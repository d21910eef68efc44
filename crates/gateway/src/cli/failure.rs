//! How a command can end badly.

use std::{fmt, process::ExitCode};

use crate::server::StartError;

/// The contract's exit codes besides 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// By budget, rate or safety.
    Refused = 3,
    NotAuthorised = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::NotAuthorised => 4,
        })
    }
}

impl Exit {
    /// What one of the gateway's codes means to a shell.
    pub(super) fn of_code(code: &str) -> Self {
        match code {
            "missing_api_key" | "invalid_api_key" | "forbidden" | "model_not_allowed" => {
                Self::NotAuthorised
            }
            "budget_exceeded"
            | "rate_limit_exceeded"
            | "concurrency_exceeded"
            | "content_blocked" => Self::Refused,
            "invalid_json"
            | "invalid_request"
            | "unsupported_parameter"
            | "invalid_image"
            | "model_not_found"
            | "request_too_large"
            | "unsupported_media_type" => Self::Usage,
            _ => Self::Failed,
        }
    }

    /// What a status means that came without a code.
    pub(super) const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::NotAuthorised,
            402 | 429 | 451 => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into() }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    pub(super) fn configuration(error: impl fmt::Display) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(problems) => Self::configuration(problems),
            other => Self::failed(other.to_string()),
        }
    }
}
