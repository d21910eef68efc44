//! The vendor's refusals: by status first, then by the code in the envelope.

use secrecy::SecretString;

use provider::{Blame, Error, ErrorKind, Result, Retry};
use provider_http::{Effect, redact, status_error, unreadable};

use crate::{
    keys,
    wire::{Envelope, Refused},
};

/// An answer that is no success, by its status (`by_status`), refined by what the body says.
pub(crate) fn refusal(by_status: Error, body: &[u8], key: &SecretString) -> Error {
    let envelope: Option<Envelope> = serde_json::from_slice(body).ok();
    let refused = envelope.and_then(|envelope| envelope.error);
    let own = refused.filter(|refused| refused.code.is_some() || refused.message.is_some());
    match own {
        Some(refused) => refine(by_status, &refused, key),
        None => {
            let failed = by_status.status().is_some_and(|status| status >= 500);
            let error = by_status.with_private(said(&String::from_utf8_lossy(body), key));
            match error.retry() {
                // Something in between gave up on a call that lasts minutes; the vendor may work on.
                Retry::Unknown { .. } if failed => {
                    error.with_retry(Retry::Unknown { ended: false })
                }
                _ => error,
            }
        }
    }
}

/// A refusal that came as a success. Only a code that the page lists with a 4xx says for certain that
/// nothing was made.
pub(crate) fn in_success(effect: Effect, refused: &Refused, key: &SecretString) -> Error {
    match refused.code.as_deref().and_then(listed_status) {
        Some(status) => refine(status_error(status, effect, None), refused, key),
        None => unreadable(effect, words(refused, key)).with_vendor_code(code(refused, key)),
    }
}

/// The codes of the page that say that nothing was done.
fn listed_status(code: &str) -> Option<u16> {
    Some(match code {
        "UNAUTHORIZED" => 401,
        "FORBIDDEN" => 403,
        "NOT_FOUND" => 404,
        "METHOD_NOT_ALLOWED" => 405,
        "VALIDATION_ERROR" => 400,
        "INSUFFICIENT_CREDITS" => 402,
        "RATE_LIMIT_EXCEEDED" => 429,
        _ => return None,
    })
}

/// Adds the vendor's words, and moves blame and kind where they say more than the status.
fn refine(by_status: Error, refused: &Refused, key: &SecretString) -> Error {
    let status = by_status.status().unwrap_or_default();
    let paid_for = matches!(by_status.retry(), Retry::Safe { .. });
    let name = refused.code.as_deref().unwrap_or_default();
    let message = refused.message.as_deref().unwrap_or_default();
    let again = Retry::Safe { after: None };
    let judged = matches!(status, 400 | 403 | 406..=428 | 451);
    let moved = if judged && (is_unsafe(name) || is_unsafe(message)) {
        let public = "the vendor refused the content";
        Some((ErrorKind::Blocked, Blame::Caller, Retry::No, public))
    } else {
        match (status, name) {
            (403, _) => {
                let public = "the account's key may not do this at the vendor";
                Some((ErrorKind::Unauthorised, Blame::Account, by_status.retry(), public))
            }
            // The gateway chose the path, so it is the generator or the model that is not there.
            (404, "NOT_FOUND") if paid_for => {
                let public = "the vendor does not know the generator or the model";
                Some((ErrorKind::NotFound, Blame::Gateway, again, public))
            }
            _ => None,
        }
    };
    let error = match moved {
        Some((kind, blame, retry, public)) => {
            Error::new(kind, blame, retry, public).with_status(status)
        }
        None => by_status,
    };
    error.with_private(words(refused, key)).with_vendor_code(code(refused, key))
}

/// No code of the page names a safety refusal, and one may come all the same: as a `VALIDATION_ERROR`
/// that says so.
fn is_unsafe(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "moderation",
        "content policy",
        "safety check",
        "safety filter",
        "safety system",
        "content blocked",
        "nsfw",
        "inappropriate content",
        "unsafe content",
    ];
    let text = text.to_ascii_lowercase().replace(['_', '-'], " ");
    WORDS.iter().any(|word| text.contains(word))
}

/// A refusal that speaks of the team which the caller named is the caller's, not the account's.
pub(crate) fn of_team(error: Error) -> Error {
    let speaks = error.private().to_ascii_lowercase().contains("team");
    let Some(status @ (403 | 404)) = error.status().filter(|_| speaks) else { return error };
    let public = "the vendor does not let the account create in this team";
    Error::new(ErrorKind::Invalid, Blame::Caller, Retry::No, public)
        .with_status(status)
        .with_private(error.private())
        .with_vendor_code(error.vendor_code().map(str::to_owned))
}

/// Whether the key may not do this: it lacks a scope. A proxy's 403 says nothing of the kind.
pub(crate) fn lacks_scope(error: &Error) -> bool {
    error.status() == Some(403) && error.vendor_code() == Some("FORBIDDEN")
}

/// A creation is to be changed or deleted, and the key may not.
pub(crate) fn needs_write(error: Error) -> Error {
    if !lacks_scope(&error) {
        return error;
    }
    let public = "the account's key may not change or delete the creation at the vendor: it lacks the \
                  scope `write`, or the creation is another account's";
    Error::new(error.kind(), error.blame(), error.retry(), public)
        .with_status(403)
        .with_private(error.private())
        .with_vendor_code(error.vendor_code().map(str::to_owned))
}

/// The site behind the API's addresses: its refusals say nothing of the account.
pub(crate) fn of_storage(error: &Error) -> Error {
    let (kind, retry, public) = match error.status() {
        Some(404 | 410) => {
            (ErrorKind::NotFound, Retry::No, "the vendor no longer keeps what was asked for")
        }
        Some(408 | 429 | 500..) => {
            let after = match error.retry() {
                Retry::Safe { after } => after,
                Retry::No | Retry::Unknown { .. } => None,
            };
            let again = Retry::Safe { after };
            (ErrorKind::Unavailable, again, "the vendor's storage is not available")
        }
        _ => {
            let again = Retry::Safe { after: None };
            (ErrorKind::Failed, again, "the vendor's storage refused the output's address")
        }
    };
    let refused = Error::new(kind, Blame::Vendor, retry, public);
    error.status().into_iter().fold(refused, Error::with_status)
}

fn code(refused: &Refused, key: &SecretString) -> Option<String> {
    refused.code.as_deref().map(|code| said(code, key))
}

fn words(refused: &Refused, key: &SecretString) -> String {
    said(refused.message.as_deref().unwrap_or_default(), key)
}

/// The vendor's own words, for operators: short, and without any key.
pub(crate) fn said(words: &str, key: &SecretString) -> String {
    keys::without(&redact(words, key))
}

/// What is not there at all.
pub(crate) fn no_such(what: &str) -> Error {
    let public = format!("the vendor has no {what} of this name");
    Error::new(ErrorKind::NotFound, Blame::Gateway, Retry::No, public)
}

/// A result that is an error where the vendor no longer has it: then there is none.
pub(crate) fn or_gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
