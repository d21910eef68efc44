//! What operators see: the log on standard error, and the metrics.

mod log;
mod metrics;

pub use self::{log::start, metrics::Metrics};
