//! What the engine is made of, as whoever opens it gives it.

use std::{sync::Arc, time::Duration};

use coordination::{Breakers, Cache, Fingerprints, Guard, Lots, Quotas, SingleFlight, Turns};
use provider::{Clock, Entropy, MicroUsd};
use records::Records;

use crate::{CacheSettings, Market, Observer, OpenAccount, Payload, Vault};

/// What the engine works with. The gateway makes it; tests make it with their own clock.
#[derive(Debug)]
pub struct Parts {
    /// The truth.
    pub records: Arc<dyn Records>,
    /// Turns at accounts.
    pub turns: Arc<dyn Turns>,
    /// Prepaid units.
    pub lots: Arc<dyn Lots>,
    /// Who stops before a vendor suspends an account.
    pub guard: Arc<dyn Guard>,
    /// Who leaves vendors alone while they fail.
    pub breakers: Arc<dyn Breakers>,
    /// How fast teams and keys may ask.
    pub quotas: Arc<dyn Quotas>,
    /// Equal work in flight.
    pub equals: Arc<dyn Fingerprints>,
    /// Answers that may be given again.
    pub cache: Arc<dyn Cache>,
    /// Who makes what several ask for.
    pub single: Arc<dyn SingleFlight>,
    /// Where bytes lie.
    pub store: assets::Store,
    /// The only way to a caller's address.
    pub fetcher: assets::Fetcher,
    /// Who can be asked.
    pub market: Market,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Who measures.
    pub observer: Arc<dyn Observer>,
    /// What seals secrets that must be read again.
    pub vault: Vault,
    /// How accounts are made that come while the gateway runs.
    pub opener: Arc<dyn OpenAccount>,
    /// How webhooks write a generation.
    pub payload: Arc<dyn Payload>,
    /// Settings.
    pub settings: Settings,
}

/// What operators set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long outputs and uploads are kept.
    pub asset_ttl: Duration,
    /// Most attempts of one call.
    pub attempts: u32,
    /// The policy where neither a request nor its team nor its alias names one.
    pub policy: routing::Policy,
    /// What a second of waiting is worth where an alias says nothing.
    pub second_price: MicroUsd,
    /// The largest output or input.
    pub max_asset_bytes: u64,
    /// Bytes of callers' bodies and inputs that may be in memory at once.
    pub memory_in_flight: u64,
    /// Where callers reach us, for links.
    pub public_url: String,
    /// Whether no other process works with these records.
    pub alone: bool,
    /// What time takes away.
    pub retention: Retention,
    /// Answers that may be given again.
    pub cache: CacheSettings,
}

/// How long words and rows are kept; without a span, for ever. The books are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// What was asked for, in words.
    pub prompts: Option<Duration>,
    /// Generations with their attempts.
    pub records: Option<Duration>,
    /// Who changed what.
    pub audit: Option<Duration>,
}
