//! `/wxa/msg_sec_check`.

use serde_json::{Value, json};
use wechat_sandbox::config::LONE_APP;

use crate::harness::{Harness, Reply};

const RISKY_MARKER: &str = "特3456书yuuo莞6543李zxcz蒜7782法fgnv级";

async fn check(harness: &Harness, body: &Value) -> Reply {
    harness.post(&format!("/wxa/msg_sec_check?access_token={}", harness.token().await), body).await
}

fn version_2(openid: &str, content: &str) -> Value {
    json!({ "version": 2, "scene": 1, "openid": openid, "content": content })
}

#[tokio::test]
async fn texts_are_classified_as_pass_review_or_risky() {
    let harness = Harness::start().await;
    let openid = harness.login("alice").await.field("openid");
    let rows = [
        ("你好", "pass", 100),
        ("好评加微信领红包", "review", 10_001),
        (RISKY_MARKER, "risky", 21_000),
        (&format!("…{RISKY_MARKER}…"), "risky", 21_000),
    ];
    for (text, suggest, label) in rows {
        let reply = check(&harness, &version_2(&openid, text)).await;
        assert_eq!(reply.errcode(), 0, "risky content is not an error");
        let answer = reply.json();
        assert_eq!(answer["result"], json!({ "suggest": suggest, "label": label }), "{text}");
        assert_eq!(answer["detail"][0]["suggest"], suggest);
        assert_eq!(answer["detail"][0]["errcode"], 0);
        assert!(harness.is_rid(answer["trace_id"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn nickname_title_and_signature_are_checked() {
    let harness = Harness::start().await;
    let openid = harness.login("alice").await.field("openid");
    for field in ["nickname", "title", "signature"] {
        let mut body = version_2(&openid, "你好");
        body[field] = json!(RISKY_MARKER);
        assert_eq!(check(&harness, &body).await.json()["result"]["suggest"], "risky", "{field}");
    }
}

#[tokio::test]
async fn version_1_reports_risky_content_as_an_error() {
    let harness = Harness::start().await;
    let fine = check(&harness, &json!({ "content": "你好" })).await;
    assert_eq!(fine.text, r#"{"errcode":0,"errmsg":"ok"}"#);
    assert_eq!(check(&harness, &json!({ "content": RISKY_MARKER })).await.errcode(), 87014);
}

#[tokio::test]
async fn invalid_parameters_have_their_errors() {
    let harness = Harness::start().await;
    let openid = harness.login("alice").await.field("openid");
    harness.sandbox.login_code("bob", LONE_APP).unwrap();
    let elsewhere = harness.sandbox.user("bob").unwrap().openids[LONE_APP].clone();
    let with = |field: &str, value: Value| {
        let mut body = version_2(&openid, "你好");
        body[field] = value;
        body
    };
    let rows = [
        (with("scene", json!(0)), 40129),
        (with("scene", json!(5)), 40129),
        (with("scene", Value::Null), 40129),
        (with("openid", Value::Null), 40003),
        (with("openid", json!("o1")), 40003),
        (with("openid", json!(elsewhere)), 43104),
        (with("content", json!("")), 44002),
        (with("content", json!("字".repeat(2501))), 45002),
        (with("content", json!("字".repeat(2500))), 0),
        (with("content", json!(7)), 47001),
        (with("scene", json!(4)), 0),
    ];
    for (body, errcode) in rows {
        assert_eq!(check(&harness, &body).await.errcode(), errcode, "{body}");
    }
}

#[tokio::test]
async fn author_must_have_been_active_within_two_hours() {
    let harness = Harness::start().await;
    let openid = harness.login("alice").await.field("openid");
    harness.advance(7190);
    assert_eq!(check(&harness, &version_2(&openid, "你好")).await.errcode(), 0);
    harness.advance(11);
    assert_eq!(check(&harness, &version_2(&openid, "你好")).await.errcode(), 61010);
    harness.code("alice");
    assert_eq!(check(&harness, &version_2(&openid, "你好")).await.errcode(), 0);
}
