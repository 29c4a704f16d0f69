//! One access token per app, fetched once however many calls need it.
//!
//! The token comes from `getStableAccessToken`, never forced: every instance of this service is given
//! the same one, and nobody else's token is put out. Where instances share a shelf, one of them fetches it for all.

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
use crate::wechat::access_token_cache::{Found, SharedToken, TokenShelf};
use crate::wechat::metrics::Lookup;
use crate::wechat::response::Grant;

/// Within so much of its end WeChat hands out a token's successor, while both work.
const RENEWAL: Duration = Duration::from_mins(5);

/// How long an outcome stands that another fetch would only repeat: a failure, or the word of WeChat
/// that a refused token is the right one.
const STANDS: Duration = Duration::from_secs(1);

/// What a fetch brought.
pub(super) type Outcome = Result<SecretString, Arc<CallError>>;

/// Hands out one app's access token.
pub(super) struct TokenBroker(Arc<Shared>);

struct Shared {
    app_id: AppId,
    credentials: Arc<Credentials>,
    http: WechatHttp,
    clock: Arc<dyn Clock>,
    shelf: Option<Arc<dyn TokenShelf>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failed: Option<(Timestamp, Arc<CallError>)>,
    fetch: Option<Fetch>,
}

/// Where a fetch under way will say what it brought.
type Fetch = watch::Receiver<Option<Outcome>>;

struct Held {
    token: SecretString,
    since: Timestamp,
    life: Duration,
    /// A call was refused for it.
    refused: bool,
    /// It was refused, and WeChat gave it out again.
    confirmed: bool,
}

