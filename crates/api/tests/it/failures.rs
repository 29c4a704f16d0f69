//! Every way a use case fails, and what clients are told of it, in both languages.

use std::sync::Arc;
use std::time::Duration;

use api::error::id::ErrorId;
use domain::model::app::name::AppName;
use domain::model::audit::AuditEvent;
use domain::model::clock::Clock;
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::{KnownMember, Subject};
use domain::model::login::redemption::Redemption;
use domain::model::member::nickname::Nickname;
use domain::model::member::{Member, MemberId};
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::session::claims::{AccessClaims, RefreshClaims};
use domain::model::session::{Session, SessionId};
use domain::model::timestamp::Timestamp;
use domain::ports::provider::ProviderFailure;
use domain::ports::store::admins::AdminRepository;
use domain::ports::store::apps::AppRepository;
use domain::ports::store::audit::AuditLog;
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use domain::ports::store::identities::IdentityRepository;
use domain::ports::store::identities::MockIdentityReader;
use domain::ports::store::members::MockMemberReader;
use domain::ports::store::members::{MemberRepository, TombstoneRepository};
use domain::ports::store::outbox::Outbox;
use domain::ports::store::pushes::PushRepository;
use domain::ports::store::redemptions::RedemptionRepository;
use domain::ports::store::session_keys::SessionKeyRepository;
use domain::ports::store::sessions::SessionRepository;
use domain::ports::store::sessions::{MockSessionLister, MockSessionReader};
use domain::ports::store::signing_keys::SigningKeyRepository;
use domain::ports::store::{MockStore, Store, UnitOfWork};
use domain::ports::tokens::{MockTokenIssuer, MockTokenVerifier, SigningError};
use salvo::async_trait;
use serde_json::json;
use testkit::fake::provider::MemoryUser;
use uuid::Uuid;

use crate::call::{Answer, Call, delete, get, patch, post, put};
use crate::house::plan::Plan;
use crate::house::{House, SERVICE_KEY};

/// Makes the call in both languages and checks status, id and message; returns the Chinese answer.
async fn fails(house: &House, call: impl Fn() -> Call, id: ErrorId) -> Answer {
    let english = call().header("accept-language", "en").send(house).await;
    let chinese = call().send(house).await;
    for (answer, message) in [(&english, id.message_en()), (&chinese, id.message_zh())] {
        assert_eq!(answer.failure(), (id.status().as_u16(), id.id().to_owned()), "{}", answer.body);
        assert_eq!(answer.json()["msg"], message);
        assert!(!answer.body.contains("canary"), "the cause leaves the service: {}", answer.body);
    }
    chinese
}

/// What the provider does, what that is about a login code, and what about a phone code.
const PROVIDER: [(ProviderFailure, ErrorId, ErrorId); 7] = {
    use ErrorId as Id;
    use ProviderFailure as Of;
    let retry_after = Duration::from_millis(1500);
    [
        (Of::CodeInvalid, Id::LoginCodeInvalid, Id::PhoneCodeInvalid),
        (Of::CodeUsed, Id::LoginCodeUsed, Id::PhoneCodeInvalid),
        (Of::UserBlocked, Id::UserBlocked, Id::UserBlocked),
        (Of::Refused, Id::Forbidden, Id::Forbidden),
        (Of::Throttled { retry_after }, Id::RateLimited, Id::RateLimited),
        (Of::Unavailable { retry_after }, Id::ProviderUnavailable, Id::ProviderUnavailable),
        (Of::Misconfigured, Id::ProviderMisconfigured, Id::ProviderMisconfigured),
    ]
};

#[tokio::test]
async fn the_providers_refusals_of_a_login_code() {
    for (failure, id, _) in PROVIDER {
        let house = House::new();
        let calls: [&dyn Fn() -> Call; 4] = [
            &|| post("/login").json(&json!({ "code": "any" })),
            &|| post("/openid").json(&json!({ "code": "any" })),
            &|| get("/external/code_2_wx_openid?code=any"),
            &|| post("/code2session").bearer(SERVICE_KEY).json(&json!({ "code": "any" })),
        ];
        for call in calls {
            house.provider.fail_next(failure);
            house.provider.fail_next(failure);
            let answer = fails(&house, call, id).await;
            assert_wait(&answer, failure);
        }
        assert!(house.store.members().is_empty());
    }
}

#[tokio::test]
async fn the_providers_refusals_of_a_phone_code() {
    for (failure, _, id) in PROVIDER {
        let house = House::new();
        house.phones.fail_next(failure);
        house.phones.fail_next(failure);
        let login =
            || post("/login").json(&json!({ "code": house.login_code("o1"), "phoneCode": "any" }));
        let answer = fails(&house, login, id).await;
        assert_wait(&answer, failure);
        assert!(house.store.members().is_empty(), "nothing half-made");
    }
}

