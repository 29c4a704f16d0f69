//! `/wxa/checksession` and `/wxa/resetusersessionkey`.

use ureq::http::Method;
use wechat_sandbox::config::LONE_APP;

use crate::client::{Reply, World, sign};

async fn ask(world: &World, endpoint: &str, openid: &str, session_key: &str) -> Reply {
    let (token, signature) = (world.token().await, sign(session_key));
    let query = format!(
        "access_token={token}&openid={openid}&signature={signature}&sig_method=hmac_sha256"
    );
    world.get(&format!("/wxa/{endpoint}?{query}")).await
}

#[tokio::test]
async fn the_current_key_is_confirmed_and_any_other_is_not() {
    let world = World::start().await;
    let session = world.login("alice").await;
    let (openid, key) = (session.field("openid"), session.field("session_key"));
    let good = ask(&world, "checksession", &openid, &key).await;
    assert_eq!(good.text, r#"{"errcode":0,"errmsg":"ok"}"#);
    let bad = ask(&world, "checksession", &openid, "AAAAAAAAAAAAAAAAAAAAAA==").await;
    assert_eq!(bad.errcode(), 87009);
    assert!(bad.errmsg().starts_with("invalid signature rid: "));
}

#[tokio::test]
async fn a_key_is_stale_once_a_new_code_changed_it() {
    let world = World::start().await;
    let session = world.login("alice").await;
    let (openid, key) = (session.field("openid"), session.field("session_key"));
    world.advance(600);
    world.code("alice");
    assert_eq!(ask(&world, "checksession", &openid, &key).await.errcode(), 87009);
    let renewed = world.login("alice").await.field("session_key");
    assert_eq!(ask(&world, "checksession", &openid, &renewed).await.errcode(), 0);
}

#[tokio::test]
async fn a_reset_replaces_the_key_at_once() {
    let world = World::start().await;
    let session = world.login("alice").await;
    let (openid, old) = (session.field("openid"), session.field("session_key"));
    let reset = ask(&world, "resetusersessionkey", &openid, &old).await;
    assert_eq!((reset.errcode(), reset.field("errmsg")), (0, "ok".into()));
    assert_eq!(reset.field("openid"), openid);
    let new = reset.field("session_key");
    assert_ne!(new, old);
    assert_eq!(ask(&world, "checksession", &openid, &old).await.errcode(), 87009);
    assert_eq!(ask(&world, "checksession", &openid, &new).await.errcode(), 0);
    assert_eq!(ask(&world, "resetusersessionkey", &openid, &old).await.errcode(), 87009);
    assert_eq!(world.login("alice").await.field("session_key"), new);
}

#[tokio::test]
async fn a_key_expires_without_activity_and_a_reset_does_not_prolong_it() {
    const MONTH: u64 = 30 * 86_400;
    let world = World::start().await;
    let session = world.login("alice").await;
    let (openid, key) = (session.field("openid"), session.field("session_key"));
    world.advance(MONTH - 60);
    let reset = ask(&world, "resetusersessionkey", &openid, &key).await;
    let key = reset.field("session_key");
    assert_eq!(ask(&world, "checksession", &openid, &key).await.errcode(), 0);
    world.advance(60);
    for endpoint in ["checksession", "resetusersessionkey"] {
        let reply = ask(&world, endpoint, &openid, &key).await;
        assert_eq!(reply.errcode(), 87007);
        assert!(reply.errmsg().starts_with("session_key is not existd or expired rid: "));
    }
}

#[tokio::test]
async fn every_parameter_is_demanded_and_checked() {
    let world = World::start().await;
    let session = world.login("alice").await;
    let (token, openid) = (world.token().await, session.field("openid"));
    let signature = sign(&session.field("session_key"));
    let elsewhere = world.sandbox.user("alice").unwrap().openids[LONE_APP].clone();
    let (access, method) = (format!("access_token={token}"), "sig_method=hmac_sha256");
    let rows = [
        (format!("openid={openid}&signature={signature}&{method}"), 41001),
        (format!("{access}&signature={signature}&{method}"), 41009),
        (format!("{access}&openid={openid}&signature={signature}"), 87008),
        (format!("{access}&openid={openid}&signature={signature}&sig_method=md5"), 87008),
        (format!("{access}&openid=o1&signature={signature}&{method}"), 40003),
        (format!("{access}&openid={elsewhere}&signature={signature}&{method}"), 40003),
        (format!("{access}&openid={openid}&{method}"), 87009),
        (format!("{access}&openid={openid}&signature={signature}&{method}"), 0),
    ];
    for endpoint in ["checksession", "resetusersessionkey"] {
        for (query, errcode) in &rows {
            let path = format!("/wxa/{endpoint}?{query}");
            assert_eq!(world.get(&path).await.errcode(), *errcode, "{path}");
        }
    }
    let path = format!("/wxa/checksession?{access}&openid={openid}&signature={signature}&{method}");
    assert_eq!(world.send(Method::POST, &path, Some("")).await.errcode(), 41001);
}
