//! One generation's life, from the request to the last row.
//!
//! ```text
//! accepted - cache or join - plan - for each step: lease the account - hold the worst price - write the attempt
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

mod accept;
mod accessors;
mod accounts;
mod admission;
mod attempt;
mod budgets;
mod cache;
mod caller;
mod canon;
mod charged;
mod credential;
mod decision;
mod drive;
mod fetch;
mod finish;
mod flight;
mod forget;
mod health;
mod inputs;
mod insist;
mod journey;
mod keep;
pub mod keys;
mod knowledge;
mod left;
mod market;
mod observe;
mod offers;
mod opening;
mod pace;
mod parts;
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
mod retries;
mod rotate;
pub mod scarcity;
mod secrets;
mod seen;
mod settle;
mod shadow;
mod standing;
mod start;
mod supply;
mod sweep;
mod terms;
mod tries;
mod turns;
mod vault;
mod vendor;
mod watch;
mod way;
mod webhooks;
mod workers;

pub use accounts::{NewAccount, OpenAccount};
pub use budgets::{BudgetState, is_zone};
pub use cache::{CacheSettings, Variants};
pub use caller::Caller;
pub use credential::Credential;
pub use decision::{Considered, Decision};
pub use flight::Inline;
pub use health::Hold;
pub use keys::Keyring;
pub use market::{Alias, AliasRules, Canary, Listing, Market, Resolved};
pub use observe::{Observer, Silent};
pub use offers::Offer;
pub use pace::PaceState;
pub use parts::{Parts, Retention, Settings};
pub use plan::Estimate;
pub use queries::{Done, Watch};
pub use reconcile::{Difference, DifferenceKind, Reconciliation, UnitsCompared};
pub use records::{
    Asset, Attempt, AttemptState, CacheResult, Cost, Delivery as WebhookDelivery, DeliveryState,
    Failure, Generation, Key, LedgerEntry, Outcome, OutputRecord, Page, Scope, Status, Team, Usage,
    UsageRow,
};
pub use refusal::{Code, Refusal, Result};
pub use request::{CacheUse, Delivery, InputRef, Request, Webhook, Wishes};
pub use reseal::{ResealError, reseal};
pub use scarcity::{Scarce, Thing};
pub use seen::Seen;
pub use shadow::Shadow;
pub use standing::ModelLoad;
pub use start::{IdempotencyKey, Started};
pub use terms::{Agreed, Terms};
pub use vault::{Vault, VaultError};
pub use vendor::{Account, Vendor};
pub use watch::AccountLoad;
pub use webhooks::Payload;

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use provider::{Clock, Ids};
use records::Records;
use secrecy::ExposeSecret as _;
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{flight::Flight, health::Health, poller::Poller};

/// The engine. Cheap to clone; every clone is the same engine.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>, Handle);

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
    retries: retries::Retries,
    seen: seen::Records,
    curious: knowledge::Curious,
    scarcity: scarcity::Scarcity,
    alerts: budgets::Alerts,
    houses: shadow::Houses,
    /// This process, as the records know it.
    worker: String,
    bell: webhooks::Bell,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Nothing goes on in this process any more.
    halt: CancellationToken,
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
        let houses = shadow::Houses::open(&parts.market, &keys).await?;
        let inner = Inner {
            houses,
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
            retries: retries::Retries::default(),
            seen: seen::Records::default(),
            curious: knowledge::Curious::default(),
            scarcity: scarcity::Scarcity::default(),
            alerts: budgets::Alerts::default(),
            bell: webhooks::Bell::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            halt: CancellationToken::new(),
            parts,
        };
        let engine = Self(Arc::new(inner), Handle::current());
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
        engine.spawn(scarcity::weigh(engine.clone()));
        Ok(engine)
    }

    /// The same engine, whose requests are worked for on the runtime that this is called on: what a caller
    /// waits for need not be handed to another thread and back. That runtime must outlive [`Engine::close`].
    #[must_use]
    pub fn here(&self) -> Self {
        Self(Arc::clone(&self.0), Handle::current())
    }

    /// Whether nothing is begun any more.
    pub fn is_stopping(&self) -> bool {
        self.stopping().is_cancelled()
    }

    /// Nothing is begun from now on: what waits goes on after the next start.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Stops what only waits for time to pass and lets running work end, and what somebody waits for in a vendor's
    /// queue, for at most `grace`. Who still waits then is told how it stands.
    pub async fn close(&self, grace: Duration) {
        self.stop();
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
        self.0.halt.cancel();
    }

    /// Returns when nothing goes on in this process any more.
    pub async fn halted(&self) {
        self.0.halt.cancelled().await;
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
}

/// Pictures decoded at a time: each may take tens of megabytes.
const CONVERSIONS_AT_ONCE: usize = 2;
