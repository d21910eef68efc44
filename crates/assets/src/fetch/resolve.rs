//! Names to addresses, judged on the way.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Allow, address};

/// Looks names up.
#[async_trait::async_trait]
pub trait Resolver: Send + Sync + fmt::Debug {
    /// Every address of this name.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own look-up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait::async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect())
    }
}

/// Answers only with addresses that may be reached.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    resolver: Arc<dyn Resolver>,
    allow: Arc<Allow>,
}

impl Guard {
    pub(super) fn new(resolver: Arc<dyn Resolver>, allow: Allow) -> Self {
        Self { resolver, allow: Arc::new(allow) }
    }

    pub(super) fn permits(&self, address: IpAddr) -> bool {
        address::is_public(address) || self.allow.has_address(address)
    }

    /// The addresses of a name. One that may not be reached spoils all: who mixes public and inner
    /// addresses under one name hopes that we try them in turn.
    pub(super) async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.resolver.resolve(name).await?;
        let allowed = self.allow.has_host(name) || found.iter().all(|ip| self.permits(*ip));
        if found.is_empty() || !allowed {
            return Err(io::Error::other("no address of this name may be reached"));
        }
        Ok(found)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.addresses(name.as_str()).await?;
            // Port zero leaves the port to the URL.
            let found = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok::<Addrs, _>(Box::new(found))
        })
    }
}
