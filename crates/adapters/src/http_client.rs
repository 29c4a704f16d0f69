//! How HTTP clients of ours are made, so that nothing leaks on the way.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

/// How long an unused connection is kept: less than servers do, so that a request is seldom sent into
/// one that is just being closed.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A client that goes where it is sent and nowhere else, says nothing of where it was, and asks no proxy
/// but those it is given.
pub(crate) fn client(connect: Duration, whole: Duration) -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(connect)
        .timeout(whole)
        .pool_idle_timeout(IDLE_MAX)
}

/// Whether what is sent there does not leave the machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
}
