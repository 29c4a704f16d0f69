//! `GET /me`, `PATCH /me` and `POST /me`.

use std::time::Duration;

use domain::model::timestamp::Timestamp;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::call::{get, patch, post};
use crate::house::House;

#[tokio::test]
async fn members_see_themselves_with_the_phone_masked() {
    let house = House::new();
    let body = json!({ "code": house.login_code("o1"), "phoneCode": house.phone_code("o1", "13800138915") });
    let login = post("/login").json(&body).send(&house).await.json();
    let token = login["data"]["token"].as_str().unwrap();
    house.clock.advance(Duration::from_mins(1));
    let answer = get("/me").bearer(token).send(&house).await;
    assert_snapshot!(answer.body, @r#"{"code":200,"msg":"操作成功","data":{"memberId":"01a1f866-0d7b-702d-8a5e-87afea6243ec","nickName":"好柿开花8915","avatar":null,"gender":0,"phone":"138******15","createdAt":"2026-11-20T10:00:00.123Z","updatedAt":"2026-11-20T10:00:00.123Z"},"operationTime":"2026-11-20T10:01:00Z"}"#);
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let before = get("/me").bearer(&token).send(&house).await.json();
    house.clock.advance(Duration::from_mins(1));
    let change = json!({ "nickName": "小明 👨‍👩‍👧", "gender": 2, "avatar": null });
    let answer = patch("/me").bearer(&token).json(&change).send(&house).await.json();
    let mut expected = before["data"].clone();
    expected["nickName"] = json!("小明 👨‍👩‍👧");
    expected["gender"] = json!(2);
    expected["updatedAt"] = json!("2026-11-20T10:01:00.123Z");
    assert_eq!(answer["data"], expected);

    let change = json!({ "avatar": "https://img.example.com/a.png?x=1" });
    let answer = patch("/me").bearer(&token).json(&change).send(&house).await.json();
    assert_eq!(answer["data"]["avatar"], change["avatar"]);
    let answer =
        patch("/me").bearer(&token).json(&json!({ "avatar": "" })).send(&house).await.json();
    expected["avatar"] = Value::Null;
    assert_eq!(answer["data"], expected);
    assert_eq!(get("/me").bearer(&token).send(&house).await.json()["data"], expected);
}

#[tokio::test]
async fn clients_without_patch_change_themselves_by_post() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let answer = post("/me").bearer(&token).json(&json!({ "nickName": "小明" })).send(&house).await;
    assert_eq!(answer.json()["data"]["nickName"], "小明");
    assert_eq!(get("/me").bearer(&token).send(&house).await.json()["data"]["nickName"], "小明");
    let answer = post("/me").bearer(&token).json(&json!({ "nickName": " " })).send(&house).await;
    assert_eq!(answer.failure(), (400, "invalid_request".into()));
}

#[tokio::test]
async fn an_empty_change_answers_the_member_as_they_are() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let before = get("/me").bearer(&token).send(&house).await.json();
    for change in [json!({}), json!({ "nickName": null, "avatar": null, "gender": null })] {
        let answer = patch("/me").bearer(&token).json(&change).send(&house).await.json();
        assert_eq!(answer["data"], before["data"]);
    }
}

#[tokio::test]
async fn faulty_values_are_refused_and_nothing_is_changed() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let before = get("/me").bearer(&token).send(&house).await.json();
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
        let answer = patch("/me").bearer(&token).json(&change).send(&house).await;
        assert!(!answer.fault(field).is_empty(), "{change}: {}", answer.body);
    }
    assert_eq!(get("/me").bearer(&token).send(&house).await.json()["data"], before["data"]);
}

/// What the database keeps of a member, and what an attacker would like to set.
const COLUMNS: [&str; 22] = [
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
async fn no_other_field_can_be_set() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let before = house.store.members();
    for column in COLUMNS {
        let body = json!({ column: 1, "gender": 1 });
        let answer = patch("/me").bearer(&token).json(&body).send(&house).await;
        assert_eq!(answer.fault("body"), "has unknown fields", "{column}");
        let body = json!({ column: 1, "code": house.login_code("o2") });
        let answer = post("/login").json(&body).send(&house).await;
        assert_eq!(answer.fault("body"), "has unknown fields", "{column}");
    }
    assert_eq!(house.store.members(), before);
}

#[tokio::test]
async fn only_a_good_token_in_the_one_header_opens_members_data() {
    let house = House::new();
    let token = house.token_of("o1").await;
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
        let answer = call.send(&house).await;
        assert_eq!(answer.failure(), (401, "unauthenticated".into()));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert!(answer.json()["msg"].as_str().unwrap().starts_with("认证失败"));
    }
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let house = House::new();
    let token = house.token_of("o1").await;
    house.clock.advance(Duration::from_hours(2));
    let answer = get("/me").bearer(&token).send(&house).await;
    assert_eq!(answer.failure(), (401, "token_expired".into()));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    house.clock.set(Timestamp::from_unix_millis(0));
    assert_eq!(get("/me").bearer(&token).send(&house).await.status, 200);
}
