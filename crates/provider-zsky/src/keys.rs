//! Keys in the vendor's answers: found once, when one is rotated, and shown never.
//!
//! A rotation invalidates the old key at once and tells the new one once, in a member that the page
//! does not name. So there is no second try: where the answer is lost, so is the account until its
//! owner makes a key by hand. The error says so, because nobody else will.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use provider::{Blame, Error, ErrorKind, Result, Retry};

use crate::convert::texts;

/// How the vendor's keys begin.
const PREFIX: &str = "zsky_live_";

const LOCKED_OUT: &str = "the answer to the key's rotation was lost: the old key is most likely \
    invalid and the new one unknown, so the account is locked out until its owner makes a new key by \
    hand at the vendor";

/// The new key in a rotation's answer: the longest text that begins as keys do, that is not the old one
/// and that is not cut short with dots or stars.
///
/// # Errors
/// When there is none; nothing of the answer is kept, for it may hold half a key.
pub(crate) fn rotated(body: &[u8], old: &SecretString) -> Result<SecretString> {
    let json: Value = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    let mut found: Option<&str> = None;
    texts(&json, &mut |text| {
        let text = text.trim();
        if is_key(text)
            && text != old.expose_secret()
            && found.is_none_or(|other| text.len() > other.len())
        {
            found = Some(text);
        }
    });
    found.map(|key| SecretString::from(key.to_owned())).ok_or_else(|| {
        Error::new(ErrorKind::Failed, Blame::Vendor, Retry::Unknown { ended: true }, LOCKED_OUT)
            .with_private("no new key in the answer")
    })
}

fn is_key(text: &str) -> bool {
    let cut_short = text.contains("..") || text.contains('*');
    text.len() > PREFIX.len()
        && text.starts_with(PREFIX)
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !cut_short
}

/// A rotation that failed: where the vendor may have done it, the account is locked out.
pub(crate) fn not_rotated(error: Error) -> Error {
    let Retry::Unknown { .. } = error.retry() else { return error };
    let lost = Error::new(error.kind(), error.blame(), error.retry(), LOCKED_OUT)
        .with_private(error.private());
    error.status().into_iter().fold(lost, Error::with_status)
}

/// The text without anything that begins as keys do, whole or cut.
pub(crate) fn without(text: &str) -> String {
    let of_key = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let mut parts = text.split(PREFIX);
    let mut clear = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clear.push_str("[key]");
        clear.push_str(part.trim_start_matches(of_key));
    }
    clear
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "zsky_live_new0123456789";

    fn rotated_to(body: &str) -> Option<String> {
        let old = SecretString::from("zsky_live_old0123456789".to_owned());
        rotated(body.as_bytes(), &old).ok().map(|key| key.expose_secret().to_owned())
    }

    #[test]
    fn the_new_key_is_found_wherever_it_stands() {
        for body in [
            format!(r#"{{"api_key": "{NEW}"}}"#),
            format!(r#"{{"data": {{"keys": [{{"id": 7, "plaintext": " {NEW}\n"}}]}}}}"#),
            format!(r#"{{"key": "{NEW}", "old": "zsky_live_old0123456789"}}"#),
            format!(r#"{{"prefix": "zsky_live_ne", "key": "{NEW}"}}"#),
            format!(r#"{{"shown": "zsky_live_new0123456789abcdef...", "key": "{NEW}"}}"#),
            format!(r#"{{"shown": "zsky_live_****************************", "key": "{NEW}"}}"#),
            format!("\"{NEW}\""),
            format!("{NEW}\n"),
        ] {
            assert_eq!(rotated_to(&body).as_deref(), Some(NEW), "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_new_key_has_locked_the_account_out() {
        for body in [
            "",
            "{}",
            r#"{"key": "zsky_live_old0123456789"}"#,
            r#"{"key": "zsky_live_"}"#,
            r#"{"key": "zsky_live_new…"}"#,
            r#"{"key": "sk_other_0123456789"}"#,
            r#"{"key": "zsky_live_new0123"#,
        ] {
            let old = SecretString::from("zsky_live_old0123456789".to_owned());
            let error = rotated(body.as_bytes(), &old).unwrap_err();
            assert_eq!(error.retry(), Retry::Unknown { ended: true }, "{body}");
            assert!(error.public().contains("by hand"), "{error}");
            assert!(!format!("{error:?}").contains("zsky_live"), "{error:?}");
        }
    }

    #[test]
    fn no_words_keep_a_key() {
        assert_eq!(
            without("the key zsky_live_a-B_9, then zsky_live_"),
            "the key [key], then [key]"
        );
        assert_eq!(without("all fine"), "all fine");
    }
}