impl TokenBroker {
    pub(super) fn new(
        app_id: AppId,
        credentials: Arc<Credentials>,
        http: WechatHttp,
        clock: Arc<dyn Clock>,
        shelf: Option<Arc<dyn TokenShelf>>,
    ) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Shared { app_id, credentials, http, clock, shelf, state }))
    }

    /// The token to use now.
    ///
    /// Whoever stops waiting stops nothing: the fetch goes on for the others, and for the next.
    pub(super) async fn get(&self) -> Outcome {
        let mut fetch = match self.at_hand() {
            Ok(outcome) => return outcome,
            Err(fetch) => fetch,
        };
        let told = fetch.wait_for(Option::is_some).await;
        let outcome = told.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Arc::new(Cause::Abandoned.at(Endpoint::StableToken))))
    }

    /// Says that WeChat refused a call for this token. Another token, fetched since, stays.
    pub(super) fn reject(&self, token: &SecretString) {
        let now = self.0.clock.now();
        if let Some(held) = &mut self.0.state().held {
            let same = held.token.expose_secret() == token.expose_secret();
            held.refused |= same && !(held.confirmed && held.lasts(STANDS, now));
        }
    }

    /// What can be answered at once, or the fetch to wait for.
    fn at_hand(&self) -> Result<Outcome, Fetch> {
        let now = self.0.clock.now();
        let mut state = self.0.state();
        let held = state.held.as_ref().filter(|held| held.serves(now));
        let served = held.map(|held| (held.token.clone(), held.renewable(now)));
        let failed = state.failed.as_ref().filter(|(since, _)| lasts(*since, STANDS, now));
        let meters = &self.0.http.meters;
        match (served, failed.map(|(_, error)| Arc::clone(error))) {
            (Some((token, renewable)), failed) => {
                meters.looked_up(Lookup::Hit);
                if renewable && failed.is_none() {
                    self.fetch(&mut state);
                }
                Ok(Ok(token))
            }
            (None, Some(error)) => {
                meters.looked_up(Lookup::Failed);
                Ok(Err(error))
            }
            (None, None) => {
                meters.looked_up(Lookup::Miss);
                Err(self.fetch(&mut state))
            }
        }
    }

    /// Joins the fetch that is under way, or starts one. It runs in a task of its own, which no caller
    /// can cancel; one that died without a word no longer counts.
    fn fetch(&self, state: &mut State) -> Fetch {
        if let Some(fetch) = state.fetch.as_ref().filter(|fetch| fetch.has_changed().is_ok()) {
            return fetch.clone();
        }
        let (tell, told) = watch::channel(None);
        state.fetch = Some(told.clone());
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let since = shared.clock.now();
            let outcome = shared.find().await;
            tell.send_replace(Some(shared.keep(outcome, since)));
        });
        told
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token that another instance has fetched, or else one of WeChat's.
    async fn find(&self) -> Result<Grant, CallError> {
        let Some(shared) = &self.shelf else { return self.ask().await };
        let refused =
            self.state().held.as_ref().filter(|held| held.refused).map(|h| h.token.clone());
        match shared.find(self.app_id.as_str(), refused.as_ref()).await {
            Found::Token(SharedToken { token, expires_in }) => Ok(Grant { token, expires_in }),
            Found::Nothing => self.ask().await,
            Found::Turn => {
                let grant = self.ask().await?;
                let (token, expires_in) = (grant.token.clone(), grant.expires_in);
                shared.leave(self.app_id.as_str(), &SharedToken { token, expires_in }).await;
                Ok(grant)
            }
        }
    }

    async fn ask(&self) -> Result<Grant, CallError> {
        let mut turn = self.credentials.turn();
        loop {
            let outcome = self.ask_with(turn.secret()).await;
            turn = match turn.next(&outcome) {
                Some(other) => other,
                None => return outcome,
            };
        }
    }

    async fn ask_with(&self, secret: &SecretString) -> Result<Grant, CallError> {
        let body = json!({
            "grant_type": "client_credential",
            "appid": self.app_id.as_str(),
            "secret": secret.expose_secret(),
            "force_refresh": false,
        });
        let reply = self.http.post(Endpoint::StableToken, &[], &body).await?;
        reply.grant().map_err(|cause| cause.at(Endpoint::StableToken))
    }

    /// Remembers what a fetch that began at `since` brought. A failure leaves a token that still serves
    /// in place.
    fn keep(&self, outcome: Result<Grant, CallError>, since: Timestamp) -> Outcome {
        self.http.meters.fetched(outcome.is_ok());
        let now = self.clock.now();
        let mut state = self.state();
        state.fetch = None;
        match outcome {
            Ok(grant) => {
                let held = Held::new(&grant, since, state.held.as_ref());
                state.failed = None;
                state.held = Some(held);
                Ok(grant.token)
            }
            Err(error) => {
                error.log(now);
                let error = Arc::new(error);
                state.failed = Some((now, Arc::clone(&error)));
                Err(error)
            }
        }
    }
}

impl Held {
    fn new(grant: &Grant, since: Timestamp, before: Option<&Self>) -> Self {
        let same = |old: &&Self| old.token.expose_secret() == grant.token.expose_secret();
        Self {
            token: grant.token.clone(),
            since,
            life: life(grant.expires_in),
            refused: false,
            confirmed: before.filter(same).is_some_and(|old| old.refused || old.confirmed),
        }
    }

    fn serves(&self, now: Timestamp) -> bool {
        !self.refused && self.lasts(self.life, now)
    }

    /// Whether it is time for the successor. A short life has one at half its time.
    fn renewable(&self, now: Timestamp) -> bool {
        !self.lasts(until_renewal(self.life), now)
    }

    fn lasts(&self, span: Duration, now: Timestamp) -> bool {
        lasts(self.since, span, now)
    }
}

/// A life that is over would be a fetch per call, an endless one never a renewal.
fn life(expires_in: i64) -> Duration {
    Duration::from_secs(expires_in.clamp(10, 86_400).unsigned_abs())
}

fn until_renewal(life: Duration) -> Duration {
    life.saturating_sub(RENEWAL).max(life / 2)
}

