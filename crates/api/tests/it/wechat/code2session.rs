//! `POST /code2session`.

use std::sync::Arc;

use domain::ports::provider::ProviderFailure;
use insta::assert_snapshot;
use serde_json::json;
use testkit::fake::provider::{MemoryProvider, MemoryUser};

use crate::call::{get, post};
use crate::harness::{SERVICE_KEY, TestApp};

#[tokio::test]
async fn code2session_returns_the_session_key_to_a_service_account() {
    let app = TestApp::new();
    let body = json!({ "code": app.login_code("o1") });
    let answer = post("/code2session").bearer(SERVICE_KEY).json(&body).send(&app).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"openid":"o1","sessionKey":"session-key-of-o1"},"operationTime":"2026-11-20T10:00:00Z"}"#);
    let keyless = MemoryUser { session_key: None, ..MemoryUser::person("o2") };
    let body = json!({ "code": app.provider.login_code(&keyless).expose() });
    let answer =
        post("/code2session").header("authorization", SERVICE_KEY).json(&body).send(&app).await;
    assert_eq!(answer.json()["data"], json!({ "openid": "o2", "sessionKey": null }));
}

#[tokio::test]
async fn code2session_checks_the_service_key_before_redeeming_the_code() {
    let app = TestApp::new();
    let body = json!({ "code": app.login_code("o1") });
    let member = app.token_of("o2").await;
    for key in ["wrong", &member, &SERVICE_KEY[1..], &format!("{SERVICE_KEY}x")] {
        let answer = post("/code2session").bearer(key).json(&body).send(&app).await;
        assert_eq!(answer.failure(), (401, "unauthenticated".into()), "{key}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let answer = post("/code2session").json(&body).send(&app).await;
    assert_eq!(answer.failure(), (401, "unauthenticated".into()));
    let answer = post("/code2session").bearer(SERVICE_KEY).json(&body).send(&app).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn service_key_does_not_authenticate_a_member() {
    let app = TestApp::new();
    let answer = get("/me").bearer(SERVICE_KEY).send(&app).await;
    assert_eq!(answer.failure(), (401, "unauthenticated".into()));
}

#[tokio::test]
async fn code2session_distinguishes_a_used_code_from_a_wrong_key() {
    let provider = Arc::<MemoryProvider>::default();
    provider.fail_next(ProviderFailure::CodeUsed);
    let app = TestApp::build_with(|builder| builder.identity = provider.clone());
    let body = json!({ "code": "any" });
    let answer = post("/code2session").bearer(SERVICE_KEY).json(&body).send(&app).await;
    assert_eq!(answer.failure(), (401, "login_code_used".into()));
}
