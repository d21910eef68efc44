//! A gateway, from a configuration to a listener, and its orderly end.
//!
//! `serve`, the commands that start a gateway of their own and the tests all go through
//! [`Gateway::start`]; they differ in [`Purpose`] only.
//!
//! # Which threads run what
//! A request is worked for on the worker that has its connection: two changes of thread would cost a tenth
//! of what all of it does. Whatever nobody's connection waits for (queued jobs, what a restart picks up,
//! everything that happens by the clock) runs on the runtime that `start` was called on. Workers go last, so
//! that work whose caller has gone ends as well.

pub(crate) mod entropy;
pub(crate) mod folder;
mod welcome;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle, web::Data};
use coordination::BreakerRule;
use coordination::memory::{
    MemoryBreakers, MemoryCache, MemoryFingerprints, MemoryGuard, MemoryLots, MemoryQuotas,
    MemorySingleFlight, MemoryTurns,
};
use engine::{Engine, Parts, Settings, Vault, keys::Actor};
use provider::{Clock, Share, SystemClock};
use records::{Records, sqlite::Sqlite};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

pub use self::welcome::FirstStart;
use self::{
    entropy::SystemEntropy,
    folder::{EncryptionKey, Lock},
};
use crate::{
    config::{CacheScope, Config, Problems},
    http, registry,
    telemetry::Metrics,
};

/// What a gateway is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For whoever comes. The first start makes keys.
    Serve,
    /// For one command of this process, which gets a key that ends with it.
    Command,
}

/// Starts gateways.
#[derive(Debug)]
pub struct Gateway;

/// A gateway that runs. [`Running::stop`] ends it in order.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where this machine reaches it.
    pub base_url: String,
    /// Keys that were made just now.
    pub first_start: Option<FirstStart>,
    /// The key of the command that it was started for.
    pub command_key: Option<SecretString>,
    engine: Engine,
    server: ServerHandle,
    tasks: TaskTracker,
    grace: Duration,
    temporary_key: Option<String>,
    simulated: registry::Simulated,
    _lock: Lock,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration names what is not there.
    #[error("{0}")]
    Config(#[from] Problems),
    /// Another process has the database.
    #[error(
        "another atelier is running on {0}; stop it, or talk to it with --url and --key, or set \
         storage.database to another file"
    )]
    Locked(PathBuf),
    /// There is a database, and nothing that opens what is sealed in it.
    #[error(
        "{0} is there, but its encryption key is not: put {1} back, or set storage.encryption_key"
    )]
    NoKey(PathBuf, PathBuf),
    /// A file, folder or listener.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// The records.
    #[error("the database cannot be used: {0}")]
    Records(#[from] records::Error),
    /// Something that is not the operator's doing.
    #[error("{0}")]
    Other(String),
}

impl StartError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io(what.into(), error)
    }

    fn other(what: &str, error: &dyn fmt::Display) -> Self {
        Self::Other(format!("{what}: {error}"))
    }
}

/// A vendor that fails every third call is bad and still worth asking where there is no other; one that is
/// down shows it within a second all the same.
const BREAKER: BreakerRule =
    BreakerRule { in_a_row: 10, share: Share { percent: 60, least: 40 }, ..BreakerRule::USUAL };
/// Outputs and inputs above this are refused: a clip has tens of megabytes.
const MAX_ASSET_BYTES: u64 = 256 << 20;
/// Callers' bodies and inputs that are in memory at once: the two largest inputs of an edit, in
/// base64 beside their bytes, fit.
const MEMORY_IN_FLIGHT: u64 = 256 << 20;
/// Vendors count when calls arrive; what was sent a minute apart may arrive a little closer together.
const WINDOW_MARGIN: Duration = Duration::from_millis(500);
/// Workers beyond this buy nothing: the vendors are the slow part.
const MOST_WORKERS: usize = 4;
/// Threads of a worker that may wait for a disk, and that pictures are converted on.
const BLOCKING: usize = 16;
/// A connection that is silent for so long is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// A client that sends its request's head slower is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Threads for one of the two runtimes (connections, work): half the machine's cores each. More would
/// mostly wake each other: a request waits far longer than it computes.
pub fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, MOST_WORKERS)
}

