//! What may be kept of a vendor's own words.

use secrecy::{ExposeSecret, SecretString};

/// The most characters of foreign text that an error keeps.
const KEPT_CHARS: usize = 500;
/// A key shorter than this is no secret, and would blacken half of every text.
const KEY_MIN: usize = 4;

/// A vendor's words for an error's private text: cut short, one line, and with the call's credential
/// replaced, should the vendor have echoed it.
pub fn redact(text: &str, key: &SecretString) -> String {
    let secret = key.expose_secret();
    let cleared = if secret.len() >= KEY_MIN && text.contains(secret) {
        text.replace(secret, "[key]")
    } else {
        text.to_owned()
    };
    cleared.chars().take(KEPT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_key_is_replaced_before_the_text_is_cut() {
        let key = SecretString::from("zk_live_0123456789".to_owned());
        let text = format!("{}zk_live_0123456789 is not\nvalid", "x".repeat(KEPT_CHARS - 6));
        let kept = redact(&text, &key);
        assert!(kept.ends_with("x[key] "), "{kept}");
        assert!(!kept.contains("zk_live"), "{kept}");
        assert_eq!(kept.chars().count(), KEPT_CHARS);
    }

    #[test]
    fn an_empty_key_blackens_nothing() {
        assert_eq!(redact("all fine", &SecretString::from(String::new())), "all fine");
    }
}
