//! Log in: a login code, and perhaps a phone code, become a member and their tokens.

mod attempt;
mod audit_refusal;
mod complete;
pub mod exchange_code;
pub mod get_openid;
mod idempotency;
mod resolve_member;
pub mod single_flight;

use crate::model::login::LoggedIn;
use crate::model::login::LoginRequest;
use crate::use_cases::login::attempt::RedemptionKey;
use std::sync::Arc;
use std::time::Duration;

use crate::model::fingerprint::Fingerprints;
use crate::model::identity::{AccountKind, UnionIdChanged};
use crate::model::member::MemberId;
use crate::model::member::nickname::NicknamePrefixes;
use crate::model::session::SessionPolicy;
use crate::ports::app::App;
use crate::ports::login_seal::{LoginSeal, UnsealError};
use crate::ports::provider::ProviderError;
use crate::ports::store::Store;
use crate::ports::store::error::{Contention, StoreError};
use crate::ports::store::redemptions::RedemptionReader;
use crate::ports::tokens::{SigningError, TokenIssuer};
use crate::use_cases::app::registry::{AppRegistry, CodeExchangeError};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::login::attempt::LoginAttempt;
use crate::use_cases::login::single_flight::{InFlight, RedeemedCodes};
use crate::use_cases::ports::{Policies, Ports};

/// The use case.
pub struct Login {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// Redeemed login codes.
    pub redemptions: Arc<dyn RedemptionReader>,
    /// What makes tokens.
    pub tokens: Arc<dyn TokenIssuer>,
    /// What recognises banned members who were erased.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// What keeps answers and recognises codes.
    pub seal: Arc<dyn LoginSeal>,
    /// What makes events; it knows the time.
    pub events: EventFactory,
    /// What is configurable about it.
    pub policy: LoginPolicy,
    /// The repeatable logins of this instance that are not done.
    pub in_flight: InFlight,
}

/// What is configurable about a login.
#[derive(Clone, Debug)]
pub struct LoginPolicy {
    /// What default nicknames begin with.
    pub nickname_prefixes: NicknamePrefixes,
    /// How long an access token is good for.
    pub access_ttl: Duration,
    /// How long sessions live, and how many.
    pub sessions: SessionPolicy,
}

