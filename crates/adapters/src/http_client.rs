//! HTTP client settings shared by all outgoing connections.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

/// Maximum idle time of a pooled connection. It is shorter than the idle timeout of common servers, so that
/// a request is seldom sent into a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// HTTP client without redirects, `Referer` header and environment proxies.
pub(crate) fn client_builder(
    connect_timeout: Duration,
    request_timeout: Duration,
) -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(connect_timeout)
        .timeout(request_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
}

/// Checks that requests to this URL do not leave the machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
}
