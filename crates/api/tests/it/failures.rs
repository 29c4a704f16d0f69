//! Failures of use cases and their responses, in both languages.

use std::sync::Arc;
use std::time::Duration;

use api::error::id::ErrorId;
use domain::model::app::name::AppName;
use domain::model::clock::Clock;
use domain::model::member::nickname::Nickname;
use domain::model::member::{Member, MemberId};
use domain::model::session::claims::{AccessClaims, RefreshClaims};
use domain::model::session::{Session, SessionId};
use domain::model::timestamp::Timestamp;
use domain::ports::provider::ProviderFailure;
use domain::ports::store::error::{Contention, StoreError};
use domain::ports::store::identities::MockIdentityReader;
use domain::ports::store::members::MockMemberReader;
use domain::ports::store::sessions::{MockSessionLister, MockSessionReader};
use domain::ports::store::{MockStore, Store};
use domain::ports::tokens::{MockTokenIssuer, MockTokenVerifier, SigningError};
use serde_json::json;
use testkit::fake::provider::MemoryUser;
use uuid::Uuid;

use crate::call::{Answer, Call, delete, get, patch, post, put};
use crate::harness::{SERVICE_KEY, TestApp};

/// Sends the call in both languages and checks status, error id and message; returns the Chinese response.
async fn assert_failure(app: &TestApp, call: impl Fn() -> Call, id: ErrorId) -> Answer {
    let english = call().header("accept-language", "en").send(app).await;
    let chinese = call().send(app).await;
    for (answer, message) in [(&english, id.message_en()), (&chinese, id.message_zh())] {
        assert_eq!(answer.failure(), (id.status().as_u16(), id.id().to_owned()), "{}", answer.body);
        assert_eq!(answer.json()["msg"], message);
        if id.status() == 503 {
            assert_eq!(answer.header("retry-after"), "2");
        }
        assert!(
            !answer.body.contains("canary"),
            "the response contains the cause: {}",
            answer.body
        );
    }
    chinese
}

/// Provider failures with the error ids for a login code and for a phone code.
const PROVIDER_FAILURES: [(ProviderFailure, ErrorId, ErrorId); 7] = {
    use ErrorId as Id;
    use ProviderFailure as Failure;
    let retry_after = Duration::from_millis(1500);
    [
        (Failure::CodeInvalid, Id::LoginCodeInvalid, Id::PhoneCodeInvalid),
        (Failure::CodeUsed, Id::LoginCodeUsed, Id::PhoneCodeInvalid),
        (Failure::UserBlocked, Id::UserBlocked, Id::UserBlocked),
        (Failure::Refused, Id::Forbidden, Id::Forbidden),
        (Failure::Throttled { retry_after }, Id::RateLimited, Id::RateLimited),
        (Failure::Unavailable { retry_after }, Id::ProviderUnavailable, Id::ProviderUnavailable),
        (Failure::Misconfigured, Id::ProviderMisconfigured, Id::ProviderMisconfigured),
    ]
};

#[tokio::test]
async fn provider_failures_of_a_login_code() {
    for (failure, id, _) in PROVIDER_FAILURES {
        let app = TestApp::new();
        let calls: [&dyn Fn() -> Call; 4] = [
            &|| post("/login").json(&json!({ "code": "any" })),
            &|| post("/openid").json(&json!({ "code": "any" })),
            &|| get("/external/code_2_wx_openid?code=any"),
            &|| post("/code2session").bearer(SERVICE_KEY).json(&json!({ "code": "any" })),
        ];
        for call in calls {
            app.provider.fail_next(failure);
            app.provider.fail_next(failure);
            let answer = assert_failure(&app, call, id).await;
            assert_retry_after(&answer, failure);
        }
        assert!(app.store.members().is_empty());
    }
}

#[tokio::test]
async fn provider_failures_of_a_phone_code() {
    for (failure, _, id) in PROVIDER_FAILURES {
        let app = TestApp::new();
        app.phones.fail_next(failure);
        app.phones.fail_next(failure);
        let login =
            || post("/login").json(&json!({ "code": app.login_code("o1"), "phoneCode": "any" }));
        let answer = assert_failure(&app, login, id).await;
        assert_retry_after(&answer, failure);
        assert!(app.store.members().is_empty(), "no partial registration");
    }
}

