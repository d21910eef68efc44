//! The simulated Zekron, asked over the wire as any customer would.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking, like the tests")]

mod client;
mod faults;
mod limits;
mod preview;
mod state;
mod v1;
#[path = "../wire/mod.rs"]
mod wire;
