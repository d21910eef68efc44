//! One generation's life, from the request to the last row.
//!
//! ```text
//! accepted - plan - for each step: lease the account - hold the worst price - write the attempt
//!    - submit - (poll) - fetch the bytes - keep them - settle
//!        refused or failed without charge: release, next step
//!        blocked by safety: final, unless the caller says otherwise
//!        unknown: the vendor's books first; nothing is paid twice in silence
//! final: outputs kept, charge booked once, hold gone, watchers told
//! ```
//!
//! # What holds at every line
//! A state is a row before it is an act ([`records::Change`]), so that any process may die anywhere
//! and the next one goes on ([`Engine::open`] picks everything up). The caller is a spectator: its
//! going away ends nothing. Time and randomness are parameters. No HTTP framework is known here.

mod accounts;
mod admission;
mod attempt;
mod budgets;
mod caller;
mod credential;
mod drive;
mod flight;
mod health;
mod inputs;
mod journey;
mod keep;
pub mod keys;
mod knowledge;
mod market;
mod observe;
mod offers;
mod pace;
mod places;
mod plan;
mod poller;
mod prices;
mod queries;
mod reconcile;
mod recover;
mod refusal;
mod request;
mod reseal;
mod resume;
mod rotate;
mod secrets;
mod settle;
mod start;
mod supply;
mod sweep;
mod tries;
mod turns;
mod vault;
mod watch;
mod webhooks;
mod workers;

pub use accounts::{NewAccount, OpenAccount};
pub use budgets::{BudgetState, is_zone};
pub use caller::Caller;
pub use credential::Credential;
pub use flight::Inline;
pub use health::Hold;
pub use keys::Keyring;
pub use market::{Account, Alias, Listing, Market, Resolved, Vendor};
pub use observe::{Observer, Silent};
pub use offers::Offer;
pub use pace::PaceState;
pub use plan::Estimate;
pub use queries::{Done, Watch};
pub use reconcile::{Difference, DifferenceKind, Reconciliation, UnitsCompared};
pub use records::{
    Asset, Attempt, AttemptState, Cost, Delivery as WebhookDelivery, DeliveryState, Failure,
    Generation, Key, LedgerEntry, Outcome, OutputRecord, Page, Scope, Status, Team, Usage,
    UsageRow,
};
pub use refusal::{Code, Refusal, Result};
pub use request::{CacheUse, Delivery, InputRef, Request, Webhook, Wishes};
pub use reseal::{ResealError, reseal};
pub use start::{IdempotencyKey, Started};
pub use vault::{Vault, VaultError};
pub use watch::AccountLoad;
pub use webhooks::Payload;

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use coordination::{Fingerprints, Guard, Lots, Quotas, Turns};
use parking_lot::{Mutex, RwLock};
use provider::{Clock, Entropy, Ids};
use records::{Change, Records};
use secrecy::ExposeSecret as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{flight::Flight, health::Health, poller::Poller};

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
    /// How fast teams and keys may ask.
    pub quotas: Arc<dyn Quotas>,
    /// Equal work in flight.
    pub equals: Arc<dyn Fingerprints>,
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
    /// The policy where a request does not name one.
    pub policy: routing::Policy,
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

/// The engine. Cheap to clone; every clone is the same engine.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    ids: Ids,
    flights: Mutex<HashMap<String, Arc<Flight>>>,
    health: Health,
    keys: Keyring,
    links: assets::LinkKey,
    images: assets::images::Images,
    memory: assets::ByteBudget,
    public_url: RwLock<String>,
    poller: Poller,
    prices: prices::Prices,
    curious: knowledge::Curious,
    alerts: budgets::Alerts,
    /// This process, as the records know it.
    worker: String,
    bell: webhooks::Bell,
    tasks: TaskTracker,
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
}

