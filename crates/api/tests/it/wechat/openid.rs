//! `POST /openid` and `GET /external/code_2_wx_openid`.

use insta::assert_snapshot;
use serde_json::json;
use testkit::fake::provider::MemoryUser;

use crate::call::{get, post};
use crate::harness::TestApp;

#[tokio::test]
async fn openid_returns_provider_ids_and_registers_no_member() {
    let app = TestApp::new();
    let answer = post("/openid").json(&json!({ "code": app.login_code("o1") })).send(&app).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"openid":"o1"},"operationTime":"2026-11-20T10:00:00Z"}"#);
    let user = MemoryUser::person("o2").with_union_id("u2");
    let body = json!({ "code": app.provider.login_code(&user).expose(), "app": "main" });
    let answer = post("/openid").json(&body).send(&app).await;
    assert_eq!(answer.json()["data"], json!({ "openid": "o2", "unionid": "u2" }));
    assert!(app.store.members().is_empty());
}

#[tokio::test]
async fn external_openid_returns_a_bare_response_with_the_code() {
    let app = TestApp::new();
    let code = app.login_code("o1");
    let path = format!("/external/code_2_wx_openid?code={code}");
    let answer = get(&path).send(&app).await;
    assert_eq!(answer.body, format!(r#"{{"code":"{code}","openId":"o1"}}"#));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn external_openid_failures_use_the_envelope() {
    let app = TestApp::new();
    let code = app.login_code("o1");
    let path = |query: &str| format!("/external/code_2_wx_openid{query}");
    assert_eq!(get(&path("")).send(&app).await.fault("code"), "is required");
    for query in ["?code=", "?code=a%20b", "?code=%00", "?code=%E7%A0%81", "?code=%ff", "?code=a+b"]
    {
        let fault = get(&path(query)).send(&app).await.fault("code");
        assert!(!fault.is_empty() && fault != "is required", "{query}: {fault}");
    }
    let twice = format!("?code={code}&code={code}");
    assert_eq!(get(&path(&twice)).send(&app).await.fault("code"), "is given more than once");
    let other_app = format!("?code={code}&app=other");
    let fault = get(&path(&other_app)).send(&app).await.fault("app");
    assert_eq!(fault, "no app of that name or id is served here");
    let answer = get(&path(&format!("?code={code}&app=main&_=1795168800"))).send(&app).await;
    assert_eq!(answer.status, 200, "an unknown parameter is ignored: {}", answer.body);
    let answer = get(&path(&format!("?code={code}"))).send(&app).await;
    assert_eq!(answer.failure(), (401, "login_code_used".into()));
}
