//! `/wxa/msg_sec_check`.

use serde_json::{Value, json};
use wechat_sandbox::config::LONE_APP;

use crate::client::{Reply, World};

const RISKY: &str = "特3456书yuuo莞6543李zxcz蒜7782法fgnv级";

async fn check(world: &World, body: &Value) -> Reply {
    world.post(&format!("/wxa/msg_sec_check?access_token={}", world.token().await), body).await
}

fn v2(openid: &str, content: &str) -> Value {
    json!({ "version": 2, "scene": 1, "openid": openid, "content": content })
}

#[tokio::test]
async fn texts_pass_or_are_doubtful_or_risky() {
    let world = World::start().await;
    let openid = world.login("alice").await.field("openid");
    let rows = [
        ("你好", "pass", 100),
        ("好评加微信领红包", "review", 10_001),
        (RISKY, "risky", 21_000),
        (&format!("…{RISKY}…"), "risky", 21_000),
    ];
    for (text, suggest, label) in rows {
        let reply = check(&world, &v2(&openid, text)).await;
        assert_eq!(reply.errcode(), 0, "risky is not an error");
        let answer = reply.json();
        assert_eq!(answer["result"], json!({ "suggest": suggest, "label": label }), "{text}");
        assert_eq!(answer["detail"][0]["suggest"], suggest);
        assert_eq!(answer["detail"][0]["errcode"], 0);
        assert!(world.is_rid(answer["trace_id"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn nickname_title_and_signature_are_looked_at_too() {
    let world = World::start().await;
    let openid = world.login("alice").await.field("openid");
    for field in ["nickname", "title", "signature"] {
        let mut body = v2(&openid, "你好");
        body[field] = json!(RISKY);
        assert_eq!(check(&world, &body).await.json()["result"]["suggest"], "risky", "{field}");
    }
}

#[tokio::test]
async fn the_first_version_said_risky_by_an_error() {
    let world = World::start().await;
    let fine = check(&world, &json!({ "content": "你好" })).await;
    assert_eq!(fine.text, r#"{"errcode":0,"errmsg":"ok"}"#);
    assert_eq!(check(&world, &json!({ "content": RISKY })).await.errcode(), 87014);
}

#[tokio::test]
async fn what_is_asked_is_checked() {
    let world = World::start().await;
    let openid = world.login("alice").await.field("openid");
    world.sandbox.login_code("bob", LONE_APP).unwrap();
    let elsewhere = world.sandbox.user("bob").unwrap().openids[LONE_APP].clone();
    let with = |field: &str, value: Value| {
        let mut body = v2(&openid, "你好");
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
        assert_eq!(check(&world, &body).await.errcode(), errcode, "{body}");
    }
}

#[tokio::test]
async fn the_author_was_there_within_two_hours() {
    let world = World::start().await;
    let openid = world.login("alice").await.field("openid");
    world.advance(7190);
    assert_eq!(check(&world, &v2(&openid, "你好")).await.errcode(), 0);
    world.advance(11);
    assert_eq!(check(&world, &v2(&openid, "你好")).await.errcode(), 61010);
    world.code("alice");
    assert_eq!(check(&world, &v2(&openid, "你好")).await.errcode(), 0);
}
