//! The implementation for one process: maps behind short locks, held across no await.

mod account;
mod book;
mod fair;
mod fingerprints;
mod guard;
mod line;
mod lots;
mod quotas;
mod sent;
mod turns;
mod verdicts;

pub use fingerprints::MemoryFingerprints;
pub use guard::MemoryGuard;
pub use lots::MemoryLots;
pub use quotas::MemoryQuotas;
pub use turns::MemoryTurns;
