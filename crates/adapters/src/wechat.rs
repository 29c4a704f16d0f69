//! Identity and phone provider for WeChat mini programs: redeems login codes and phone codes.
//!
//! A code can be redeemed once, and WeChat may have redeemed it even if its response is lost. A call is therefore
//! repeated only if the code was certainly not redeemed (no connection, a rejected access token), or once if
//! WeChat reports that it is too busy.

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
use crate::wechat::access_token_cache::AccessTokenCache;
use crate::wechat::response::{Phone, Response};

/// Maximum duration of redeeming a login code. A login takes at most two seconds, including the time of this
/// service.
const LOGIN_TIMEOUT: Duration = Duration::from_millis(1900);

/// Maximum duration of an operation that needs an access token. The request takes at most 1.5 seconds.
const TOKEN_CALL_TIMEOUT: Duration = Duration::from_millis(1400);

/// Minimum time left for a second attempt. With less time the call is not repeated.
const MIN_RETRY_BUDGET: Duration = Duration::from_millis(300);

/// Maximum difference between the local clock and the time in a watermark: the five minutes that a phone code is
/// valid, and as much again for the difference of the clocks.
const MAX_WATERMARK_AGE: Duration = Duration::from_mins(10);

/// Maximum length of a code in bytes. WeChat's login codes have 32, its phone codes 64.
const MAX_CODE_LENGTH: usize = 128;

/// Mini program as registered with WeChat.
#[derive(Debug)]
pub struct WechatApp {
    /// App id.
    pub app_id: AppId,
    /// App secret.
    pub secret: SecretString,
    /// Former app secret during a rotation. If WeChat rejects one of the two secrets, the other one is tried.
    pub former_secret: Option<SecretString>,
    /// Name of the group of apps bound to one Open Platform account, whose union ids are comparable. `None` if the
    /// app belongs to no group.
    pub open_platform: Option<String>,
}

/// Provider for the users of one mini program.
///
/// A user's subject is the openid, in the namespace `wechat:app:{app_id}`. The union id is an alias in
/// `wechat:open:{open_platform}`, or in the app's own namespace if the app belongs to no group.
pub struct WechatMiniProgram {
    app_id: AppId,
    open_platform: Option<String>,
    credentials: Arc<Credentials>,
    http: WechatHttp,
    clock: Arc<dyn Clock>,
    tokens: TokenBroker,
}

impl WechatMiniProgram {
    /// Creates the provider without calling WeChat. Access tokens are shared with all users of `access_token_cache`.
    #[must_use]
    pub fn new(
        app: WechatApp,
        http: WechatHttp,
        clock: Arc<dyn Clock>,
        access_token_cache: Option<Arc<dyn AccessTokenCache>>,
    ) -> Self {
        let credentials = Arc::new(Credentials::new(&app));
        let WechatApp { app_id, open_platform, .. } = app;
        let tokens = TokenBroker::new(
            app_id.clone(),
            Arc::clone(&credentials),
            http.clone(),
            Arc::clone(&clock),
            access_token_cache,
        );
        Self { app_id, open_platform, credentials, http, clock, tokens }
    }

    /// Checks app id and secret by fetching an access token.
    pub async fn check_credentials(&self) -> Result<(), ProviderError> {
        let provider_error =
            |error: Arc<CallError>| ProviderError::new(error.failure(self.clock.now()), error);
        self.tokens.get().await.map(drop).map_err(provider_error)
    }

    async fn redeem_login(&self, code: &str) -> Result<ProviderIdentity, CallError> {
        let mut attempt = self.credentials.first_attempt();
        loop {
            let outcome = self.redeem_login_with_secret(attempt.secret(), code).await;
            attempt = match attempt.next(&outcome) {
                Some(other) => other,
                None => return outcome,
            };
        }
    }

    async fn redeem_login_with_secret(
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
        let response = self.http.get(Endpoint::CodeToSession, &query).await?;
        let session = response.session().map_err(|cause| cause.at(Endpoint::CodeToSession))?;
        let alias = session.union_id.map(|value| Subject {
            namespace: self.union_id_namespace(),
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
            account_kind: AccountKind::User,
            session_key: Some(SessionKey::new(session.key)),
        })
    }

    /// Redeems a phone code. WeChat itself verifies that the code belongs to the openid.
    async fn redeem_phone(&self, openid: &str, code: &str) -> Result<PhoneNumber, CallError> {
        let endpoint = Endpoint::PhoneNumber;
        let token = self.access_token(endpoint).await?;
        let query = [("access_token", token.expose_secret())];
        let body = json!({ "code": code, "openid": openid });
        let result = self.http.post(endpoint, &query, &body).await;
        let response = self.reject_stale_token(&token, result)?;
        let phone = response.phone().and_then(|phone| self.check_watermark(phone));
        phone.map_err(|cause| cause.at(endpoint))
    }

