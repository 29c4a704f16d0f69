//! `POST /wechat/check_session`, `/wechat/reset_session_key` and `/wechat/verify_signature`.

use domain::model::identity::Subject;
use domain::ports::provider::ProviderFailure;
use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::fake::provider::{MemoryCall, MemoryUser};
use testkit::fake::session_keys::signature;

use crate::call::{Answer, post};
use crate::house::{House, SERVICE_KEY};

const CHECK: &str = "/wechat/check_session";
const RESET: &str = "/wechat/reset_session_key";
const VERIFY: &str = "/wechat/verify_signature";

/// Data with a signature under a key that no user here has.
fn signed() -> Value {
    json!({
        "openid": "o1", "rawData": r#"{"nickName":"Band"}"#,
        "signature": "75e81ceda165f4ffa64f4068af58c64b8f54b88c",
    })
}

async fn ask(house: &House, path: &str, body: &Value) -> Answer {
    post(path).bearer(SERVICE_KEY).json(body).send(house).await
}

fn user() -> Subject {
    MemoryUser::person("o1").login
}

#[tokio::test]
async fn a_back_end_learns_whether_the_kept_key_is_current() {
    let house = House::new();
    house.token_of("o1").await;
    let body = json!({ "openid": "o1", "app": "main" });
    let answer = ask(&house, CHECK, &body).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"valid":true},"operationTime":"2026-11-20T10:00:00Z"}"#);
    house.provider.rotate_key(&user());
    assert_eq!(ask(&house, CHECK, &body).await.json()["data"], json!({ "valid": false }));
}

#[tokio::test]
async fn a_key_is_replaced_and_the_new_one_kept_without_being_shown() {
    let house = House::new();
    house.token_of("o1").await;
    let body = json!({ "openid": "o1" });
    for _ in 0..2 {
        let answer = ask(&house, RESET, &body).await;
        assert_eq!((answer.status, &answer.json()["data"]), (200, &json!({})));
        assert!(!answer.body.contains("session-key"));
        assert_eq!(ask(&house, CHECK, &body).await.json()["data"]["valid"], true);
    }
    house.provider.rotate_key(&user());
    let stale = ask(&house, RESET, &body).await;
    assert_eq!(stale.failure(), (404, "not_found".into()), "it was not ours to replace");
}

#[tokio::test]
async fn signatures_are_checked_without_asking_the_provider() {
    let house = House::new();
    house.token_of("o1").await;
    let mut body = signed();
    assert_eq!(ask(&house, VERIFY, &body).await.json()["data"], json!({ "valid": false }));
    let raw_data = body["rawData"].as_str().unwrap();
    body["signature"] = signature("session-key-of-o1", raw_data).into();
    assert_eq!(ask(&house, VERIFY, &body).await.json()["data"], json!({ "valid": true }));
    body["rawData"] = r#"{"nickName": "Band"}"#.into();
    assert_eq!(ask(&house, VERIFY, &body).await.json()["data"], json!({ "valid": false }));
    assert_eq!(house.provider.calls(), [MemoryCall::Login]);
}

#[tokio::test]
async fn without_a_key_there_is_nothing_to_ask_about() {
    let house = House::new();
    let keeps_none = House::planned(|plan| plan.session_keys = None);
    keeps_none.token_of("o1").await;
    for path in [CHECK, RESET, VERIFY] {
        let mut body = if path == VERIFY { signed() } else { json!({ "openid": "o1" }) };
        let nobody = ask(&house, path, &body).await;
        assert_eq!(nobody.failure(), (404, "not_found".into()), "{path}");
        let told = ask(&keeps_none, path, &body).await.fault("app");
        assert!(told.contains("store_session_keys"), "{path}: {told}");
        body["app"] = "another".into();
        let told = ask(&house, path, &body).await.fault("app");
        assert_eq!(told, "no app of that name or id is served here", "{path}");
        body["openid"] = "o 1".into();
        assert!(!ask(&house, path, &body).await.fault("openid").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_told_as_one() {
    let retry_after = std::time::Duration::from_secs(3);
    for path in [CHECK, RESET] {
        let house = House::new();
        house.token_of("o1").await;
        house.provider.fail_next(ProviderFailure::Unavailable { retry_after });
        let down = ask(&house, path, &json!({ "openid": "o1" })).await;
        assert_eq!(down.failure(), (503, "provider_unavailable".into()));
        house.provider.fail_next(ProviderFailure::Misconfigured);
        let refused = ask(&house, path, &json!({ "openid": "o1" })).await;
        assert_eq!(refused.failure(), (500, "provider_misconfigured".into()));
    }
}

#[tokio::test]
async fn nobody_but_a_back_end_may_ask() {
    let house = House::new();
    let member = house.token_of("o1").await;
    for path in [CHECK, RESET, VERIFY] {
        for key in [&member, "wrong"] {
            let answer = post(path).bearer(key).json(&signed()).send(&house).await;
            assert_eq!(answer.failure(), (401, "unauthenticated".into()), "{path}");
        }
    }
    assert_eq!(house.provider.calls(), [MemoryCall::Login]);
}
