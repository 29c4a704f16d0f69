//! `POST /token/refresh`, `POST /logout`, `POST /logout/all` and routes under `/me/sessions`.

use std::sync::Arc;
use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::ports::store::error::StoreError;
use domain::ports::store::{MockStore, Store, StoreReader, UnitOfWork};
use domain::use_cases::ports::StoreReaders;
use insta::assert_snapshot;
use salvo::async_trait;
use serde_json::{Value, json};
use testkit::memory::MemoryStore;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::call::{delete, get, post};
use crate::harness::{SERVICE_KEY, TestApp, Tokens};

#[tokio::test]
async fn refresh_returns_a_working_token_pair() {
    let app = TestApp::new();
    let first = app.log_in("o1").await;
    let answer = app.refresh(&first.refresh).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"token":"access-01a1f866-0d7b-7c5a-b43f-8fd7765d3d85","refreshToken":"refresh-01a1f866-0d7b-7553-b8a6-5aacb8ccfbc9-1","expiresIn":7200},"operationTime":"2026-11-20T10:00:00Z"}"#);
    let second = Tokens::of(&answer);
    assert_ne!(second.refresh, first.refresh);
    for token in [&first.access, &second.access] {
        assert_eq!(get("/me").bearer(token).send(&app).await.status, 200);
    }
    app.refresh(&second.refresh).await.json();
}

#[tokio::test]
async fn refresh_is_repeatable_within_the_grace_period() {
    let app = TestApp::new();
    let first = app.log_in("o1").await;
    let lost = Tokens::of(&app.refresh(&first.refresh).await);
    app.clock.advance(Duration::from_millis(9_999));
    let again = Tokens::of(&app.refresh(&first.refresh).await);
    assert_eq!(again.refresh, lost.refresh);
}

#[tokio::test]
async fn refresh_token_reuse_ends_only_that_session() {
    let app = TestApp::new();
    let stolen = app.log_in("o1").await;
    let other = app.log_in("o1").await;
    let second = Tokens::of(&app.refresh(&stolen.refresh).await);
    app.clock.advance(Duration::from_secs(10));
    for token in [&stolen.refresh, &stolen.refresh, &second.refresh] {
        let answer = app.refresh(token).await;
        assert_eq!(answer.failure(), (401, "session_revoked".into()));
    }
    assert_eq!(get("/me").bearer(&other.access).send(&app).await.status, 200);
    Tokens::of(&app.refresh(&other.refresh).await);
    let kinds: Vec<_> =
        app.store.audit_without_logins().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::RefreshTokenReused]);
}

#[tokio::test]
async fn idle_session_expires() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    app.clock.advance(Duration::from_hours(720));
    let answer = app.refresh(&tokens.refresh).await;
    assert_eq!(answer.failure(), (401, "session_revoked".into()));
}

#[tokio::test]
async fn refresh_token_format() {
    let app = TestApp::new();
    let longest = "x".repeat(512);
    let longer = "x".repeat(513);
    for bad in ["", " ", "a b", "a\n", "码", &longer] {
        let fault = app.refresh(bad).await.fault("refreshToken");
        assert_eq!(fault, "a refresh token is 1 to 512 visible ASCII characters", "{bad:?}");
    }
    assert_eq!(app.refresh(&longest).await.failure(), (401, "unauthenticated".into()));
    for (body, fault) in [
        (json!({}), "is required"),
        (json!({ "refreshToken": null }), "is required"),
        (json!({ "refreshToken": 1 }), "is not a text"),
        (json!({ "refreshToken": "a\u{0}" }), "contains a NUL character"),
    ] {
        let answer = post("/token/refresh").json(&body).send(&app).await;
        assert_eq!(answer.fault("refreshToken"), fault);
    }
    let body = json!({ "refreshToken": "x", "refresh_token": "y" });
    let answer = post("/token/refresh").json(&body).send(&app).await;
    assert_eq!(answer.fault("refresh_token"), "is unknown");
}

