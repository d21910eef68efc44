//! The adapter before a vendor whose answers are written line by line.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod adapter;
mod books;
mod forgetting;
mod keys;
mod license;
mod outputs;
mod page;
mod statement;
