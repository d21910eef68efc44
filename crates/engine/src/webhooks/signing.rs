//! A team's secret, and what it signs.

use std::fmt;

use provider::Timestamp;
use records::Change;
use ring::hmac;
use secrecy::{SecretSlice, SecretString};

use crate::{Engine, Refusal, Result};

/// Bytes of a secret.
const SECRET: usize = 32;

impl Engine {
    /// What signs a team's deliveries. A team that has none gets one: it learns it by renewing it.
    pub(super) async fn webhook_secret(
        &self,
        team: &str,
    ) -> std::result::Result<SecretSlice<u8>, String> {
        let text = |error: &dyn fmt::Display| error.to_string();
        let read = || self.records().webhook_secret(team);
        let mut sealed = read().await.map_err(|error| text(&error))?;
        if sealed.is_none() {
            let (_, change) = self.new_secret(team, false).map_err(|error| text(&error))?;
            self.records().apply(vec![change]).await.map_err(|error| text(&error))?;
            sealed = read().await.map_err(|error| text(&error))?;
        }
        let sealed = sealed.ok_or_else(|| "the team has no secret".to_owned())?;
        self.vault().open(&purpose(team), &sealed).map_err(|error| text(&error))
    }

    /// A secret as it is told, and the change that keeps it.
    pub(super) fn new_secret(&self, team: &str, replace: bool) -> Result<(SecretString, Change)> {
        let mut bytes = [0_u8; SECRET];
        let entropy = &*self.0.parts.entropy;
        entropy.fill(&mut bytes);
        let sealed = self.vault().seal(&purpose(team), &bytes, entropy);
        let sealed = sealed.map_err(|error| Refusal::internal(&error))?;
        let told = format!("whsec_{}", base64_simd::STANDARD.encode_to_string(bytes));
        let change = Change::WebhookSecret { team: team.to_owned(), sealed, replace };
        Ok((told.into(), change))
    }
}

/// What a team's secret is sealed for.
pub(crate) fn purpose(team: &str) -> String {
    format!("{team}/webhook")
}

/// What the receiver reads; `document` is JSON already.
pub(super) fn body(event: &str, at: Timestamp, document: &str) -> String {
    format!(r#"{{"type":"{event}","timestamp":"{at}","data":{document}}}"#)
}

/// The signature of a body, as the specification writes it.
pub(super) fn sign(secret: &[u8], id: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", base64_simd::STANDARD.encode_to_string(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_the_specifications() {
        let secret =
            base64_simd::STANDARD.decode_to_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, at, body) =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let signed = sign(&secret, id, at, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_body_is_one_json_document() {
        let text = body("generation.failed", Timestamp::from_millis(0), r#"{"id":"gen_1"}"#);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["type"], "generation.failed");
        assert_eq!(read["timestamp"], "1970-01-01T00:00:00.000Z");
        assert_eq!(read["data"]["id"], "gen_1");
    }
}