    /// Access token of the app, for a call of `endpoint`.
    async fn access_token(&self, endpoint: Endpoint) -> Result<SecretString, CallError> {
        self.tokens.get().await.map_err(|error| Cause::NoToken(error).at(endpoint))
    }

    /// Returns the result unchanged, after discarding the token if WeChat rejected it.
    fn reject_stale_token(
        &self,
        token: &SecretString,
        result: Result<Response, CallError>,
    ) -> Result<Response, CallError> {
        if result.as_ref().is_err_and(|error| error.class() == Some(Class::StaleToken)) {
            self.tokens.reject(token);
        }
        result
    }

    /// Returns the number if its watermark names this app and a recent time.
    fn check_watermark(&self, phone: Phone) -> Result<PhoneNumber, Cause> {
        if phone.app_id != self.app_id.as_str() {
            return Err(Cause::Untrusted("the phone number was issued to another app"));
        }
        let age = self.clock.now().unix_seconds().abs_diff(phone.stamped_at);
        if age > MAX_WATERMARK_AGE.as_secs() {
            return Err(Cause::Untrusted("the phone number was issued at another time"));
        }
        Ok(phone.number)
    }

    /// Openid of a user of this app.
    fn openid_of<'a>(&self, user: &'a Subject) -> Result<&'a str, Cause> {
        if user.kind != SubjectKind::OpenId || user.namespace != self.namespace() {
            return Err(Cause::OtherAppsUser);
        }
        Ok(user.value.as_str())
    }

    /// Namespace of the openids of this app.
    #[must_use]
    pub fn namespace(&self) -> String {
        namespace(&self.app_id)
    }

    fn union_id_namespace(&self) -> String {
        let group = self.open_platform.as_ref();
        group.map_or_else(|| self.namespace(), |group| format!("wechat:open:{group}"))
    }
}

#[async_trait]
impl IdentityProvider for WechatMiniProgram {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        let endpoint = Endpoint::CodeToSession;
        let redeemed = async {
            let code = check_code_format(code.expose()).map_err(|cause| cause.at(endpoint))?;
            retry_once(endpoint, LOGIN_TIMEOUT, || self.redeem_login(code)).await
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
        let endpoint = Endpoint::PhoneNumber;
        let redeemed = async {
            let code = check_code_format(code.expose()).map_err(|cause| cause.at(endpoint))?;
            let openid = self.openid_of(owner).map_err(|cause| cause.at(endpoint))?;
            retry_once(endpoint, TOKEN_CALL_TIMEOUT, || self.redeem_phone(openid, code)).await
        };
        redeemed.await.map_err(|error| error.report(self.clock.now()))
    }
}

/// Namespace of the openids of an app.
#[must_use]
pub fn namespace(app_id: &AppId) -> String {
    format!("wechat:app:{}", app_id.as_str())
}

/// Rejects, without a call, a text that WeChat cannot have issued as a code: its codes consist of letters, digits
/// and URL-safe signs.
fn check_code_format(code: &str) -> Result<&str, Cause> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !(1..=MAX_CODE_LENGTH).contains(&code.len()) || !code.bytes().all(is_allowed) {
        return Err(Cause::MalformedCode);
    }
    Ok(code)
}

/// Performs a call, and repeats it at most once: if the access token was rejected, so that WeChat did not look at
/// the code, or if WeChat was too busy. Both attempts together take at most `timeout`; a later response is dropped.
async fn retry_once<T, F: Future<Output = Result<T, CallError>>>(
    endpoint: Endpoint,
    timeout: Duration,
    call: impl Fn() -> F,
) -> Result<T, CallError> {
    let deadline = Instant::now() + timeout;
    let attempts = async {
        let error = match call().await {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        if error.class() == Some(Class::StaleToken) {
            call().await
        } else if error.class() == Some(Class::Busy) && back_off(deadline).await {
            call().await.map_err(CallError::after_busy)
        } else {
            Err(error)
        }
    };
    let result = timeout_at(deadline, attempts).await;
    result.unwrap_or_else(|_elapsed| Err(Cause::Timeout(timeout).at(endpoint)))
}

/// Waits for 50 to 150 ms, so that calls that failed together are not repeated together. Returns false at once if
/// too little time would be left.
async fn back_off(deadline: Instant) -> bool {
    let jitter = RandomState::new().hash_one(()) % 100;
    let pause = Duration::from_millis(50 + jitter);
    if Instant::now() + pause + MIN_RETRY_BUDGET > deadline {
        return false;
    }
    sleep(pause).await;
    true
}
