//! Randomness nobody can guess.

use provider::Entropy;
use rand::RngCore as _;

/// A cryptographic generator of each thread, seeded and reseeded by the operating system: an id is
/// made several times for each request, and a call to the system for each would be felt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        rand::rng().fill_bytes(buffer);
    }
}
