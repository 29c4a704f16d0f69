//! `menshen healthcheck`: whether the server beside it lives, for containers that have no other program.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::config::Sources;

/// How long the server may take to connect and to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a server that lives answers to the request below.
const GOOD: [&str; 2] = ["HTTP/1.0 200 OK\r\n", "\r\n\r\n{\"status\":\"live\"}"];

/// Asks the server that listens where this configuration says for `/health/live`.
///
/// # Errors
/// When it does not say that it lives.
pub fn healthcheck(sources: &Sources) -> anyhow::Result<()> {
    let listen: SocketAddr = sources.value("http.listen")?.parse().context("http.listen")?;
    let address = reachable(listen);
    let answer = ask(address).with_context(|| format!("no answer from {address}"))?;
    let status = answer.lines().next().unwrap_or_default();
    let [start, end] = GOOD;
    let good = answer.starts_with(start) && answer.ends_with(end);
    ensure!(good, "{address} answered {status:?} to GET /health/live");
    Ok(())
}

/// Where a server that listens at `listen` is found from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// As HTTP/1.0, so that the answer ends with the connection.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"GET /health/live HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    connection.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_the_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:2020", "127.0.0.1:2020"),
            ("[::]:2020", "[::1]:2020"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
