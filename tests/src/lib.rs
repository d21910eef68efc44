//! The running gateway, driven from outside: by HTTP, by its command line, and by `kill -9`.
//!
//! Nothing here knows the gateway's inside. A [`Gateway`] is a process of its own with a folder of its
//! own, on a port that it chose itself; a [`Vendor`] is a simulated vendor in the test's process, so
//! that it outlives any kill and its books can be read. One file under `tests/promises` holds one
//! promise of the architecture, and every test has both for itself: all run side by side.
//!
//! Tests wait for conditions ([`until`]), never for time to pass.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests fails by panicking, like the tests"
)]

mod books;
mod client;
mod form;
mod gateway_process;
mod line;
pub mod pictures;
mod queue;
mod receiver;
mod relay;
mod studio;
mod team;
mod vendor;
mod wait;

pub use self::{
    books::{Ledger, micros, usd},
    client::{Client, Reply, Stream, path_of},
    form::Form,
    gateway_process::{ADMIN_KEY, Gateway, Run, config, config_at},
    line::Line,
    queue::{QUEUE_KEY, Queue, quick_queue},
    receiver::{Receiver, Told},
    relay::Relay,
    studio::{STUDIO_KEY, Studio, quick_studio},
    team::Team,
    vendor::{PICTURE, VENDOR_KEY, Vendor, flat, quick},
    wait::{until, until_within},
};
