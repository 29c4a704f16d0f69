//! Log in: a login code, and perhaps a phone code, become a member and their tokens.

use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, Apps, VerifyError};
use crate::identity::{Owner, Standing, UnionIdChanged, Verified};
use crate::member::{Banned, Member, MemberId};
use crate::nickname::{Nickname, NicknamePrefixes};
use crate::phone::PhoneNumber;
use crate::ports::clock::Clock;
use crate::ports::provider::ProviderError;
use crate::ports::random::Random;
use crate::ports::store::{AddError, Store, StoreError, UnitOfWork, UpdateError};
use crate::ports::tokens::{SigningError, TokenIssuer};
use crate::secret::{LoginCode, PhoneCode};
use crate::session::{Session, SessionPolicy, displaced};
use crate::timestamp::Timestamp;
use crate::token_pair::TokenPair;

/// How often an arrival is tried that loses to another one at the same moment. A second try sees what
/// the winner wrote; a third one covers a winner that was undone meanwhile.
const ATTEMPTS: u32 = 3;

/// The use case.
pub struct Login {
    /// The apps served.
    pub apps: Arc<Apps>,
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// What makes tokens.
    pub tokens: Arc<dyn TokenIssuer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// What is configurable about it.
    pub policy: LoginPolicy,
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

/// What a client sends to log in.
#[derive(Debug)]
pub struct LoginRequest {
    /// The app it means, by name or app id; the first one when `None`.
    pub app: Option<String>,
    /// Who it is.
    pub code: LoginCode,
    /// Which phone number it has, where it was asked.
    pub phone_code: Option<PhoneCode>,
    /// What it wants to be called, should this be its first login.
    pub nickname: Option<Nickname>,
}

/// A member who is logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who it is.
    pub member: MemberId,
    /// What they are called.
    pub nickname: Nickname,
    /// Whether this login made the member.
    pub is_new: bool,
    /// What the device holds from now on.
    pub tokens: TokenPair,
}

