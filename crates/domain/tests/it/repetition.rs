//! A login that is sent again: carried out once, answered the same, to nobody else.

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

use crate::door::Door;

const UNAVAILABLE: ProviderFailure =
    ProviderFailure::Unavailable { retry_after: Duration::from_secs(2) };

/// What a client sends, as often as it likes.
#[derive(Clone)]
struct Sent {
    code: String,
    phone_code: Option<String>,
    key: &'static str,
    on_conflict: Option<ConflictResolution>,
}

impl Sent {
    fn by(door: &Door, user: &MemoryUser) -> Self {
        let code = door.provider.login_code(user).expose().to_owned();
        Self { code, phone_code: None, key: "attempt-1", on_conflict: None }
    }

    fn with_phone(self, door: &Door, user: &MemoryUser) -> Self {
        let phone = PhoneNumber::new(86, "13800138915").unwrap();
        let phone_code = Some(door.provider.phone_code(user, &phone).expose().to_owned());
        Self { phone_code, ..self }
    }

    fn under(self, key: &'static str) -> Self {
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

    async fn to(&self, login: &Login) -> Result<LoggedIn, LoginError> {
        login.run(self.request()).await
    }
}

/// Everything that an answer tells a client.
fn told(answer: &LoggedIn) -> (String, String, bool) {
    let tokens = &answer.tokens;
    let access = tokens.access_token.expose();
    let refresh = tokens.refresh_token.expose();
    (access.to_owned(), refresh.to_owned(), answer.is_new)
}

fn is_code_used(outcome: &Result<LoggedIn, LoginError>) -> bool {
    matches!(outcome, Err(LoginError::CodeUsed))
}

#[tokio::test]
async fn a_request_sent_again_gets_the_same_answer_without_a_second_call() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent::by(&door, &alice).with_phone(&door, &alice);
    let first = sent.to(&door.login).await.unwrap();
    let again = sent.to(&door.login).await.unwrap();
    assert_eq!(told(&again), told(&first));
    assert!(again.is_new, "the same answer, word for word");
    assert_eq!(door.provider.calls(), [MemoryCall::Login, MemoryCall::Phone]);
    assert_eq!(door.store.sessions().len(), 1);
}

#[tokio::test]
async fn another_server_over_the_same_store_gives_the_same_answer() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent::by(&door, &alice);
    let first = sent.to(&door.login).await.unwrap();
    let other_server = door.fakes.login(ConflictPolicy::Merge);
    assert_eq!(told(&sent.to(&other_server).await.unwrap()), told(&first));
    assert_eq!(door.provider.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_are_one_login() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent::by(&door, &alice);
    let all: Vec<_> = (0..50)
        .map(|_| {
            let login = door.login.clone();
            let sent = sent.clone();
            tokio::spawn(async move { told(&sent.to(&login).await.unwrap()) })
        })
        .collect();
    let mut answers = Vec::new();
    for one in all {
        answers.push(one.await.unwrap());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!((door.provider.calls().len(), door.store.sessions().len()), (1, 1));
}

#[tokio::test]
async fn the_answer_is_repeated_for_a_minute() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent::by(&door, &alice);
    sent.to(&door.login).await.unwrap();
    let redeemed_at = door.clock.now();
    door.clock
        .set(Timestamp::from_unix_millis(redeemed_at.plus(IDEMPOTENCY_WINDOW).unix_millis() - 1));
    sent.to(&door.login).await.unwrap();
    door.clock.set(redeemed_at.plus(IDEMPOTENCY_WINDOW));
    assert!(is_code_used(&sent.to(&door.login).await));
    assert_eq!(door.provider.calls().len(), 1);
}

#[tokio::test]
async fn the_same_code_under_another_key_is_refused_and_goes_on_record() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent::by(&door, &alice);
    let member = sent.to(&door.login).await.unwrap().member;
    assert!(is_code_used(&sent.clone().under("attempt-2").to(&door.login).await));
    let session = door.store.sessions()[0].id;
    let events: Vec<_> = door.store.audit_besides_logins();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    let expected = AuditKind::LoginCodeReused;
    assert_eq!((event.kind, event.member, event.session), (expected, Some(member), Some(session)));
    assert_eq!(door.provider.calls().len(), 1);
    sent.to(&door.login).await.expect("its own request still gets the answer");
}

