//! WeChat mini programs: who a login code belongs to, and which phone number a phone code stands for.
//!
//! A code works once, and WeChat may have taken it even when its answer never came. So a call is
//! repeated only when the code surely was not taken (no connection, a refused access token), or once
//! when WeChat says itself that it was too busy.

pub mod access_token_cache;
pub mod endpoint;
pub mod errcode;
pub mod http;
mod metrics;
pub mod push;
mod response;
mod session_key;

pub(crate) mod access_token;
mod call_error;
mod credentials;
mod open_data;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::app::name::AppId;
use domain::model::clock::Clock;
use domain::model::identity::{AccountKind, ProviderIdentity, Subject, SubjectKind};
use domain::model::member::phone::PhoneNumber;
use domain::model::secret::{LoginCode, PhoneCode, SessionKey};
use domain::ports::provider::{IdentityProvider, PhoneProvider, ProviderError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use self::access_token::TokenBroker;
use self::call_error::{CallError, Cause};
use self::credentials::Credentials;
use self::endpoint::Endpoint;
use self::errcode::Class;
use self::http::WechatHttp;
use crate::wechat::access_token_cache::TokenShelf;
use crate::wechat::response::{Phone, Reply};

/// A login is answered within two seconds, and a bit of that is for us.
const LOGIN_MAX: Duration = Duration::from_millis(1900);

/// What takes an access token is answered within one and a half.
const TOKEN_CALL_MAX: Duration = Duration::from_millis(1400);

/// A second try that would have less time than this is not made.
const TRY_MIN: Duration = Duration::from_millis(300);

/// How far from our clock the user may have pressed the phone button, by WeChat's: the five minutes
/// that a phone code lives, and as much for the clocks.
const WATERMARK_MAX: Duration = Duration::from_mins(10);

/// The longest code taken, in bytes. WeChat's login codes have 32, its phone codes 64.
const CODE_MAX: usize = 128;

/// One mini program, as registered with WeChat.
#[derive(Debug)]
pub struct WechatApp {
    /// Its app id.
    pub app_id: AppId,
    /// Its app secret.
    pub secret: SecretString,
    /// The secret before, while it is not known which of the two WeChat takes: where one is refused, the
    /// other is tried.
    pub former_secret: Option<SecretString>,
    /// The name of the group of apps whose union ids are comparable, being bound to one Open Platform
    /// account; none when there is no such group.
    pub open_platform: Option<String>,
}

/// The users of one mini program.
///
/// They log in by openid, in the namespace `wechat:app:{app_id}`. Their union id is an alias in
/// `wechat:open:{open_platform}`, or in the app's own namespace where the app belongs to no group.
pub struct WechatMiniProgram {
    app_id: AppId,
    open_platform: Option<String>,
    credentials: Arc<Credentials>,
    http: WechatHttp,
    clock: Arc<dyn Clock>,
    tokens: TokenBroker,
}

impl WechatMiniProgram {
    /// Joins an app with the way to WeChat; nothing is called yet. Its access tokens are those of all who have
    /// the same `shelf`.
    #[must_use]
    pub fn new(
        app: WechatApp,
        http: WechatHttp,
        clock: Arc<dyn Clock>,
        shelf: Option<Arc<dyn TokenShelf>>,
    ) -> Self {
        let credentials = Arc::new(Credentials::new(&app));
        let WechatApp { app_id, open_platform, .. } = app;
        let (id, shown) = (app_id.clone(), Arc::clone(&credentials));
        let tokens = TokenBroker::new(id, shown, http.clone(), Arc::clone(&clock), shelf);
        Self { app_id, open_platform, credentials, http, clock, tokens }
    }

    /// Finds out whether WeChat knows the app by its id and secret, by way of its access token.
    pub async fn check(&self) -> Result<(), ProviderError> {
        let failed =
            |error: Arc<CallError>| ProviderError::new(error.failure(self.clock.now()), error);
        self.tokens.get().await.map(drop).map_err(failed)
    }

    async fn redeem_login(&self, code: &str) -> Result<ProviderIdentity, CallError> {
        let mut turn = self.credentials.turn();
        loop {
            let outcome = self.redeem_login_with(turn.secret(), code).await;
            turn = match turn.next(&outcome) {
                Some(other) => other,
                None => return outcome,
            };
        }
    }

    async fn redeem_login_with(
        &self,
        secret: &SecretString,
        code: &str,
    ) -> Result<ProviderIdentity, CallError> {
        let query = [
            ("appid", self.app_id.as_str()),
            ("secret", secret.expose_secret()),
            ("js_code", code),
            ("grant_type", "authorization_code"),
        ];
        let reply = self.http.get(Endpoint::CodeToSession, &query).await?;
        let session = reply.session().map_err(|cause| cause.at(Endpoint::CodeToSession))?;
        let alias = session.union_id.map(|value| Subject {
            namespace: self.union_namespace(),
            kind: SubjectKind::UnionId,
            value,
        });
        Ok(ProviderIdentity {
            subject: Subject {
                namespace: self.namespace(),
                kind: SubjectKind::OpenId,
                value: session.openid,
            },
            aliases: alias.into_iter().collect(),
            standing: AccountKind::User,
            session_key: Some(SessionKey::new(session.key)),
        })
    }

    /// WeChat checks for itself that the code is the openid's.
    async fn redeem_phone(&self, openid: &str, code: &str) -> Result<PhoneNumber, CallError> {
        let at = Endpoint::PhoneNumber;
        let token = self.token(at).await?;
        let query = [("access_token", token.expose_secret())];
        let body = json!({ "code": code, "openid": openid });
        let answer = self.heeding(&token, self.http.post(at, &query, &body).await)?;
        let phone = answer.phone().and_then(|phone| self.trusted(phone));
        phone.map_err(|cause| cause.at(at))
    }

    /// The app's access token.
    async fn token(&self, at: Endpoint) -> Result<SecretString, CallError> {
        self.tokens.get().await.map_err(|error| Cause::NoToken(error).at(at))
    }

    /// The answer to a call with this token, which is not used again if it was refused.
    fn heeding(
        &self,
        token: &SecretString,
        answer: Result<Reply, CallError>,
    ) -> Result<Reply, CallError> {
        if answer.as_ref().is_err_and(|error| error.class() == Some(Class::StaleToken)) {
            self.tokens.reject(token);
        }
        answer
    }

    /// The number, if WeChat gave it to this app a moment ago.
    fn trusted(&self, phone: Phone) -> Result<PhoneNumber, Cause> {
        let age = self.clock.now().unix_seconds().abs_diff(phone.stamped_at);
        if phone.app_id != self.app_id.as_str() {
            Err(Cause::Untrusted("the phone number was given to another app"))
        } else if age > WATERMARK_MAX.as_secs() {
            Err(Cause::Untrusted("the phone number was given at another time"))
        } else {
            Ok(phone.number)
        }
    }

    /// The openid of a user of this app.
    fn openid<'a>(&self, user: &'a Subject) -> Result<&'a str, Cause> {
        let ours = user.kind == SubjectKind::OpenId && user.namespace == self.namespace();
        ours.then_some(user.value.as_str()).ok_or(Cause::ForeignUser)
    }

    /// The namespace of its users' openids.
    #[must_use]
    pub fn namespace(&self) -> String {
        namespace(&self.app_id)
    }

    fn union_namespace(&self) -> String {
        let group = self.open_platform.as_ref();
        group.map_or_else(|| self.namespace(), |group| format!("wechat:open:{group}"))
    }
}

