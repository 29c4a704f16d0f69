//! Idempotency of logins: a repeated request is executed once and gets the same response.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::model::identity::ProviderIdentity;
use domain::model::identity::conflict_policy::{ConflictPolicy, ConflictResolution};
use domain::model::login::redemption::{CODE_REPLAY_WINDOW, IDEMPOTENCY_WINDOW};
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::phone::PhoneNumber;
use domain::model::secret::{IdempotencyKey, LoginCode, PhoneCode};
use domain::model::timestamp::Timestamp;
use domain::ports::provider::{IdentityProvider, ProviderError, ProviderFailure};
use domain::ports::store::error::StoreError;
use domain::ports::store::{Store, UnitOfWork};
use domain::use_cases::login::{Login, LoginError};
use testkit::fake::provider::{MemoryCall, MemoryProvider, MemoryUser};
use testkit::memory::MemoryStore;
use tokio::sync::Semaphore;

use crate::harness::LoginHarness;

const UNAVAILABLE: ProviderFailure =
    ProviderFailure::Unavailable { retry_after: Duration::from_secs(2) };

/// A login request that can be sent repeatedly.
#[derive(Clone)]
struct RepeatableRequest {
    code: String,
    phone_code: Option<String>,
    key: &'static str,
    on_conflict: Option<ConflictResolution>,
}

impl RepeatableRequest {
    fn by(harness: &LoginHarness, user: &MemoryUser) -> Self {
        let code = harness.provider.login_code(user).expose().to_owned();
        Self { code, phone_code: None, key: "attempt-1", on_conflict: None }
    }

    fn with_phone(self, harness: &LoginHarness, user: &MemoryUser) -> Self {
        let phone = PhoneNumber::new(86, "13800138915").unwrap();
        let phone_code = Some(harness.provider.phone_code(user, &phone).expose().to_owned());
        Self { phone_code, ..self }
    }

    fn with_key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    fn request(&self) -> LoginRequest {
        LoginRequest {
            app: None,
            code: LoginCode::parse(&self.code).unwrap(),
            phone_code: self.phone_code.as_ref().map(|code| PhoneCode::parse(code).unwrap()),
            nickname: None,
            on_conflict: self.on_conflict,
            idempotency_key: IdempotencyKey::parse(self.key).ok(),
        }
    }

    async fn send(&self, login: &Login) -> Result<LoggedIn, LoginError> {
        login.run(self.request()).await
    }
}

/// Parts of a response that the client sees.
fn client_view(response: &LoggedIn) -> (String, String, bool) {
    let tokens = &response.tokens;
    let access = tokens.access_token.expose();
    let refresh = tokens.refresh_token.expose();
    (access.to_owned(), refresh.to_owned(), response.is_new)
}

fn is_code_used(outcome: &Result<LoggedIn, LoginError>) -> bool {
    matches!(outcome, Err(LoginError::CodeUsed))
}

#[tokio::test]
async fn repeated_request_gets_the_stored_response_without_provider_calls() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest::by(&harness, &alice).with_phone(&harness, &alice);
    let first = attempt.send(&harness.login).await.unwrap();
    let again = attempt.send(&harness.login).await.unwrap();
    assert_eq!(client_view(&again), client_view(&first));
    assert!(again.is_new, "the response is identical");
    assert_eq!(harness.provider.calls(), [MemoryCall::Login, MemoryCall::Phone]);
    assert_eq!(harness.store.sessions().len(), 1);
}

#[tokio::test]
async fn idempotency_holds_across_instances() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest::by(&harness, &alice);
    let first = attempt.send(&harness.login).await.unwrap();
    let other_server = harness.fakes.login(ConflictPolicy::Merge);
    assert_eq!(client_view(&attempt.send(&other_server).await.unwrap()), client_view(&first));
    assert_eq!(harness.provider.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_repetitions_are_one_login() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest::by(&harness, &alice);
    let all: Vec<_> = (0..50)
        .map(|_| {
            let login = harness.login.clone();
            let attempt = attempt.clone();
            tokio::spawn(async move { client_view(&attempt.send(&login).await.unwrap()) })
        })
        .collect();
    let mut responses = Vec::new();
    for one in all {
        responses.push(one.await.unwrap());
    }
    responses.dedup();
    assert_eq!(responses.len(), 1);
    assert_eq!((harness.provider.calls().len(), harness.store.sessions().len()), (1, 1));
}

#[tokio::test]
async fn stored_response_expires_after_the_idempotency_window() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest::by(&harness, &alice);
    attempt.send(&harness.login).await.unwrap();
    let redeemed_at = harness.clock.now();
    harness
        .clock
        .set(Timestamp::from_unix_millis(redeemed_at.plus(IDEMPOTENCY_WINDOW).unix_millis() - 1));
    attempt.send(&harness.login).await.unwrap();
    harness.clock.set(redeemed_at.plus(IDEMPOTENCY_WINDOW));
    assert!(is_code_used(&attempt.send(&harness.login).await));
    assert_eq!(harness.provider.calls().len(), 1);
}