#[tokio::test]
async fn logout_ends_only_the_current_session_and_needs_no_body() {
    for logout in [
        post("/logout"),
        post("/logout").json(&json!({})),
        post("/logout").header("content-type", "application/json"),
    ] {
        let app = TestApp::new();
        let current = app.log_in("o1").await;
        let other = app.log_in("o1").await;
        let answer = logout.bearer(&current.access).send(&app).await;
        let done =
            r#"{"code":200,"msg":"操作成功","data":{},"operationTime":"2026-11-20T10:00:00Z"}"#;
        assert_eq!(answer.body, done);
        let answer = post("/logout").bearer(&current.access).send(&app).await;
        assert_eq!(answer.failure(), (401, "session_revoked".into()));
        assert_eq!(app.refresh(&current.refresh).await.failure().1, "session_revoked");
        assert_eq!(get("/me").bearer(&other.access).send(&app).await.status, 200);
        Tokens::of(&app.refresh(&other.refresh).await);
    }
}

#[tokio::test]
async fn logout_everywhere_ends_all_sessions_of_the_member() {
    let app = TestApp::new();
    let current = app.log_in("o1").await;
    let other = app.log_in("o1").await;
    let bob = app.token_of("o2").await;
    let answer = post("/logout/all").bearer(&current.access).send(&app).await;
    assert_eq!(answer.json()["data"], json!({}));
    for ended in [&current, &other] {
        let answer = get("/me").bearer(&ended.access).send(&app).await;
        assert_eq!(answer.failure(), (401, "session_revoked".into()));
        assert_eq!(app.refresh(&ended.refresh).await.failure().1, "session_revoked");
    }
    assert_eq!(get("/me").bearer(&bob).send(&app).await.status, 200);
}

#[tokio::test]
async fn logout_with_a_body_is_rejected_and_ends_no_session() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    for path in ["/logout", "/logout/all"] {
        let answer = post(path).bearer(&token).json(&json!({ "session": 1 })).send(&app).await;
        assert_eq!(answer.fault("session"), "is unknown");
        let answer = post(path).bearer(&token).raw_json("[]").send(&app).await;
        assert_eq!(answer.fault("body"), "is not a JSON object");
        let answer = post(path).bearer(&token).body("{}").send(&app).await;
        assert_eq!(answer.failure(), (415, "unsupported_media_type".into()));
        let answer = post(path).bearer(&token).form("a=b").send(&app).await;
        assert_eq!(answer.failure(), (415, "unsupported_media_type".into()));
    }
    assert_eq!(get("/me").bearer(&token).send(&app).await.status, 200);
}

async fn sessions(app: &TestApp, token: &str) -> Vec<Value> {
    let answer = get("/me/sessions").bearer(token).send(app).await;
    answer.json()["data"]["sessions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn sessions_are_listed_by_last_refresh() {
    let app = TestApp::new();
    let first = app.log_in("o1").await;
    app.clock.advance(Duration::from_mins(1));
    let second = app.token_of("o1").await;
    app.token_of("o2").await;
    let answer = get("/me/sessions").bearer(&second).send(&app).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"sessions":[{"id":"01a1f866-f7db-7c5a-b43f-8fd7765d3d85","app":"main","createdAt":"2026-11-20T10:01:00.123Z","refreshedAt":"2026-11-20T10:01:00.123Z","expiresAt":"2026-12-20T10:01:00.123Z","current":true},{"id":"01a1f866-0d7b-7553-b8a6-5aacb8ccfbc9","app":"main","createdAt":"2026-11-20T10:00:00.123Z","refreshedAt":"2026-11-20T10:00:00.123Z","expiresAt":"2026-12-20T10:00:00.123Z","current":false}]},"operationTime":"2026-11-20T10:01:00Z"}"#);
    app.clock.advance(Duration::from_mins(1));
    let first = Tokens::of(&app.refresh(&first.refresh).await).access;
    let seen = sessions(&app, &first).await;
    let listed: Vec<_> = seen.iter().map(|s| (&s["refreshedAt"], &s["current"])).collect();
    let early = json!("2026-11-20T10:01:00.123Z");
    let late = json!("2026-11-20T10:02:00.123Z");
    assert_eq!(listed, [(&late, &json!(true)), (&early, &json!(false))]);
}

