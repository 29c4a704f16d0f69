//! `menshen healthcheck`: liveness probe for containers without other programs.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::config::Sources;

/// Maximum time to connect, and to respond.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Start and end of the response of a live server.
const LIVE_RESPONSE: [&str; 2] = ["HTTP/1.0 200 OK\r\n", "\r\n\r\n{\"status\":\"live\"}"];

/// Requests `/health/live` from the server at `http.listen`.
///
/// # Errors
/// When the server does not respond as a live one.
pub fn healthcheck(sources: &Sources) -> anyhow::Result<()> {
    let listen: SocketAddr = sources.value("http.listen")?.parse().context("http.listen")?;
    let address = local_address(listen);
    let response = request(address).with_context(|| format!("no response from {address}"))?;
    let status = response.lines().next().unwrap_or_default();
    let [start, end] = LIVE_RESPONSE;
    let is_live = response.starts_with(start) && response.ends_with(end);
    ensure!(is_live, "{address} responded {status:?} to GET /health/live");
    Ok(())
}

/// Returns the address at which this host reaches a server that listens on `listen`.
fn local_address(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Sends the request as HTTP/1.0, so that the response ends with the connection.
fn request(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.write_all(b"GET /health/live HTTP/1.0\r\n\r\n")?;
    let mut response = String::new();
    connection.take(4096).read_to_string(&mut response)?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_listen_address_is_probed_on_loopback() {
        for (listen, probed) in [
            ("0.0.0.0:2020", "127.0.0.1:2020"),
            ("[::]:2020", "[::1]:2020"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(local_address(listen.parse().unwrap()), probed.parse().unwrap());
        }
    }
}
