//! `Idempotency-Key` header of `POST /login`.

use serde_json::json;
use testkit::fake::provider::MemoryCall;

use crate::call::post;
use crate::harness::TestApp;

#[tokio::test]
async fn repeated_idempotency_key_returns_the_same_response() {
    let app = TestApp::new();
    let body = json!({ "code": app.login_code("o1") });
    let send = |key: &'static str| post("/login").header("idempotency-key", key).json(&body);
    let first = send("attempt-1").send(&app).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(send("attempt-1").send(&app).await.body, first.body);
    assert_eq!(app.provider.calls(), [MemoryCall::Login]);
    let other = send("attempt-2").send(&app).await;
    assert_eq!(other.failure(), (401, "login_code_used".into()));
}

#[tokio::test]
async fn idempotency_key_format() {
    let app = TestApp::new();
    let body = json!({ "code": app.login_code("o1") });
    let long = "x".repeat(256);
    for key in ["", "a b", "\u{e9}", &long] {
        let call = post("/login").raw_header("idempotency-key", key.as_bytes(), true).json(&body);
        let fault = call.send(&app).await.fault("Idempotency-Key");
        assert_eq!(fault, "an idempotency key is 1 to 255 visible ASCII characters", "{key:?}");
    }
    let twice = post("/login").header("idempotency-key", "a");
    let twice = twice.another_header("idempotency-key", "a").json(&body).send(&app).await;
    assert_eq!(twice.fault("Idempotency-Key"), "is given more than once");
    assert_eq!(app.provider.calls(), [], "the code is not redeemed");
}
