//! Keys: found in lists by their prefix, made once when one is rotated, and shown never.
//!
//! A rotation makes a key and revokes the old one later, so that a lost answer locks nobody out: the old
//! key works on, and one is left over at the vendor, where ten are the most.

use std::collections::HashMap;

use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use provider::{Blame, Error, ErrorKind, Result, Retry};

use crate::wire::KeyRow;

/// How the vendor's keys begin.
const BEGIN: &str = "gnr_live_";
/// What a key made here is called at the vendor.
pub(crate) const NAME: &str = "Atelier";
/// Every scope of the page.
pub(crate) const SCOPES: [&str; 3] = ["read", "write", "generate"];
/// So many keys' scopes are remembered.
const REMEMBERED: usize = 1000;

const LEFT_OVER: &str = "the answer to the key's rotation was lost: the old key works on, and a new one \
    that nobody knows may be left over at the vendor; delete it there by hand, because an account has at \
    most 10";

/// What the vendor lists of the keys that were asked about. Not of their secrets: of a hash.
#[derive(Debug, Default)]
pub(crate) struct Scopes(Mutex<HashMap<[u8; 32], Option<Vec<String>>>>);

impl Scopes {
    /// The scopes of a key, `None` where they were not asked for yet. The inner `None`: the vendor's
    /// list does not show the key. Empty: it may do everything.
    pub(crate) fn get(&self, key: &SecretString) -> Option<Option<Vec<String>>> {
        self.0.lock().get(&name_of(key)).cloned()
    }

    pub(crate) fn put(&self, key: &SecretString, scopes: Option<Vec<String>>) {
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(name_of(key), scopes);
    }
}

/// What a key is remembered as.
pub(crate) fn name_of(key: &SecretString) -> [u8; 32] {
    blake3::derive_key("atelier 2026 generor key", key.expose_secret().as_bytes())
}

/// What cannot be done with these scopes, in words for an operator.
pub(crate) fn warnings(scopes: Option<&[String]>) -> Vec<String> {
    let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) else { return Vec::new() };
    let lacks = |scope: &str| !scopes.iter().any(|has| has.eq_ignore_ascii_case(scope));
    let means = [
        ("read", "lost answers cannot be recovered, and the balance is not known"),
        ("write", "the key cannot be rotated, and what is deleted here stays at the vendor"),
        ("generate", "nothing can be made with it"),
    ];
    let missing = means.into_iter().filter(|(scope, _)| lacks(scope));
    missing.map(|(scope, what)| format!("the key lacks the scope `{scope}`: {what}")).collect()
}

/// The one active row of this key, by its prefix; `None` where no row or more than one could be it.
pub(crate) fn row_of<'a>(rows: &'a [KeyRow], key: &SecretString) -> Option<&'a KeyRow> {
    let mut own = rows.iter().filter(|row| row.is_alive() && is_of(row, key));
    own.next().filter(|_| own.next().is_none())
}

/// The rows that an old key's may be and a new one's cannot.
pub(crate) fn rows_of_old<'a>(
    rows: &'a [KeyRow],
    old: &SecretString,
    new: &SecretString,
) -> Vec<&'a KeyRow> {
    rows.iter().filter(|row| row.is_alive() && is_of(row, old) && !is_of(row, new)).collect()
}

/// Whether the new key's prefix is the old one's too, so that a list cannot tell them apart.
pub(crate) fn is_ambiguous(rows: &[KeyRow], old: &SecretString, new: &SecretString) -> bool {
    rows.iter().any(|row| row.is_alive() && is_of(row, old) && is_of(row, new))
}

fn is_of(row: &KeyRow, key: &SecretString) -> bool {
    let shown = row.prefix.as_deref().unwrap_or_default();
    let prefix = shown.trim().trim_end_matches(['.', '*', '…']);
    // What every key begins with tells none from another.
    prefix.len() > BEGIN.len() && key.expose_secret().starts_with(prefix)
}

/// The new key in an answer: the longest text that begins as keys do, is not the old one and not cut.
///
/// # Errors
/// When there is none. Nothing of the answer is kept, for it may hold half a key; but for the name by
/// which its owner finds the key that is left over.
pub(crate) fn made(body: &[u8], old: &SecretString) -> Result<SecretString> {
    let json: Value = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    let mut found: Option<&str> = None;
    texts(&json, &mut |text| {
        let text = text.trim();
        let longer = found.is_none_or(|other| text.len() > other.len());
        if longer && is_key(text) && text != old.expose_secret() {
            found = Some(text);
        }
    });
    found.map(|key| SecretString::from(key.to_owned())).ok_or_else(|| {
        let id = json.pointer("/data/key_id").and_then(Value::as_u64);
        let left = id.map_or_else(String::new, |id| format!("; it is the vendor's number {id}"));
        Error::new(ErrorKind::Failed, Blame::Vendor, Retry::Unknown { ended: true }, LEFT_OVER)
            .with_private(format!("no new key in the answer; its name there is «{NAME}»{left}"))
    })
}

fn is_key(text: &str) -> bool {
    let letters = text.strip_prefix(BEGIN).unwrap_or_default();
    // A prefix has 8 characters beyond; a whole key 40.
    letters.len() > 16 && letters.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn texts<'a>(json: &'a Value, visit: &mut impl FnMut(&'a str)) {
    match json {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, visit)),
        Value::Object(members) => members.values().for_each(|inner| texts(inner, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A rotation that failed. Where the vendor may have done it, a key may be left over there.
pub(crate) fn not_made(error: Error) -> Error {
    let changed = match error.retry() {
        Retry::Unknown { .. } => {
            let private = format!("{}; its name there is «{NAME}»", error.private());
            Error::new(error.kind(), error.blame(), error.retry(), LEFT_OVER).with_private(private)
        }
        _ if error.kind() == ErrorKind::Invalid => {
            let public = "the vendor makes no further key: an account has at most 10 active ones";
            let retry = Retry::Safe { after: None };
            Error::new(error.kind(), Blame::Account, retry, public).with_private(error.private())
        }
        _ => return error,
    };
    let code = error.vendor_code().map(str::to_owned);
    error.status().into_iter().fold(changed, Error::with_status).with_vendor_code(code)
}

/// Nobody can tell which row is the old key's.
pub(crate) fn not_told_apart() -> Error {
    let public =
        "the old key cannot be told from the new one in the vendor's list: delete it by hand";
    Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, public)
}

/// The text without anything that begins as keys do, whole or cut.
pub(crate) fn without(text: &str) -> String {
    let of_key = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let mut parts = text.split(BEGIN);
    let mut clear = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clear.push_str("[key]");
        clear.push_str(part.trim_start_matches(of_key));
    }
    clear
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
