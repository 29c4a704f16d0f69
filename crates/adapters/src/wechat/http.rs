//! HTTP client for WeChat, shared by all apps: requests, timeouts and limits.
//!
//! WeChat requires the app secret and the codes in the URL. Every error of reqwest therefore passes through
//! `strip_url` before any other code sees it.

use std::time::{Duration, UNIX_EPOCH};

use domain::model::provider::call_stats::CallStats;
use domain::model::timestamp::Timestamp;
use domain::ports::provider_stats::ProviderStats;
use prometheus_client::registry::Registry;
use reqwest::header::{CONTENT_TYPE, DATE};
use reqwest::{Client, Proxy, Request, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::call_error::{CallError, Cause};
use super::endpoint::Endpoint;
use crate::http_client::{client_builder, is_loopback};
use crate::wechat::metrics::Metrics;
use crate::wechat::response::Response;

/// Maximum size of a response body in bytes. WeChat's responses to these calls have less than 1 KiB.
const MAX_BODY_SIZE: usize = 64 * 1024;

/// Maximum duration of any call. Operations that redeem codes have shorter timeouts of their own.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTP client for WeChat. Clones are cheap and share the connections.
#[derive(Clone, Debug)]
pub struct WechatHttp {
    client: Client,
    base: Url,
    pub(super) metrics: Metrics,
}

/// Configuration of the HTTP client.
#[derive(Clone, Debug)]
pub struct WechatHttpConfig {
    /// Base URL: `https://api.weixin.qq.com`, or that of a sandbox. Its path is a prefix of every call's path.
    pub base_url: String,
    /// URL of a proxy, with scheme `http` or `https`. It may contain a password. No proxy is taken from the
    /// environment.
    pub proxy: Option<SecretString>,
    /// Maximum time for connecting, including TLS. A failed connection is tried twice.
    pub connect_timeout: Duration,
}

impl Default for WechatHttpConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.weixin.qq.com".to_owned(),
            proxy: None,
            connect_timeout: Duration::from_millis(800),
        }
    }
}

/// Error in the configuration of the HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum WechatHttpError {
    /// The base URL is not an HTTP URL.
    #[error("the base url is not a url: write it like https://api.weixin.qq.com")]
    NotAUrl,
    /// The base URL contains a user, a password, a query or a fragment.
    #[error(
        "the base url must consist of scheme, host, port and path: remove user, query and fragment"
    )]
    ForbiddenPart,
    /// The app secret would be sent unencrypted.
    #[error(
        "the base url must start with https:// unless the host is localhost, 127.0.0.1 or [::1]"
    )]
    InsecureScheme,
    /// The proxy is not an HTTP URL.
    #[error("the proxy must be a url like http://host:3128")]
    Proxy,
    /// TLS cannot be set up.
    #[error("the http client cannot start, usually because the package ca-certificates is missing")]
    Client(#[source] reqwest::Error),
}

impl WechatHttp {
    /// Creates the client without calling WeChat.
    pub fn new(config: &WechatHttpConfig) -> Result<Self, WechatHttpError> {
        let base = parse_base_url(&config.base_url)?;
        let mut builder = client_builder(config.connect_timeout, CALL_TIMEOUT);
        if let Some(proxy) = &config.proxy {
            builder = builder.proxy(parse_proxy(proxy)?);
        }
        let client =
            builder.build().map_err(|error| WechatHttpError::Client(error.without_url()))?;
        Ok(Self { client, base, metrics: Metrics::new() })
    }

    /// Registers the metrics of this client and its clones.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// WeChat's current time, with a resolution of seconds. `None` if WeChat does not respond.
    pub async fn date(&self) -> Option<Timestamp> {
        let response = self.client.head(self.base.clone()).send().await.ok()?;
        let date = httpdate::parse_http_date(response.headers().get(DATE)?.to_str().ok()?).ok()?;
        let millis = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
        i64::try_from(millis).ok().map(Timestamp::from_unix_millis)
    }

    /// Calls an endpoint with all parameters in the query.
    pub(super) async fn get(
        &self,
        endpoint: Endpoint,
        query: &[(&str, &str)],
    ) -> Result<Response, CallError> {
        let request = self.client.get(self.url(endpoint)).query(query);
        self.call(endpoint, request.build()).await
    }