/// Why a login came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The login code led to nobody.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The phone code led to no number.
    #[error("the phone code was not redeemed")]
    Phone(#[source] ProviderError),
    /// The provider knows a device or a guest, not a user.
    #[error("a visitor without an account of their own cannot become a member")]
    Visitor,
    /// The app wants a phone number, and there is none yet.
    #[error("the app requires a phone number")]
    PhoneRequired,
    /// The user is no member, and the app takes no new ones.
    #[error("the app does not register new members")]
    RegistrationClosed,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The phone number is another member's.
    #[error("the phone number belongs to another member")]
    PhoneTaken,
    /// The provider contradicts what it said before.
    #[error(transparent)]
    UnionIdChanged(#[from] UnionIdChanged),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others were faster, time and again.
    #[error("the login lost a race {ATTEMPTS} times")]
    Contended,
    /// The tokens could not be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// Someone at the door, with everything that had to be asked outside.
struct Arrival<'a> {
    app: &'a App,
    verified: Verified,
    phone: Option<PhoneNumber>,
    nickname: Option<Nickname>,
}

/// Someone let in.
struct Admitted {
    member: Member,
    session: Session,
    is_new: bool,
}

/// Why one try at admitting someone ended.
enum Refusal {
    /// Another writer came first; with what it wrote the verdict may be another.
    Raced(LoginError),
    Final(LoginError),
}

impl<E: Into<LoginError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

impl Login {
    /// Logs in.
    ///
    /// The login code is redeemed first and the phone code only for a user who is known then: a bad
    /// login never spends a phone code, which costs money. Nothing is asked outside while the store is
    /// at work.
    pub async fn run(&self, request: LoginRequest) -> Result<LoggedIn, LoginError> {
        let (app, verified) = self.apps.verify(request.app.as_deref(), &request.code).await?;
        if verified.standing == Standing::Visitor {
            return Err(LoginError::Visitor);
        }
        let phone = match &request.phone_code {
            Some(code) => {
                Some(app.phone.phone(&verified.login, code).await.map_err(LoginError::Phone)?)
            }
            None => None,
        };
        let admitted =
            self.admit(&Arrival { app, verified, phone, nickname: request.nickname }).await?;
        self.hand_out_tokens(admitted)
    }

    async fn admit(&self, arrival: &Arrival<'_>) -> Result<Admitted, LoginError> {
        let mut verdict = LoginError::Contended;
        for _ in 0..ATTEMPTS {
            match self.try_to_admit(arrival).await {
                Ok(admitted) => return Ok(admitted),
                Err(Refusal::Raced(reason)) => verdict = reason,
                Err(Refusal::Final(reason)) => return Err(reason),
            }
        }
        Err(verdict)
    }

    async fn try_to_admit(&self, arrival: &Arrival<'_>) -> Result<Admitted, Refusal> {
        let now = self.clock.now();
        let work = self.store.begin().await?;
        let (member, is_new) = match find_owner(work.as_ref(), &arrival.verified).await? {
            Some(owner) => (welcome_back(work.as_ref(), arrival, &owner, now).await?, false),
            None => (self.register(work.as_ref(), arrival, now).await?, true),
        };
        if !is_new {
            let sessions = work.sessions().of_member(member.id).await?;
            work.sessions().remove(&displaced(sessions, &self.policy.sessions, now)).await?;
        }
        let (app, random) = (arrival.app.name.clone(), self.random.as_ref());
        let session = Session::open(member.id, app, &self.policy.sessions, now, random);
        work.sessions().add(&session).await?;
        work.commit().await?;
        Ok(Admitted { member, session, is_new })
    }

    /// Makes the member of someone unknown.
    async fn register(
        &self,
        work: &dyn UnitOfWork,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) -> Result<Member, Refusal> {
        if !arrival.app.auto_register {
            return Err(LoginError::RegistrationClosed.into());
        }
        if arrival.app.phone_required && arrival.phone.is_none() {
            return Err(LoginError::PhoneRequired.into());
        }
        let (phone, random) = (arrival.phone.clone(), self.random.as_ref());
        let nickname = arrival.nickname.clone();
        let nickname = nickname
            .unwrap_or_else(|| self.policy.nickname_prefixes.nickname(phone.as_ref(), random));
        let member = Member::register(MemberId::generate(now, random), nickname, phone, now);
        work.members().add(&member).await.map_err(|error| taken(error, LoginError::PhoneTaken))?;
        for subject in arrival.verified.subjects() {
            let added = work.identities().add(member.id, subject, now).await;
            added.map_err(|error| taken(error, LoginError::Contended))?;
        }
        Ok(member)
    }

    fn hand_out_tokens(&self, admitted: Admitted) -> Result<LoggedIn, LoginError> {
        let Admitted { member, session, is_new } = admitted;
        let (issuer, random) = (self.tokens.as_ref(), self.random.as_ref());
        let (ttl, now) = (self.policy.access_ttl, session.created_at);
        let tokens = TokenPair::issue(issuer, &member, &session, ttl, now, random)?;
        Ok(LoggedIn { member: member.id, nickname: member.nickname, is_new, tokens })
    }
}

/// The member behind an arrival: whose login id it is, or else, when this app sees them for the first
/// time, whose alias.
async fn find_owner(
    work: &dyn UnitOfWork,
    verified: &Verified,
) -> Result<Option<Owner>, StoreError> {
    for subject in verified.subjects() {
        if let Some(owner) = work.identities().find_owner(subject).await? {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

/// Lets a known member in, and takes over what is new about them.
async fn welcome_back(
    work: &dyn UnitOfWork,
    arrival: &Arrival<'_>,
    owner: &Owner,
    now: Timestamp,
) -> Result<Member, Refusal> {
    let missing = || StoreError::new("an identity's member is missing");
    let mut member = work.members().find(owner.member).await?.ok_or_else(missing)?;
    member.ensure_active().map_err(LoginError::from)?;
    if arrival.app.phone_required && member.phone.is_none() && arrival.phone.is_none() {
        return Err(LoginError::PhoneRequired.into());
    }
    if let Some(phone) = arrival.phone.clone()
        && member.bind_phone(phone, now)
    {
        work.members().update(&member).await.map_err(refused_update)?;
    }
    attach_new_subjects(work, &arrival.verified, owner, now).await?;
    Ok(member)
}

/// Makes a known member known under what the provider says of them for the first time: the id of
/// another app of the same owner, or a union id that came late.
async fn attach_new_subjects(
    work: &dyn UnitOfWork,
    verified: &Verified,
    owner: &Owner,
    now: Timestamp,
) -> Result<(), Refusal> {
    let new_aliases = owner.new_aliases(&verified.aliases).map_err(LoginError::from)?;
    if !owner.subjects.contains(&verified.login) {
        let added = work.identities().add(owner.member, &verified.login, now).await;
        added.map_err(|error| taken(error, LoginError::Contended))?;
    }
    for alias in new_aliases {
        match work.identities().add(owner.member, &alias, now).await {
            Ok(()) => {}
            // The login id is the key: it lets them in, whoever else the alias points to.
            Err(AddError::Taken) => {
                tracing::warn!(member = %owner.member.0, ?alias, "an alias is another member's");
            }
            Err(AddError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A value was taken: by someone else, or by this very user's other request a moment ago. Only a new
/// look can tell.
fn taken(error: AddError, verdict: LoginError) -> Refusal {
    match error {
        AddError::Taken => Refusal::Raced(verdict),
        AddError::Store(error) => Refusal::Final(error.into()),
    }
}

fn refused_update(error: UpdateError) -> Refusal {
    match error {
        UpdateError::Stale => Refusal::Raced(LoginError::Contended),
        UpdateError::Taken => Refusal::Raced(LoginError::PhoneTaken),
        UpdateError::Store(error) => Refusal::Final(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;
    use uuid::Uuid;

    use super::*;
    use crate::app::AppName;
    use crate::identity::{Subject, SubjectKind};
    use crate::ports::clock::MockClock;
    use crate::ports::provider::{MockIdentityProvider, MockPhoneProof, ProviderFailure};
    use crate::ports::random::MockRandom;
    use crate::ports::store::{
        MockIdentityRepository, MockMemberRepository, MockSessionRepository, MockStore,
        MockUnitOfWork,
    };
    use crate::ports::tokens::MockTokenIssuer;
    use crate::secret::{AccessToken, RefreshToken};

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000);

    /// One unit of work, as the store will show it.
    #[derive(Default)]
    struct Work {
        members: MockMemberRepository,
        identities: MockIdentityRepository,
        commits: usize,
    }

    impl Work {
        /// A store that knows nobody.
        fn empty() -> Self {
            let mut work = Self::default();
            work.identities.expect_find_owner().returning(|_| Ok(None));
            work
        }

        /// A store that knows alice as `member`.
        fn knowing(member: Member) -> Self {
            let mut work = Self::default();
            let owner = Owner { member: member.id, subjects: vec![alice()] };
            work.identities.expect_find_owner().returning(move |_| Ok(Some(owner.clone())));
            work.members.expect_find().returning(move |_| Ok(Some(member.clone())));
            work
        }

        fn committed_once(mut self) -> Self {
            self.commits = 1;
            self
        }

        fn begin(self) -> Box<dyn UnitOfWork> {
            let mut sessions = MockSessionRepository::new();
            sessions.expect_add().returning(|_| Ok(()));
            sessions.expect_of_member().returning(|_| Ok(vec![]));
            sessions.expect_remove().returning(|_| Ok(()));
            let mut work = MockUnitOfWork::new();
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

    fn verified(standing: Standing) -> Verified {
        Verified { login: alice(), aliases: vec![], standing, session_key: None }
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
        identity.expect_verify().returning(|_| Ok(verified(Standing::Person)));
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
        let mut tokens = MockTokenIssuer::new();
        tokens.expect_access_token().returning(|_| Ok(AccessToken::new("access".into())));
        tokens.expect_refresh_token().returning(|_| RefreshToken::new("refresh".into()));
        Login {
            apps: Arc::new(Apps::new(vec![app])),
            store: Arc::new(store),
            tokens: Arc::new(tokens),
            clock: Arc::new(clock),
            random: Arc::new(random),
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

    fn app(identity: MockIdentityProvider, phone: MockPhoneProof) -> App {
        App {
            name: AppName::parse("main").unwrap(),
            app_id: "wx01".into(),
            auto_register: true,
            phone_required: false,
            identity: Arc::new(identity),
            phone: Arc::new(phone),
        }
    }

    fn request(phone_code: Option<&str>) -> LoginRequest {
        LoginRequest {
            app: None,
            code: LoginCode::parse("code").unwrap(),
            phone_code: phone_code.map(|code| PhoneCode::parse(code).unwrap()),
            nickname: None,
        }
    }

    #[tokio::test]
    async fn a_refused_login_code_spends_no_phone_code_and_begins_nothing() {
        let mut identity = MockIdentityProvider::new();
        identity.expect_verify().returning(|_| Err(refused(ProviderFailure::CodeInvalid)));
        let login = login(app(identity, MockPhoneProof::new()), vec![]);
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::Verify(VerifyError::Provider(_))), "{error:?}");
    }

    #[tokio::test]
    async fn a_refused_phone_code_begins_nothing() {
        let mut phone = MockPhoneProof::new();
        phone.expect_phone().returning(|_, _| Err(refused(ProviderFailure::CodeInvalid)));
        let login = login(app(knows_alice(), phone), vec![]);
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::Phone(_)), "{error:?}");
    }

    #[tokio::test]
    async fn the_phone_code_is_redeemed_for_the_user_of_the_login_code_and_after_it() {
        let mut order = Sequence::new();
        let mut identity = MockIdentityProvider::new();
        let verify = identity.expect_verify().times(1).in_sequence(&mut order);
        verify.returning(|_| Ok(verified(Standing::Person)));
        let mut phone = MockPhoneProof::new();
        let redeem = phone.expect_phone().times(1).in_sequence(&mut order);
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
        identity.expect_verify().returning(|_| Ok(verified(Standing::Visitor)));
        let login = login(app(identity, MockPhoneProof::new()), vec![]);
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Visitor)));
    }

    #[tokio::test]
    async fn a_banned_member_cannot_log_in() {
        let mut banned = member();
        banned.ban(NOW);
        let login = login(app(knows_alice(), MockPhoneProof::new()), vec![Work::knowing(banned)]);
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Banned(_))));
    }

    #[tokio::test]
    async fn a_known_member_is_only_read_and_committed_once() {
        let work = Work::knowing(member()).committed_once();
        let login = login(app(knows_alice(), MockPhoneProof::new()), vec![work]);
        let logged_in = login.run(request(None)).await.unwrap();
        assert_eq!((logged_in.member, logged_in.is_new), (member().id, false));
    }

    #[tokio::test]
    async fn a_closed_app_registers_nobody() {
        let app = App { auto_register: false, ..app(knows_alice(), MockPhoneProof::new()) };
        let error = login(app, vec![Work::empty()]).run(request(None)).await.unwrap_err();
        assert!(matches!(error, LoginError::RegistrationClosed), "{error:?}");
    }

    #[tokio::test]
    async fn an_app_that_requires_a_phone_takes_nobody_without_one() {
        for work in [Work::empty(), Work::knowing(member())] {
            let app = App { phone_required: true, ..app(knows_alice(), MockPhoneProof::new()) };
            let error = login(app, vec![work]).run(request(None)).await.unwrap_err();
            assert!(matches!(error, LoginError::PhoneRequired), "{error:?}");
        }
    }

    #[tokio::test]
    async fn who_loses_the_race_of_a_first_login_is_the_same_member_a_moment_later() {
        let mut lost = Work::empty();
        lost.members.expect_add().times(1).returning(|_| Ok(()));
        lost.identities.expect_add().times(1).returning(|_, _, _| Err(AddError::Taken));
        let found = Work::knowing(member()).committed_once();
        let login = login(app(knows_alice(), MockPhoneProof::new()), vec![lost, found]);
        let logged_in = login.run(request(None)).await.unwrap();
        assert_eq!((logged_in.member, logged_in.is_new), (member().id, false));
    }

    #[tokio::test]
    async fn a_phone_of_another_member_is_refused_only_after_another_look() {
        let works = [(); ATTEMPTS as usize].map(|()| {
            let mut work = Work::empty();
            work.members.expect_add().times(1).returning(|_| Err(AddError::Taken));
            work
        });
        let mut phone = MockPhoneProof::new();
        phone.expect_phone().returning(|_, _| Ok(PhoneNumber::new(86, "13800138915").unwrap()));
        let login = login(app(knows_alice(), phone), works.into());
        let error = login.run(request(Some("phone"))).await.unwrap_err();
        assert!(matches!(error, LoginError::PhoneTaken), "{error:?}");
    }

    #[tokio::test]
    async fn a_failing_store_hands_out_no_token() {
        let mut work = Work::empty();
        let failed = || AddError::Store(StoreError::new("disk full"));
        work.members.expect_add().returning(move |_| Err(failed()));
        let mut login = login(app(knows_alice(), MockPhoneProof::new()), vec![work]);
        login.tokens = Arc::new(MockTokenIssuer::new());
        assert!(matches!(login.run(request(None)).await, Err(LoginError::Store(_))));
    }
}
