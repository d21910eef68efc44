//! Randomness from the operating system.

use provider::Entropy;
use rand::{TryRngCore as _, rngs::OsRng};

/// The operating system's generator.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // Linux' generator fails only before it was ever seeded, early at boot: it is worth the wait.
        while OsRng.try_fill_bytes(buffer).is_err() {
            std::thread::yield_now();
        }
    }
}