    /// Calls an endpoint with a JSON body.
    pub(super) async fn post(
        &self,
        endpoint: Endpoint,
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Response, CallError> {
        let request = self.client.post(self.url(endpoint)).query(query);
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        self.call(endpoint, request.build()).await
    }

    async fn call(
        &self,
        endpoint: Endpoint,
        request: Result<Request, reqwest::Error>,
    ) -> Result<Response, CallError> {
        let call = self.metrics.start_call(endpoint);
        let outcome = match request {
            Ok(request) => self.send(request).await.and_then(|body| Response::parse(&body)),
            Err(error) => Err(strip_url(error)),
        };
        let outcome = outcome.map_err(|cause| cause.at(endpoint));
        let class = outcome.as_ref().map_or_else(CallError::label, |_| "ok");
        let elapsed = call.elapsed();
        tracing::debug!(path = endpoint.path(), ?elapsed, class, "WeChat call finished");
        call.finish(class);
        outcome
    }

    /// Sends a request once. It is repeated only after a failure to connect, before anything was sent.
    async fn send(&self, request: Request) -> Result<Vec<u8>, Cause> {
        let retry = request.try_clone();
        let response = match (self.client.execute(request).await, retry) {
            (Err(error), Some(retry)) if error.is_connect() => self.client.execute(retry).await,
            (response, _) => response,
        };
        let mut response = response.map_err(strip_url)?;
        if response.status() != StatusCode::OK {
            return Err(Cause::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(strip_url)? {
            if body.len() + chunk.len() > MAX_BODY_SIZE {
                return Err(Cause::ResponseTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn url(&self, endpoint: Endpoint) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), endpoint.path()));
        url
    }
}

impl ProviderStats for WechatHttp {
    fn call_stats(&self) -> CallStats {
        self.metrics.last_day()
    }
}

/// Removes the URL, and with it the secret and the code, from an error.
fn strip_url(error: reqwest::Error) -> Cause {
    let error = error.without_url();
    if error.is_connect() { Cause::Connect(error) } else { Cause::Transport(error) }
}

fn parse_base_url(raw: &str) -> Result<Url, WechatHttpError> {
    // The parser's error is dropped: it gives little detail, and the text may contain a password.
    let url = Url::parse(raw).ok().filter(Url::has_host).ok_or(WechatHttpError::NotAUrl)?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || url.query().is_some() || url.fragment().is_some() {
        return Err(WechatHttpError::ForbiddenPart);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(WechatHttpError::InsecureScheme),
        _ => Err(WechatHttpError::NotAUrl),
    }
}

fn parse_proxy(proxy: &SecretString) -> Result<Proxy, WechatHttpError> {
    // Both errors are dropped, because they may quote the text with its password.
    let url = Url::parse(proxy.expose_secret()).ok().filter(Url::has_host);
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.and_then(|url| Proxy::all(url).ok()).ok_or(WechatHttpError::Proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(base_url: &str) -> Result<WechatHttp, WechatHttpError> {
        WechatHttp::new(&WechatHttpConfig { base_url: base_url.into(), ..Default::default() })
    }

    #[test]
    fn base_url_requires_https_except_on_loopback() {
        for good in [
            "https://api.weixin.qq.com",
            "http://localhost:2021",
            "http://127.0.0.1:2021/wechat/",
            "http://127.9.9.9",
            "http://[::1]:2021",
        ] {
            assert!(http(good).is_ok(), "{good}");
        }
        for bad in ["http://api.weixin.qq.com", "http://10.0.0.1", "http://localhost.evil.example"]
        {
            assert!(matches!(http(bad), Err(WechatHttpError::InsecureScheme)), "{bad}");
        }
    }

    #[test]
    fn base_url_has_no_credentials_query_or_fragment() {
        for bad in ["", "api.weixin.qq.com", "ftp://api.weixin.qq.com", "data:text/plain,x"] {
            assert!(matches!(http(bad), Err(WechatHttpError::NotAUrl)), "{bad}");
        }
        for bad in ["https://user:canary@host", "https://host/?a=canary", "https://host/#canary"] {
            let error = http(bad).unwrap_err();
            assert!(matches!(error, WechatHttpError::ForbiddenPart), "{bad}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn base_url_path_prefixes_every_call() {
        for (base, expected) in [
            ("https://host", "https://host/sns/jscode2session"),
            ("https://host/", "https://host/sns/jscode2session"),
            ("https://host:8443/a/b", "https://host:8443/a/b/sns/jscode2session"),
            ("https://host/a%20b/", "https://host/a%20b/sns/jscode2session"),
        ] {
            let url = http(base).unwrap().url(Endpoint::CodeToSession);
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn proxy_is_a_url_whose_password_is_not_shown() {
        let with = |proxy: &str| {
            let proxy = Some(proxy.into());
            WechatHttp::new(&WechatHttpConfig { proxy, ..Default::default() })
        };
        let config = WechatHttpConfig { proxy: Some("canary".into()), ..Default::default() };
        assert!(!format!("{config:?}").contains("canary"));
        let http = with("http://user:canary@proxy.example:3128").unwrap();
        assert!(!format!("{http:?}").contains("canary"), "{http:?}");
        for bad in ["canary", "socks5://canary:1080", "http://"] {
            let error = with(bad).unwrap_err();
            assert!(matches!(error, WechatHttpError::Proxy), "{bad}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }
}
