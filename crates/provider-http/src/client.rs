//! The client: one pool of connections for all adapters.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use provider::{Clock, Result};
use thread_local::ThreadLocal;

use crate::{Request, Response, error, reach};

/// How long each phase of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the beginning to the answer's first byte; a synchronous vendor works meanwhile.
    pub first_byte: Duration,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
    /// All of it.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(90),
            idle: Duration::from_secs(20),
            total: Duration::from_secs(180),
        }
    }
}

/// What the client is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long each phase may take.
    pub deadlines: Deadlines,
    /// The most bytes of JSON that are kept of one answer.
    pub json_max_bytes: usize,
    /// The most bytes of one answer's body, outputs and all.
    pub body_max_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            json_max_bytes: 256 * 1024,
            body_max_bytes: 128 * 1024 * 1024,
        }
    }
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be made: {0}")]
pub struct BuildError(String);

/// An idle connection is given up after this: servers in the field close theirs after 5 s and more,
/// and a paid request that meets a closing connection ends as a question of money.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// So many redirects are followed for a result that a vendor keeps elsewhere.
const REDIRECTS_MAX: usize = 3;

/// Sends requests. One per process: it holds the pools of connections, one for each thread that sends. A
/// connection is driven by the runtime that opened it, and every piece of an answer that is read on another
/// thread wakes that one.
pub struct Client {
    /// To the vendors' configured addresses.
    direct: ThreadLocal<reqwest::Client>,
    /// To addresses that vendors' answers name: public networks only, and never with a credential.
    public: ThreadLocal<reqwest::Client>,
    tls: rustls::ClientConfig,
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client with its own pools.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        let (direct, public) = (ThreadLocal::new(), ThreadLocal::new());
        let client = Self { direct, public, tls: tls()?, settings, clock };
        // What cannot be made is told at once.
        client.pool(false)?;
        client.pool(true)?;
        Ok(client)
    }

    /// This thread's connections.
    fn pool(&self, public: bool) -> Result<&reqwest::Client, BuildError> {
        let (pool, policy) = match public {
            true => (&self.public, reqwest::redirect::Policy::custom(follow_public)),
            false => (&self.direct, reqwest::redirect::Policy::none()),
        };
        pool.get_or_try(|| {
            let builder = builder(&self.settings, self.tls.clone()).redirect(policy);
            let builder = match public {
                true => builder.dns_resolver(Arc::new(reach::PublicOnly)),
                false => builder,
            };
            builder.build().map_err(|error| BuildError(error.to_string()))
        })
    }

    /// Sends a request once and waits for the answer's head.
    ///
    /// # Errors
    /// When no answer came; for a paid call the error says whether the vendor may have worked.
    pub async fn send(&self, request: Request<'_>) -> Result<Response> {
        let (operation, effect) = (request.operation, request.effect);
        if request.public_only {
            reach::check(&request.url).map_err(|_| error::not_public(operation))?;
        }
        let http = self
            .pool(request.public_only)
            .map_err(|failed| error::no_client(&failed, operation))?;
        let mut deadlines = self.settings.deadlines;
        if let Some(work) = request.work.filter(|work| *work > deadlines.first_byte) {
            deadlines.total += work - deadlines.first_byte;
            deadlines.first_byte = work;
        }
        if let Some(whole) = request.whole {
            deadlines.total = deadlines.total.min(whole);
        }
        let mut settings = self.settings;
        settings.json_max_bytes = request.json_max.unwrap_or(settings.json_max_bytes);
        let ends = Instant::now() + deadlines.total;
        let sent = http.execute(request.into_http()?);
        let answered = timeout(deadlines.first_byte.min(deadlines.total), sent).await;
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(failed)) => return Err(error::not_answered(failed, effect, operation)),
            Err(_) => return Err(error::too_late(effect, operation)),
        };
        tracing::debug!(operation, status = answer.status().as_u16(), "vendor answered");
        Ok(Response::new(answer, effect, operation, ends, &settings, self.clock.now()))
    }

    /// The clock that the client was made with: an adapter's ages and windows are by the same one.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn builder(settings: &Settings, tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
    let deadlines = settings.deadlines;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(deadlines.connect.min(deadlines.first_byte))
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("atelier/", env!("CARGO_PKG_VERSION")))
}

/// TLS with the ring provider, passed by hand: a process-wide default could be installed twice.
fn tls() -> Result<rustls::ClientConfig, BuildError> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        // A machine without certificates still reaches vendors on loopback.
        tracing::warn!("no root certificates found: HTTPS will fail");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn follow_public(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    match reach::check(attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(inside) => attempt.error(inside),
    }
}