#[tokio::test]
async fn code_under_another_idempotency_key_is_refused_and_audited() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest::by(&harness, &alice);
    let member = attempt.send(&harness.login).await.unwrap().member;
    assert!(is_code_used(&attempt.clone().with_key("attempt-2").send(&harness.login).await));
    let session = harness.store.sessions()[0].id;
    let events: Vec<_> = harness.store.audit_without_logins();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    let expected = AuditKind::LoginCodeReused;
    assert_eq!((event.kind, event.member, event.session), (expected, Some(member), Some(session)));
    assert_eq!(harness.provider.calls().len(), 1);
    attempt.send(&harness.login).await.expect("the original request still gets the response");
}

#[tokio::test]
async fn idempotency_key_with_other_content_is_another_request() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest::by(&harness, &alice);
    attempt.send(&harness.login).await.unwrap();
    assert!(is_code_used(&attempt.with_phone(&harness, &alice).send(&harness.login).await));
}

#[tokio::test]
async fn second_redemption_without_key_is_audited() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest { key: "", ..RepeatableRequest::by(&harness, &alice) };
    attempt.send(&harness.login).await.unwrap();
    let refused = attempt.send(&harness.login).await.unwrap_err();
    assert!(matches!(refused, LoginError::Verify(_)), "{refused:?}");
    let kinds: Vec<_> =
        harness.store.audit_without_logins().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::LoginCodeReused]);
}

#[tokio::test]
async fn redemption_is_deleted_after_the_code_replay_window() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let cleanup = harness.cleanup();
    RepeatableRequest::by(&harness, &alice).send(&harness.login).await.unwrap();
    let redeemed_at = harness.clock.now();
    harness
        .clock
        .set(Timestamp::from_unix_millis(redeemed_at.plus(CODE_REPLAY_WINDOW).unix_millis() - 1));
    cleanup.run().await.unwrap();
    assert_eq!(harness.store.redemptions().len(), 1);
    harness.clock.set(redeemed_at.plus(CODE_REPLAY_WINDOW));
    cleanup.run().await.unwrap();
    assert!(harness.store.redemptions().is_empty());
}

/// Store that fails the next commits.
struct FailingStore {
    store: MemoryStore,
    failures: AtomicU32,
}

#[async_trait]
impl Store for FailingStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let fails = |left: u32| left.checked_sub(1);
        match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails) {
            Ok(_) => Err(StoreError::new("the disk is full")),
            Err(_) => self.store.begin().await,
        }
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        self.store.purge_deleted().await
    }
}

#[tokio::test]
async fn retry_succeeds_after_the_store_failed_with_redeemed_codes() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let failing = FailingStore { store: harness.store.clone(), failures: AtomicU32::new(2) };
    let provider = harness.provider.clone();
    let login = harness.fakes.login_over(provider, Arc::new(failing), ConflictPolicy::Merge);
    let attempt = RepeatableRequest::by(&harness, &alice).with_phone(&harness, &alice);
    // The refusals use no unit of work, because they concern no known member.
    for _ in 0..2 {
        assert!(matches!(attempt.send(&login).await, Err(LoginError::Store(_))));
        assert!(is_code_used(&attempt.clone().with_key("thief").send(&login).await), "another key");
    }
    let logged_in = attempt.send(&login).await.unwrap();
    assert_eq!(harness.store.members()[0].id, logged_in.member);
    assert!(harness.store.members()[0].phone.is_some());
    assert_eq!(harness.provider.calls(), [MemoryCall::Login, MemoryCall::Phone]);
}

#[tokio::test]
async fn redeemed_codes_expire_after_the_idempotency_window() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let failing = FailingStore { store: harness.store.clone(), failures: AtomicU32::new(1) };
    let provider = harness.provider.clone();
    let login = harness.fakes.login_over(provider, Arc::new(failing), ConflictPolicy::Merge);
    let attempt = RepeatableRequest::by(&harness, &alice);
    attempt.send(&login).await.unwrap_err();
    harness.clock.advance(IDEMPOTENCY_WINDOW);
    let refused = attempt.send(&login).await.unwrap_err();
    assert!(matches!(refused, LoginError::Verify(_)), "the code is sent again: {refused:?}");
}

#[tokio::test]
async fn redeemed_login_code_is_not_sent_again_after_a_phone_failure() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let attempt = RepeatableRequest::by(&harness, &alice).with_phone(&harness, &alice);
    let gate = GatedProvider::open(&harness);
    let login = gate.login(&harness);
    gate.fail_phone_call(UNAVAILABLE);
    assert!(matches!(attempt.send(&login).await, Err(LoginError::Phone(_))));
    attempt.send(&login).await.unwrap();
    let login = MemoryCall::Login;
    let phone = MemoryCall::Phone;
    assert_eq!(harness.provider.calls(), [login, phone, phone]);
}

