//! What every handler reaches.

use std::{sync::Arc, time::Duration};

use engine::{Engine, keys::AdminKey};
use ipnet::IpNet;

use crate::telemetry::Metrics;

/// The state of the HTTP surface; each worker has its own, with its own place to work.
#[derive(Debug, Clone)]
pub struct State {
    /// Where the work is done.
    pub engine: Engine,
    /// The operator's key, as a hash.
    pub admin: AdminKey,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What a request may take.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What one request may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long an answer may be waited for.
    pub request_timeout: Duration,
    /// Bytes of one input (`fetch.max_bytes`).
    pub input_bytes: u64,
}

/// Room for everything in a body that is no picture.
const WORDS: usize = 1 << 20;

impl Limits {
    /// Bytes of one body: one input of the largest size in base64, and the words around it. Who has
    /// more inputs uploads them one by one.
    pub fn body_bytes(self) -> usize {
        let input = usize::try_from(self.input_bytes).unwrap_or(usize::MAX / 2);
        input.saturating_add(input / 3).saturating_add(WORDS)
    }

    /// Bytes of one input.
    pub fn input_size(self) -> usize {
        usize::try_from(self.input_bytes).unwrap_or(usize::MAX)
    }
}
