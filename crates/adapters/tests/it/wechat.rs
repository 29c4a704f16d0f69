//! WeChat adapter over HTTP, against the WeChat sandbox and against a misbehaving server.

mod access_token;
mod credentials;
mod errcodes;
mod invalid_responses;
mod login;
mod phone;
mod push;
mod sandbox;
mod secret_leaks;
mod session_key;
pub(crate) mod upstream;

use std::sync::Arc;
use std::time::Duration;

use adapters::wechat::http::{WechatHttp, WechatHttpConfig};
use adapters::wechat::{WechatApp, WechatMiniProgram};
use domain::model::app::name::AppId;
use domain::model::clock::Clock;
use domain::model::identity::{ProviderIdentity, Subject, SubjectKind};
use domain::model::member::phone::PhoneNumber;
use domain::model::secret::{LoginCode, PhoneCode, SessionKey};
use domain::model::timestamp::Timestamp;
use domain::ports::provider::{IdentityProvider, PhoneProvider, ProviderError, ProviderFailure};
use domain::ports::session_keys::SessionKeyOperations;
use serde_json::{Value, json};
use testkit::fake::clock::FixedClock;

use self::upstream::{Reply, Request, body};

const APP_ID: &str = "wx5e8d6c0a4b2f1e37";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OPENID: &str = "oGZUI0egBJY1zhBYw2KhdUfwVJJE";
const SESSION_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";

const LOGIN: &str = "/sns/jscode2session";
const PHONE: &str = "/wxa/business/getuserphonenumber";
const TOKEN: &str = "/cgi-bin/stable_token";

/// Tolerance for deadlines on a busy machine.
const SLACK: Duration = Duration::from_secs(1);

/// Provider of one app for the WeChat at a base URL, and its clock.
struct App {
    program: Arc<WechatMiniProgram>,
    clock: Arc<FixedClock>,
}

impl App {
    fn at(base_url: impl Into<String>) -> Self {
        Self::new(app(), base_url, FixedClock::default())
    }

    fn new(app: WechatApp, base_url: impl Into<String>, clock: FixedClock) -> Self {
        let config = WechatHttpConfig { base_url: base_url.into(), ..Default::default() };
        Self::over(&config, app, Arc::new(clock))
    }

    fn over(http: &WechatHttpConfig, app: WechatApp, clock: Arc<FixedClock>) -> Self {
        let http = WechatHttp::new(http).unwrap();
        Self { program: Arc::new(WechatMiniProgram::new(app, http, clock.clone(), None)), clock }
    }

    async fn login(&self, code: &str) -> Result<ProviderIdentity, ProviderError> {
        self.program.redeem_login_code(&LoginCode::parse(code).unwrap()).await
    }

    async fn phone(&self, code: &str) -> Result<PhoneNumber, ProviderError> {
        self.program.redeem_phone_code(&owner(), &PhoneCode::parse(code).unwrap()).await
    }

    /// Redeems a phone code in a separate task.
    fn spawn_phone(
        &self,
        code: impl Into<String>,
    ) -> tokio::task::JoinHandle<Result<PhoneNumber, ProviderError>> {
        let program = Arc::clone(&self.program);
        let code = code.into();
        tokio::spawn(async move {
            program.redeem_phone_code(&owner(), &PhoneCode::parse(&code).unwrap()).await
        })
    }
}

fn app() -> WechatApp {
    WechatApp {
        app_id: AppId::parse(APP_ID).unwrap(),
        secret: SECRET.into(),
        former_secret: None,
        open_platform: None,
    }
}

/// Subject of the member whose phone code is redeemed.
fn owner() -> Subject {
    Subject {
        namespace: format!("wechat:app:{APP_ID}"),
        kind: SubjectKind::OpenId,
        value: OPENID.into(),
    }
}

fn session_key() -> SessionKey {
    SessionKey::new(SESSION_KEY.into())
}

/// Successful response of `code2Session`.
fn session() -> Value {
    json!({ "session_key": SESSION_KEY, "openid": OPENID })
}

/// Successful response of `getPhoneNumber` at this time.
fn phone_info(now: Timestamp) -> Value {
    json!({ "errcode": 0, "errmsg": "ok", "phone_info": {
        "phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86",
        "watermark": { "timestamp": now.unix_seconds(), "appid": APP_ID },
    } })
}

/// Successful response of `getStableAccessToken`.
fn token(text: &str) -> Value {
    json!({ "access_token": text, "expires_in": 7200 })
}

fn refusal(errcode: i64) -> Value {
    json!({ "errcode": errcode, "errmsg": "no, rid: 66c69111-4157f271-729ca238" })
}

/// Reply of a WeChat where every call succeeds.
fn success(request: &Request) -> Reply {
    match request.path() {
        LOGIN => body(session()),
        PHONE => body(phone_info(FixedClock::default().now())),
        TOKEN => body(token("71_token")),
        other => panic!("unexpected path {other}"),
    }
}

fn failure<T>(outcome: Result<T, ProviderError>) -> ProviderFailure {
    outcome.err().expect("a failure").failure
}

/// Reports whether the outcome is `Unavailable`, with any time to wait.
fn is_unavailable<T>(outcome: &Result<T, ProviderError>) -> bool {
    matches!(outcome, Err(error) if matches!(error.failure, ProviderFailure::Unavailable { .. }))
}
