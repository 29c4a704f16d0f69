//! `/sns/jscode2session`.

use serde_json::json;
use ureq::http::Method;
use wechat_sandbox::config::{
    Config, LONE_APP, LONE_SECRET, MAIN_APP, MAIN_SECRET, SECOND_APP, SECOND_SECRET,
};
use wechat_sandbox::control::Change;
use wechat_sandbox::control::apps::AppChange;
use wechat_sandbox::users::UserChange;

use crate::client::World;

#[tokio::test]
async fn a_code_becomes_openid_and_session_key() {
    let world = World::start().await;
    let reply = world.login("alice").await;
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "text/plain"));
    assert!(reply.text.starts_with(r#"{"session_key":""#), "{}", reply.text);
    assert!(!reply.text.contains("errcode") && !reply.text.contains(' '), "{}", reply.text);
    assert_eq!(reply.field("session_key").len(), 24);
    assert_eq!(reply.field("openid"), world.sandbox.user("alice").unwrap().openids[MAIN_APP]);
    assert_eq!(reply.field("unionid"), world.sandbox.user("alice").unwrap().unionids[MAIN_APP]);
}

#[tokio::test]
async fn slashes_are_escaped_as_in_real_captures() {
    let config = Config { session_key_min_age: 0, ..Config::default() };
    let world = World::with(config).await;
    for _ in 0..90 {
        let reply = world.login("alice").await;
        assert!(!reply.text.replace("\\/", "").contains('/'), "{}", reply.text);
        if reply.text.contains("\\/") {
            assert!(reply.field("session_key").contains('/'));
            return;
        }
    }
    panic!("no session key of 90 had a slash");
}

#[tokio::test]
async fn a_code_works_once() {
    let world = World::start().await;
    let code = world.code("alice");
    assert_eq!(world.redeem(&code).await.errcode(), 0);
    assert_eq!(world.redeem(&code).await.errcode(), 40163);
}

#[tokio::test]
async fn a_code_lives_five_minutes() {
    let world = World::start().await;
    let (in_time, too_late) = (world.code("alice"), world.code("alice"));
    world.advance(295);
    assert_eq!(world.redeem(&in_time).await.errcode(), 0);
    world.advance(5);
    assert_eq!(world.redeem(&too_late).await.errcode(), 40029);
}

#[tokio::test]
async fn what_is_no_code_is_refused() {
    let world = World::start().await;
    let phone_code = world.sandbox.phone_code("alice", MAIN_APP).unwrap();
    for code in ["0123456789abcdefghijklmnopqrstuv", "x", phone_code.as_str()] {
        assert_eq!(world.redeem(code).await.errcode(), 40029, "{code}");
    }
}

#[tokio::test]
async fn a_code_of_another_app_is_refused_and_stays_good() {
    let world = World::start().await;
    world.sandbox.login_code("alice", SECOND_APP).unwrap();
    let code = world.code("alice");
    assert_eq!(world.redeem_in(SECOND_APP, SECOND_SECRET, &code).await.errcode(), 40029);
    assert_eq!(world.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn every_parameter_is_demanded_and_checked() {
    let world = World::start().await;
    let code = world.code("alice");
    let (grant, js_code) = ("grant_type=authorization_code", format!("js_code={code}"));
    let (appid, secret) = (format!("appid={MAIN_APP}"), format!("secret={MAIN_SECRET}"));
    let rows = [
        (format!("{secret}&{js_code}&{grant}"), 41002, "appid missing"),
        (format!("appid=&{secret}&{js_code}&{grant}"), 41002, "appid missing"),
        (format!("{appid}&{js_code}&{grant}"), 41004, "appsecret missing"),
        (format!("{appid}&{secret}&{grant}"), 41008, "missing code"),
        (format!("{appid}&{secret}&{js_code}"), 40002, "invalid grant_type"),
        (format!("{appid}&{secret}&{js_code}&grant_type=x"), 40002, "invalid grant_type"),
        (format!("appid=wx0&{secret}&{js_code}&{grant}"), 40013, "invalid appid"),
        (format!("appid='{MAIN_APP}'&{secret}&{js_code}&{grant}"), 40013, "invalid appid"),
        (format!("{appid}&secret=x&{js_code}&{grant}"), 40125, "invalid appsecret"),
        (format!("{appid}&{secret}&js_code=x&{grant}"), 40029, "invalid code"),
    ];
    for (query, errcode, words) in rows {
        let reply = world.get(&format!("/sns/jscode2session?{query}")).await;
        assert_eq!((reply.status, reply.errcode()), (200, errcode), "{query}");
        assert_eq!(reply.content_type, "text/plain");
        let (text, rid) = reply.errmsg().split_once(", rid: ").map(own).unwrap();
        assert!(text == words && world.is_rid(&rid), "{}", reply.text);
        assert!(reply.text.starts_with(&format!(r#"{{"errcode":{errcode},"errmsg":""#)));
    }
    assert_eq!(world.redeem(&code).await.errcode(), 0, "no refusal spends the code");
}

#[tokio::test]
async fn the_request_id_tells_the_sandbox_time() {
    let world = World::start().await;
    world.advance(30 * 86_400);
    let reply = world.redeem("x").await;
    let (_, rid) = reply.errmsg().split_once(", rid: ").map(own).unwrap();
    assert!(world.is_rid(&rid), "{rid}");
}

#[tokio::test]
async fn a_post_loses_its_parameters() {
    let world = World::start().await;
    let code = world.code("alice");
    let query = format!(
        "appid={MAIN_APP}&secret={MAIN_SECRET}&js_code={code}&grant_type=authorization_code"
    );
    let body = json!({
        "appid": MAIN_APP, "secret": MAIN_SECRET, "js_code": code,
        "grant_type": "authorization_code",
    });
    let rows = [
        ("/sns/jscode2session".to_owned(), body.to_string()),
        ("/sns/jscode2session".to_owned(), query.clone()),
        (format!("/sns/jscode2session?{query}"), String::new()),
    ];
    for (path, body) in rows {
        assert_eq!(world.send(Method::POST, &path, Some(&body)).await.errcode(), 41002, "{path}");
    }
}

#[tokio::test]
async fn a_blocked_user_is_refused_until_unblocked() {
    let world = World::start().await;
    let block = |blocked| {
        let change = UserChange { user: "alice".into(), blocked: Some(blocked), ..<_>::default() };
        world.sandbox.change_user(change).unwrap();
    };
    let code = world.code("alice");
    block(true);
    let reply = world.redeem(&code).await;
    assert_eq!(reply.errcode(), 40226);
    assert!(reply.errmsg().starts_with("code blocked, rid: "));
    assert_eq!(world.redeem(&world.code("bob")).await.errcode(), 0);
    block(false);
    assert_eq!(world.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn one_user_logs_in_100_times_a_minute() {
    let world = World::start().await;
    for _ in 0..100 {
        world.login("alice").await;
    }
    let code = world.code("alice");
    assert_eq!(world.redeem(&code).await.errcode(), 45011);
    world.login("bob").await;
    world.advance(60);
    assert_eq!(world.redeem(&code).await.errcode(), 0, "the refusal did not spend the code");
}

#[tokio::test]
async fn lifted_limits_let_one_user_log_in_as_often_as_wanted() {
    let world = World::with(Config { limits: false, ..Config::default() }).await;
    for _ in 0..101 {
        world.login("alice").await;
    }
}

#[tokio::test]
async fn ids_are_stable_and_apart() {
    let world = World::start().await;
    let login = async |app, secret| {
        let code = world.sandbox.login_code("alice", app).unwrap();
        world.redeem_in(app, secret, &code).await
    };
    let first = login(MAIN_APP, MAIN_SECRET).await;
    let again = login(MAIN_APP, MAIN_SECRET).await;
    let second = login(SECOND_APP, SECOND_SECRET).await;
    let lone = login(LONE_APP, LONE_SECRET).await;
    assert_eq!(first.field("openid"), again.field("openid"));
    assert_ne!(first.field("openid"), second.field("openid"));
    assert_ne!(first.field("openid"), world.login("bob").await.field("openid"));
    assert_eq!(first.field("unionid"), second.field("unionid"), "one Open Platform account");
    assert!(!lone.text.contains("unionid"), "bound to none: {}", lone.text);
}

#[tokio::test]
async fn a_union_id_appears_when_the_app_is_bound_late() {
    let world = World::start().await;
    let login = async || {
        let code = world.sandbox.login_code("alice", LONE_APP).unwrap();
        world.redeem_in(LONE_APP, LONE_SECRET, &code).await
    };
    let bind = |open_platform| {
        let appid = Some(LONE_APP.into());
        world.sandbox.change_app(AppChange { appid, open_platform, ..<_>::default() }).unwrap();
    };
    let openid = login().await.field("openid");
    bind(Change::Set("sandbox".into()));
    let bound = login().await;
    assert_eq!(bound.field("openid"), openid);
    assert_eq!(bound.field("unionid"), world.login("alice").await.field("unionid"));
    bind(Change::Set("another".into()));
    assert_ne!(login().await.field("unionid"), bound.field("unionid"));
    bind(Change::Clear);
    assert!(!login().await.text.contains("unionid"));
}

#[tokio::test]
async fn the_session_key_changes_with_a_code_when_it_is_old_enough() {
    let world = World::start().await;
    let first = world.login("alice").await.field("session_key");
    world.advance(590);
    assert_eq!(world.login("alice").await.field("session_key"), first, "too young to change");
    let early = world.code("alice");
    world.advance(10);
    world.code("alice");
    let changed = world.redeem(&early).await.field("session_key");
    assert_ne!(changed, first, "obtaining a code is enough, and the newest key is answered");
    assert_ne!(world.login("bob").await.field("session_key"), changed);
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}