impl Engine {
    /// Opens the engine on the current runtime and picks up what was unfinished.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn open(parts: Parts) -> records::Result<Self> {
        let ids = Ids::new(Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
        let links = secrets::sealed(&parts, &ids, "link_key").await?;
        let links = assets::LinkKey::derive(links.expose_secret());
        let pepper = secrets::sealed(&parts, &ids, "pepper").await?;
        let pepper = *blake3::hash(pepper.expose_secret()).as_bytes();
        let keys =
            Keyring::new(Arc::clone(&parts.records), ids.clone(), Arc::clone(&parts.clock), pepper);
        let engine = Self(Arc::new(Inner {
            worker: ids.next("wrk_"),
            ids,
            flights: Mutex::default(),
            health: Health::default(),
            keys,
            links,
            images: assets::images::Images::new(CONVERSIONS_AT_ONCE),
            memory: assets::ByteBudget::new(
                parts.settings.memory_in_flight,
                Arc::clone(&parts.clock),
            ),
            public_url: RwLock::new(parts.settings.public_url.clone()),
            poller: Poller::default(),
            prices: prices::Prices::default(),
            curious: knowledge::Curious::default(),
            alerts: budgets::Alerts::default(),
            bell: webhooks::Bell::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            runtime: tokio::runtime::Handle::current(),
            parts,
        }));
        engine.recall_learned().await?;
        engine.resume().await?;
        engine.spawn(workers::live(engine.clone()));
        engine.spawn(poller::poll(engine.clone()));
        engine.spawn(sweep::sweep(engine.clone()));
        engine.spawn(watch::watch(engine.clone()));
        engine.spawn(budgets::tell(engine.clone()));
        engine.spawn(webhooks::deliver(engine.clone()));
        engine.spawn(knowledge::keep(engine.clone()));
        for vendor in engine.market().vendors() {
            engine.spawn(knowledge::read(engine.clone(), Arc::clone(vendor)));
        }
        Ok(engine)
    }

    /// Stops what only waits for time to pass and lets running work end, for at most `grace`.
    pub async fn close(&self, grace: Duration) {
        self.0.stop.cancel();
        self.0.tasks.close();
        let over = self.clock().sleep_until(self.clock().now().plus(grace));
        tokio::select! {
            () = self.0.tasks.wait() => {}
            () = over => {
                let left = self.0.tasks.len();
                tracing::warn!(left, "stopping with work under way: it goes on after the next start");
            }
        }
        self.say_over().await;
    }

    /// Who can be asked.
    pub fn market(&self) -> &Market {
        &self.0.parts.market
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.parts.clock
    }

    /// New ids.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// The records.
    pub fn records(&self) -> &Arc<dyn Records> {
        &self.0.parts.records
    }

    /// Keys and teams.
    pub fn keys(&self) -> &Keyring {
        &self.0.keys
    }

    /// Memory for what must be whole: callers' bodies, inputs on their way to a vendor.
    pub fn memory(&self) -> &assets::ByteBudget {
        &self.0.memory
    }

    /// Where callers reach us from now on: known once the listener has its port.
    pub fn set_public_url(&self, url: impl Into<String>) {
        *self.0.public_url.write() = url.into();
    }

    pub(crate) fn turns(&self) -> &Arc<dyn Turns> {
        &self.0.parts.turns
    }

    pub(crate) fn lots(&self) -> &Arc<dyn Lots> {
        &self.0.parts.lots
    }

    pub(crate) fn guard(&self) -> &Arc<dyn Guard> {
        &self.0.parts.guard
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

    pub(crate) fn equals(&self) -> &Arc<dyn Fingerprints> {
        &self.0.parts.equals
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

    /// The generation has nothing left to do.
    pub(crate) fn landed(&self, id: &str) {
        self.0.flights.lock().remove(id);
    }

    /// Runs work that outlives its caller, on the engine's own runtime, tracked for the shutdown.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_on(work, &self.0.runtime);
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

    /// Writes what must be written. The database may fail for a while (a full disk): the money and
    /// the work are real, so it is tried again until it holds; a row that stays behind is picked up
    /// after the next start.
    pub(crate) async fn must_apply(&self, changes: Vec<Change>) {
        let mut changes = changes;
        let mut rest = Duration::from_millis(100);
        for _ in 0..MUST_APPLY_TRIES {
            match self.records().apply(changes.clone()).await {
                Ok(()) => return,
                Err(records::Error::Claimed(reference)) => {
                    // A lost attempt with the same request took this work for its own. The charge is
                    // on the books, under that attempt; booking it here too would count it twice.
                    tracing::error!(%reference, "work was claimed by an equal attempt");
                    changes.retain(|change| !matches!(change, Change::Book(_)));
                }
                Err(records::Error::Storage(reason)) => {
                    tracing::error!(%reason, "the records cannot be written; trying again");
                    self.clock().sleep_until(self.clock().now().plus(rest)).await;
                    rest = (rest * 2).min(Duration::from_secs(10));
                }
                Err(error @ records::Error::Stale(_)) if changes.len() > 1 => {
                    // One of them came too late; the others must not be lost with it.
                    tracing::error!(%error, "a change was refused; making the others one by one");
                    for change in changes {
                        Box::pin(self.must_apply(vec![change])).await;
                    }
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "a change was refused");
                    return;
                }
            }
        }
        tracing::error!(
            "the records could not be written; the next start goes on from the last row"
        );
    }
}

/// Pictures decoded at a time: each may take tens of megabytes.
const CONVERSIONS_AT_ONCE: usize = 2;
/// Tries of a write that must hold: some minutes in all.
const MUST_APPLY_TRIES: u32 = 30;
