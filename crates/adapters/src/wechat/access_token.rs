//! Access token of an app. It is fetched once, no matter how many concurrent calls need it.
//!
//! The token comes from `getStableAccessToken` without forced refresh: every instance of this service gets the same
//! token, and tokens of other programs stay valid. If instances share a cache, one of them fetches for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::model::app::name::AppId;
use domain::model::clock::Clock;
use domain::model::timestamp::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::watch;

use super::call_error::{CallError, Cause};
use super::credentials::Credentials;
use super::endpoint::Endpoint;
use super::http::WechatHttp;
use crate::wechat::access_token_cache::{AccessTokenCache, Lookup, SharedToken};
use crate::wechat::metrics::LookupOutcome;
use crate::wechat::response::Grant;

/// Time before the expiry of a token in which WeChat issues its successor. Both tokens are valid then.
const RENEWAL_WINDOW: Duration = Duration::from_mins(5);

/// Minimum interval between two fetches with the same result: after a failure, or after WeChat returned a rejected
/// token again.
const RESULT_TTL: Duration = Duration::from_secs(1);

/// Outcome of a fetch.
pub(super) type Outcome = Result<SecretString, Arc<CallError>>;

/// Source of one app's access token.
pub(super) struct TokenBroker(Arc<Shared>);

struct Shared {
    app_id: AppId,
    credentials: Arc<Credentials>,
    http: WechatHttp,
    clock: Arc<dyn Clock>,
    access_token_cache: Option<Arc<dyn AccessTokenCache>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<CachedToken>,
    failure: Option<(Timestamp, Arc<CallError>)>,
    fetch: Option<Fetch>,
}

/// Receiver of the outcome of a fetch in progress.
type Fetch = watch::Receiver<Option<Outcome>>;

struct CachedToken {
    token: SecretString,
    fetched_at: Timestamp,
    lifetime: Duration,
    /// True if a call with this token was rejected.
    is_rejected: bool,
    /// True if WeChat returned this token again after a rejection.
    is_confirmed: bool,
}