#[async_trait]
impl IdentityProvider for WechatMiniProgram {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        let at = Endpoint::CodeToSession;
        let redeemed = async {
            let code = possible(code.expose()).map_err(|cause| cause.at(at))?;
            twice_at_most(at, LOGIN_MAX, || self.redeem_login(code)).await
        };
        redeemed.await.map_err(|error| error.report(self.clock.now()))
    }
}

#[async_trait]
impl PhoneProvider for WechatMiniProgram {
    async fn redeem_phone_code(
        &self,
        owner: &Subject,
        code: &PhoneCode,
    ) -> Result<PhoneNumber, ProviderError> {
        let at = Endpoint::PhoneNumber;
        let redeemed = async {
            let code = possible(code.expose()).map_err(|cause| cause.at(at))?;
            let openid = self.openid(owner).map_err(|cause| cause.at(at))?;
            twice_at_most(at, TOKEN_CALL_MAX, || self.redeem_phone(openid, code)).await
        };
        redeemed.await.map_err(|error| error.report(self.clock.now()))
    }
}

/// Where the openids of an app mean something.
#[must_use]
pub fn namespace(app_id: &AppId) -> String {
    format!("wechat:app:{}", app_id.as_str())
}

/// Refuses, without a call, what WeChat cannot have given out: its codes are letters and digits, and
/// URL-safe signs at most.
fn possible(code: &str) -> Result<&str, Cause> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let possible = (1..=CODE_MAX).contains(&code.len()) && code.bytes().all(allowed);
    if possible { Ok(code) } else { Err(Cause::ImpossibleCode) }
}

/// Asks, and asks again at most once: when the access token was refused, and so the code not looked at,
/// or when WeChat was too busy. All of it within `limit`; an answer that comes later is not waited for.
async fn twice_at_most<T, F: Future<Output = Result<T, CallError>>>(
    at: Endpoint,
    limit: Duration,
    ask: impl Fn() -> F,
) -> Result<T, CallError> {
    let deadline = Instant::now() + limit;
    let asked = async {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if error.class() == Some(Class::StaleToken) {
            ask().await
        } else if error.class() == Some(Class::Busy) && breath(deadline).await {
            ask().await.map_err(CallError::after_busy)
        } else {
            Err(error)
        }
    };
    timeout_at(deadline, asked).await.unwrap_or_else(|_late| Err(Cause::Slow(limit).at(at)))
}

/// Pauses for 50 to 150 ms, so that not all who were turned away come back at once. False, and at once,
/// when too little time would be left.
async fn breath(deadline: Instant) -> bool {
    let chance = RandomState::new().hash_one(()) % 100;
    let pause = Duration::from_millis(50 + chance);
    let worth_it = Instant::now() + pause + TRY_MIN <= deadline;
    if worth_it {
        sleep(pause).await;
    }
    worth_it
}
