//! The one way to URLs that callers give us: what is fetched from them, and what is told to them.
//!
//! # How it keeps to the outside
//! A caller could name an address that only we can reach. So a name is resolved once, every address
//! it has is judged ([`address`]), and the connection can only go to those: the judge *is* the HTTP
//! client's resolver, so there is no second look-up that could answer otherwise. Addresses written
//! in the URL itself never reach a resolver and are judged before sending, in whatever notation the
//! URL parser understood them. Redirects are followed here, by the same rules at each hop.
//! Connections are not kept for the next fetch, and neither cookies, credentials, compression nor
//! the environment's proxies are known.
//!
//! # What it tells
//! A name that does not exist, one that leads inside and one that refuses the connection all read
//! the same: [`FetchError::Unreachable`]. The reason goes to the log.

mod address;
mod allow;
mod resolve;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use provider::Clock;
use reqwest::{Client, RequestBuilder, Response, header, redirect};
use url::{Host, Url};

pub use allow::{Allow, BadAllow};
use resolve::Guard;
pub use resolve::{Resolver, SystemResolver};

use crate::sniff::sniff;

/// Redirects that are followed.
const HOPS: usize = 3;
/// So many bytes are enough to tell what they are.
const TELLING: usize = 4096;

/// Bounds of one fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Most bytes that are taken.
    pub max_bytes: usize,
    /// Longest time from the first look-up to the last byte.
    pub timeout: Duration,
}

/// Fetches callers' URLs.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    guard: Guard,
    limits: FetchLimits,
    clock: Arc<dyn Clock>,
}

/// What a URL held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The bytes.
    pub bytes: Bytes,
    /// What they are, found by looking at them.
    pub media_type: &'static str,
}

/// Why a URL was not fetched. Each message may be shown to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not a URL that is ever fetched.
    #[error("the URL must be http or https and carry no user name or password")]
    InvalidUrl,
    /// Nothing is there that we may and can reach.
    #[error("the URL cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("the URL did not deliver in time")]
    TimedOut,
    /// One redirect led to the next.
    #[error("the URL redirects more than {HOPS} times")]
    TooManyRedirects,
    /// The server answered, but not with what was asked for.
    #[error("the URL answered with status {0}")]
    Status(u16),
    /// The answer broke off.
    #[error("the URL's answer broke off")]
    Interrupted,
    /// More bytes than are taken.
    #[error("the URL holds more than {limit} bytes")]
    TooLarge {
        /// The most that is taken.
        limit: usize,
    },
    /// What it holds is not of an accepted type.
    #[error("the URL holds {0}, which is not accepted here")]
    Type(&'static str),
    /// The fetcher itself could not be made.
    #[error("no HTTP client could be made")]
    Client,
}

impl Fetcher {
    /// A fetcher that reaches public addresses and what `allow` names.
    ///
    /// # Errors
    /// [`FetchError::Client`] where the machine lets no client be made.
    pub fn new(
        resolver: Arc<dyn Resolver>,
        allow: Allow,
        limits: FetchLimits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FetchError> {
        // An error means that another part of the process was first; it chose the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Guard::new(resolver, allow);
        let client = Client::builder()
            .dns_resolver(Arc::new(guard.clone()))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent("atelier")
            .build()
            .map_err(|_| FetchError::Client)?;
        Ok(Self { client, guard, limits, clock })
    }

    /// Fetches a URL, if what it holds is of one of the accepted media types (`image/png`,
    /// `image/*`). The caller bounds how many bytes are in flight at once.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self, url: &str, accept: &[&str]) -> Result<Fetched, FetchError> {
        let work = async { self.collect(self.open(parse(url)?).await?, accept).await };
        self.in_time(self.limits.timeout, work).await
    }

