//! What is configurable about the HTTP side.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use salvo::http::HeaderValue;
use salvo::http::uri::Uri;

/// What is configurable about the HTTP side.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The longest request body, in bytes.
    pub body_limit: usize,
    /// How long a request body may take to arrive.
    pub body_timeout: Duration,
    /// When a login is answered at the latest. WeChat cuts a request 5 s after its mini program goes
    /// to the background.
    pub login_deadline: Duration,
    /// Whose pages may call from a browser; nobody's by default.
    pub cors_origins: Vec<Origin>,
    /// Whose word in `X-Forwarded-For` is believed; nobody's by default.
    pub trusted_proxies: Vec<Proxy>,
    /// Whether anyone may read the metrics, without a service key.
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

/// Where pages come from: scheme, host and perhaps port, as a browser sends it in `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// The text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is http:// or https://, a host in lower case and perhaps a port, nothing more")]
pub struct MalformedOrigin;

impl Origin {
    /// Takes an origin as configured, e.g. `https://admin.example.com`.
    ///
    /// Neither `*` nor `null` is one: who may call is named.
    pub fn parse(raw: &str) -> Result<Self, MalformedOrigin> {
        let uri: Uri = raw.parse().map_err(|_| MalformedOrigin)?;
        let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority());
        let authority = authority.filter(|a| !a.as_str().contains('@')).ok_or(MalformedOrigin)?;
        // What a browser sends is compared byte by byte.
        let canonical = format!("{scheme}://{authority}").to_ascii_lowercase();
        if matches!(scheme, "http" | "https") && canonical == raw {
            HeaderValue::from_str(raw).map(Self).map_err(|_| MalformedOrigin)
        } else {
            Err(MalformedOrigin)
        }
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// A proxy of the operator's own, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy(IpNet);

/// The text is no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is an address, or a network as in 10.0.0.0/8, which cannot be everybody")]
pub struct MalformedProxy;

impl Proxy {
    /// Takes an address or a network as configured.
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
    fn an_origin_is_what_a_browser_sends() {
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
    fn a_proxy_is_an_address_or_a_network_but_not_everybody() {
        for good in ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "::ffff:10.0.0.1"] {
            assert!(Proxy::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "*", "0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0", "proxy.example", " ::1"]
        {
            assert_eq!(Proxy::parse(bad), Err(MalformedProxy), "{bad:?}");
        }
    }
}