#[tokio::test]
async fn the_same_key_with_another_content_is_another_request() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent::by(&door, &alice);
    sent.to(&door.login).await.unwrap();
    assert!(is_code_used(&sent.with_phone(&door, &alice).to(&door.login).await));
}

#[tokio::test]
async fn a_second_redemption_goes_on_record_without_any_key_as_well() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent { key: "", ..Sent::by(&door, &alice) };
    sent.to(&door.login).await.unwrap();
    let refused = sent.to(&door.login).await.unwrap_err();
    assert!(matches!(refused, LoginError::Verify(_)), "{refused:?}");
    let kinds: Vec<_> = door.store.audit_besides_logins().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::LoginCodeReused]);
}

#[tokio::test]
async fn a_code_is_forgotten_when_it_can_do_no_harm_any_more() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let housekeeping = door.housekeeping();
    Sent::by(&door, &alice).to(&door.login).await.unwrap();
    let redeemed_at = door.clock.now();
    door.clock
        .set(Timestamp::from_unix_millis(redeemed_at.plus(CODE_REPLAY_WINDOW).unix_millis() - 1));
    housekeeping.run().await.unwrap();
    assert_eq!(door.store.redemptions().len(), 1);
    door.clock.set(redeemed_at.plus(CODE_REPLAY_WINDOW));
    housekeeping.run().await.unwrap();
    assert!(door.store.redemptions().is_empty());
}

/// A store whose next units of work cannot be committed.
struct Failing {
    store: MemoryStore,
    failures: AtomicU32,
}

#[async_trait]
impl Store for Failing {
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
async fn when_the_store_fails_after_the_codes_are_spent_the_retry_succeeds() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let failing = Failing { store: door.store.clone(), failures: AtomicU32::new(4) };
    let provider = door.provider.clone();
    let login = door.fakes.login_over(provider, Arc::new(failing), ConflictPolicy::Merge);
    let sent = Sent::by(&door, &alice).with_phone(&door, &alice);
    // One for each try, and one for the record of each refusal.
    for _ in 0..2 {
        assert!(matches!(sent.to(&login).await, Err(LoginError::Store(_))));
        assert!(is_code_used(&sent.clone().under("thief").to(&login).await), "not to others");
    }
    let logged_in = sent.to(&login).await.unwrap();
    assert_eq!(door.store.members()[0].id, logged_in.member);
    assert!(door.store.members()[0].phone.is_some());
    assert_eq!(door.provider.calls(), [MemoryCall::Login, MemoryCall::Phone]);
}

#[tokio::test]
async fn what_the_codes_proved_is_forgotten_after_a_minute() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let failing = Failing { store: door.store.clone(), failures: AtomicU32::new(1) };
    let provider = door.provider.clone();
    let login = door.fakes.login_over(provider, Arc::new(failing), ConflictPolicy::Merge);
    let sent = Sent::by(&door, &alice);
    sent.to(&login).await.unwrap_err();
    door.clock.advance(IDEMPOTENCY_WINDOW);
    let refused = sent.to(&login).await.unwrap_err();
    assert!(matches!(refused, LoginError::Verify(_)), "the provider is asked again: {refused:?}");
}

#[tokio::test]
async fn a_login_code_that_was_accepted_is_not_sent_again_when_the_phone_fails() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let sent = Sent::by(&door, &alice).with_phone(&door, &alice);
    let gate = Gate::open(&door);
    let login = gate.login(&door);
    gate.before_phone(UNAVAILABLE);
    assert!(matches!(sent.to(&login).await, Err(LoginError::Phone(_))));
    sent.to(&login).await.unwrap();
    let login = MemoryCall::Login;
    let phone = MemoryCall::Phone;
    assert_eq!(door.provider.calls(), [login, phone, phone]);
}

/// A provider that lets calls through one by one.
struct Gate {
    provider: Arc<MemoryProvider>,
    calls: Arc<Semaphore>,
    fail_phone: std::sync::Mutex<Option<ProviderFailure>>,
}

