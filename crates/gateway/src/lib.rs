//! Atelier's gateway: configuration, the registry of vendors, the HTTP surface, the command line and
//! telemetry around the engine. The only room that knows actix-web.
//!
//! `main`, the command line's in-process start and the tests all start the same [`Gateway`]; port 0
//! works everywhere.

mod backup;
pub mod cli;
pub mod config;
pub mod http;
mod registry;
mod replay;
mod server;
mod simulate;
pub mod telemetry;

pub use server::{FirstStart, Gateway, Purpose, Running, StartError, threads};
