//! The simulated Generor, asked over the wire as any customer would.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking, like the tests")]

mod catalogue;
mod client;
mod creations;
mod credits;
mod estimate;
mod faults;
mod generate;
mod keys;
mod limits;
mod media;
mod people;
mod references;
mod state;
mod validation;
#[path = "../wire/mod.rs"]
mod wire;
