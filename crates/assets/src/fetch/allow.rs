//! What the configuration lets callers' URLs reach besides public addresses.

use std::{collections::HashSet, net::IpAddr};

use ipnet::IpNet;
use url::Host;

/// Networks and host names that may be reached whatever they are.
#[derive(Debug, Clone, Default)]
pub struct Allow {
    networks: Vec<IpNet>,
    hosts: HashSet<String>,
}

/// An entry that is neither a network nor a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a network such as 10.1.0.0/16 nor an address nor a host's name")]
pub struct BadAllow(pub String);

impl Allow {
    /// Reads `fetch.allow`: networks (`10.1.0.0/16`), addresses and host names.
    ///
    /// # Errors
    /// The first entry that is none of these.
    pub fn parse(entries: &[impl AsRef<str>]) -> Result<Self, BadAllow> {
        let mut allow = Self::default();
        for entry in entries.iter().map(AsRef::as_ref) {
            let address = entry.parse::<IpAddr>().map(IpNet::from);
            if let Ok(network) = entry.parse::<IpNet>().or(address) {
                allow.networks.push(network);
            } else if let Ok(Host::Domain(name)) = Host::parse(entry) {
                allow.hosts.insert(bare(&name).to_owned());
            } else {
                return Err(BadAllow(entry.to_owned()));
            }
        }
        Ok(allow)
    }

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Exactly this name; the URL parser has brought it into lower case.
    pub(super) fn has_host(&self, name: &str) -> bool {
        self.hosts.contains(bare(name))
    }
}

/// Without the dot that may end a name.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_addresses_and_hosts_are_told_apart() {
        let allow = Allow::parse(&["10.1.0.0/16", "::1", "Files.Internal."]).unwrap();
        assert!(allow.has_address("10.1.2.3".parse().unwrap()));
        assert!(!allow.has_address("10.2.2.3".parse().unwrap()));
        assert!(allow.has_address("::1".parse().unwrap()));
        assert!(allow.has_host("files.internal") && allow.has_host("files.internal."));
        assert!(!allow.has_host("x.files.internal") && !allow.has_host("internal"));
        for bad in ["10.0.0.0/33", "a b", "", "http://x", "10.1"] {
            assert_eq!(Allow::parse(&[bad]).err(), Some(BadAllow(bad.to_owned())), "{bad}");
        }
    }
}
