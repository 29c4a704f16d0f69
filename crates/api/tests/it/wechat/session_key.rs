//! `POST /wechat/check_session`, `/wechat/reset_session_key` and `/wechat/verify_signature`.

use domain::model::identity::Subject;
use domain::ports::provider::ProviderFailure;
use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::fake::provider::{MemoryCall, MemoryUser};
use testkit::fake::session_keys::signature;

use crate::call::{Answer, post};
use crate::harness::{SERVICE_KEY, TestApp};

const CHECK: &str = "/wechat/check_session";
const RESET: &str = "/wechat/reset_session_key";
const VERIFY: &str = "/wechat/verify_signature";

/// Returns data with a signature by an unknown session key.
fn signed() -> Value {
    json!({
        "openid": "o1", "rawData": r#"{"nickName":"Band"}"#,
        "signature": "75e81ceda165f4ffa64f4068af58c64b8f54b88c",
    })
}

async fn send(app: &TestApp, path: &str, body: &Value) -> Answer {
    post(path).bearer(SERVICE_KEY).json(body).send(app).await
}

fn user() -> Subject {
    MemoryUser::person("o1").login
}

#[tokio::test]
async fn check_session_reports_validity_of_the_stored_key() {
    let app = TestApp::new();
    app.token_of("o1").await;
    let body = json!({ "openid": "o1", "app": "main" });
    let answer = send(&app, CHECK, &body).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"valid":true},"operationTime":"2026-11-20T10:00:00Z"}"#);
    app.provider.rotate_key(&user());
    assert_eq!(send(&app, CHECK, &body).await.json()["data"], json!({ "valid": false }));
}

#[tokio::test]
async fn reset_session_key_stores_the_new_key_without_returning_it() {
    let app = TestApp::new();
    app.token_of("o1").await;
    let body = json!({ "openid": "o1" });
    for _ in 0..2 {
        let answer = send(&app, RESET, &body).await;
        assert_eq!((answer.status, &answer.json()["data"]), (200, &json!({})));
        assert!(!answer.body.contains("session-key"));
        assert_eq!(send(&app, CHECK, &body).await.json()["data"]["valid"], true);
    }
    app.provider.rotate_key(&user());
    let stale = send(&app, RESET, &body).await;
    assert_eq!(stale.failure(), (404, "not_found".into()), "the stored key is outdated");
}

#[tokio::test]
async fn verify_signature_makes_no_provider_call() {
    let app = TestApp::new();
    app.token_of("o1").await;
    let mut body = signed();
    assert_eq!(send(&app, VERIFY, &body).await.json()["data"], json!({ "valid": false }));
    let raw_data = body["rawData"].as_str().unwrap();
    body["signature"] = signature("session-key-of-o1", raw_data).into();
    assert_eq!(send(&app, VERIFY, &body).await.json()["data"], json!({ "valid": true }));
    body["rawData"] = r#"{"nickName": "Band"}"#.into();
    assert_eq!(send(&app, VERIFY, &body).await.json()["data"], json!({ "valid": false }));
    assert_eq!(app.provider.calls(), [MemoryCall::Login]);
}

#[tokio::test]
async fn session_key_routes_without_a_stored_key_are_not_found() {
    let app = TestApp::new();
    let without_keys = TestApp::build_with(|builder| builder.session_keys = None);
    without_keys.token_of("o1").await;
    for path in [CHECK, RESET, VERIFY] {
        let mut body = if path == VERIFY { signed() } else { json!({ "openid": "o1" }) };
        let unknown_user = send(&app, path, &body).await;
        assert_eq!(unknown_user.failure(), (404, "not_found".into()), "{path}");
        let fault = send(&without_keys, path, &body).await.fault("app");
        assert!(fault.contains("store_session_keys"), "{path}: {fault}");
        body["app"] = "another".into();
        let fault = send(&app, path, &body).await.fault("app");
        assert_eq!(fault, "no app of that name or id is served here", "{path}");
        body["openid"] = "o 1".into();
        assert!(!send(&app, path, &body).await.fault("openid").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn provider_failures_of_session_key_routes_are_reported() {
    let retry_after = std::time::Duration::from_secs(3);
    for path in [CHECK, RESET] {
        let app = TestApp::new();
        app.token_of("o1").await;
        app.provider.fail_next(ProviderFailure::Unavailable { retry_after });
        let down = send(&app, path, &json!({ "openid": "o1" })).await;
        assert_eq!(down.failure(), (503, "provider_unavailable".into()));
        app.provider.fail_next(ProviderFailure::Misconfigured);
        let refused = send(&app, path, &json!({ "openid": "o1" })).await;
        assert_eq!(refused.failure(), (500, "provider_misconfigured".into()));
    }
}

#[tokio::test]
async fn session_key_routes_require_service_account() {
    let app = TestApp::new();
    let member = app.token_of("o1").await;
    for path in [CHECK, RESET, VERIFY] {
        for key in [&member, "wrong"] {
            let answer = post(path).bearer(key).json(&signed()).send(&app).await;
            assert_eq!(answer.failure(), (401, "unauthenticated".into()), "{path}");
        }
    }
    assert_eq!(app.provider.calls(), [MemoryCall::Login]);
}