#[tokio::test]
async fn members_can_end_only_their_own_sessions() {
    let app = TestApp::new();
    let current = app.log_in("o1").await;
    let other = app.log_in("o1").await;
    let end = async |token: &str, session: &Value| {
        let path = format!("/me/sessions/{}", session["id"].as_str().unwrap());
        delete(&path).bearer(token).send(&app).await
    };
    let seen = sessions(&app, &current.access).await;
    let listed = seen.iter().find(|session| session["current"] == false).unwrap();
    assert_eq!(end(&current.access, listed).await.json()["data"], json!({}));
    assert_eq!(app.refresh(&other.refresh).await.failure().1, "session_revoked");
    assert_eq!(
        end(&current.access, listed).await.failure(),
        (404, "not_found".into()),
        "already ended"
    );
    let bob = app.token_of("o2").await;
    let bobs = sessions(&app, &bob).await.remove(0);
    assert_eq!(
        end(&current.access, &bobs).await.failure(),
        (404, "not_found".into()),
        "session of another member"
    );
    assert_eq!(get("/me").bearer(&bob).send(&app).await.status, 200);
    let mine = sessions(&app, &current.access).await.remove(0);
    assert_eq!(end(&current.access, &mine).await.status, 200, "the current session");
    assert_eq!(end(&current.access, &mine).await.failure(), (401, "session_revoked".into()));
}

#[tokio::test]
async fn malformed_session_id_is_not_found() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let id = sessions(&app, &token).await[0]["id"].as_str().unwrap().to_owned();
    let simple = id.replace('-', "");
    let braced = format!("%7b{id}%7d");
    for bad in ["1", "me", "x%00", &simple, &braced, &format!("urn:uuid:{id}")] {
        let answer = delete(&format!("/me/sessions/{bad}")).bearer(&token).send(&app).await;
        assert_eq!(answer.failure(), (404, "not_found".into()), "{bad}");
    }
    assert_eq!(app.store.sessions().len(), 1);
}

/// Store in which `begin` waits until the test notifies it.
struct SlowStore {
    store: MemoryStore,
    called: Notify,
    proceed: Notify,
}

#[async_trait]
impl Store for SlowStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.called.notify_one();
        self.proceed.notified().await;
        self.store.begin().await
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        self.store.purge_deleted().await
    }
}

#[tokio::test]
async fn client_disconnect_does_not_interrupt_refresh_or_logout() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    let id = app.store.sessions()[0].id.0;
    let generation = || app.store.sessions().first().map(|session| session.generation);
    let slow = Arc::new(SlowStore {
        store: app.store.clone(),
        called: Notify::new(),
        proceed: Notify::new(),
    });
    let slow_app = TestApp::build_with(|builder| {
        builder.ports.store = slow.clone();
        let store: Arc<dyn StoreReader> = Arc::new(app.store.clone());
        builder.ports.readers = StoreReaders::new(&store);
        builder.ports.token_verifier = app.tokens.clone();
        builder.ports.token_issuer = app.tokens.clone();
    });
    let refresh = post("/token/refresh").json(&json!({ "refreshToken": tokens.refresh }));
    let end = delete(&format!("/me/sessions/{id}")).bearer(&tokens.access);
    let revoke = post("/oauth/revoke").bearer(SERVICE_KEY);
    let calls = [
        (refresh, Some(1)),
        (post("/logout").bearer(&tokens.access), None),
        (post("/logout/all").bearer(&tokens.access), None),
        (end, None),
        (revoke.form(format!("token={}", tokens.refresh)), None),
    ];
    let session = app.store.sessions().remove(0);
    for (call, outcome) in calls {
        let work = app.store.begin().await.unwrap();
        work.sessions().remove_all(session.member).await.unwrap();
        work.sessions().add(&session).await.unwrap();
        work.commit().await.unwrap();
        tokio::select! {
            answer = call.send(&slow_app) => panic!("answered {}", answer.body),
            () = slow.called.notified() => {}
        }
        assert_eq!(generation(), Some(0));
        slow.proceed.notify_one();
        let done = async {
            while generation() != outcome {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), done).await.unwrap();
    }
}

#[tokio::test]
async fn store_failure_during_refresh_is_an_internal_error() {
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    let broken = TestApp::build_with(|builder| {
        let mut store = MockStore::new();
        store.expect_begin().returning(|| Err(StoreError::new("store-canary")));
        builder.ports.store = Arc::new(store);
    });
    let answer = broken.refresh(&tokens.refresh).await;
    assert_eq!(answer.failure(), (500, "internal".into()));
    assert!(!answer.body.contains("canary"));
}
