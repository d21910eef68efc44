//! The implementation for one process: maps behind short locks, held across no await.

mod book;
mod fingerprints;
mod guard;
mod line;
mod lots;
mod sent;
mod turns;
mod verdicts;

pub use fingerprints::MemoryFingerprints;
pub use guard::MemoryGuard;
pub use lots::MemoryLots;
pub use turns::MemoryTurns;