    /// Sends bytes to a URL and returns the status of the answer, whatever it is; its body is not read.
    /// Redirects are not followed: whoever moves says so by changing the address with us.
    ///
    /// # Errors
    /// [`FetchError::InvalidUrl`], [`FetchError::Unreachable`], and [`FetchError::TimedOut`] after
    /// `within` or the fetcher's own bound, whichever is shorter.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
        within: Duration,
    ) -> Result<u16, FetchError> {
        let send = async {
            let url = parse(url)?;
            self.judge_literal(&url)?;
            let mut request = self.client.post(url).body(body);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            Ok(self.send(request).await?.status().as_u16())
        };
        self.in_time(within.min(self.limits.timeout), send).await
    }

    /// Whether a URL leads where the fetcher may go, as far as can be told without going there.
    ///
    /// # Errors
    /// [`FetchError::InvalidUrl`], [`FetchError::Unreachable`] and [`FetchError::TimedOut`].
    pub async fn check(&self, url: &str) -> Result<(), FetchError> {
        let url = parse(url)?;
        let Some(Host::Domain(name)) = url.host() else { return self.judge_literal(&url) };
        let look = async { Ok(self.guard.addresses(name).await) };
        let resolved = self.in_time(self.limits.timeout, look).await?;
        resolved.map(drop).map_err(|_| FetchError::Unreachable)
    }

    async fn in_time<T>(
        &self,
        span: Duration,
        work: impl Future<Output = Result<T, FetchError>> + Send,
    ) -> Result<T, FetchError> {
        let deadline = self.clock.now().plus(span);
        tokio::select! {
            biased;
            done = work => done,
            () = self.clock.sleep_until(deadline) => Err(FetchError::TimedOut),
        }
    }

    /// Follows redirects until there is an answer with a body.
    async fn open(&self, mut url: Url) -> Result<Response, FetchError> {
        for _ in 0..=HOPS {
            self.judge_literal(&url)?;
            let answer = self.send(self.client.get(url.clone())).await?;
            let status = answer.status();
            let location = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            match location.filter(|_| status.is_redirection()) {
                Some(to) => {
                    let next = url.join(to).map_err(|_| FetchError::InvalidUrl)?;
                    url = parse(next.as_str())?;
                }
                None if status.is_success() => return Ok(answer),
                None => return Err(FetchError::Status(status.as_u16())),
            }
        }
        Err(FetchError::TooManyRedirects)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the guarded fetcher")]
    async fn send(&self, request: RequestBuilder) -> Result<Response, FetchError> {
        request.send().await.map_err(|error| {
            let reason = error.without_url();
            tracing::debug!(?reason, "a caller's URL could not be reached");
            FetchError::Unreachable
        })
    }

    /// An address in the URL itself must be allowed; a name is judged when it is resolved.
    fn judge_literal(&self, url: &Url) -> Result<(), FetchError> {
        let allowed = match url.host() {
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(ip)) => self.guard.permits(ip.into()),
            Some(Host::Ipv6(ip)) => self.guard.permits(ip.into()),
            None => return Err(FetchError::InvalidUrl),
        };
        allowed.then_some(()).ok_or(FetchError::Unreachable)
    }

    async fn collect(&self, mut answer: Response, accept: &[&str]) -> Result<Fetched, FetchError> {
        let limit = self.limits.max_bytes;
        let told = answer.content_length().map(usize::try_from);
        let expected = match told {
            Some(Ok(length)) if length <= limit => length,
            Some(_) => return Err(FetchError::TooLarge { limit }),
            None => 0,
        };
        let mut bytes = Vec::with_capacity(expected);
        let mut known = None;
        while let Some(piece) = answer.chunk().await.map_err(|_| FetchError::Interrupted)? {
            if piece.len() > limit - bytes.len() {
                return Err(FetchError::TooLarge { limit });
            }
            bytes.extend_from_slice(&piece);
            if known.is_none() && bytes.len() >= TELLING {
                known = Some(accepted(&bytes, accept)?);
            }
        }
        let media_type = match known {
            Some(media_type) => media_type,
            None => accepted(&bytes, accept)?,
        };
        Ok(Fetched { bytes: bytes.into(), media_type })
    }
}

fn accepted(bytes: &[u8], accept: &[&str]) -> Result<&'static str, FetchError> {
    let media_type = sniff(bytes);
    let takes = |kind: &&str| match kind.strip_suffix('*') {
        Some(prefix) => media_type.starts_with(prefix),
        None => *kind == media_type,
    };
    accept.iter().any(takes).then_some(media_type).ok_or(FetchError::Type(media_type))
}

fn parse(text: &str) -> Result<Url, FetchError> {
    let url = Url::parse(text).map_err(|_| FetchError::InvalidUrl)?;
    let plain = url.username().is_empty() && url.password().is_none();
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (plain && web).then_some(url).ok_or(FetchError::InvalidUrl)
}
