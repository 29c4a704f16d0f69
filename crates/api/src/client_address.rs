//! Where a request comes from, as far as that can be believed.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use salvo::http::HeaderMap;

use crate::config::Proxy;

/// The address of the client: the peer, or, where that is a proxy of ours, the last address in
/// `X-Forwarded-For` that is none.
///
/// Every proxy appends whom it was called by, so only the right end was written by those we trust; what
/// stands further left is the client's own word. No other header counts.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Proxy]) -> IpAddr {
    let is_ours = |address: IpAddr| trusted.iter().any(|proxy| proxy.covers(address));
    let mut client = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or("?"));
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    for hop in hops.into_iter().rev() {
        // What cannot be read is as good as nothing: then whoever passed it on is the client.
        match address(hop.trim()) {
            Some(address) if is_ours(client) => client = address,
            Some(_) | None => break,
        }
    }
    client
}

/// An address, with or without port, as proxies write it.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