impl Gate {
    fn shut(door: &Door) -> Arc<Self> {
        let provider = door.provider.clone();
        let calls = Arc::new(Semaphore::new(0));
        Arc::new(Self { provider, calls, fail_phone: None.into() })
    }

    fn open(door: &Door) -> Arc<Self> {
        let gate = Self::shut(door);
        gate.calls.add_permits(1000);
        gate
    }

    fn login(self: &Arc<Self>, door: &Door) -> Arc<Login> {
        let store = Arc::new(door.store.clone());
        door.fakes.login_over(self.clone(), store, ConflictPolicy::Merge)
    }

    /// Has the call that follows the next login fail.
    fn before_phone(&self, failure: ProviderFailure) {
        *self.fail_phone.lock().unwrap() = Some(failure);
    }
}

#[async_trait]
impl IdentityProvider for Gate {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        self.calls.acquire().await.unwrap().forget();
        let verified = self.provider.redeem_login_code(code).await;
        if let Some(failure) = self.fail_phone.lock().unwrap().take() {
            self.provider.fail_next(failure);
        }
        verified
    }
}

/// Starts a login, and returns once it has got as far as it can.
async fn start(
    login: &Arc<Login>,
    sent: &Sent,
) -> tokio::task::JoinHandle<Result<LoggedIn, LoginError>> {
    let login = login.clone();
    let sent = sent.clone();
    let task = tokio::spawn(async move { sent.to(&login).await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn those_who_wait_share_a_failure_and_the_next_one_asks_again() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let gate = Gate::shut(&door);
    let login = gate.login(&door);
    let sent = Sent::by(&door, &alice);
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(start(&login, &sent).await);
    }
    door.provider.fail_next(UNAVAILABLE);
    gate.calls.add_permits(1);
    for one in waiting {
        let error = one.await.unwrap().unwrap_err();
        let error = if let LoginError::Shared(error) = &error { error } else { &error };
        assert!(matches!(error, LoginError::Verify(_)), "{error:?}");
    }
    assert_eq!(door.provider.calls().len(), 1);
    gate.calls.add_permits(1);
    sent.to(&login).await.unwrap();
}

#[tokio::test]
async fn a_rival_for_a_code_in_hand_waits_and_is_refused_and_recorded() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let gate = Gate::shut(&door);
    let login = gate.login(&door);
    let sent = Sent::by(&door, &alice);
    let first = start(&login, &sent).await;
    let rival = start(&login, &sent.clone().under("thief")).await;
    assert!(!rival.is_finished());
    gate.calls.add_permits(2);
    let member = first.await.unwrap().unwrap().member;
    assert!(is_code_used(&rival.await.unwrap()));
    let events: Vec<_> = door.store.audit_besides_logins();
    assert_eq!((events.len(), events[0].member), (1, Some(member)));
    assert_eq!(door.provider.calls().len(), 1);
}

#[tokio::test]
async fn when_a_login_is_broken_off_one_who_waits_takes_it_up() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let gate = Gate::shut(&door);
    let login = gate.login(&door);
    let sent = Sent::by(&door, &alice);
    let first = start(&login, &sent).await;
    let second = start(&login, &sent).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.calls.add_permits(1);
    assert!(second.await.unwrap().unwrap().is_new);
}

#[tokio::test]
async fn who_is_asked_answers_under_the_same_key_without_new_codes() {
    let door = Door::with(ConflictPolicy::Ask);
    let late = MemoryUser::person("oLate");
    let elder = door.log_in(&late).await.unwrap().member;
    door.clock.advance(Duration::from_secs(1));
    door.log_in(&MemoryUser::person("oOther").with_union_id("u1")).await.unwrap();
    let sent = Sent::by(&door, &late.with_union_id("u1"));
    let asked = sent.to(&door.login).await;
    assert!(matches!(asked, Err(LoginError::MergeRequired)), "{asked:?}");
    let calls = door.provider.calls().len();
    let answered = Sent { on_conflict: Some(ConflictResolution::Merge), ..sent };
    let merged = answered.to(&door.login).await.unwrap();
    assert_eq!((merged.member, merged.merged.len()), (elder, 1));
    assert_eq!(door.provider.calls().len(), calls);
}