impl Gateway {
    /// Starts a gateway on the current runtime; it answers when this returns.
    ///
    /// # Errors
    /// When the configuration names what is not there, or what it names cannot be had.
    pub async fn start(config: Config, purpose: Purpose) -> Result<Running, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let client =
            provider_http::Client::new(provider_http::Settings::default(), Arc::clone(&clock));
        let client = Arc::new(client.map_err(|error| StartError::Other(error.to_string()))?);
        // Before anything is made: a configuration that is wrong shall leave nothing behind.
        registry::market(&config, &registry::Simulated::new(), &client)?;
        let (lock, key) = folder::prepare(&config.storage)?;
        let simulated = registry::simulate(&config, &folder::simulated(&config.storage))
            .await
            .map_err(StartError::io("a simulated vendor cannot be started"))?;
        let market = registry::market(&config, &simulated, &client)?;
        let metrics = Metrics::new().map_err(|error| StartError::other("metrics", &error))?;
        let metrics = Arc::new(metrics);
        let opener = registry::Opener::new(&config, &client);
        let parts = parts(&config, &key, (market, opener), clock, Arc::clone(&metrics) as _)?;
        let engine = Engine::open(parts).await?;
        let admin = welcome::admin_key(&engine, config.admin_key.as_ref(), purpose).await?;
        let state = http::State {
            engine: engine.clone(),
            admin: admin.hash,
            trusted_proxies: config.server.trusted_proxies.clone(),
            limits: http::Limits {
                request_timeout: config.server.request_timeout,
                input_bytes: config.fetch.max_bytes,
            },
            metrics,
        };
        let tasks = TaskTracker::new();
        let (server, address) = listen(&config, state, &tasks)?;
        let base_url = local_url(address);
        engine.set_public_url(config.server.public_url.clone().unwrap_or_else(|| base_url.clone()));
        let (mut first_start, mut command) = (None, None);
        match purpose {
            Purpose::Serve => first_start = welcome::first_start(&engine, admin.made).await?,
            Purpose::Command => command = Some(welcome::command_key(&engine).await?),
        }
        let (temporary_key, command_key) = command.unzip();
        Ok(Running {
            address,
            base_url,
            first_start,
            command_key,
            engine,
            server,
            tasks,
            grace: config.server.shutdown_grace,
            temporary_key,
            simulated,
            _lock: lock,
        })
    }
}

impl Running {
    /// Begins nothing new, lets running work end within `server.shutdown_grace`, and goes. Until then whoever
    /// asks is told.
    pub async fn stop(self) {
        let over = Instant::now() + self.grace;
        self.engine.close(self.grace).await;
        if timeout_at(over, self.server.stop(true)).await.is_err() {
            self.server.stop(false).await;
        }
        if let Some(id) = &self.temporary_key
            && let Err(error) =
                self.engine.keys().revoke_key(&Actor::system(welcome::ACTOR), id).await
        {
            tracing::warn!(%error, "the command's key could not be revoked; it ends by itself");
        }
        self.tasks.close();
        self.tasks.wait().await;
        for (_, vendor) in self.simulated {
            vendor.shutdown().await;
        }
    }
}

