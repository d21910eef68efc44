//! The log: to standard error, so that standard output carries results only.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

use crate::config::Environment;

/// Starts logging for the whole process, at the level that `RUST_LOG` names, or else at `level`.
/// A second start changes nothing.
pub fn start(environment: &Environment, level: LevelFilter) {
    let filter = match environment.filled("RUST_LOG") {
        Some(directives) => EnvFilter::builder().parse_lossy(directives),
        // What the web framework says of its workers is of no use to an operator.
        None => EnvFilter::builder().parse_lossy(format!("{level},actix_server=warn")),
    };
    // The first start wins: a gateway inside a test or a command must not fail for its log.
    let _ = fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .try_init();
}