/// How long a token that lives so many seconds is used before its successor is looked for.
pub(crate) fn serves_for(expires_in: i64) -> Duration {
    until_renewal(life(expires_in))
}

/// Whether `now` is within `span` of `since`. A clock that was set back ends everything early, rather
/// than make it last.
fn lasts(since: Timestamp, span: Duration, now: Timestamp) -> bool {
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

    fn held(expires_in: i64, before: Option<&Held>) -> Held {
        let grant = Grant { token: "71_token".into(), expires_in };
        Held::new(&grant, Timestamp::from_unix_millis(0), before)
    }

    /// From which second on a token is renewed, and from which on it no longer serves.
    fn life(expires_in: i64) -> (i64, i64) {
        let held = held(expires_in, None);
        let at = |seconds| Timestamp::from_unix_millis(seconds * 1000);
        let renewed = (0..=100_000).find(|seconds| held.renewable(at(*seconds))).unwrap();
        let ends = (0..=100_000).find(|seconds| !held.serves(at(*seconds))).unwrap();
        (renewed, ends)
    }

    #[test]
    fn a_token_is_renewed_in_its_last_five_minutes() {
        assert_eq!(life(7200), (6900, 7200));
        assert_eq!(life(601), (301, 601));
    }

    #[test]
    fn a_short_life_is_used_to_half_and_an_absurd_one_is_bounded() {
        assert_eq!(life(345), (173, 345));
        assert_eq!(life(20), (10, 20));
        assert_eq!(life(0), (5, 10));
        assert_eq!(life(-7200), (5, 10));
        assert_eq!(life(i64::MIN), (5, 10));
        assert_eq!(life(i64::MAX), (86_100, 86_400));
    }

    #[test]
    fn a_clock_set_back_makes_nothing_last() {
        let held = held(7200, None);
        assert!(!held.serves(Timestamp::from_unix_millis(-1)));
        assert!(held.renewable(Timestamp::from_unix_millis(-1)));
    }

    #[test]
    fn a_token_given_out_again_after_a_refusal_is_confirmed() {
        let mut old = held(7200, None);
        assert!(!held(7000, Some(&old)).confirmed);
        old.refused = true;
        let again = held(7000, Some(&old));
        assert!(again.confirmed && !again.refused);
        old.token = "71_other".into();
        assert!(!held(7000, Some(&old)).confirmed);
    }

    /// A token endpoint on the loopback interface; the count of calls grows with every one that waits
    /// for `answer`.
    async fn endpoint(answer: watch::Receiver<bool>) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                count.fetch_add(1, Ordering::SeqCst);
                answer.clone().wait_for(|open| *open).await.unwrap();
                let body = r#"{"access_token":"71_token","expires_in":7200}"#;
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all((answer + body).as_bytes()).await.unwrap();
            }
        });
        (url, calls)
    }

    #[tokio::test]
    async fn a_thousand_who_wait_get_the_token_of_one_fetch() {
        let (answer, closed) = watch::channel(false);
        let (base_url, calls) = endpoint(closed).await;
        let http = WechatHttpConfig { base_url, ..Default::default() };
        let app_id = AppId::parse("wx1").unwrap();
        let app = WechatApp {
            app_id: app_id.clone(),
            secret: "s".into(),
            former_secret: None,
            open_platform: None,
        };
        let (http, clock) = (WechatHttp::new(&http).unwrap(), FixedClock::default());
        let credentials = Credentials::new(&app).into();
        let broker = TokenBroker::new(app_id, credentials, http, Arc::new(clock), None);
        let broker = Arc::new(broker);

        let mut waiting: JoinSet<Outcome> = JoinSet::new();
        for _ in 0..1000 {
            let broker = Arc::clone(&broker);
            waiting.spawn(async move { broker.get().await });
        }
        while calls.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        answer.send_replace(true);
        for outcome in waiting.join_all().await {
            assert_eq!(outcome.unwrap().expose_secret(), "71_token");
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}
