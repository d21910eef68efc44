//! Signed links: who holds one may read one asset until a moment.
//!
//! The signature is a keyed BLAKE3 hash over the asset's id and the expiry, so nothing need be kept
//! for a link and none can be turned into a link to something else.

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use provider::Timestamp;
use subtle::ConstantTimeEq;

/// Separates this use of the key from any other.
const PURPOSE: &str = "atelier 2026 signed link to an asset";

/// Signs links and checks them.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

/// Why a link opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nobody here signed it.
    #[error("the link's signature is wrong")]
    Invalid,
    /// It was good once.
    #[error("the link has expired")]
    Expired,
}

impl LinkKey {
    /// Derived from the installation's secret, of any length.
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key(PURPOSE, secret))
    }

    /// The query of a link to `id` that is good until `expires` (whole seconds): `exp=...&sig=...`.
    pub fn sign(&self, id: &str, expires: Timestamp) -> String {
        let exp = expires.seconds();
        format!("exp={exp}&sig={}", URL_SAFE_NO_PAD.encode_to_string(self.signature(id, exp)))
    }

    /// Whether the `exp` and `sig` of a link to `id` are good now.
    ///
    /// # Errors
    /// [`LinkError`]; a forged link is never told to be expired.
    pub fn verify(&self, id: &str, exp: &str, sig: &str, now: Timestamp) -> Result<(), LinkError> {
        let seconds: i64 = exp.parse().map_err(|_| LinkError::Invalid)?;
        let given = URL_SAFE_NO_PAD.decode_to_vec(sig).map_err(|_| LinkError::Invalid)?;
        if !bool::from(self.signature(id, seconds).as_slice().ct_eq(&given)) {
            return Err(LinkError::Invalid);
        }
        if now.seconds() < seconds { Ok(()) } else { Err(LinkError::Expired) }
    }

    fn signature(&self, id: &str, exp: i64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        // The expiry has a fixed length and comes first, so no two pairs read the same.
        hasher.update(&exp.to_le_bytes()).update(id.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(query: &str) -> (String, String) {
        let (exp, sig) = query.split_once('&').unwrap();
        (exp.strip_prefix("exp=").unwrap().to_owned(), sig.strip_prefix("sig=").unwrap().to_owned())
    }

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_link_opens_its_asset_until_it_expires() {
        let key = LinkKey::derive(b"secret");
        let (exp, sig) = parts(&key.sign("ast_a1", NOON));
        let before = Timestamp::from_millis(NOON.millis() - 1);
        assert_eq!(key.verify("ast_a1", &exp, &sig, before), Ok(()));
        assert_eq!(key.verify("ast_a1", &exp, &sig, NOON), Err(LinkError::Expired));
        assert_eq!(key.verify("ast_a2", &exp, &sig, before), Err(LinkError::Invalid));
        let later = (NOON.seconds() + 1).to_string();
        assert_eq!(key.verify("ast_a1", &later, &sig, before), Err(LinkError::Invalid));
        let other = LinkKey::derive(b"other");
        assert_eq!(other.verify("ast_a1", &exp, &sig, NOON), Err(LinkError::Invalid));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", LinkKey::derive(b"secret")), "LinkKey");
    }

    proptest! {
        #[test]
        fn nothing_made_up_is_accepted(exp in ".{0,24}", sig in ".{0,64}") {
            let key = LinkKey::derive(b"secret");
            prop_assert_eq!(key.verify("ast_a1", &exp, &sig, NOON), Err(LinkError::Invalid));
        }

        #[test]
        fn no_bit_of_a_signature_is_idle(byte in 0_usize..43, bit in 0_u8..8) {
            let key = LinkKey::derive(b"secret");
            let (exp, sig) = parts(&key.sign("ast_a1", NOON));
            let mut bytes = sig.clone().into_bytes();
            bytes[byte] ^= 1 << bit;
            if let Ok(forged) = String::from_utf8(bytes) {
                let past = Timestamp::from_millis(0);
                prop_assert_eq!(key.verify("ast_a1", &exp, &forged, past), Err(LinkError::Invalid));
            }
        }
    }
}
