//! Where a result's address may lead: a vendor's answer must not make us ask our own network.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// A name or address that leads somewhere not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address does not lead to a public network")
    }
}

impl Error for NotPublic {}

/// Whether an address belongs to the public Internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => public_v4(ip),
        IpAddr::V6(ip) => public_v6(ip),
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn public_v6(ip: Ipv6Addr) -> bool {
    // Addresses that carry an IPv4 one lead where that one leads.
    if let Some(inner) = ip.to_ipv4_mapped() {
        return public_v4(inner);
    }
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let inner = |high: u16, low: u16| {
        let [x, y] = high.to_be_bytes();
        let [z, w] = low.to_be_bytes();
        Ipv4Addr::new(x, y, z, w)
    };
    match (a, b, c, d, e, f) {
        (0x64, 0xff9b, 0, 0, 0, 0) => public_v4(inner(g, h)),
        (0x2002, ..) => public_v4(inner(b, c)),
        // 2001::/23 is for protocols (Teredo among them), 2001:db8::/32 for documentation.
        (0x2001, 0..=0x1ff | 0xdb8, ..) => false,
        // Only 2000::/3 is given out as global unicast.
        _ => a & 0xe000 == 0x2000,
    }
}

/// Refuses an address that names a place which is not public; names are judged when they resolve.
pub(crate) fn check(url: &Url) -> Result<(), NotPublic> {
    let public = match url.host() {
        Some(Host::Ipv4(ip)) => public_v4(ip),
        Some(Host::Ipv6(ip)) => public_v6(ip),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    if public && matches!(url.scheme(), "https" | "http") { Ok(()) } else { Err(NotPublic) }
}

/// Resolves names to public addresses only. The connection is made to the very addresses that were
/// checked, so that a second look-up cannot lead elsewhere.
#[derive(Debug)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() || !found.iter().all(|address| is_public(address.ip())) {
                return Err(NotPublic.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for public in ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "192.0.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.9.9",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "198.18.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn literal_addresses_are_judged_at_once() {
        let judged = |text: &str| check(&Url::parse(text).unwrap());
        assert_eq!(judged("https://example.com/a.png"), Ok(()));
        for bad in
            ["http://127.0.0.1/", "http://2130706433/", "http://[::1]/", "file:///etc/passwd"]
        {
            assert_eq!(judged(bad), Err(NotPublic), "{bad}");
        }
    }
}
