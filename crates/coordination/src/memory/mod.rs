//! The implementation for one process: maps behind short locks, held across no await.

mod fingerprints;
mod line;
mod sent;
mod turns;

pub use fingerprints::MemoryFingerprints;
pub use turns::MemoryTurns;
