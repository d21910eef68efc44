//! The implementation for one process: maps behind short locks, held across no await.

mod events;
mod fingerprints;
mod line;
mod sent;
mod turns;

pub use events::MemoryEvents;
pub use fingerprints::MemoryFingerprints;
pub use turns::MemoryTurns;
