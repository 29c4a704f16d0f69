//! The WeChat adapter on the wire: against the offline WeChat, and against a server that misbehaves.

mod broken;
mod credentials;
mod errcodes;
mod login;
mod phone;
mod push;
mod sandbox;
mod secrets;
mod session_key;
mod token;
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

/// What a busy machine may add to a deadline before a test calls it missed.
const SLACK: Duration = Duration::from_secs(1);

/// One app at the WeChat of this address, and the clock it goes by.
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

    /// A phone call in a task of its own.
    fn spawn_phone(
        &self,
        code: impl Into<String>,
    ) -> tokio::task::JoinHandle<Result<PhoneNumber, ProviderError>> {
        let (program, code) = (Arc::clone(&self.program), code.into());
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

/// The member whose phone is asked for.
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

/// What code2Session answers when all is well.
fn session() -> Value {
    json!({ "session_key": SESSION_KEY, "openid": OPENID })
}

/// What getPhoneNumber answers when all is well, at this time.
fn phone_info(now: Timestamp) -> Value {
    json!({ "errcode": 0, "errmsg": "ok", "phone_info": {
        "phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86",
        "watermark": { "timestamp": now.unix_seconds(), "appid": APP_ID },
    } })
}

/// What getStableAccessToken answers when all is well.
fn token(text: &str) -> Value {
    json!({ "access_token": text, "expires_in": 7200 })
}

fn refusal(errcode: i64) -> Value {
    json!({ "errcode": errcode, "errmsg": "no, rid: 66c69111-4157f271-729ca238" })
}

/// A WeChat at which everything succeeds.
fn well(request: &Request) -> Reply {
    match request.path() {
        LOGIN => body(session()),
        PHONE => body(phone_info(FixedClock::default().now())),
        TOKEN => body(token("71_token")),
        other => panic!("nobody calls {other}"),
    }
}

fn failure<T>(outcome: Result<T, ProviderError>) -> ProviderFailure {
    outcome.err().expect("a failure").failure
}

/// Whether it is the failure of a WeChat that is down, whatever the time to wait.
fn is_unavailable<T>(outcome: &Result<T, ProviderError>) -> bool {
    matches!(outcome, Err(error) if matches!(error.failure, ProviderFailure::Unavailable { .. }))
}
