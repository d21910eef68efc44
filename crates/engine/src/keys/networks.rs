//! Where a key may come from.

use std::net::IpAddr;

use ipnet::IpNet;

/// A network, or a single address as the network of one; an IPv4 network in IPv6's clothes as what it
/// is, because addresses are compared undressed.
pub(super) fn parse(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    let mapped = match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6.addr().to_ipv4_mapped(),
        _ => None,
    };
    match mapped {
        Some(v4) => IpNet::new(IpAddr::V4(v4), net.prefix_len() - 96).ok(),
        None => Some(net),
    }
}

/// The networks of a key.
#[derive(Debug)]
pub(super) struct Networks {
    /// None where it may come from everywhere.
    only: Option<Vec<IpNet>>,
}

impl Networks {
    /// Of the texts that are kept; one that cannot be read lets nobody in.
    pub(super) fn of(texts: &[String]) -> Self {
        let only =
            (!texts.is_empty()).then(|| texts.iter().filter_map(|text| parse(text)).collect());
        Self { only }
    }

    /// Whether the key may come from there; from nowhere that is known only where it may from everywhere.
    pub(super) fn admit(&self, from: Option<IpAddr>) -> bool {
        let Some(only) = &self.only else { return true };
        from.is_some_and(|from| {
            let from = from.to_canonical();
            only.iter().any(|net| net.contains(&from))
        })
    }
}
