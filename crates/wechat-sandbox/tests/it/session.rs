//! `/wxa/checksession` and `/wxa/resetusersessionkey`.

use ureq::http::Method;
use wechat_sandbox::config::LONE_APP;

use crate::harness::{Harness, Reply, sign};

async fn call(harness: &Harness, endpoint: &str, openid: &str, session_key: &str) -> Reply {
    let token = harness.token().await;
    let signature = sign(session_key);
    let query = format!(
        "access_token={token}&openid={openid}&signature={signature}&sig_method=hmac_sha256"
    );
    harness.get(&format!("/wxa/{endpoint}?{query}")).await
}

#[tokio::test]
async fn checksession_accepts_only_the_current_key() {
    let harness = Harness::start().await;
    let session = harness.login("alice").await;
    let openid = session.field("openid");
    let key = session.field("session_key");
    let accepted = call(&harness, "checksession", &openid, &key).await;
    assert_eq!(accepted.text, r#"{"errcode":0,"errmsg":"ok"}"#);
    let rejected = call(&harness, "checksession", &openid, "AAAAAAAAAAAAAAAAAAAAAA==").await;
    assert_eq!(rejected.errcode(), 87009);
    assert!(rejected.errmsg().starts_with("invalid signature rid: "));
}

#[tokio::test]
async fn key_is_invalid_after_a_new_code_changed_it() {
    let harness = Harness::start().await;
    let session = harness.login("alice").await;
    let openid = session.field("openid");
    let key = session.field("session_key");
    harness.advance(600);
    harness.code("alice");
    assert_eq!(call(&harness, "checksession", &openid, &key).await.errcode(), 87009);
    let renewed = harness.login("alice").await.field("session_key");
    assert_eq!(call(&harness, "checksession", &openid, &renewed).await.errcode(), 0);
}

#[tokio::test]
async fn reset_replaces_the_key_at_once() {
    let harness = Harness::start().await;
    let session = harness.login("alice").await;
    let openid = session.field("openid");
    let old = session.field("session_key");
    let reset = call(&harness, "resetusersessionkey", &openid, &old).await;
    assert_eq!((reset.errcode(), reset.field("errmsg")), (0, "ok".into()));
    assert_eq!(reset.field("openid"), openid);
    let new = reset.field("session_key");
    assert_ne!(new, old);
    assert_eq!(call(&harness, "checksession", &openid, &old).await.errcode(), 87009);
    assert_eq!(call(&harness, "checksession", &openid, &new).await.errcode(), 0);
    assert_eq!(call(&harness, "resetusersessionkey", &openid, &old).await.errcode(), 87009);
    assert_eq!(harness.login("alice").await.field("session_key"), new);
}

#[tokio::test]
async fn key_expires_without_activity_and_a_reset_does_not_extend_it() {
    const MONTH: u64 = 30 * 86_400;
    let harness = Harness::start().await;
    let session = harness.login("alice").await;
    let openid = session.field("openid");
    let key = session.field("session_key");
    harness.advance(MONTH - 60);
    let reset = call(&harness, "resetusersessionkey", &openid, &key).await;
    let key = reset.field("session_key");
    assert_eq!(call(&harness, "checksession", &openid, &key).await.errcode(), 0);
    harness.advance(60);
    for endpoint in ["checksession", "resetusersessionkey"] {
        let reply = call(&harness, endpoint, &openid, &key).await;
        assert_eq!(reply.errcode(), 87007);
        assert!(reply.errmsg().starts_with("session_key is not existd or expired rid: "));
    }
}

#[tokio::test]
async fn missing_and_invalid_parameters_have_their_errors() {
    let harness = Harness::start().await;
    let session = harness.login("alice").await;
    let access = format!("access_token={}", harness.token().await);
    let method = "sig_method=hmac_sha256";
    let openid = session.field("openid");
    let signature = sign(&session.field("session_key"));
    let other_openid = harness.sandbox.user("alice").unwrap().openids[LONE_APP].clone();
    let rows = [
        (format!("openid={openid}&signature={signature}&{method}"), 41001),
        (format!("{access}&signature={signature}&{method}"), 41009),
        (format!("{access}&openid={openid}&signature={signature}"), 87008),
        (format!("{access}&openid={openid}&signature={signature}&sig_method=md5"), 87008),
        (format!("{access}&openid=o1&signature={signature}&{method}"), 40003),
        (format!("{access}&openid={other_openid}&signature={signature}&{method}"), 40003),
        (format!("{access}&openid={openid}&{method}"), 87009),
        (format!("{access}&openid={openid}&signature={signature}&{method}"), 0),
    ];
    for endpoint in ["checksession", "resetusersessionkey"] {
        for (query, errcode) in &rows {
            let path = format!("/wxa/{endpoint}?{query}");
            assert_eq!(harness.get(&path).await.errcode(), *errcode, "{path}");
        }
    }
    let path = format!("/wxa/checksession?{access}&openid={openid}&signature={signature}&{method}");
    assert_eq!(harness.send(Method::POST, &path, Some("")).await.errcode(), 41001);
}