impl TokenBroker {
    pub(super) fn new(
        app_id: AppId,
        credentials: Arc<Credentials>,
        http: WechatHttp,
        clock: Arc<dyn Clock>,
        access_token_cache: Option<Arc<dyn AccessTokenCache>>,
    ) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Shared { app_id, credentials, http, clock, access_token_cache, state }))
    }

    /// Token to use for a call.
    ///
    /// Cancellation does not stop a fetch: it continues for concurrent and later callers.
    pub(super) async fn get(&self) -> Outcome {
        let mut fetch = match self.cached() {
            Ok(outcome) => return outcome,
            Err(fetch) => fetch,
        };
        let fetched = fetch.wait_for(Option::is_some).await;
        let outcome = fetched.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Arc::new(Cause::Abandoned.at(Endpoint::StableToken))))
    }

    /// Marks a token as rejected by WeChat. A different token that was fetched since is kept.
    pub(super) fn reject(&self, token: &SecretString) {
        let now = self.0.clock.now();
        if let Some(cached) = &mut self.0.state().token {
            let is_same = cached.token.expose_secret() == token.expose_secret();
            let was_confirmed = cached.is_confirmed && cached.is_within(RESULT_TTL, now);
            cached.is_rejected |= is_same && !was_confirmed;
        }
    }

    /// Cached outcome, or else the fetch to wait for.
    fn cached(&self) -> Result<Outcome, Fetch> {
        let now = self.0.clock.now();
        let mut state = self.0.state();
        let token = state.token.as_ref().filter(|token| token.is_usable(now));
        let token = token.map(|cached| (cached.token.clone(), cached.is_renewable(now)));
        let failure =
            state.failure.as_ref().filter(|(since, _)| is_within(*since, RESULT_TTL, now));
        let failure = failure.map(|(_, error)| Arc::clone(error));
        let metrics = &self.0.http.metrics;
        match (token, failure) {
            (Some((token, is_renewable)), failure) => {
                metrics.record_lookup(LookupOutcome::Hit);
                if is_renewable && failure.is_none() {
                    self.join_or_start_fetch(&mut state);
                }
                Ok(Ok(token))
            }
            (None, Some(error)) => {
                metrics.record_lookup(LookupOutcome::Failed);
                Ok(Err(error))
            }
            (None, None) => {
                metrics.record_lookup(LookupOutcome::Miss);
                Err(self.join_or_start_fetch(&mut state))
            }
        }
    }

    /// Joins the fetch in progress, or starts one. A fetch runs in its own task, which no caller can cancel. A
    /// fetch whose task ended without an outcome is not joined.
    fn join_or_start_fetch(&self, state: &mut State) -> Fetch {
        if let Some(fetch) = state.fetch.as_ref().filter(|fetch| fetch.has_changed().is_ok()) {
            return fetch.clone();
        }
        let (sender, receiver) = watch::channel(None);
        state.fetch = Some(receiver.clone());
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let started_at = shared.clock.now();
            let outcome = shared.fetch().await;
            sender.send_replace(Some(shared.store_outcome(outcome, started_at)));
        });
        receiver
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches a token from the shared cache or else from WeChat.
    async fn fetch(&self) -> Result<Grant, CallError> {
        let Some(cache) = &self.access_token_cache else { return self.request().await };
        let rejected = self.rejected_token();
        match cache.get_or_lock(self.app_id.as_str(), rejected.as_ref()).await {
            Lookup::Hit(SharedToken { token, expires_in }) => Ok(Grant { token, expires_in }),
            Lookup::Unavailable => self.request().await,
            Lookup::LockAcquired => {
                let grant = self.request().await?;
                let token = grant.token.clone();
                let shared = SharedToken { token, expires_in: grant.expires_in };
                cache.put(self.app_id.as_str(), &shared).await;
                Ok(grant)
            }
        }
    }

    fn rejected_token(&self) -> Option<SecretString> {
        let state = self.state();
        state.token.as_ref().filter(|cached| cached.is_rejected).map(|cached| cached.token.clone())
    }

    /// Requests a token from WeChat, if necessary with both app secrets.
    async fn request(&self) -> Result<Grant, CallError> {
        let mut attempt = self.credentials.first_attempt();
        loop {
            let outcome = self.request_with_secret(attempt.secret()).await;
            attempt = match attempt.next(&outcome) {
                Some(other) => other,
                None => return outcome,
            };
        }
    }

    async fn request_with_secret(&self, secret: &SecretString) -> Result<Grant, CallError> {
        let body = json!({
            "grant_type": "client_credential",
            "appid": self.app_id.as_str(),
            "secret": secret.expose_secret(),
            "force_refresh": false,
        });
        let response = self.http.post(Endpoint::StableToken, &[], &body).await?;
        response.grant().map_err(|cause| cause.at(Endpoint::StableToken))
    }

    /// Stores the outcome of a fetch that began at `started_at`. After a failure, a token that is still usable is
    /// kept.
    fn store_outcome(&self, outcome: Result<Grant, CallError>, started_at: Timestamp) -> Outcome {
        self.http.metrics.record_fetch(outcome.is_ok());
        let now = self.clock.now();
        let mut state = self.state();
        state.fetch = None;
        match outcome {
            Ok(grant) => {
                let token = CachedToken::new(&grant, started_at, state.token.as_ref());
                state.failure = None;
                state.token = Some(token);
                Ok(grant.token)
            }
            Err(error) => {
                error.log(now);
                let error = Arc::new(error);
                state.failure = Some((now, Arc::clone(&error)));
                Err(error)
            }
        }
    }
}

impl CachedToken {
    fn new(grant: &Grant, fetched_at: Timestamp, previous: Option<&Self>) -> Self {
        let is_same = |old: &&Self| old.token.expose_secret() == grant.token.expose_secret();
        Self {
            token: grant.token.clone(),
            fetched_at,
            lifetime: token_lifetime(grant.expires_in),
            is_rejected: false,
            is_confirmed: previous
                .filter(is_same)
                .is_some_and(|old| old.is_rejected || old.is_confirmed),
        }
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        !self.is_rejected && self.is_within(self.lifetime, now)
    }

    /// Reports whether the successor should be fetched. A token with a short lifetime is renewed after half of it.
    fn is_renewable(&self, now: Timestamp) -> bool {
        !self.is_within(renewal_delay(self.lifetime), now)
    }

    fn is_within(&self, span: Duration, now: Timestamp) -> bool {
        is_within(self.fetched_at, span, now)
    }
}

/// Lifetime of a token, within bounds: a lifetime of zero would cause a fetch per call, and an endless one would
/// prevent renewal.
fn token_lifetime(expires_in: i64) -> Duration {
    Duration::from_secs(expires_in.clamp(10, 86_400).unsigned_abs())
}