/// Why a login came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The login code led to nobody.
    #[error(transparent)]
    Verify(#[from] CodeExchangeError),
    /// The login code was redeemed by another request.
    #[error("the login code was redeemed by another request")]
    CodeUsed,
    /// The phone code led to no number.
    #[error("the phone code was not redeemed")]
    Phone(#[source] ProviderError),
    /// The provider knows a device or a guest, not a user.
    #[error("a visitor without an account of their own cannot become a member")]
    GuestAccount,
    /// The app wants a phone number, and there is none yet.
    #[error("the app requires a phone number")]
    PhoneRequired,
    /// The user is no member, and the app takes no new ones.
    #[error("the app does not register new members")]
    RegistrationClosed,
    /// The member is banned.
    #[error("the member is banned")]
    Banned {
        /// Who it is; unknown of one who was erased.
        member: Option<MemberId>,
    },
    /// The phone number is another member's.
    #[error("the phone number belongs to another member")]
    PhoneTaken {
        /// Whether the app lets nobody in without a number.
        phone_required: bool,
        /// It may be the very user's, by another request at this moment: only another look can tell.
        source: Contention,
    },
    /// The provider says that two members are one person, who has to say what is to become of them.
    #[error("two members are one person, and the client has not said what to do")]
    MergeRequired,
    /// The provider contradicts what it said before.
    #[error(transparent)]
    UnionIdChanged(#[from] UnionIdChanged),
    /// The same request, sent twice at once, failed for both.
    #[error(transparent)]
    Shared(Arc<LoginError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens could not be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The answer that was kept cannot be given again.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
}

impl Login {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            apps: ports.apps.clone(),
            store: ports.store.clone(),
            redemptions: ports.readers.redemptions.clone(),
            tokens: ports.token_issuer.clone(),
            fingerprints: ports.fingerprints.clone(),
            seal: ports.login_seal.clone(),
            events: EventFactory::new(ports),
            policy: LoginPolicy {
                nickname_prefixes: policies.nickname_prefixes.clone(),
                access_ttl: policies.access_ttl,
                sessions: policies.sessions,
            },
            in_flight: InFlight::default(),
        }
    }

    /// Logs in.
    ///
    /// The login code is redeemed first and the phone code only for a user who is known then: a bad
    /// login never spends a phone code, which costs money. Nothing is asked outside while the store is
    /// at work.
    ///
    /// With an idempotency key, a request may be sent again while it is under way and for a minute
    /// after: all get the same answer. What the provider said is remembered for as long when the login
    /// fails afterwards, so that another try needs no new codes.
    pub async fn run(&self, request: LoginRequest) -> Result<LoggedIn, LoginError> {
        let app = self.apps.find_enabled(request.app.as_deref())?;
        let app = app.as_ref();
        let code = self.seal.code_fingerprint(&app.name, &request.code);
        if let Some(key) = &request.idempotency_key {
            let fingerprint = self.seal.request_fingerprint(key, &request);
            return self.log_in_idempotent(app, &request, code, fingerprint).await;
        }
        let mark = RedemptionKey { code, request: None };
        let outcome = self.log_in(app, &request, mark, &mut RedeemedCodes::default()).await;
        self.audit_refusal(app, code, outcome).await
    }

    async fn log_in(
        &self,
        app: &App,
        request: &LoginRequest,
        mark: RedemptionKey,
        proof: &mut RedeemedCodes,
    ) -> Result<LoggedIn, LoginError> {
        let verified = match &mut proof.verified {
            Some(verified) => verified,
            none => none.insert(
                app.identity
                    .redeem_login_code(&request.code)
                    .await
                    .map_err(CodeExchangeError::from)?,
            ),
        };
        if verified.standing == AccountKind::Guest {
            return Err(LoginError::GuestAccount);
        }
        if let (None, Some(code)) = (&proof.phone, &request.phone_code) {
            let phone = app.phone.redeem_phone_code(&verified.subject, code).await;
            proof.phone = Some(phone.map_err(LoginError::Phone)?);
        }
        let arrival = LoginAttempt { app, request, verified, phone: proof.phone.as_ref(), mark };
        self.complete(&arrival).await
    }
}

#[cfg(test)]
mod tests {
    use crate::model::fingerprint::Fingerprint;
    use crate::model::member::nickname::Nickname;
    use crate::model::secret::LoginCode;
    use crate::model::secret::PhoneCode;
    use mockall::Sequence;
    use uuid::Uuid;

    use super::*;
    use crate::model::app::name::{AppId, AppName};
    use crate::model::app::policy::AppPolicy;
    use crate::model::clock::MockClock;
    use crate::model::fingerprint::MockFingerprints;
    use crate::model::identity::{KnownMember, ProviderIdentity, Subject, SubjectKind};
    use crate::model::member::phone::PhoneNumber;
    use crate::model::member::{Member, MemberStatus};
    use crate::model::random::MockRandom;
    use crate::model::secret::{AccessToken, RefreshToken};
    use crate::model::timestamp::Timestamp;
    use crate::ports::login_seal::MockLoginSeal;
    use crate::ports::provider::{MockIdentityProvider, MockPhoneProvider, ProviderFailure};
    use crate::ports::request_context::MockRequestContext;
    use crate::ports::store::audit::MockAuditLog;
    use crate::ports::store::error::AddError;
    use crate::ports::store::identities::MockIdentityRepository;
    use crate::ports::store::members::MockMemberRepository;
    use crate::ports::store::members::MockTombstoneRepository;
    use crate::ports::store::outbox::MockOutbox;
    use crate::ports::store::redemptions::{MockRedemptionReader, MockRedemptionRepository};
    use crate::ports::store::sessions::MockSessionRepository;
    use crate::ports::store::{MockStore, MockUnitOfWork, UnitOfWork};
    use crate::ports::tokens::MockTokenIssuer;
    use crate::use_cases::retry::MAX_ATTEMPTS;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000);

    /// One unit of work, as the store will show it.
    #[derive(Default)]
    struct Work {
        members: MockMemberRepository,
        identities: MockIdentityRepository,
        was_banned: bool,
        commits: usize,
    }

    impl Work {
        /// A store that knows nobody.
        fn empty() -> Self {
            let mut work = Self::default();
            work.identities.expect_find_by_subject().returning(|_| Ok(None));
            work
        }

        /// A store that knows alice as `member`.
        fn knowing(member: Member) -> Self {
            let mut work = Self::default();
            let owner = KnownMember { member, subjects: vec![alice()] };
            work.identities.expect_find_by_subject().returning(move |_| Ok(Some(owner.clone())));
            work
        }

        /// What a refusal is recorded in.
        fn on_record() -> Self {
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

    fn verified(standing: AccountKind) -> ProviderIdentity {
        ProviderIdentity { subject: alice(), aliases: vec![], standing, session_key: None }
    }

    fn member() -> Member {
        let id = MemberId(Uuid::from_u128(1));
        Member::register(id, Nickname::parse("Ann").unwrap(), None, NOW)
    }

    fn refused(failure: ProviderFailure) -> ProviderError {
        ProviderError::new(failure, "as ordered")
    }

    fn knows_alice() -> MockIdentityProvider {
        let mut identity = MockIdentityProvider::new();
        identity.expect_redeem_login_code().returning(|_| Ok(verified(AccountKind::User)));
        identity
    }

    /// A login over the given works, one per begin; any further begin fails the test.
    fn login(app: App, works: Vec<Work>) -> Login {
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
        let mut requests = MockRequestContext::new();
        requests.expect_request_id().return_const(None);
        let mut tokens = MockTokenIssuer::new();
        tokens.expect_access_token().returning(|_| Ok(AccessToken::new("access".into())));
        tokens.expect_refresh_token().returning(|_| RefreshToken::new("refresh".into()));
        let mut fingerprints = MockFingerprints::new();
        fingerprints.expect_fingerprint().returning(|_, _| Fingerprint([7; 32]));
        let mut seal = MockLoginSeal::new();
        seal.expect_code_fingerprint().return_const(Fingerprint([0; 32]));
        Login {
            apps: Arc::new(AppRegistry::new(vec![app])),
            store: Arc::new(store),
            redemptions: Arc::new(MockRedemptionReader::new()),
            seal: Arc::new(seal),
            in_flight: InFlight::default(),
            tokens: Arc::new(tokens),
            fingerprints: Arc::new(fingerprints),
            events: EventFactory {
                clock: Arc::new(clock),
                random: Arc::new(random),
                requests: Arc::new(requests),
            },
            policy: LoginPolicy {
                nickname_prefixes: NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap(),
                access_ttl: Duration::from_hours(2),
                sessions: SessionPolicy {
                    idle: Duration::from_hours(24),
                    absolute: Duration::from_hours(240),
                    grace: Duration::from_secs(10),
                    per_member: 10,
                },
            },
        }
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
    async fn a_refused_login_code_spends_no_phone_code_and_changes_nothing() {
        let mut identity = MockIdentityProvider::new();
        identity
            .expect_redeem_login_code()
            .returning(|_| Err(refused(ProviderFailure::CodeInvalid)));
        let login = login(app(identity, MockPhoneProvider::new()), vec![Work::on_record()]);
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::Verify(CodeExchangeError::Provider(_))), "{error:?}");
    }

    #[tokio::test]
    async fn a_refused_phone_code_changes_nothing() {
        let mut phone = MockPhoneProvider::new();
        phone
            .expect_redeem_phone_code()
            .returning(|_, _| Err(refused(ProviderFailure::CodeInvalid)));
        let login = login(app(knows_alice(), phone), vec![Work::on_record()]);
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::Phone(_)), "{error:?}");
    }

    #[tokio::test]
    async fn the_phone_code_is_redeemed_for_the_user_of_the_login_code_and_after_it() {
        let mut order = Sequence::new();
        let mut identity = MockIdentityProvider::new();
        let verify = identity.expect_redeem_login_code().times(1).in_sequence(&mut order);
        verify.returning(|_| Ok(verified(AccountKind::User)));
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
    async fn a_visitor_becomes_no_member() {
        let mut identity = MockIdentityProvider::new();
        identity.expect_redeem_login_code().returning(|_| Ok(verified(AccountKind::Guest)));
        let login = login(app(identity, MockPhoneProvider::new()), vec![Work::on_record()]);
        assert!(matches!(login.run(request(None)).await, Err(LoginError::GuestAccount)));
    }

    #[tokio::test]
    async fn a_banned_member_cannot_log_in() {
        let mut banned = member();
        banned.set_status(MemberStatus::Banned, None, NOW);
        let login = login(
            app(knows_alice(), MockPhoneProvider::new()),
            vec![Work::knowing(banned), Work::on_record()],
        );
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Banned { .. })));
    }

    #[tokio::test]
    async fn a_banned_member_who_was_erased_cannot_come_back() {
        let work = Work { was_banned: true, ..Work::empty() };
        let works = vec![work, Work::on_record()];
        let login = login(app(knows_alice(), MockPhoneProvider::new()), works);
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Banned { .. })));
    }

    #[tokio::test]
    async fn a_known_member_is_only_read_and_committed_once() {
        let work = Work::knowing(member()).committed_once();
        let login = login(app(knows_alice(), MockPhoneProvider::new()), vec![work]);
        let logged_in = login.run(request(None)).await.unwrap();
        assert_eq!((logged_in.member, logged_in.is_new), (member().id, false));
    }

    #[tokio::test]
    async fn a_closed_app_registers_nobody() {
        let policy = AppPolicy { auto_register: false, ..AppPolicy::default() };
        let app = App { policy, ..app(knows_alice(), MockPhoneProvider::new()) };
        let error = login(app, vec![Work::empty(), Work::on_record()])
            .run(request(None))
            .await
            .unwrap_err();
        assert!(matches!(error, LoginError::RegistrationClosed), "{error:?}");
    }

    #[tokio::test]
    async fn an_app_that_requires_a_phone_takes_nobody_without_one() {
        for work in [Work::empty(), Work::knowing(member())] {
            let policy = AppPolicy { phone_required: true, ..AppPolicy::default() };
            let app = App { policy, ..app(knows_alice(), MockPhoneProvider::new()) };
            let error =
                login(app, vec![work, Work::on_record()]).run(request(None)).await.unwrap_err();
            assert!(matches!(error, LoginError::PhoneRequired), "{error:?}");
        }
    }

    #[tokio::test]
    async fn who_loses_the_race_of_a_first_login_is_the_same_member_a_moment_later() {
        let mut lost = Work::empty();
        lost.members.expect_add().times(1).returning(|_| Ok(()));
        lost.identities.expect_add().times(1).returning(|_, _, _| Err(AddError::Taken));
        let found = Work::knowing(member()).committed_once();
        let login = login(app(knows_alice(), MockPhoneProvider::new()), vec![lost, found]);
        let logged_in = login.run(request(None)).await.unwrap();
        assert_eq!((logged_in.member, logged_in.is_new), (member().id, false));
    }

    #[tokio::test]
    async fn a_phone_of_another_member_is_refused_only_after_another_look() {
        let works = [(); MAX_ATTEMPTS as usize].map(|()| {
            let mut work = Work::empty();
            work.members.expect_add().times(1).returning(|_| Err(AddError::Taken));
            work
        });
        let mut phone = MockPhoneProvider::new();
        phone
            .expect_redeem_phone_code()
            .returning(|_, _| Ok(PhoneNumber::new(86, "13800138915").unwrap()));
        let works = works.into_iter().chain([Work::on_record()]).collect();
        let login = login(app(knows_alice(), phone), works);
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::PhoneTaken { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_failing_store_hands_out_no_token() {
        let mut work = Work::empty();
        let failed = || AddError::Store(StoreError::new("disk full"));
        work.members.expect_add().returning(move |_| Err(failed()));
        let mut login = login(app(knows_alice(), MockPhoneProvider::new()), vec![work]);
        login.tokens = Arc::new(MockTokenIssuer::new());
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Store(_))));
    }
}
