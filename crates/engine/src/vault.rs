//! Secrets that must be read again, sealed: a team's webhook secret, a vendor's credential.
//!
//! A key of ours to callers is kept as a hash, because it is only ever compared. What is here signs
//! or pays, so it must come back; whoever has a copy of the database shall still have nothing. So it
//! is sealed with XChaCha20-Poly1305 under a key that lies elsewhere (the configuration, or a file
//! of its own). The nonce is random: 192 bits of it never meet twice.
//!
//! A sealed text says which key sealed it, so that the key can be changed, and is bound to its
//! purpose (`team_.../webhook`): moved to another row it opens nothing.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use provider::Entropy;
use secrecy::SecretSlice;

/// The form of a sealed text; another one would begin otherwise.
const FORM: &str = "v1";
/// Characters of a key's name: enough to tell an operator's few keys apart.
const NAME: usize = 8;
/// Bytes of a nonce.
const NONCE: usize = 24;

/// Seals and opens, under one key.
#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
    name: String,
}

/// Why a sealed text was not opened. It never tells what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It was sealed with another key.
    #[error(
        "it was sealed with another encryption key than the configured one: put that key back, or seal \
         everything anew with `atelier accounts reseal`"
    )]
    OtherKey,
    /// It is damaged, or was sealed for something else.
    #[error("the sealed text is damaged, or not meant for this")]
    Damaged,
}

impl Vault {
    /// A vault with this key.
    pub fn new(key: &[u8; 32]) -> Self {
        // Under a context of its own, so that the name tells nothing about the key.
        let name = blake3::Hash::from_bytes(blake3::derive_key("atelier 2026 vault key name", key));
        let name = name.to_hex()[..NAME].to_owned();
        Self { cipher: XChaCha20Poly1305::new(key.into()), name }
    }

    /// The key's name, as every text that it sealed tells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seals a secret for a purpose.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] for more bytes than the cipher takes: hundreds of gigabytes.
    pub fn seal(
        &self,
        purpose: &str,
        secret: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<String, VaultError> {
        let mut nonce = [0_u8; NONCE];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: secret, aad: purpose.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| VaultError::Damaged)?;
        let whole = [nonce.as_slice(), &sealed].concat();
        let text = base64_simd::STANDARD.encode_to_string(whole);
        Ok(format!("{FORM}.{}.{text}", self.name))
    }

    /// Opens what was sealed for this purpose.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<SecretSlice<u8>, VaultError> {
        let mut parts = sealed.split('.');
        let (Some(FORM), Some(name), Some(text), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VaultError::Damaged);
        };
        if name != self.name {
            return Err(VaultError::OtherKey);
        }
        let whole = base64_simd::STANDARD.decode_to_vec(text).map_err(|_| VaultError::Damaged)?;
        let (nonce, sealed) = whole.split_first_chunk::<NONCE>().ok_or(VaultError::Damaged)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        let opened = self.cipher.decrypt(nonce.into(), payload);
        opened.map(SecretSlice::from).map_err(|_| VaultError::Damaged)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[derive(Debug)]
    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn seal(vault: &Vault, nonce: u8) -> String {
        vault.seal("team_1/webhook", b"a secret", &Fixed(nonce)).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_for_its_purpose_only() {
        let vault = Vault::new(&[7; 32]);
        let sealed = seal(&vault, 1);
        assert_eq!(vault.open("team_1/webhook", &sealed).unwrap().expose_secret(), b"a secret");
        let refused = |vault: &Vault, purpose, text: &str| vault.open(purpose, text).unwrap_err();
        assert_eq!(refused(&vault, "team_2/webhook", &sealed), VaultError::Damaged);
        let other = Vault::new(&[8; 32]);
        assert_eq!(refused(&other, "team_1/webhook", &sealed), VaultError::OtherKey);
        // Not even one that says that it is the same key.
        let (_, theirs) = sealed.rsplit_once('.').unwrap();
        let forged = format!("v1.{}.{theirs}", other.name);
        assert_eq!(refused(&other, "team_1/webhook", &forged), VaultError::Damaged);
    }

    #[test]
    fn a_sealed_text_shows_nothing_and_no_bit_of_it_may_change() {
        let vault = Vault::new(&[7; 32]);
        let sealed = seal(&vault, 1);
        assert_ne!(sealed, seal(&vault, 2), "the nonce is another");
        assert!(!format!("{vault:?} {sealed}").contains("secret"));
        let (head, text) = sealed.rsplit_once('.').unwrap();
        let bytes = base64_simd::STANDARD.decode_to_vec(text).unwrap();
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            let changed = format!("{head}.{}", base64_simd::STANDARD.encode_to_string(bytes));
            let error = vault.open("team_1/webhook", &changed).unwrap_err();
            assert_eq!(error, VaultError::Damaged, "{place}");
        }
        for bad in ["", "v1", "v2.a.b", "v1..", "v1.a.b.c", &sealed[..sealed.len() / 2]] {
            assert!(vault.open("team_1/webhook", bad).is_err(), "{bad}");
        }
    }

    /// The vector of the draft (draft-irtf-cfrg-xchacha-03, A.3.1): the cipher is the one it says.
    #[test]
    fn the_cipher_is_the_standard_one() {
        let key: [u8; 32] = std::array::from_fn(|n| 0x80 + u8::try_from(n).unwrap());
        let nonce: [u8; 24] = std::array::from_fn(|n| 0x40 + u8::try_from(n).unwrap());
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
                     for the future, sunscreen would be it.";
        let payload = Payload { msg: text, aad: &aad };
        let sealed = XChaCha20Poly1305::new(&key.into()).encrypt(&nonce.into(), payload).unwrap();
        assert_eq!(sealed[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        let tag = 0xc087_5924_c1c7_9879_47de_afd8_780a_cf49_u128.to_be_bytes();
        assert_eq!(sealed[sealed.len() - 16..], tag);
    }
}
