//! The implementation for one process: maps behind short locks, held across no await.

mod account;
mod book;
mod breakers;
mod cache;
mod fair;
mod fingerprints;
mod guard;
mod line;
mod lots;
mod quotas;
mod sent;
mod single;
mod turns;
mod verdicts;
mod window;

pub use breakers::MemoryBreakers;
pub use cache::MemoryCache;
pub use fingerprints::MemoryFingerprints;
pub use guard::MemoryGuard;
pub use lots::MemoryLots;
pub use quotas::MemoryQuotas;
pub use single::MemorySingleFlight;
pub use turns::MemoryTurns;
pub use window::Window;
