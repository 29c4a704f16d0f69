//! The one HTTP client for all apps: how a call leaves, how long it may take, how much may come back.
//!
//! WeChat wants the app secret and the codes in the URL, so every error of reqwest passes `stripped`
//! before anything else sees it.

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
use crate::http_client::{client, is_loopback};
use crate::wechat::metrics::Meters;
use crate::wechat::response::Reply;

/// The largest body read. WeChat's answers to these calls have less than 1 KiB.
const BODY_MAX: usize = 64 * 1024;

/// The end of any call, whatever its caller allows; those who redeem codes allow less.
const CALL_MAX: Duration = Duration::from_secs(5);

/// The way to WeChat. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct WechatHttp {
    client: Client,
    base: Url,
    pub(super) meters: Meters,
}

/// Where WeChat is and how to get there.
#[derive(Clone, Debug)]
pub struct WechatHttpConfig {
    /// `https://api.weixin.qq.com`, or where a stand-in listens. A path is a prefix of every call's.
    pub base_url: String,
    /// A proxy to go through, as URL with `http` or `https`, which may hold a password. None is taken
    /// from the environment.
    pub proxy: Option<SecretString>,
    /// How long connecting may take, TLS included; it is tried twice.
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

/// WeChat cannot be called with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum WechatHttpError {
    /// The base URL is none.
    #[error("the base url is not a url: write it like https://api.weixin.qq.com")]
    NotAUrl,
    /// The base URL says more than where WeChat is.
    #[error(
        "the base url must be scheme, host, port and path alone: remove user, query and fragment"
    )]
    TooMuch,
    /// The secret would travel in the clear.
    #[error(
        "the base url must start with https:// unless the host is localhost, 127.0.0.1 or [::1]"
    )]
    NotSecret,
    /// The proxy is unusable.
    #[error("the proxy must be a url like http://host:3128")]
    Proxy,
    /// The TLS set-up failed.
    #[error("the http client cannot start, mostly for want of the package ca-certificates")]
    Client(#[source] reqwest::Error),
}

impl WechatHttp {
    /// Prepares the way; nothing is called yet.
    pub fn new(config: &WechatHttpConfig) -> Result<Self, WechatHttpError> {
        let base = base_url(&config.base_url)?;
        let client = client(config.connect_timeout, CALL_MAX);
        let client = match &config.proxy {
            None => client,
            Some(proxy) => client.proxy(proxied(proxy)?),
        };
        let client =
            client.build().map_err(|error| WechatHttpError::Client(error.without_url()))?;
        Ok(Self { client, base, meters: Meters::new() })
    }

    /// Shows operators what becomes of all calls, of clones too.
    pub fn register(&self, registry: &mut Registry) {
        self.meters.register(registry);
    }

    /// WeChat's own time, to the second, if it answers at all.
    pub async fn date(&self) -> Option<Timestamp> {
        let response = self.client.head(self.base.clone()).send().await.ok()?;
        let date = httpdate::parse_http_date(response.headers().get(DATE)?.to_str().ok()?).ok()?;
        let millis = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
        i64::try_from(millis).ok().map(Timestamp::from_unix_millis)
    }

    /// Calls with everything in the query.
    pub(super) async fn get(
        &self,
        endpoint: Endpoint,
        query: &[(&str, &str)],
    ) -> Result<Reply, CallError> {
        let request = self.client.get(self.url(endpoint)).query(query);
        self.call(endpoint, request.build()).await
    }

    /// Calls with a JSON body.
    pub(super) async fn post(
        &self,
        endpoint: Endpoint,
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Reply, CallError> {
        let request = self.client.post(self.url(endpoint)).query(query);
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        self.call(endpoint, request.build()).await
    }

    async fn call(
        &self,
        endpoint: Endpoint,
        request: Result<Request, reqwest::Error>,
    ) -> Result<Reply, CallError> {
        let call = self.meters.call(endpoint);
        let outcome = match request {
            Ok(request) => self.exchange(request).await.and_then(|body| Reply::parse(&body)),
            Err(error) => Err(stripped(error)),
        };
        let outcome = outcome.map_err(|cause| cause.at(endpoint));
        let class = outcome.as_ref().map_or_else(CallError::label, |_| "ok");
        tracing::debug!(path = endpoint.path(), elapsed = ?call.elapsed(), class, "WeChat called");
        call.ended(class);
        outcome
    }

    /// Sends the request once. Only a failure to connect, before anything was sent, is tried again.
    async fn exchange(&self, request: Request) -> Result<Vec<u8>, Cause> {
        let again = request.try_clone();
        let response = match (self.client.execute(request).await, again) {
            (Err(error), Some(again)) if error.is_connect() => self.client.execute(again).await,
            (response, _) => response,
        };
        let mut response = response.map_err(stripped)?;
        if response.status() != StatusCode::OK {
            return Err(Cause::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(stripped)? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(Cause::TooLong);
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
        self.meters.last_day()
    }
}

/// Takes the URL out of an error, and with it the secret and the code.
fn stripped(error: reqwest::Error) -> Cause {
    let error = error.without_url();
    if error.is_connect() { Cause::Connect(error) } else { Cause::Exchange(error) }
}

fn base_url(raw: &str) -> Result<Url, WechatHttpError> {
    // The parser's error says little, and the text may hold a password.
    let url = Url::parse(raw).ok().filter(Url::has_host).ok_or(WechatHttpError::NotAUrl)?;
    let user = !url.username().is_empty() || url.password().is_some();
    if user || url.query().is_some() || url.fragment().is_some() {
        return Err(WechatHttpError::TooMuch);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(WechatHttpError::NotSecret),
        _ => Err(WechatHttpError::NotAUrl),
    }
}

fn proxied(proxy: &SecretString) -> Result<Proxy, WechatHttpError> {
    // As above: neither error may show the text.
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
    fn the_secret_leaves_the_machine_encrypted_only() {
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
            assert!(matches!(http(bad), Err(WechatHttpError::NotSecret)), "{bad}");
        }
    }

    #[test]
    fn a_base_url_says_where_wechat_is_and_nothing_more() {
        for bad in ["", "api.weixin.qq.com", "ftp://api.weixin.qq.com", "data:text/plain,x"] {
            assert!(matches!(http(bad), Err(WechatHttpError::NotAUrl)), "{bad}");
        }
        for bad in ["https://user:canary@host", "https://host/?a=canary", "https://host/#canary"] {
            let error = http(bad).unwrap_err();
            assert!(matches!(error, WechatHttpError::TooMuch), "{bad}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn a_path_in_the_base_url_goes_before_every_calls() {
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
    fn a_proxy_is_a_url_and_its_password_stays_hidden() {
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
