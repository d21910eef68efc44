//! Where a request came from, behind proxies too.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use ipnet::IpNet;

use super::State;

/// Where proxies write whom they speak for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The caller's address: the peer's, or what a trusted proxy says of it. None where the request came by
/// no network.
pub(super) fn address(request: &HttpRequest, state: &State) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let lines: Vec<&[u8]> = request
        .headers()
        .get_all(FORWARDED_FOR)
        .map(actix_web::http::header::HeaderValue::as_bytes)
        .collect();
    Some(behind(peer, &lines, &state.trusted_proxies))
}

/// Each proxy writes whom it heard at the end of the list, so it is walked from its end for as long as
/// the one who wrote is trusted: what stands before the first stranger is that stranger's own claim.
/// What is no address ends the walk.
fn behind(peer: IpAddr, lines: &[&[u8]], trusted: &[IpNet]) -> IpAddr {
    let mut parts = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    // A socket for both protocols tells IPv4 peers in IPv6's clothes; networks are written plainly.
    let mut known = peer.to_canonical();
    while trusted.iter().any(|network| network.contains(&known)) {
        match parts.next().and_then(parse) {
            Some(before) => known = before.to_canonical(),
            None => break,
        }
    }
    known
}

/// An address as proxies write it: some add the port, and then IPv6 is in brackets.
fn parse(part: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(part).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        behind(peer.parse().unwrap(), &lines, &trusted).to_string()
    }

    #[test]
    fn a_stranger_is_who_it_is_whatever_it_claims() {
        assert_eq!(found("203.0.113.9", &["10.0.0.1"]), "203.0.113.9");
        assert_eq!(found("203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn behind_trusted_proxies_the_first_stranger_from_the_right_counts() {
        for (lines, wanted) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["1.2.3.4, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
            (&["1.2.3.4", "198.51.100.7", "10.9.9.9"], "198.51.100.7"),
            (&["198.51.100.7:5123,[fd00::1]:80"], "198.51.100.7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
        ] {
            assert_eq!(found("10.0.0.2", lines), wanted, "{lines:?}");
        }
        assert_eq!(found("::ffff:10.0.0.2", &["198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn the_walk_ends_at_the_last_address_that_is_one() {
        for (lines, wanted) in [
            (&[][..], "10.0.0.2"),
            (&["10.0.0.3, 10.0.0.4"], "10.0.0.3"),
            (&["198.51.100.7, unknown"], "10.0.0.2"),
            (&["198.51.100.7, unknown, 10.0.0.4"], "10.0.0.4"),
            (&["198.51.100.7,,10.0.0.4"], "10.0.0.4"),
            (&["", "10.0.0.4"], "10.0.0.4"),
            (&["198.51.100.300"], "10.0.0.2"),
        ] {
            assert_eq!(found("10.0.0.2", lines), wanted, "{lines:?}");
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let odd: &[&[u8]] = &[b"198.51.100.7, \xff"];
        assert_eq!(behind("10.0.0.2".parse().unwrap(), odd, &trusted).to_string(), "10.0.0.2");
    }
}
