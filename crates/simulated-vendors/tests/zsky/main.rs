//! The simulated ZSky, asked over the wire as any customer would.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking, like the tests")]

mod allowance;
mod client;
mod faults;
mod inline;
mod jobs;
mod keys;
mod results;
mod safety;
mod state;
mod validation;
#[path = "../wire/mod.rs"]
mod wire;