fn renewal_delay(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(RENEWAL_WINDOW).max(lifetime / 2)
}

/// Time for which a token with this lifetime in seconds is used before its successor is fetched.
pub(crate) fn usable_for(expires_in: i64) -> Duration {
    renewal_delay(token_lifetime(expires_in))
}

/// Reports whether `now` is within `span` after `since`. If the clock was set back, the span counts as over rather
/// than being extended.
fn is_within(since: Timestamp, span: Duration, now: Timestamp) -> bool {
    since <= now && now < since.plus(span)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use testkit::fake::clock::FixedClock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::super::WechatApp;
    use super::super::http::WechatHttpConfig;
    use super::*;

    fn cached_token(expires_in: i64, previous: Option<&CachedToken>) -> CachedToken {
        let grant = Grant { token: "71_token".into(), expires_in };
        CachedToken::new(&grant, Timestamp::from_unix_millis(0), previous)
    }

    /// Seconds after which a token is renewable, and after which it is no longer usable.
    fn renewal_and_expiry(expires_in: i64) -> (i64, i64) {
        let token = cached_token(expires_in, None);
        let at = |seconds| Timestamp::from_unix_millis(seconds * 1000);
        let renewal = (0..=100_000).find(|seconds| token.is_renewable(at(*seconds))).unwrap();
        let expiry = (0..=100_000).find(|seconds| !token.is_usable(at(*seconds))).unwrap();
        (renewal, expiry)
    }

    #[test]
    fn token_is_renewed_in_its_last_five_minutes() {
        assert_eq!(renewal_and_expiry(7200), (6900, 7200));
        assert_eq!(renewal_and_expiry(601), (301, 601));
    }

    #[test]
    fn short_lifetime_is_renewed_at_half_and_lifetimes_are_bounded() {
        assert_eq!(renewal_and_expiry(345), (173, 345));
        assert_eq!(renewal_and_expiry(20), (10, 20));
        assert_eq!(renewal_and_expiry(0), (5, 10));
        assert_eq!(renewal_and_expiry(-7200), (5, 10));
        assert_eq!(renewal_and_expiry(i64::MIN), (5, 10));
        assert_eq!(renewal_and_expiry(i64::MAX), (86_100, 86_400));
    }

    #[test]
    fn clock_set_back_expires_the_token() {
        let token = cached_token(7200, None);
        assert!(!token.is_usable(Timestamp::from_unix_millis(-1)));
        assert!(token.is_renewable(Timestamp::from_unix_millis(-1)));
    }

    #[test]
    fn rejected_token_that_wechat_returns_again_is_confirmed() {
        let mut old = cached_token(7200, None);
        assert!(!cached_token(7000, Some(&old)).is_confirmed);
        old.is_rejected = true;
        let again = cached_token(7000, Some(&old));
        assert!(again.is_confirmed && !again.is_rejected);
        old.token = "71_other".into();
        assert!(!cached_token(7000, Some(&old)).is_confirmed);
    }

    /// Starts an access token endpoint on the loopback interface. It counts each call before it waits for `gate`.
    async fn endpoint(gate: watch::Receiver<bool>) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                count.fetch_add(1, Ordering::SeqCst);
                gate.clone().wait_for(|open| *open).await.unwrap();
                let body = r#"{"access_token":"71_token","expires_in":7200}"#;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        });
        (url, calls)
    }

    #[tokio::test]
    async fn concurrent_callers_share_one_fetch() {
        let (gate, closed_gate) = watch::channel(false);
        let (base_url, calls) = endpoint(closed_gate).await;
        let config = WechatHttpConfig { base_url, ..Default::default() };
        let app_id = AppId::parse("wx1").unwrap();
        let app = WechatApp {
            app_id: app_id.clone(),
            secret: "s".into(),
            former_secret: None,
            open_platform: None,
        };
        let http = WechatHttp::new(&config).unwrap();
        let clock = FixedClock::default();
        let credentials = Credentials::new(&app).into();
        let broker = Arc::new(TokenBroker::new(app_id, credentials, http, Arc::new(clock), None));

        let mut waiting: JoinSet<Outcome> = JoinSet::new();
        for _ in 0..1000 {
            let broker = Arc::clone(&broker);
            waiting.spawn(async move { broker.get().await });
        }
        while calls.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        gate.send_replace(true);
        for outcome in waiting.join_all().await {
            assert_eq!(outcome.unwrap().expose_secret(), "71_token");
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}
