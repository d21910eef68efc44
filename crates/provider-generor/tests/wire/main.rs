//! The adapter before a vendor whose answers are written line by line.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod adapter;
mod books;
mod keys;
mod outputs;
mod page;
