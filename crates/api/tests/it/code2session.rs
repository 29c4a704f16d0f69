//! `POST /code2session`.

use std::sync::Arc;

use domain::ports::provider::ProviderFailure;
use insta::assert_snapshot;
use serde_json::json;
use testkit::fake::provider::{MemoryProvider, MemoryUser};

use crate::call::{get, post};
use crate::house::{House, SERVICE_KEY};

#[tokio::test]
async fn a_back_end_with_its_key_is_given_the_session_key() {
    let house = House::new();
    let body = json!({ "code": house.login_code("o1") });
    let answer = post("/code2session").bearer(SERVICE_KEY).json(&body).send(&house).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"openid":"o1","sessionKey":"session-key-of-o1"},"operationTime":"2026-11-20T10:00:00Z"}"#);
    let keyless = MemoryUser { session_key: None, ..MemoryUser::person("o2") };
    let body = json!({ "code": house.provider.login_code(&keyless).expose() });
    let answer =
        post("/code2session").header("authorization", SERVICE_KEY).json(&body).send(&house).await;
    assert_eq!(answer.json()["data"], json!({ "openid": "o2", "sessionKey": null }));
}

#[tokio::test]
async fn nobody_else_is_and_their_code_is_not_spent() {
    let house = House::new();
    let body = json!({ "code": house.login_code("o1") });
    let member = house.token_of("o2").await;
    for key in ["wrong", &member, &SERVICE_KEY[1..], &format!("{SERVICE_KEY}x")] {
        let answer = post("/code2session").bearer(key).json(&body).send(&house).await;
        assert_eq!(answer.failure(), (401, "unauthenticated".into()), "{key}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let answer = post("/code2session").json(&body).send(&house).await;
    assert_eq!(answer.failure(), (401, "unauthenticated".into()));
    let answer = post("/code2session").bearer(SERVICE_KEY).json(&body).send(&house).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_service_key_opens_no_members_data() {
    let house = House::new();
    let answer = get("/me").bearer(SERVICE_KEY).send(&house).await;
    assert_eq!(answer.failure(), (401, "unauthenticated".into()));
}

#[tokio::test]
async fn a_refused_code_is_told_apart_from_a_refused_key() {
    let provider = Arc::<MemoryProvider>::default();
    provider.fail_next(ProviderFailure::CodeUsed);
    let house = House::planned(|plan| plan.identity = provider.clone());
    let body = json!({ "code": "any" });
    let answer = post("/code2session").bearer(SERVICE_KEY).json(&body).send(&house).await;
    assert_eq!(answer.failure(), (401, "login_code_used".into()));
}
