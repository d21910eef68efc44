//! The vendors, simulated: faithful HTTP servers on loopback, for the first start, the demo, the tests and the
//! benchmarks.
//!
//! A simulated vendor is written from the vendor's own pages and **knows nothing of ours**: it depends on no other crate of
//! the house, so that an adapter that misreads a page is not confirmed by a server that shares the misreading's code.
//! It validates, limits, charges, expires and fails as the pages say, and as they do not say but vendors do.
//!
//! Three habits make it useful where a mock is not:
//!
//! * **Its books are the truth of money.** Every charge is a line in an append-only journal before its answer leaves,
//!   and can be read at the [control port](Running::control_url), so that a ledger can be compared with it to the micro-dollar,
//!   whatever happened on the wire and however often either process was killed.
//! * **Faults are orders.** A script or a seeded rate resets connections before or after the work, cuts bodies, floods, stalls
//!   and mislabels ([`FaultKind`]); whether a charge stands is part of each kind's definition.
//! * **Time and chance are parameters.** Its clock is its own and can be set; its randomness comes from a seed.
//!
//! What the vendors share lies beside their modules: `books` and `journal`, `clock`, `faults`, `limits`, `pictures`, `clips`,
//! `server` and `control`. A vendor is a module like [`zekron`], [`zsky`] or [`generor`] that brings its routes, shapes, books where they
//! are of another kind, and settings.

mod answer;
mod backstage;
mod books;
mod clips;
mod clock;
mod control;
mod faults;
pub mod generor;
mod journal;
mod keys;
mod latency;
mod limits;
mod money;
mod pictures;
mod requests;
mod running;
mod server;
mod vendors;
pub mod zekron;
pub mod zsky;

pub use self::{
    books::Charge,
    clock::{Clock, ClockCommand, SystemClock},
    faults::{Fault, FaultKind, FaultRate, PathClass},
    generor::Generor,
    keys::ApiKey,
    money::Micros,
    pictures::{Format, Recipe},
    running::{Placement, Running},
    vendors::{NAMES, Vendors, VendorsSettings},
    zekron::Zekron,
    zsky::Zsky,
};
