//! Login with a login code and, optionally, a phone code.

mod attempt;
mod audit_refusal;
mod complete;
mod error;
pub mod exchange_code;
pub mod get_openid;
mod idempotency;
mod resolve_member;
mod single_flight;

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::fingerprint::Fingerprint;
use crate::model::identity::AccountKind;
use crate::model::login::{LoggedIn, LoginRequest};
use crate::ports::app::App;
use crate::ports::login_seal::LoginSeal;
use crate::use_cases::app::registry::{AppRegistry, CodeExchangeError};
use crate::use_cases::login::attempt::{LoginAttempt, RedeemedCodes, RedemptionKey};
use crate::use_cases::login::audit_refusal::RefusalAudit;
use crate::use_cases::login::complete::Completion;
pub use crate::use_cases::login::error::LoginError;
use crate::use_cases::login::idempotency::StoredResponses;
use crate::use_cases::login::single_flight::{InFlight, InFlightGuard, Slot};
use crate::use_cases::ports::{Policies, Ports};

/// Logs users in.
pub struct Login {
    apps: Arc<AppRegistry>,
    seal: Arc<dyn LoginSeal>,
    clock: Arc<dyn Clock>,
    in_flight: InFlight,
    responses: Arc<StoredResponses>,
    completion: Completion,
    refusals: RefusalAudit,
}

