//! Configuration of the HTTP API.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use salvo::http::HeaderValue;
use salvo::http::uri::Uri;

/// Configuration of the HTTP API.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Maximum size of a request body in bytes (default 64 KiB).
    pub body_limit: usize,
    /// Maximum time for receiving a request body (default 5 s).
    pub body_timeout: Duration,
    /// Maximum duration of a login (default 4 s). WeChat aborts requests 5 s after the mini program went
    /// to the background.
    pub login_deadline: Duration,
    /// Origins whose pages may call the API from a browser (default: none).
    pub cors_origins: Vec<Origin>,
    /// Proxies whose `X-Forwarded-For` is trusted (default: none).
    pub trusted_proxies: Vec<Proxy>,
    /// True if the metrics need no authentication (default: false).
    pub public_metrics: bool,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            body_limit: 64 * 1024,
            body_timeout: Duration::from_secs(5),
            login_deadline: Duration::from_secs(4),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            public_metrics: false,
        }
    }
}

/// Origin of web pages: scheme, host and optional port, as browsers send it in `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// Error for a text that is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin consists of http:// or https://, a host in lower case and an optional port")]
pub struct MalformedOrigin;

impl Origin {
    /// Parses a configured origin such as `https://admin.example.com`.
    ///
    /// `*` and `null` are rejected: allowed origins must be named.
    pub fn parse(raw: &str) -> Result<Self, MalformedOrigin> {
        let uri: Uri = raw.parse().map_err(|_| MalformedOrigin)?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority =
            uri.authority().filter(|a| !a.as_str().contains('@')).ok_or(MalformedOrigin)?;
        // The `Origin` header is compared byte by byte.
        let canonical = format!("{scheme}://{authority}").to_ascii_lowercase();
        if !matches!(scheme, "http" | "https") || canonical != raw {
            return Err(MalformedOrigin);
        }
        HeaderValue::from_str(raw).map(Self).map_err(|_| MalformedOrigin)
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Address of a trusted proxy, or network of trusted proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy(IpNet);

/// Error for a text that is not a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is an IP address or a network such as 10.0.0.0/8, but not the whole internet")]
pub struct MalformedProxy;

impl Proxy {
    /// Parses a configured address or network.
    pub fn parse(raw: &str) -> Result<Self, MalformedProxy> {
        let network = raw.parse::<IpAddr>().map(|address| address.to_canonical().into());
        let network = network.ok().or_else(|| raw.parse::<IpNet>().ok());
        network.filter(|network| network.prefix_len() > 0).map(Self).ok_or(MalformedProxy)
    }

    pub(crate) fn covers(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_format() {
        for good in [
            "https://a.example",
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "http://[::1]:80",
        ] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "a.example",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "https://A.example",
            "HTTPS://a.example",
            "ftp://a.example",
            "https://u@a.example",
            "https://a.example?x",
            "https://a b",
            "https://a.example\r\nx: y",
        ] {
            assert_eq!(Origin::parse(bad), Err(MalformedOrigin), "{bad:?}");
        }
    }

    #[test]
    fn proxy_is_an_address_or_a_network_but_not_the_whole_internet() {
        for good in ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "::ffff:10.0.0.1"] {
            assert!(Proxy::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "*", "0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0", "proxy.example", " ::1"]
        {
            assert_eq!(Proxy::parse(bad), Err(MalformedProxy), "{bad:?}");
        }
    }
}
