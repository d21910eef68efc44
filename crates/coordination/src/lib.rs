//! Fast, shared state that can be rebuilt: whose turn it is at an account, how many of its prepaid
//! units are left, whether its vendor is about to suspend it or fails, which equal attempts are in
//! flight, how fast teams and keys ask, which answers may be given again, and which work is done for
//! several.
//!
//! # Why it stands apart from the records
//! The records are the truth and survive everything; what is here is asked for on every request,
//! changes several times a second and may be lost: the traits' `restore` and `adopt` rebuild from the
//! records whatever still matters after a restart.
//!
//! # Why traits
//! One machine needs no server for this ([`memory`]); a fleet shares it. The traits are narrow and
//! asynchronous where a shared implementation would have to ask, and what ends by being dropped
//! ([`Lease`], [`Watched`], [`Permit`], [`Flight`], [`LostFlight`], [`Admission`], [`Lead`]) ends synchronously,
//! because a task can be cancelled at any await and a slot must not leak with it. Units ([`Lots`]) do not end by being
//! dropped: what became of them is money, and whoever knows it says it. The `suite` feature holds the checks
//! that every implementation passes.
#![warn(missing_docs)]

mod breakers;
mod cache;
mod fingerprints;
mod guard;
mod lots;
pub mod memory;
mod quotas;
mod single;
#[cfg(feature = "suite")]
pub mod suite;
mod turns;

pub use breakers::{BreakerLoad, BreakerRule, Breakers, Did, Lane, Open, Permit, Turned};
pub use cache::{Cache, CacheKey, Entry, Kin, Labels, Purge, hex};
pub use fingerprints::{Fingerprints, Flight, LostFlight, Place};
pub use guard::{Guard, GuardLoad, Judged, Stopped, Watched};
pub use lots::{Gone, LotLoad, Lots, OverageLoad, Past, Taken, UnitsEnd, Used};
pub use quotas::{Admission, Denied, DeniedReason, Ended, Quota, QuotaLoad, Quotas};
pub use single::{Entered, Follow, Lead, Leading, Outcome, SingleFlight};
pub use turns::{Busy, Lease, Load, Sent, Share, Turns};