impl Login {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        let responses = Arc::new(StoredResponses::new(ports));
        Self {
            apps: ports.apps.clone(),
            seal: ports.login_seal.clone(),
            clock: ports.clock.clone(),
            in_flight: InFlight::default(),
            completion: Completion::new(ports, policies, responses.clone()),
            responses,
            refusals: RefusalAudit::new(ports),
        }
    }

    /// Logs a user in.
    ///
    /// With an idempotency key, the request can be repeated while it is in progress and for a minute
    /// afterwards; each repetition gets the same response. If the login fails after codes were redeemed,
    /// a repetition within that minute needs no new codes.
    pub async fn run(&self, request: LoginRequest) -> Result<LoggedIn, LoginError> {
        let app = self.apps.find_enabled(request.app.as_deref())?;
        let code = self.seal.code_fingerprint(&app.name, &request.code);
        if let Some(idempotency_key) = &request.idempotency_key {
            let fingerprint = self.seal.request_fingerprint(idempotency_key, &request);
            return self.log_in_idempotent(&app, &request, code, fingerprint).await;
        }
        let key = RedemptionKey { code, request: None };
        let outcome = self.log_in(&app, &request, key, &mut RedeemedCodes::default()).await;
        self.audit_refusal(&app, code, outcome.as_ref().err()).await;
        outcome
    }

    /// Executes the request, unless it is in progress or has been executed: then it gets that response.
    async fn log_in_idempotent(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        fingerprint: Fingerprint,
    ) -> Result<LoggedIn, LoginError> {
        loop {
            match self.in_flight.acquire(code, fingerprint, self.clock.now()) {
                Slot::Acquired(guard) => return self.execute(app, request, code, guard).await,
                Slot::SameRequest(pending) => match pending.wait().await {
                    Some(Ok(())) => {
                        let now = self.clock.now();
                        let response = self.responses.replay(code, fingerprint, now).await?;
                        return response.ok_or(LoginError::CodeUsed);
                    }
                    Some(Err(error)) => return Err(LoginError::Shared(error)),
                    // The other request was cancelled: this one may execute the login.
                    None => {}
                },
                Slot::OtherRequest(pending) => {
                    // The audit event names the session that the other request opens, so it waits.
                    if let Some(pending) = pending {
                        pending.wait().await;
                    }
                    self.audit_refusal(app, code, Some(&LoginError::CodeUsed)).await;
                    return Err(LoginError::CodeUsed);
                }
            }
        }
    }

    /// Executes the request of the guard and publishes the outcome to concurrent repetitions.
    async fn execute(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        mut guard: InFlightGuard<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let outcome = self.replay_or_log_in(app, request, code, &mut guard).await;
        self.audit_refusal(app, code, outcome.as_ref().err()).await;
        match outcome {
            Ok(logged_in) => {
                guard.finish(Ok(()), self.clock.now());
                Ok(logged_in)
            }
            Err(error) => {
                let error = Arc::new(error);
                guard.finish(Err(Arc::clone(&error)), self.clock.now());
                Err(Arc::try_unwrap(error).unwrap_or_else(LoginError::Shared))
            }
        }
    }

    async fn replay_or_log_in(
        &self,
        app: &App,
        request: &LoginRequest,
        code: Fingerprint,
        guard: &mut InFlightGuard<'_>,
    ) -> Result<LoggedIn, LoginError> {
        let fingerprint = guard.request;
        if let Some(response) = self.responses.replay(code, fingerprint, self.clock.now()).await? {
            return Ok(response);
        }
        let key = RedemptionKey { code, request: Some(fingerprint) };
        match self.log_in(app, request, key, &mut guard.codes).await {
            // Another instance has redeemed the code in the meantime, possibly for the same request.
            Err(error) if error.is_code_used() => {
                let now = self.clock.now();
                self.responses.replay(code, fingerprint, now).await?.ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// Redeems the codes at the provider and completes the login.
    ///
    /// The login code is redeemed first, and the phone code only if the user is known then: phone codes
    /// cost money, and a bad login must not spend one. The unit of work begins after these calls.
    async fn log_in(
        &self,
        app: &App,
        request: &LoginRequest,
        key: RedemptionKey,
        codes: &mut RedeemedCodes,
    ) -> Result<LoggedIn, LoginError> {
        let identity = match &mut codes.identity {
            Some(identity) => identity,
            none => {
                let redeemed = app.identity.redeem_login_code(&request.code).await;
                none.insert(redeemed.map_err(CodeExchangeError::from)?)
            }
        };
        if identity.account_kind == AccountKind::Guest {
            return Err(LoginError::GuestAccount);
        }
        if let (None, Some(code)) = (&codes.phone, &request.phone_code) {
            let redeemed = app.phone.redeem_phone_code(&identity.subject, code).await;
            codes.phone = Some(redeemed.map_err(LoginError::Phone)?);
        }
        let attempt = LoginAttempt { app, request, identity, phone: codes.phone.as_ref(), key };
        self.completion.run(&attempt, self.clock.now()).await
    }

    async fn audit_refusal(&self, app: &App, code: Fingerprint, error: Option<&LoginError>) {
        if let Some(error) = error {
            self.refusals.record(&app.name, code, error, self.clock.now()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;
    use uuid::Uuid;

    use super::*;
    use crate::model::app::name::{AppId, AppName};
    use crate::model::app::policy::AppPolicy;
    use crate::model::clock::MockClock;
    use crate::model::identity::{KnownMember, ProviderIdentity, Subject, SubjectKind};
    use crate::model::member::nickname::Nickname;
    use crate::model::member::phone::PhoneNumber;
    use crate::model::member::{Member, MemberId, MemberStatus};
    use crate::model::random::MockRandom;
    use crate::model::secret::{AccessToken, LoginCode, PhoneCode, RefreshToken};
    use crate::model::timestamp::Timestamp;
    use crate::ports::login_seal::MockLoginSeal;
    use crate::ports::provider::{
        MockIdentityProvider, MockPhoneProvider, ProviderError, ProviderFailure,
    };
    use crate::ports::request_context::MockRequestContext;
    use crate::ports::store::audit::MockAuditLog;
    use crate::ports::store::error::{AddError, StoreError};
    use crate::ports::store::identities::MockIdentityRepository;
    use crate::ports::store::members::{MockMemberRepository, MockTombstoneRepository};
    use crate::ports::store::outbox::MockOutbox;
    use crate::ports::store::redemptions::MockRedemptionRepository;
    use crate::ports::store::sessions::MockSessionRepository;
    use crate::ports::store::{MockStore, MockUnitOfWork, UnitOfWork};
    use crate::ports::tokens::MockTokenIssuer;
    use crate::use_cases::retry::MAX_ATTEMPTS;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000);

    /// Expectations of one unit of work.
    #[derive(Default)]
    struct Work {
        members: MockMemberRepository,
        identities: MockIdentityRepository,
        was_banned: bool,
        commits: usize,
    }

    impl Work {
        /// Unit of work of a store without members.
        fn empty() -> Self {
            let mut work = Self::default();
            work.identities.expect_find_by_subject().returning(|_| Ok(None));
            work
        }

        /// Unit of work of a store in which `member` is alice.
        fn knowing(member: Member) -> Self {
            let mut work = Self::default();
            let locked = member.clone();
            work.members.expect_find_for_update().returning(move |_| Ok(Some(locked.clone())));
            let known = KnownMember { member, subjects: vec![alice()] };
            work.identities.expect_find_by_subject().returning(move |_| Ok(Some(known.clone())));
            work
        }

        /// Unit of work that audits a refusal.
        fn audit() -> Self {
            Self::default().committed_once()
        }

        fn committed_once(mut self) -> Self {
            self.commits = 1;
            self
        }

        fn begin(self) -> Box<dyn UnitOfWork> {
            let mut sessions = MockSessionRepository::new();
            sessions.expect_add().returning(|_| Ok(()));
            sessions.expect_list_by_member().returning(|_| Ok(vec![]));
            sessions.expect_remove().returning(|_| Ok(()));
            let mut tombstones = MockTombstoneRepository::new();
            tombstones.expect_exists_any().returning(move |_| Ok(self.was_banned));
            let mut redemptions = MockRedemptionRepository::new();
            redemptions.expect_add().returning(|_| Ok(()));
            let mut audit = MockAuditLog::new();
            audit.expect_record().returning(|_| Ok(()));
            let mut outbox = MockOutbox::new();
            outbox.expect_add().returning(|_| Ok(()));
            let mut work = MockUnitOfWork::new();
            work.expect_audit().return_const(Box::new(audit) as Box<_>);
            work.expect_outbox().return_const(Box::new(outbox) as Box<_>);
            work.expect_tombstones().return_const(Box::new(tombstones) as Box<_>);
            work.expect_redemptions().return_const(Box::new(redemptions) as Box<_>);
            work.expect_members().return_const(Box::new(self.members) as Box<_>);
            work.expect_identities().return_const(Box::new(self.identities) as Box<_>);
            work.expect_sessions().return_const(Box::new(sessions) as Box<_>);
            work.expect_commit().times(self.commits).returning(|| Ok(()));
            Box::new(work)
        }
    }

    fn alice() -> Subject {
        Subject { namespace: "test".into(), kind: SubjectKind::OpenId, value: "oAlice".into() }
    }

    fn provider_identity(standing: AccountKind) -> ProviderIdentity {
        ProviderIdentity {
            subject: alice(),
            aliases: vec![],
            account_kind: standing,
            session_key: None,
        }
    }

    fn member() -> Member {
        let id = MemberId(Uuid::from_u128(1));
        Member::register(id, Nickname::parse("Ann").unwrap(), None, NOW)
    }

    fn refused(failure: ProviderFailure) -> ProviderError {
        ProviderError::new(failure, "as expected")
    }

    fn knows_alice() -> MockIdentityProvider {
        let mut provider = MockIdentityProvider::new();
        provider.expect_redeem_login_code().returning(|_| Ok(provider_identity(AccountKind::User)));
        provider
    }

    /// Returns ports over these units of work, one per begin. Any further begin fails the test.
    fn ports(app: App, works: Vec<Work>) -> Ports {
        let mut store = MockStore::new();
        let mut order = Sequence::new();
        for work in works {
            let mut work = Some(work.begin());
            let begin = move || Ok(work.take().unwrap());
            store.expect_begin().times(1).in_sequence(&mut order).returning(begin);
        }
        let mut clock = MockClock::new();
        clock.expect_now().return_const(NOW);
        let mut random = MockRandom::new();
        random.expect_fill().returning(|bytes| bytes.fill(7));
        let mut request_context = MockRequestContext::new();
        request_context.expect_request_id().return_const(None);
        let mut tokens = MockTokenIssuer::new();
        tokens.expect_access_token().returning(|_| Ok(AccessToken::new("access".into())));
        tokens.expect_refresh_token().returning(|_| RefreshToken::new("refresh".into()));
        let mut seal = MockLoginSeal::new();
        seal.expect_code_fingerprint().return_const(Fingerprint([0; 32]));
        Ports {
            apps: Arc::new(AppRegistry::new(vec![app])),
            store: Arc::new(store),
            login_seal: Arc::new(seal),
            token_issuer: Arc::new(tokens),
            clock: Arc::new(clock),
            random: Arc::new(random),
            request_context: Arc::new(request_context),
            ..Ports::mocks()
        }
    }

    fn login(app: App, works: Vec<Work>) -> Login {
        Login::new(&ports(app, works), &Policies::for_tests())
    }

    fn app(identity: MockIdentityProvider, phone: MockPhoneProvider) -> App {
        App {
            name: AppName::parse("main").unwrap(),
            app_id: AppId::parse("wx01").unwrap(),
            namespace: "test".into(),
            policy: AppPolicy::default(),
            disabled: false,
            identity: Arc::new(identity),
            phone: Arc::new(phone),
            session_keys: None,
            pushes: None,
        }
    }

    fn request(phone_code: Option<&str>) -> LoginRequest {
        LoginRequest {
            app: None,
            code: LoginCode::parse("code").unwrap(),
            phone_code: phone_code.map(|code| PhoneCode::parse(code).unwrap()),
            nickname: None,
            on_conflict: None,
            idempotency_key: None,
        }
    }

    #[tokio::test]
    async fn refused_login_code_spends_no_phone_code() {
        let mut identity = MockIdentityProvider::new();
        identity
            .expect_redeem_login_code()
            .returning(|_| Err(refused(ProviderFailure::CodeInvalid)));
        let login = login(app(identity, MockPhoneProvider::new()), vec![]);
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::Verify(CodeExchangeError::Provider(_))), "{error:?}");
    }

    #[tokio::test]
    async fn refused_phone_code_changes_nothing() {
        let mut phone = MockPhoneProvider::new();
        phone
            .expect_redeem_phone_code()
            .returning(|_, _| Err(refused(ProviderFailure::CodeInvalid)));
        let login = login(app(knows_alice(), phone), vec![]);
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::Phone(_)), "{error:?}");
    }

    #[tokio::test]
    async fn phone_code_is_redeemed_after_the_login_code_for_its_user() {
        let mut order = Sequence::new();
        let mut identity = MockIdentityProvider::new();
        let verify = identity.expect_redeem_login_code().times(1).in_sequence(&mut order);
        verify.returning(|_| Ok(provider_identity(AccountKind::User)));
        let mut phone = MockPhoneProvider::new();
        let redeem = phone.expect_redeem_phone_code().times(1).in_sequence(&mut order);
        redeem
            .withf(|owner, _| *owner == alice())
            .returning(|_, _| Ok(PhoneNumber::new(86, "13800138915").unwrap()));
        let mut work = Work::empty().committed_once();
        work.members.expect_add().times(1).returning(|_| Ok(()));
        work.identities.expect_add().times(1).returning(|_, _, _| Ok(()));
        let login = login(app(identity, phone), vec![work]);
        let logged_in = login.run(request(Some("phone"))).await.unwrap();
        assert_eq!(logged_in.nickname.as_str(), "好柿开花8915");
        assert!(logged_in.is_new);
    }

    #[tokio::test]
    async fn guest_account_is_refused() {
        let mut identity = MockIdentityProvider::new();
        identity
            .expect_redeem_login_code()
            .returning(|_| Ok(provider_identity(AccountKind::Guest)));
        let login = login(app(identity, MockPhoneProvider::new()), vec![]);
        assert!(matches!(login.run(request(None)).await, Err(LoginError::GuestAccount)));
    }

    #[tokio::test]
    async fn banned_member_cannot_log_in() {
        let mut banned = member();
        banned.set_status(MemberStatus::Banned, None, NOW);
        let login = login(
            app(knows_alice(), MockPhoneProvider::new()),
            vec![Work::knowing(banned), Work::audit()],
        );
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Banned { .. })));
    }

    #[tokio::test]
    async fn tombstone_of_banned_member_refuses_login() {
        let work = Work { was_banned: true, ..Work::empty() };
        let login = login(app(knows_alice(), MockPhoneProvider::new()), vec![work]);
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Banned { .. })));
    }

    #[tokio::test]
    async fn returning_login_reads_and_commits_once() {
        let work = Work::knowing(member()).committed_once();
        let login = login(app(knows_alice(), MockPhoneProvider::new()), vec![work]);
        let logged_in = login.run(request(None)).await.unwrap();
        assert_eq!((logged_in.member, logged_in.is_new), (member().id, false));
    }

    #[tokio::test]
    async fn app_without_auto_register_refuses_new_members() {
        let policy = AppPolicy { auto_register: false, ..AppPolicy::default() };
        let app = App { policy, ..app(knows_alice(), MockPhoneProvider::new()) };
        let error = login(app, vec![Work::empty()]).run(request(None)).await.unwrap_err();
        assert!(matches!(error, LoginError::RegistrationClosed), "{error:?}");
    }

    #[tokio::test]
    async fn app_that_requires_a_phone_refuses_login_without_one() {
        for work in [Work::empty(), Work::knowing(member())] {
            let policy = AppPolicy { phone_required: true, ..AppPolicy::default() };
            let app = App { policy, ..app(knows_alice(), MockPhoneProvider::new()) };
            let error = login(app, vec![work]).run(request(None)).await.unwrap_err();
            assert!(matches!(error, LoginError::PhoneRequired), "{error:?}");
        }
    }

    #[tokio::test]
    async fn concurrent_first_logins_yield_one_member() {
        let mut lost = Work::empty();
        lost.members.expect_add().times(1).returning(|_| Ok(()));
        lost.identities.expect_add().times(1).returning(|_, _, _| Err(AddError::Taken));
        let found = Work::knowing(member()).committed_once();
        let login = login(app(knows_alice(), MockPhoneProvider::new()), vec![lost, found]);
        let logged_in = login.run(request(None)).await.unwrap();
        assert_eq!((logged_in.member, logged_in.is_new), (member().id, false));
    }

    #[tokio::test]
    async fn taken_phone_is_rechecked_before_refusal() {
        let works = [(); MAX_ATTEMPTS as usize].map(|()| {
            let mut work = Work::empty();
            work.members.expect_add().times(1).returning(|_| Err(AddError::Taken));
            work
        });
        let mut phone = MockPhoneProvider::new();
        phone
            .expect_redeem_phone_code()
            .returning(|_, _| Ok(PhoneNumber::new(86, "13800138915").unwrap()));
        let login = login(app(knows_alice(), phone), works.into());
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::PhoneTaken { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn store_failure_issues_no_token() {
        let mut work = Work::empty();
        let failed = || AddError::Store(StoreError::new("disk full"));
        work.members.expect_add().returning(move |_| Err(failed()));
        let mut ports = ports(app(knows_alice(), MockPhoneProvider::new()), vec![work]);
        ports.token_issuer = Arc::new(MockTokenIssuer::new());
        let login = Login::new(&ports, &Policies::for_tests());
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Store(_))));
    }
}