/// Asserts `Retry-After` in whole seconds, rounded up, for temporary failures.
fn assert_retry_after(answer: &Answer, failure: ProviderFailure) {
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
async fn banned_member_is_rejected() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    app.ban_and_keep_sessions().await;
    let login = || post("/login").json(&json!({ "code": app.login_code("o1") }));
    assert_failure(&app, login, ErrorId::MemberBanned).await;
    assert_failure(&app, || get("/me").bearer(&token), ErrorId::MemberBanned).await;
    let change = || patch("/me").bearer(&token).json(&json!({ "gender": 1 }));
    assert_failure(&app, change, ErrorId::MemberBanned).await;
}

#[tokio::test]
async fn valid_token_of_a_deleted_member_is_rejected() {
    let app = TestApp::build_with(|builder| {
        builder.ports.token_verifier = Arc::new(any_token_verifier());
    });
    assert_failure(&app, || get("/me").bearer("any"), ErrorId::SessionRevoked).await;
    // The member is deleted between authentication and the use case.
    let app = TestApp::build_with(|builder| {
        let mut members = MockMemberReader::new();
        members.expect_find().returning(|_| Ok(None));
        builder.ports.readers.profiles = Arc::new(members);
        builder.ports.readers.sessions = Arc::new(session_reader());
        builder.ports.token_verifier = Arc::new(any_token_verifier());
    });
    for call in [&|| get("/me").bearer("any") as Call, &|| {
        patch("/me").bearer("any").json(&json!({ "gender": 1 }))
    }] as [&dyn Fn() -> Call; 2]
    {
        let answer = assert_failure(&app, call, ErrorId::Unauthenticated).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

/// Failures of the store, with the error ids that clients get.
const STORE_FAILURES: [(fn() -> StoreError, ErrorId); 3] = [
    (|| StoreError::new("store-canary"), ErrorId::Internal),
    (|| StoreError::unavailable("store-canary"), ErrorId::ServiceUnavailable),
    (|| Contention::new("store-canary").into(), ErrorId::ServiceUnavailable),
];

#[tokio::test]
async fn store_failure_is_an_internal_error_and_unavailability_is_temporary() {
    for (failure, id) in STORE_FAILURES {
        store_failure_is_reported_as(failure, id).await;
        store_failure_after_authentication_is_reported_as(failure, id).await;
    }
}

async fn store_failure_is_reported_as(failure: fn() -> StoreError, id: ErrorId) {
    let app = TestApp::build_with(|builder| {
        let mut store = MockStore::new();
        store.expect_begin().returning(move || Err(failure()));
        let mut sessions = MockSessionReader::new();
        sessions.expect_find_session().returning(move |_| Err(failure()));
        builder.ports.store = Arc::new(store);
        builder.ports.readers.sessions = Arc::new(sessions);
        builder.ports.token_verifier = Arc::new(any_token_verifier());
    });
    assert_every_route_fails(&app, id).await;
    assert_failure(&app, || get("/me").bearer("any"), id).await;
}

async fn store_failure_after_authentication_is_reported_as(
    failure: fn() -> StoreError,
    id: ErrorId,
) {
    let app = TestApp::build_with(|builder| {
        let mut store = MockStore::new();
        store.expect_begin().returning(move || Err(failure()));
        let mut members = MockMemberReader::new();
        members.expect_find().returning(move |_| Err(failure()));
        let mut session_lists = MockSessionLister::new();
        session_lists.expect_list_sessions().returning(move |_| Err(failure()));
        builder.ports.store = Arc::new(store);
        builder.ports.readers.profiles = Arc::new(members);
        builder.ports.readers.session_lists = Arc::new(session_lists);
        builder.ports.readers.sessions = Arc::new(session_reader());
        builder.ports.readers.identities = Arc::new(identity_reader());
        builder.ports.token_verifier = Arc::new(any_token_verifier());
    });
    assert_every_route_fails(&app, id).await;
    let session = format!("/me/sessions/{}", Uuid::nil());
    for call in [
        &|| get("/me") as Call,
        &|| get("/me/sessions"),
        &|| delete(&session),
        &|| post("/logout"),
        &|| post("/logout/all"),
    ] as [&dyn Fn() -> Call; 5]
    {
        assert_failure(&app, || call().bearer("any"), id).await;
    }
}

async fn assert_every_route_fails(app: &TestApp, id: ErrorId) {
    let login = || post("/login").json(&json!({ "code": app.login_code("o1") }));
    assert_failure(app, login, id).await;
    let change = || patch("/me").bearer("any").json(&json!({ "gender": 1 }));
    assert_failure(app, change, id).await;
    let bind = || {
        let code = app.phone_code("o1", "13800138915");
        put("/me/phone").bearer("any").json(&json!({ "phoneCode": code }))
    };
    assert_failure(app, bind, id).await;
    let refresh = || post("/token/refresh").json(&json!({ "refreshToken": "any" }));
    assert_failure(app, refresh, id).await;
}

#[tokio::test]
async fn invalid_refresh_tokens_are_rejected() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    let refresh =
        |token: &str| post("/token/refresh").json(&json!({ "refreshToken": token.to_owned() }));
    assert_failure(&app, || refresh("none"), ErrorId::Unauthenticated).await;
    assert_failure(&app, || refresh(&tokens.access), ErrorId::Unauthenticated).await;
    app.ban_and_keep_sessions().await;
    assert_failure(&app, || refresh(&tokens.refresh), ErrorId::MemberBanned).await;
    app.ban().await;
    assert_failure(&app, || refresh(&tokens.refresh), ErrorId::SessionRevoked).await;
}

#[tokio::test]
async fn signing_failure_is_an_internal_error() {
    let app = TestApp::build_with(|builder| {
        let mut issuer = MockTokenIssuer::new();
        issuer.expect_access_token().returning(|_| Err(SigningError("key-canary".into())));
        builder.ports.token_issuer = Arc::new(issuer);
    });
    let work = app.store.begin().await.unwrap();
    work.members().add(&member(MemberId(Uuid::nil()))).await.unwrap();
    let now = app.clock.now();
    let session = Session { created_at: now, ..sample_session() };
    work.sessions().add(&session).await.unwrap();
    work.commit().await.unwrap();
    let token = format!("refresh-{}-0", Uuid::nil());
    let refresh = || post("/token/refresh").json(&json!({ "refreshToken": token }));
    assert_failure(&app, refresh, ErrorId::Internal).await;
    let login = || post("/login").json(&json!({ "code": app.login_code("o1") }));
    assert_failure(&app, login, ErrorId::Internal).await;
}

#[tokio::test]
async fn panic_is_an_internal_error_and_the_service_continues() {
    let app = TestApp::build_with(|builder| {
        let mut issuer = MockTokenIssuer::new();
        issuer.expect_access_token().returning(|_| panic!("panic-canary"));
        let mut sessions = MockSessionReader::new();
        sessions.expect_find_session().returning(|_| panic!("panic-canary"));
        builder.ports.token_issuer = Arc::new(issuer);
        builder.ports.readers.sessions = Arc::new(sessions);
        builder.ports.token_verifier = Arc::new(any_token_verifier());
    });
    let login = || post("/login").json(&json!({ "code": app.login_code("o1") }));
    assert_failure(&app, login, ErrorId::Internal).await;
    assert_failure(&app, || get("/me").bearer("any"), ErrorId::Internal).await;
    assert_eq!(get("/health/live").send(&app).await.status, 200);
}

/// Returns a verifier that accepts every token.
fn any_token_verifier() -> MockTokenVerifier {
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

/// Returns a reader that finds the same session for every id.
fn session_reader() -> MockSessionReader {
    let mut sessions = MockSessionReader::new();
    let found = || (sample_session(), member(MemberId(Uuid::nil())));
    sessions.expect_find_session().returning(move |_| Ok(Some(found())));
    sessions
}

/// Returns a reader that finds the same identity for every member.
fn identity_reader() -> MockIdentityReader {
    let mut identities = MockIdentityReader::new();
    let subjects = || vec![MemoryUser::person("o1").login];
    identities.expect_list_identities().returning(move |_| Ok(subjects()));
    identities
}

fn sample_session() -> Session {
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