/// Whoever is asked to come later is told when, in whole seconds, rounded up.
fn assert_wait(answer: &Answer, failure: ProviderFailure) {
    match failure {
        ProviderFailure::Throttled { .. } | ProviderFailure::Unavailable { .. } => {
            assert_eq!(answer.header("retry-after"), "2");
        }
        ProviderFailure::CodeInvalid
        | ProviderFailure::CodeUsed
        | ProviderFailure::UserBlocked
        | ProviderFailure::Refused
        | ProviderFailure::Misconfigured => assert!(!answer.headers.contains_key("retry-after")),
    }
}

#[tokio::test]
async fn a_banned_member_is_let_do_nothing() {
    let house = House::new();
    let token = house.token_of("o1").await;
    house.ban_and_forget_the_sessions().await;
    let login = || post("/login").json(&json!({ "code": house.login_code("o1") }));
    fails(&house, login, ErrorId::MemberBanned).await;
    fails(&house, || get("/me").bearer(&token), ErrorId::MemberBanned).await;
    let change = || patch("/me").bearer(&token).json(&json!({ "gender": 1 }));
    fails(&house, change, ErrorId::MemberBanned).await;
}

#[tokio::test]
async fn a_good_token_of_a_member_who_is_no_more_is_none() {
    let house = House::planned(|plan| plan.ports.token_verifier = Arc::new(anyone()));
    fails(&house, || get("/me").bearer("any"), ErrorId::SessionRevoked).await;
    // Gone between the gate and the use case.
    let house = House::planned(|plan| {
        let mut members = MockMemberReader::new();
        members.expect_find().returning(|_| Ok(None));
        plan.ports.readers.profiles = Arc::new(members);
        plan.ports.readers.sessions = Arc::new(session_reader());
        plan.ports.token_verifier = Arc::new(anyone());
    });
    for call in [&|| get("/me").bearer("any") as Call, &|| {
        patch("/me").bearer("any").json(&json!({ "gender": 1 }))
    }] as [&dyn Fn() -> Call; 2]
    {
        let answer = fails(&house, call, ErrorId::Unauthenticated).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn a_broken_store_is_an_internal_failure() {
    let house = House::planned(|plan| {
        let mut store = MockStore::new();
        store.expect_begin().returning(|| Err(StoreError::new("store-canary")));
        let mut sessions = MockSessionReader::new();
        sessions.expect_find_session().returning(|_| Err(StoreError::new("store-canary")));
        plan.ports.store = Arc::new(store);
        plan.ports.readers.sessions = Arc::new(sessions);
        plan.ports.token_verifier = Arc::new(anyone());
    });
    everything_is_internal(&house).await;
    fails(&house, || get("/me").bearer("any"), ErrorId::Internal).await;
}

#[tokio::test]
async fn a_store_that_breaks_behind_the_gate_is_an_internal_failure() {
    let house = House::planned(|plan| {
        let mut store = MockStore::new();
        store.expect_begin().returning(|| Err(StoreError::new("store-canary")));
        let mut members = MockMemberReader::new();
        members.expect_find().returning(|_| Err(StoreError::new("store-canary")));
        let mut session_lists = MockSessionLister::new();
        session_lists.expect_list_sessions().returning(|_| Err(StoreError::new("store-canary")));
        plan.ports.store = Arc::new(store);
        plan.ports.readers.profiles = Arc::new(members);
        plan.ports.readers.session_lists = Arc::new(session_lists);
        plan.ports.readers.sessions = Arc::new(session_reader());
        plan.ports.readers.identities = Arc::new(identity_reader());
        plan.ports.token_verifier = Arc::new(anyone());
    });
    everything_is_internal(&house).await;
    let session = format!("/me/sessions/{}", Uuid::nil());
    for call in [
        &|| get("/me") as Call,
        &|| get("/me/sessions"),
        &|| delete(&session),
        &|| post("/logout"),
        &|| post("/logout/all"),
    ] as [&dyn Fn() -> Call; 5]
    {
        fails(&house, || call().bearer("any"), ErrorId::Internal).await;
    }
}

#[tokio::test]
async fn a_race_that_is_lost_time_and_again_is_an_internal_failure() {
    let house = House::planned(|plan| {
        plan.ports.store = Arc::new(Racing);
        plan.ports.readers.sessions = Arc::new(session_reader());
        plan.ports.readers.identities = Arc::new(identity_reader());
        plan.ports.token_verifier = Arc::new(anyone());
    });
    everything_is_internal(&house).await;
}

async fn everything_is_internal(house: &House) {
    let login = || post("/login").json(&json!({ "code": house.login_code("o1") }));
    fails(house, login, ErrorId::Internal).await;
    let change = || patch("/me").bearer("any").json(&json!({ "gender": 1 }));
    fails(house, change, ErrorId::Internal).await;
    let bind = || {
        let code = house.phone_code("o1", "13800138915");
        put("/me/phone").bearer("any").json(&json!({ "phoneCode": code }))
    };
    fails(house, bind, ErrorId::Internal).await;
    let refresh = || post("/token/refresh").json(&json!({ "refreshToken": "any" }));
    fails(house, refresh, ErrorId::Internal).await;
}

#[tokio::test]
async fn a_refresh_token_that_is_none_or_of_no_session_any_more() {
    let house = House::new();
    let tokens = house.log_in("o1").await;
    let refresh =
        |token: &str| post("/token/refresh").json(&json!({ "refreshToken": token.to_owned() }));
    fails(&house, || refresh("none"), ErrorId::Unauthenticated).await;
    fails(&house, || refresh(&tokens.access), ErrorId::Unauthenticated).await;
    house.ban_and_forget_the_sessions().await;
    fails(&house, || refresh(&tokens.refresh), ErrorId::MemberBanned).await;
    house.ban().await;
    fails(&house, || refresh(&tokens.refresh), ErrorId::SessionRevoked).await;
}

#[tokio::test]
async fn a_key_that_does_not_sign_is_an_internal_failure() {
    let house = House::planned(|plan| {
        let mut issuer = MockTokenIssuer::new();
        issuer.expect_access_token().returning(|_| Err(SigningError("key-canary".into())));
        plan.ports.token_issuer = Arc::new(issuer);
    });
    let work = house.store.begin().await.unwrap();
    work.members().add(&member(MemberId(Uuid::nil()))).await.unwrap();
    let now = house.clock.now();
    let session = Session { created_at: now, ..session_of_anyone() };
    work.sessions().add(&session).await.unwrap();
    work.commit().await.unwrap();
    let token = format!("refresh-{}-0", Uuid::nil());
    let refresh = || post("/token/refresh").json(&json!({ "refreshToken": token }));
    fails(&house, refresh, ErrorId::Internal).await;
    let login = || post("/login").json(&json!({ "code": house.login_code("o1") }));
    fails(&house, login, ErrorId::Internal).await;
}

#[tokio::test]
async fn a_panic_anywhere_is_an_internal_failure_and_the_service_goes_on() {
    let house = House::planned(|plan: &mut Plan| {
        let mut issuer = MockTokenIssuer::new();
        issuer.expect_access_token().returning(|_| panic!("panic-canary"));
        let mut sessions = MockSessionReader::new();
        sessions.expect_find_session().returning(|_| panic!("panic-canary"));
        plan.ports.token_issuer = Arc::new(issuer);
        plan.ports.readers.sessions = Arc::new(sessions);
        plan.ports.token_verifier = Arc::new(anyone());
    });
    let login = || post("/login").json(&json!({ "code": house.login_code("o1") }));
    fails(&house, login, ErrorId::Internal).await;
    fails(&house, || get("/me").bearer("any"), ErrorId::Internal).await;
    assert_eq!(get("/health/live").send(&house).await.status, 200);
}

/// Takes every token for somebody's.
fn anyone() -> MockTokenVerifier {
    let mut verifier = MockTokenVerifier::new();
    verifier.expect_verify().returning(|_| {
        Ok(AccessClaims {
            member: MemberId(Uuid::nil()),
            session: SessionId(Uuid::nil()),
            app: AppName::parse("main").unwrap(),
            name: Nickname::parse("Ann").unwrap(),
            issued_at: Timestamp::from_unix_millis(0),
            expires_at: Timestamp::from_unix_millis(i64::MAX),
            id: Uuid::nil(),
        })
    });
    let claims = RefreshClaims { session: SessionId(Uuid::nil()), generation: 0 };
    verifier.expect_open_refresh_token().returning(move |_| Some(claims));
    verifier
}

/// Finds one session, for every id.
fn session_reader() -> MockSessionReader {
    let mut sessions = MockSessionReader::new();
    let found = || (session_of_anyone(), member(MemberId(Uuid::nil())));
    sessions.expect_find_session().returning(move |_| Ok(Some(found())));
    sessions
}

/// Finds the identity of one user, for every member.
fn identity_reader() -> MockIdentityReader {
    let mut identities = MockIdentityReader::new();
    let subjects = || vec![MemoryUser::person("o1").login];
    identities.expect_list_identities().returning(move |_| Ok(subjects()));
    identities
}

fn session_of_anyone() -> Session {
    Session {
        id: SessionId(Uuid::nil()),
        member: MemberId(Uuid::nil()),
        app: AppName::parse("main").unwrap(),
        generation: 0,
        created_at: Timestamp::from_unix_millis(0),
        refreshed_at: Timestamp::from_unix_millis(0),
        expires_at: Timestamp::from_unix_millis(i64::MAX),
    }
}

fn member(id: MemberId) -> Member {
    let nickname = Nickname::parse("Ann").unwrap();
    Member::register(id, nickname, None, Timestamp::from_unix_millis(0))
}

/// A store in which somebody else always writes first.
struct Racing;

#[async_trait]
impl Store for Racing {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(Self))
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl UnitOfWork for Racing {
    fn members(&self) -> &dyn MemberRepository {
        self
    }

    fn identities(&self) -> &dyn IdentityRepository {
        self
    }

    fn sessions(&self) -> &dyn SessionRepository {
        self
    }

    fn redemptions(&self) -> &dyn RedemptionRepository {
        self
    }

    fn session_keys(&self) -> &dyn SessionKeyRepository {
        unreachable!("no login gets that far")
    }

    fn audit(&self) -> &dyn AuditLog {
        self
    }

    fn admins(&self) -> &dyn AdminRepository {
        unreachable!("no request of a member's gets there")
    }

    fn apps(&self) -> &dyn AppRepository {
        unreachable!("no request of a member's gets there")
    }

    fn tombstones(&self) -> &dyn TombstoneRepository {
        self
    }

    fn pushes(&self) -> &dyn PushRepository {
        self
    }

    fn outbox(&self) -> &dyn Outbox {
        unreachable!("nothing happens to anybody")
    }

    fn signing_keys(&self) -> &dyn SigningKeyRepository {
        unreachable!("no request changes keys")
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl MemberRepository for Racing {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        Ok(Some(member(id)))
    }

    async fn add(&self, _member: &Member) -> Result<(), AddError> {
        Ok(())
    }

    async fn update(&self, _member: &Member) -> Result<(), UpdateError> {
        Err(UpdateError::Stale)
    }

    async fn remove(&self, _member: &Member) -> Result<(), UpdateError> {
        Err(UpdateError::Stale)
    }
}

#[async_trait]
impl RedemptionRepository for Racing {
    async fn add(&self, _redemption: &Redemption) -> Result<(), AddError> {
        Ok(())
    }

    async fn delete_expired(&self, _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl IdentityRepository for Racing {
    async fn find_by_subject(&self, _subject: &Subject) -> Result<Option<KnownMember>, StoreError> {
        Ok(None)
    }

    async fn list_by_member(&self, _member: MemberId) -> Result<Vec<Subject>, StoreError> {
        Ok(Vec::new())
    }

    async fn add(&self, _: MemberId, _: &Subject, _: Timestamp) -> Result<(), AddError> {
        Err(AddError::Taken)
    }

    async fn remove(&self, _subjects: &[Subject]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn reassign(&self, _from: MemberId, _to: MemberId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn exists_in_namespace(&self, _namespace: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[async_trait]
impl SessionRepository for Racing {
    async fn find(&self, _id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(Some(session_of_anyone()))
    }

    async fn find_with_member(
        &self,
        _id: SessionId,
    ) -> Result<Option<(Session, Member)>, StoreError> {
        Ok(Some((session_of_anyone(), member(session_of_anyone().member))))
    }

    async fn list_by_member(&self, _member: MemberId) -> Result<Vec<Session>, StoreError> {
        Ok(Vec::new())
    }

    async fn add(&self, _session: &Session) -> Result<(), StoreError> {
        Ok(())
    }

    async fn advance(&self, _next: &Session) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn remove(&self, _sessions: &[SessionId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove_all(&self, _member: MemberId) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl AuditLog for Racing {
    async fn record(&self, _event: &AuditEvent) -> Result<(), StoreError> {
        Ok(())
    }

    async fn delete_before(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl TombstoneRepository for Racing {
    async fn add(&self, _: &[Fingerprint], _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn exists_any(&self, _: &[Fingerprint]) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[async_trait]
impl PushRepository for Racing {
    async fn mark_seen(&self, _: Fingerprint, _: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn delete_seen_before(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn add(&self, _: &Withdrawal) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove(&self, _: &Withdrawal) -> Result<bool, StoreError> {
        Ok(false)
    }
}
