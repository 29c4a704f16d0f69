//! Address of the client, behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use salvo::http::HeaderMap;

use crate::config::Proxy;

/// Returns the address of the client: the peer, or, if the peer is a trusted proxy, the last address in
/// `X-Forwarded-For` that is not a trusted proxy.
///
/// Each proxy appends the address of its caller. Only the right end is therefore written by trusted
/// proxies; everything to the left may be forged by the client. No other header is used.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Proxy]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or("?"));
    let mut hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    let mut client = peer.to_canonical();
    while trusted.iter().any(|proxy| proxy.covers(client)) {
        // An unreadable entry ends the chain: the proxy that passed it on counts as the client.
        let Some(address) = hops.pop().and_then(|hop| parse_address(hop.trim())) else { break };
        client = address;
    }
    client
}

/// Parses an address with or without port, in the formats of common proxies.
fn parse_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUSTED: [&str; 3] = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"];

    fn client(peer: &str, forwarded_for: &[&str]) -> String {
        let trusted = TRUSTED.map(|proxy| Proxy::parse(proxy).unwrap());
        let lines = forwarded_for
            .iter()
            .map(|line| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap()));
        client_address(peer.parse().unwrap(), &lines.collect(), &trusted).to_string()
    }

    #[test]
    fn untrusted_peer_cannot_forge_its_address() {
        for forwarded in [&[][..], &["198.51.100.1"], &["10.0.0.1"], &["127.0.0.1, 10.0.0.1"]] {
            assert_eq!(client("203.0.113.7", forwarded), "203.0.113.7");
            assert_eq!(client("::ffff:203.0.113.7", forwarded), "203.0.113.7");
        }
    }

    #[test]
    fn last_untrusted_address_behind_trusted_proxies_is_the_client() {
        for (forwarded, is) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            (&["1.1.1.1", "198.51.100.1 , 192.0.2.1"], "198.51.100.1"),
            (&["198.51.100.1,10.9.9.9", "2001:db8::9,[2001:db8::8]:443"], "198.51.100.1"),
            (&["10.1.1.1, 198.51.100.1, 10.2.2.2"], "198.51.100.1"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["[2001:dba::1]:4711"], "2001:dba::1"),
            (&["[2001:dba::1]"], "2001:dba::1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            for peer in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1"] {
                assert_eq!(client(peer, forwarded), is, "{forwarded:?}");
            }
        }
    }

    #[test]
    fn unreadable_entry_makes_the_last_trusted_proxy_the_client() {
        for (forwarded, is) in [
            (&[][..], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["198.51.100.1, unknown"], "10.0.0.1"),
            (&["198.51.100.1, _hidden, 10.0.0.2"], "10.0.0.2"),
            (&["198.51.100.1,,10.0.0.2"], "10.0.0.2"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["\u{e9}"], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", forwarded), is, "{forwarded:?}");
        }
    }
}
