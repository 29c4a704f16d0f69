//! Where a request comes from, as far as that can be believed.

use std::net::{IpAddr, SocketAddr};

use salvo::http::HeaderMap;

use crate::config::Proxy;

/// The address of the client: the peer, or, where that is a proxy of ours, the last address in
/// `X-Forwarded-For` that is none.
///
/// Every proxy appends whom it was called by, so only the right end was written by those we trust; what
/// stands further left is the client's own word. No other header counts.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Proxy]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or("?"));
    let mut hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    let mut client = peer.to_canonical();
    while trusted.iter().any(|proxy| proxy.covers(client)) {
        // What cannot be read is as good as nothing: then whoever passed it on is the client.
        let Some(address) = hops.pop().and_then(|hop| address(hop.trim())) else { break };
        client = address;
    }
    client
}

/// An address, with or without port, as proxies write it.
fn address(hop: &str) -> Option<IpAddr> {
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
    fn a_stranger_is_where_they_call_from_whatever_they_say() {
        for forwarded in [&[][..], &["198.51.100.1"], &["10.0.0.1"], &["127.0.0.1, 10.0.0.1"]] {
            assert_eq!(client("203.0.113.7", forwarded), "203.0.113.7");
            assert_eq!(client("::ffff:203.0.113.7", forwarded), "203.0.113.7");
        }
    }

    #[test]
    fn behind_proxies_the_last_address_counts_that_is_none_of_theirs() {
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
    fn where_nothing_more_can_be_read_the_last_one_trusted_is_the_client() {
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