/// What the engine works with.
fn parts(
    config: &Config,
    key: &EncryptionKey,
    (market, opener): (engine::Market, registry::Opener),
    clock: Arc<dyn Clock>,
    observer: Arc<dyn engine::Observer>,
) -> Result<Parts, StartError> {
    let storage = &config.storage;
    let records: Arc<dyn Records> = Arc::new(Sqlite::open(&storage.database, storage.durability)?);
    let durable = storage.durability == records::sqlite::Durability::Full;
    let store = assets::Store::folder(&storage.assets, durable)
        .map_err(|error| StartError::other("storage.assets cannot be used", &error))?;
    let allow = assets::Allow::parse(&config.fetch.allow)
        .map_err(|error| StartError::other("fetch.allow", &error))?;
    let limits = assets::FetchLimits {
        max_bytes: usize::try_from(config.fetch.max_bytes).unwrap_or(usize::MAX),
        timeout: config.fetch.timeout,
    };
    let resolver = Arc::new(assets::SystemResolver);
    let fetcher = assets::Fetcher::new(resolver, allow, limits, Arc::clone(&clock))
        .map_err(|error| StartError::Other(error.to_string()))?;
    Ok(Parts {
        records,
        turns: Arc::new(MemoryTurns::new(Arc::clone(&clock), WINDOW_MARGIN)),
        lots: Arc::new(MemoryLots::new(Arc::clone(&clock))),
        guard: Arc::new(MemoryGuard::new(Arc::clone(&clock))),
        quotas: Arc::new(MemoryQuotas::new(Arc::clone(&clock))),
        breakers: Arc::new(MemoryBreakers::new(
            Arc::clone(&clock),
            Arc::new(SystemEntropy),
            BREAKER,
        )),
        equals: Arc::new(MemoryFingerprints::default()),
        cache: Arc::new(MemoryCache::new(
            Arc::clone(&clock),
            config.cache.memory,
            config.cache.idle,
        )),
        single: Arc::new(MemorySingleFlight::default()),
        store,
        fetcher,
        market,
        clock,
        entropy: Arc::new(SystemEntropy),
        observer,
        vault: Vault::new(key.expose_secret()),
        opener: Arc::new(opener),
        payload: Arc::new(http::WebhookPayload),
        settings: settings(config),
    })
}

/// What operators set.
fn settings(config: &Config) -> Settings {
    let storage = &config.storage;
    Settings {
        asset_ttl: storage.asset_ttl,
        attempts: config.routing.attempts,
        policy: config.routing.policy,
        second_price: config.routing.second_price,
        max_asset_bytes: MAX_ASSET_BYTES,
        memory_in_flight: MEMORY_IN_FLIGHT,
        public_url: config.server.public_url.clone().unwrap_or_default(),
        // The folder is locked: one process works with one file.
        alone: true,
        retention: engine::Retention {
            prompts: config.retention.prompts,
            records: config.retention.records,
            audit: config.retention.audit,
        },
        cache: engine::CacheSettings {
            enabled: config.cache.enabled,
            ttl: config.cache.ttl,
            global: config.cache.scope == CacheScope::Global,
            variants: config.cache.variants,
            similar: config.cache.similar,
        },
    }
}

/// Binds and serves.
fn listen(
    config: &Config,
    state: http::State,
    tasks: &TaskTracker,
) -> Result<(ServerHandle, SocketAddr), StartError> {
    let app = move || {
        let data = Data::new(http::State { engine: state.engine.here(), ..state.clone() });
        App::new()
            .wrap(http::Envelope::new(data.clone()))
            .configure(move |service| http::configure(service, data))
    };
    let wanted = config.server.listen;
    let taken = || StartError::io(format!("server.listen: {wanted} cannot be listened on"));
    let server = HttpServer::new(app)
        .workers(threads())
        .worker_max_blocking_threads(BLOCKING)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(config.server.shutdown_grace.as_secs().max(1))
        .disable_signals()
        .bind(wanted)
        .map_err(taken())?;
    let address = server.addrs().first().copied().unwrap_or(wanted);
    let server = server.run();
    let handle = server.handle();
    tasks.spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the listener failed");
        }
    });
    Ok((handle, address))
}

/// How this machine reaches a listener.
pub(crate) fn local_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_listener_is_reached_by_loopback() {
        for (address, url) in [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://[::1]:8080"),
            ("10.1.2.3:1", "http://10.1.2.3:1"),
        ] {
            assert_eq!(local_url(address.parse().unwrap()), url);
        }
    }
}
