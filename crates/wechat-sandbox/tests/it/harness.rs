//! Test harness: a sandbox per test, an HTTP client and common calls.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::request::Builder;
use ureq::http::{Method, Request};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, LONE_APP, LONE_SECRET, MAIN_APP, MAIN_SECRET};

/// HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// `errcode`; zero if absent, as in WeChat.
    pub(crate) fn errcode(&self) -> i64 {
        self.json().get("errcode").map_or(0, |code| code.as_i64().unwrap())
    }

    pub(crate) fn errmsg(&self) -> String {
        self.json()["errmsg"].as_str().unwrap().to_owned()
    }

    pub(crate) fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.text)).to_owned()
    }
}

/// Sends a call and fails after `timeout`.
pub(crate) async fn call(
    method: Method,
    url: String,
    body: Option<String>,
    timeout: Duration,
) -> Result<Reply, String> {
    send(Request::builder().method(method).uri(url), body, timeout).await
}

async fn send(request: Builder, body: Option<String>, timeout: Duration) -> Result<Reply, String> {
    let call = move || -> Result<Reply, ureq::Error> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(timeout))
            .allow_non_standard_methods(true)
            .build()
            .new_agent();
        let mut answer = match body {
            Some(body) => agent.run(request.body(body)?)?,
            None => agent.run(request.body(())?)?,
        };
        let content_type = answer.headers().get("content-type");
        Ok(Reply {
            status: answer.status().as_u16(),
            content_type: content_type.map_or("", |value| value.to_str().unwrap()).to_owned(),
            text: answer.body_mut().read_to_string()?,
        })
    };
    tokio::task::spawn_blocking(call).await.unwrap().map_err(|error| error.to_string())
}

/// Sandbox of one test.
pub(crate) struct Harness {
    pub(crate) sandbox: Sandbox,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self { sandbox: Sandbox::start(config).await.unwrap() }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&str>) -> Reply {
        let request = Request::builder().method(method).uri(self.url(path));
        let body = body.map(ToOwned::to_owned);
        send(request, body, Duration::from_secs(10)).await.unwrap()
    }

    /// Sends a GET with an `Accept` header.
    pub(crate) async fn get_accepting(&self, accept: &str, path: &str) -> Reply {
        let request = Request::get(self.url(path)).header("accept", accept);
        send(request, None, Duration::from_secs(10)).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, Some(&body.to_string())).await
    }

    pub(crate) fn code(&self, user: &str) -> String {
        self.sandbox.login_code(user, MAIN_APP).unwrap()
    }

    pub(crate) async fn redeem(&self, code: &str) -> Reply {
        self.redeem_in(MAIN_APP, MAIN_SECRET, code).await
    }

    pub(crate) async fn redeem_in(&self, app_id: &str, secret: &str, code: &str) -> Reply {
        self.get(&format!(
            "/sns/jscode2session?appid={app_id}&secret={secret}&js_code={code}\
             &grant_type=authorization_code"
        ))
        .await
    }

    /// Logs a user in and returns WeChat's answer.
    pub(crate) async fn login(&self, user: &str) -> Reply {
        let reply = self.redeem(&self.code(user)).await;
        assert_eq!(reply.errcode(), 0, "{reply:?}");
        reply
    }

    pub(crate) async fn stable(&self, force: bool) -> Reply {
        let body = json!({
            "grant_type": "client_credential",
            "appid": MAIN_APP,
            "secret": MAIN_SECRET,
            "force_refresh": force,
        });
        self.post("/cgi-bin/stable_token", &body).await
    }

    pub(crate) async fn token(&self) -> String {
        self.stable(false).await.field("access_token")
    }

    pub(crate) async fn lone_token(&self) -> String {
        let query = format!("grant_type=client_credential&appid={LONE_APP}&secret={LONE_SECRET}");
        self.get(&format!("/cgi-bin/token?{query}")).await.field("access_token")
    }

    /// Makes a cheap call that checks the token.
    pub(crate) async fn try_token(&self, token: &str) -> Reply {
        self.get(&format!("/cgi-bin/get_api_domain_ip?access_token={token}")).await
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.sandbox.advance(Duration::from_secs(seconds));
    }

    /// Checks that a text is a request id of the current time.
    pub(crate) fn is_rid(&self, rid: &str) -> bool {
        let groups: Vec<_> = rid.split('-').collect();
        let is_well_formed = groups.len() == 3
            && groups.iter().all(|g| g.len() == 8 && g.bytes().all(|b| b.is_ascii_hexdigit()));
        let time = u64::from_str_radix(groups[0], 16).unwrap_or_default();
        is_well_formed && self.sandbox.now().abs_diff(time) <= 10
    }
}

/// Signs the empty string with a session key, as `checksession` requires.
pub(crate) fn sign(session_key: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(session_key.as_bytes()).unwrap();
    hex(&mac.finalize().into_bytes())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
