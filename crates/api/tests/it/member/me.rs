//! `GET /me`, `PATCH /me` and `POST /me`.

use std::time::Duration;

use domain::model::timestamp::Timestamp;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::call::{get, patch, post};
use crate::harness::TestApp;

#[tokio::test]
async fn profile_has_a_masked_phone() {
    let app = TestApp::new();
    let body =
        json!({ "code": app.login_code("o1"), "phoneCode": app.phone_code("o1", "13800138915") });
    let login = post("/login").json(&body).send(&app).await.json();
    let token = login["data"]["token"].as_str().unwrap();
    app.clock.advance(Duration::from_mins(1));
    let answer = get("/me").bearer(token).send(&app).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"memberId":"01a1f866-0d7b-7eaf-92fe-be706064c02d","nickName":"好柿开花8915","avatar":null,"gender":0,"phone":"138******15","createdAt":"2026-11-20T10:00:00.123Z","updatedAt":"2026-11-20T10:00:00.123Z"},"operationTime":"2026-11-20T10:01:00Z"}"#);
}

#[tokio::test]
async fn profile_update_changes_only_given_fields() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let before = get("/me").bearer(&token).send(&app).await.json();
    app.clock.advance(Duration::from_mins(1));
    let change = json!({ "nickName": "小明 👨‍👩‍👧", "gender": 2, "avatar": null });
    let answer = patch("/me").bearer(&token).json(&change).send(&app).await.json();
    let mut expected = before["data"].clone();
    expected["nickName"] = json!("小明 👨‍👩‍👧");
    expected["gender"] = json!(2);
    expected["updatedAt"] = json!("2026-11-20T10:01:00.123Z");
    assert_eq!(answer["data"], expected);

    let change = json!({ "avatar": "https://img.example.com/a.png?x=1" });
    let answer = patch("/me").bearer(&token).json(&change).send(&app).await.json();
    assert_eq!(answer["data"]["avatar"], change["avatar"]);
    let answer = patch("/me").bearer(&token).json(&json!({ "avatar": "" })).send(&app).await.json();
    expected["avatar"] = Value::Null;
    assert_eq!(answer["data"], expected);
    assert_eq!(get("/me").bearer(&token).send(&app).await.json()["data"], expected);
}

#[tokio::test]
async fn profile_can_be_updated_by_post() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let answer = post("/me").bearer(&token).json(&json!({ "nickName": "小明" })).send(&app).await;
    assert_eq!(answer.json()["data"]["nickName"], "小明");
    assert_eq!(get("/me").bearer(&token).send(&app).await.json()["data"]["nickName"], "小明");
    let answer = post("/me").bearer(&token).json(&json!({ "nickName": " " })).send(&app).await;
    assert_eq!(answer.failure(), (400, "invalid_request".into()));
}

#[tokio::test]
async fn empty_profile_update_returns_the_unchanged_profile() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let before = get("/me").bearer(&token).send(&app).await.json();
    for change in [json!({}), json!({ "nickName": null, "avatar": null, "gender": null })] {
        let answer = patch("/me").bearer(&token).json(&change).send(&app).await.json();
        assert_eq!(answer["data"], before["data"]);
    }
}

#[tokio::test]
async fn invalid_profile_values_are_rejected_without_change() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let before = get("/me").bearer(&token).send(&app).await.json();
    for (field, value) in [
        ("nickName", json!("")),
        ("nickName", json!("  ")),
        ("nickName", json!("微信用户")),
        ("nickName", json!("a\nb")),
        ("nickName", json!("a\u{0}b")),
        ("nickName", json!("x".repeat(65))),
        ("nickName", json!(["x"])),
        ("avatar", json!("http://a.example/1")),
        ("avatar", json!("javascript:alert(1)")),
        ("avatar", json!(format!("https://a.example/{}", "x".repeat(512)))),
        ("avatar", json!("https://a.example/\u{0}")),
        ("avatar", json!(false)),
        ("gender", json!(3)),
        ("gender", json!(-1)),
        ("gender", json!(256)),
        ("gender", json!("1")),
        ("gender", json!(1.5)),
        ("gender", json!({})),
    ] {
        let change = json!({ field: value, "gender": if field == "gender" { value.clone() } else { json!(1) } });
        let answer = patch("/me").bearer(&token).json(&change).send(&app).await;
        assert!(!answer.fault(field).is_empty(), "{change}: {}", answer.body);
    }
    assert_eq!(get("/me").bearer(&token).send(&app).await.json()["data"], before["data"]);
}

/// Fields that clients must not be able to set, such as database columns.
const PROTECTED_FIELDS: [&str; 22] = [
    "id",
    "memberId",
    "member_id",
    "openid",
    "openId",
    "unionid",
    "phone",
    "phoneNumber",
    "status",
    "banned",
    "remark",
    "role",
    "admin",
    "isAdmin",
    "version",
    "epoch",
    "createdAt",
    "created_at",
    "updatedAt",
    "created_by",
    "nickname",
    "__proto__",
];

#[tokio::test]
async fn unknown_profile_fields_cannot_be_set() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let before = app.store.members();
    for field in PROTECTED_FIELDS {
        let body = json!({ field: 1, "gender": 1 });
        let answer = patch("/me").bearer(&token).json(&body).send(&app).await;
        assert_eq!(answer.fault("body"), "has unknown fields", "{field}");
        let body = json!({ field: 1, "code": app.login_code("o2") });
        let answer = post("/login").json(&body).send(&app).await;
        assert_eq!(answer.fault("body"), "has unknown fields", "{field}");
    }
    assert_eq!(app.store.members(), before);
}

#[tokio::test]
async fn only_a_valid_authorization_header_authenticates() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let long = "x".repeat(5000);
    let scheme = format!("Token {token}");
    for call in [
        get("/me"),
        get("/me").header("authorization", ""),
        get("/me").bearer("wrong"),
        get("/me").bearer(&long),
        get("/me").header("authorization", &scheme),
        get("/me").header("authorization", "Basic YTpi"),
        get("/me").bearer(&token).another_header("authorization", &format!("Bearer {token}")),
        get(&format!("/me?token={token}&access_token={token}")),
        get("/me").header("cookie", &format!("token={token}; authorization={token}")),
        get("/me").header("x-authorization", &token).header("token", &token),
        get("/me").header("x-user-id", "1").header("x-member-id", "1"),
        patch("/me").json(&json!({})),
    ] {
        let answer = call.send(&app).await;
        assert_eq!(answer.failure(), (401, "unauthenticated".into()));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert!(answer.json()["msg"].as_str().unwrap().starts_with("认证失败"));
    }
}

#[tokio::test]
async fn expired_token_is_reported_as_expired() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    app.clock.advance(Duration::from_hours(2));
    let answer = get("/me").bearer(&token).send(&app).await;
    assert_eq!(answer.failure(), (401, "token_expired".into()));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    app.clock.set(Timestamp::from_unix_millis(0));
    assert_eq!(get("/me").bearer(&token).send(&app).await.status, 200);
}
