//! What the engine's own rooms reach through it.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use coordination::{Breakers, Cache, Fingerprints, Guard, Lots, Quotas, SingleFlight, Turns};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    Engine, Observer, Settings, Vault, budgets, flight::Flight, health::Health, poller::Poller,
    prices, retries::Retries, scarcity, seen, shadow, webhooks,
};

impl Engine {
    pub(crate) fn turns(&self) -> &Arc<dyn Turns> {
        &self.0.parts.turns
    }

    pub(crate) fn lots(&self) -> &Arc<dyn Lots> {
        &self.0.parts.lots
    }

    pub(crate) fn guard(&self) -> &Arc<dyn Guard> {
        &self.0.parts.guard
    }

    pub(crate) fn breakers(&self) -> &Arc<dyn Breakers> {
        &self.0.parts.breakers
    }

    pub(crate) fn retries(&self) -> &Retries {
        &self.0.retries
    }

    pub(crate) fn seen_records(&self) -> &seen::Records {
        &self.0.seen
    }

    pub(crate) fn quotas(&self) -> &Arc<dyn Quotas> {
        &self.0.parts.quotas
    }

    pub(crate) fn alerts(&self) -> &budgets::Alerts {
        &self.0.alerts
    }

    pub(crate) fn worker(&self) -> &str {
        &self.0.worker
    }

    pub(crate) fn poller(&self) -> &Poller {
        &self.0.poller
    }

    pub(crate) fn prices(&self) -> &prices::Prices {
        &self.0.prices
    }

    pub(crate) fn houses(&self) -> &shadow::Houses {
        &self.0.houses
    }

    pub(crate) fn scarcity(&self) -> &scarcity::Scarcity {
        &self.0.scarcity
    }

    pub(crate) fn equals(&self) -> &Arc<dyn Fingerprints> {
        &self.0.parts.equals
    }

    pub(crate) fn cache(&self) -> &Arc<dyn Cache> {
        &self.0.parts.cache
    }

    pub(crate) fn single(&self) -> &Arc<dyn SingleFlight> {
        &self.0.parts.single
    }

    pub(crate) fn store(&self) -> &assets::Store {
        &self.0.parts.store
    }

    pub(crate) fn fetcher(&self) -> &assets::Fetcher {
        &self.0.parts.fetcher
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.0.parts.observer
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.parts.vault
    }

    pub(crate) fn bell(&self) -> &webhooks::Bell {
        &self.0.bell
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    /// What is preferred where nobody says otherwise.
    pub fn policy(&self) -> routing::Policy {
        self.settings().policy
    }

    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }

    pub(crate) fn images(&self) -> &assets::images::Images {
        &self.0.images
    }

    pub(crate) fn links(&self) -> &assets::LinkKey {
        &self.0.links
    }

    pub(crate) fn public_url(&self) -> String {
        self.0.public_url.read().clone()
    }

    pub(crate) fn flights(&self) -> &Mutex<HashMap<String, Arc<Flight>>> {
        &self.0.flights
    }

    pub(crate) fn flight(&self, id: &str) -> Option<Arc<Flight>> {
        self.0.flights.lock().get(id).cloned()
    }

    /// Whether anybody waits for a generation that this process drives.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.0.flights.lock().values().any(|flight| flight.is_watched())
    }

    /// The generation has nothing left to do.
    pub(crate) fn landed(&self, id: &str) {
        self.0.flights.lock().remove(id);
    }

    /// Runs work that outlives its caller, tracked for the shutdown.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_on(work, &self.1);
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// A span between a half and the whole of `most`, so that equal waits do not end together.
    pub(crate) fn jitter(&self, most: Duration) -> Duration {
        let mut random = [0_u8; 1];
        self.0.parts.entropy.fill(&mut random);
        most / 2 + most / 512 * u32::from(random[0])
    }

    /// A span between nothing and the whole of `most`: calls that failed together try again apart.
    pub(crate) fn full_jitter(&self, most: Duration) -> Duration {
        let mut random = [0_u8; 2];
        self.0.parts.entropy.fill(&mut random);
        most / u32::from(u16::MAX) * u32::from(u16::from_be_bytes(random))
    }
}