/// Provider whose calls wait for permits of the test.
struct GatedProvider {
    provider: Arc<MemoryProvider>,
    calls: Arc<Semaphore>,
    fail_phone: std::sync::Mutex<Option<ProviderFailure>>,
}

impl GatedProvider {
    fn closed(harness: &LoginHarness) -> Arc<Self> {
        let provider = harness.provider.clone();
        let calls = Arc::new(Semaphore::new(0));
        Arc::new(Self { provider, calls, fail_phone: None.into() })
    }

    fn open(harness: &LoginHarness) -> Arc<Self> {
        let gate = Self::closed(harness);
        gate.calls.add_permits(1000);
        gate
    }

    fn login(self: &Arc<Self>, harness: &LoginHarness) -> Arc<Login> {
        let store = Arc::new(harness.store.clone());
        harness.fakes.login_over(self.clone(), store, ConflictPolicy::Merge)
    }

    /// Lets the call after the next login call fail.
    fn fail_phone_call(&self, failure: ProviderFailure) {
        *self.fail_phone.lock().unwrap() = Some(failure);
    }
}

#[async_trait]
impl IdentityProvider for GatedProvider {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        self.calls.acquire().await.unwrap().forget();
        let verified = self.provider.redeem_login_code(code).await;
        if let Some(failure) = self.fail_phone.lock().unwrap().take() {
            self.provider.fail_next(failure);
        }
        verified
    }
}

/// Starts a login and returns when it waits or has ended.
async fn start(
    login: &Arc<Login>,
    attempt: &RepeatableRequest,
) -> tokio::task::JoinHandle<Result<LoggedIn, LoginError>> {
    let login = login.clone();
    let attempt = attempt.clone();
    let task = tokio::spawn(async move { attempt.send(&login).await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn single_flight_shares_errors_and_retries_next() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let gate = GatedProvider::closed(&harness);
    let login = gate.login(&harness);
    let attempt = RepeatableRequest::by(&harness, &alice);
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(start(&login, &attempt).await);
    }
    harness.provider.fail_next(UNAVAILABLE);
    gate.calls.add_permits(1);
    for one in waiting {
        let error = one.await.unwrap().unwrap_err();
        let error = if let LoginError::Shared(error) = &error { error } else { &error };
        assert!(matches!(error, LoginError::Verify(_)), "{error:?}");
    }
    assert_eq!(harness.provider.calls().len(), 1);
    gate.calls.add_permits(1);
    attempt.send(&login).await.unwrap();
}

#[tokio::test]
async fn second_request_for_in_flight_code_is_refused_and_audited() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let gate = GatedProvider::closed(&harness);
    let login = gate.login(&harness);
    let attempt = RepeatableRequest::by(&harness, &alice);
    let first = start(&login, &attempt).await;
    let second = start(&login, &attempt.clone().with_key("thief")).await;
    assert!(!second.is_finished());
    gate.calls.add_permits(2);
    let member = first.await.unwrap().unwrap().member;
    assert!(is_code_used(&second.await.unwrap()));
    let events: Vec<_> = harness.store.audit_without_logins();
    assert_eq!((events.len(), events[0].member), (1, Some(member)));
    assert_eq!(harness.provider.calls().len(), 1);
}

#[tokio::test]
async fn cancelled_login_is_taken_over_by_a_waiter() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let gate = GatedProvider::closed(&harness);
    let login = gate.login(&harness);
    let attempt = RepeatableRequest::by(&harness, &alice);
    let first = start(&login, &attempt).await;
    let second = start(&login, &attempt).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.calls.add_permits(1);
    assert!(second.await.unwrap().unwrap().is_new);
}

#[tokio::test]
async fn conflict_resolution_reuses_the_redeemed_codes() {
    let harness = LoginHarness::with(ConflictPolicy::Ask);
    let late = MemoryUser::person("oLate");
    let elder = harness.log_in(&late).await.unwrap().member;
    harness.clock.advance(Duration::from_secs(1));
    harness.log_in(&MemoryUser::person("oOther").with_union_id("u1")).await.unwrap();
    let attempt = RepeatableRequest::by(&harness, &late.with_union_id("u1"));
    let asked = attempt.send(&harness.login).await;
    assert!(matches!(asked, Err(LoginError::MergeRequired)), "{asked:?}");
    let calls = harness.provider.calls().len();
    let answered = RepeatableRequest { on_conflict: Some(ConflictResolution::Merge), ..attempt };
    let merged = answered.send(&harness.login).await.unwrap();
    assert_eq!((merged.member, merged.merged.len()), (elder, 1));
    assert_eq!(harness.provider.calls().len(), calls);
}
