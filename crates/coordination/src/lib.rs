//! Fast, shared state that can be rebuilt: whose turn it is at an account, and which equal attempts
//! are in flight.
//!
//! # Why it stands apart from the records
//! The records are the truth and survive everything; what is here is asked for on every request,
//! changes several times a second and may be lost: [`Turns::restore`], [`Turns::adopt`] and
//! [`Fingerprints::adopt_lost`] rebuild from the records whatever still matters after a restart.
//!
//! # Why traits
//! One machine needs no server for this ([`memory`]); a fleet shares it. The traits are narrow and
//! asynchronous where a shared implementation would have to ask, and what ends by being dropped
//! ([`Lease`], [`Flight`], [`LostFlight`]) ends synchronously, because a task can
//! be cancelled at any await and a slot must not leak with it. The `suite` feature holds the checks
//! that every implementation passes.
#![warn(missing_docs)]

mod fingerprints;
pub mod memory;
#[cfg(feature = "suite")]
pub mod suite;
mod turns;

pub use fingerprints::{Fingerprints, Flight, LostFlight, Place};
pub use turns::{Busy, Lease, Load, Turns};
