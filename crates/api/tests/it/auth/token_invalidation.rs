//! Every member route against every way of invalidating an access token. The routes come from the
//! OpenAPI document, so that new routes are covered.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::store::error::StoreError;
use domain::ports::store::sessions::MockSessionReader;
use salvo::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::{Call, delete, get, post};
use crate::harness::{SERVICE_KEY, TestApp, Tokens};
use crate::openapi::{document, example_body, operations};

/// Returns method, path and a valid body of every route that requires a member's token.
fn member_routes() -> Vec<(Method, String, Value)> {
    let document = document();
    let routes = operations(&document).into_iter().filter_map(|(method, path, operation)| {
        let is_member_route =
            operation["security"].as_array()?.contains(&json!({ "memberToken": [] }));
        let path = path.replace("{id}", &Uuid::nil().to_string());
        let body = example_body(&document, &operation, "application/json").unwrap_or_default();
        is_member_route.then_some((method, path, body))
    });
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() >= 6, "{routes:?}");
    routes
}

fn call((method, path, body): &(Method, String, Value)) -> Call {
    let call = Call::new(method.clone(), path);
    if body.is_null() { call } else { call.json(body) }
}

/// Way of invalidating an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalidation {
    Logout,
    LogoutOfOtherSession,
    LogoutEverywhere,
    EndedFromOtherSession,
    SessionEviction,
    RevokedByServiceAccount,
    RefreshTokenReuse,
    Ban,
    BanWithoutSessionEnd,
    Expiry,
    RefreshTokenAsAccessToken,
    ServiceKeyAsAccessToken,
    TamperedToken,
}

const INVALIDATIONS: [(Invalidation, u16, &str); 13] = [
    (Invalidation::Logout, 401, "session_revoked"),
    (Invalidation::LogoutOfOtherSession, 200, ""),
    (Invalidation::LogoutEverywhere, 401, "session_revoked"),
    (Invalidation::EndedFromOtherSession, 401, "session_revoked"),
    (Invalidation::SessionEviction, 401, "session_revoked"),
    (Invalidation::RevokedByServiceAccount, 401, "session_revoked"),
    (Invalidation::RefreshTokenReuse, 401, "session_revoked"),
    (Invalidation::Ban, 401, "session_revoked"),
    (Invalidation::BanWithoutSessionEnd, 403, "member_banned"),
    (Invalidation::Expiry, 401, "token_expired"),
    (Invalidation::RefreshTokenAsAccessToken, 401, "unauthenticated"),
    (Invalidation::ServiceKeyAsAccessToken, 401, "unauthenticated"),
    (Invalidation::TamperedToken, 401, "unauthenticated"),
];

/// Logs a member in, invalidates the token and returns the token to present.
async fn invalidate(app: &TestApp, invalidation: Invalidation) -> String {
    let Tokens { access, refresh } = app.log_in("o1").await;
    match invalidation {
        Invalidation::Logout => {
            post("/logout").bearer(&access).send(app).await;
        }
        Invalidation::LogoutOfOtherSession => {
            let other = app.token_of("o1").await;
            post("/logout").bearer(&other).send(app).await;
        }
        Invalidation::LogoutEverywhere => {
            let other = app.token_of("o1").await;
            post("/logout/all").bearer(&other).send(app).await;
        }
        Invalidation::EndedFromOtherSession => {
            let id = get("/me/sessions").bearer(&access).send(app).await.json();
            let id = id["data"]["sessions"][0]["id"].as_str().unwrap().to_owned();
            let other = app.token_of("o1").await;
            delete(&format!("/me/sessions/{id}")).bearer(&other).send(app).await;
        }
        Invalidation::SessionEviction => {
            for _ in 0..3 {
                app.clock.advance(Duration::from_secs(1));
                app.log_in("o1").await;
            }
        }
        Invalidation::RevokedByServiceAccount => {
            let form = format!("token={refresh}");
            post("/oauth/revoke").bearer(SERVICE_KEY).form(form).send(app).await;
        }
        Invalidation::RefreshTokenReuse => {
            app.refresh(&refresh).await;
            app.clock.advance(Duration::from_secs(10));
            app.refresh(&refresh).await;
        }
        Invalidation::Ban => app.ban().await,
        Invalidation::BanWithoutSessionEnd => app.ban_and_keep_sessions().await,
        Invalidation::Expiry => app.clock.advance(Duration::from_hours(2)),
        Invalidation::RefreshTokenAsAccessToken => return refresh,
        Invalidation::ServiceKeyAsAccessToken => return SERVICE_KEY.to_owned(),
        Invalidation::TamperedToken => return format!("{access}x"),
    }
    access
}

#[tokio::test]
async fn invalidated_token_is_rejected_by_every_route() {
    for route in member_routes() {
        for (invalidation, status, error) in INVALIDATIONS {
            let app = TestApp::new();
            let token = invalidate(&app, invalidation).await;
            let before = (app.store.members(), app.store.sessions().len());
            let answer = call(&route).bearer(&token).send(&app).await;
            if status == 200 {
                let passed = matches!(answer.status, 200 | 404)
                    || answer.failure() == (400, "phone_code_invalid".to_owned());
                assert!(passed, "{route:?}: {}", answer.body);
                continue;
            }
            assert_eq!(answer.failure(), (status, error.to_owned()), "{route:?} {invalidation:?}");
            assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401);
            let after = (app.store.members(), app.store.sessions().len());
            assert_eq!(before, after, "a rejected request changes nothing");
        }
    }
}

#[tokio::test]
async fn introspection_reports_invalidated_tokens_as_inactive() {
    for (invalidation, status, _) in INVALIDATIONS {
        if invalidation == Invalidation::RefreshTokenAsAccessToken {
            continue;
        }
        let app = TestApp::new();
        let form = format!("token={}", invalidate(&app, invalidation).await);
        let answer = post("/oauth/introspect").bearer(SERVICE_KEY).form(form).send(&app).await;
        assert_eq!(answer.json()["active"], status == 200, "{invalidation:?}");
        assert!(
            status == 200 || answer.body == r#"{"active":false}"#,
            "{invalidation:?} {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn member_routes_require_an_access_token() {
    let app = TestApp::new();
    for route in member_routes() {
        let answer = call(&route).send(&app).await;
        assert_eq!(answer.failure(), (401, "unauthenticated".into()), "{route:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn store_failure_during_authentication_is_an_internal_error() {
    type Fails = fn() -> Result<(), StoreError>;
    let failures: [Fails; 2] = [|| Err(StoreError::new("store-canary")), || panic!("panic-canary")];
    for fails in failures {
        let app = TestApp::new();
        let token = app.token_of("o1").await;
        let broken = TestApp::build_with(|builder| {
            let mut sessions = MockSessionReader::new();
            sessions.expect_find_session().returning(move |_| fails().map(|()| None));
            builder.ports.readers.sessions = Arc::new(sessions);
            builder.ports.token_verifier = app.tokens.clone();
        });
        for route in member_routes() {
            let answer = call(&route).bearer(&token).send(&broken).await;
            assert_eq!(answer.failure(), (500, "internal".into()), "{route:?}");
            assert!(!answer.headers.contains_key("www-authenticate"));
            assert!(!answer.body.contains("canary"), "{}", answer.body);
        }
        let form = format!("token={token}");
        let asked = post("/oauth/introspect").bearer(SERVICE_KEY).form(form).send(&broken).await;
        assert_eq!(asked.failure(), (500, "server_error".into()));
    }
}
