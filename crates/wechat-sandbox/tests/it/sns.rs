//! `/sns/jscode2session`.

use serde_json::json;
use ureq::http::Method;
use wechat_sandbox::config::{
    Config, LONE_APP, LONE_SECRET, MAIN_APP, MAIN_SECRET, SECOND_APP, SECOND_SECRET,
};
use wechat_sandbox::control_api::apps::AppChange;
use wechat_sandbox::patch::Patch;
use wechat_sandbox::users::UserChange;

use crate::harness::Harness;

#[tokio::test]
async fn login_code_is_exchanged_for_openid_and_session_key() {
    let harness = Harness::start().await;
    let reply = harness.login("alice").await;
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "text/plain"));
    assert!(reply.text.starts_with(r#"{"session_key":""#), "{}", reply.text);
    assert!(!reply.text.contains("errcode") && !reply.text.contains(' '), "{}", reply.text);
    assert_eq!(reply.field("session_key").len(), 24);
    assert_eq!(reply.field("openid"), harness.sandbox.user("alice").unwrap().openids[MAIN_APP]);
    assert_eq!(reply.field("unionid"), harness.sandbox.user("alice").unwrap().unionids[MAIN_APP]);
}

#[tokio::test]
async fn slashes_are_escaped_as_in_real_captures() {
    let config = Config { session_key_min_age: 0, ..Config::default() };
    let harness = Harness::with(config).await;
    for _ in 0..90 {
        let reply = harness.login("alice").await;
        assert!(!reply.text.replace("\\/", "").contains('/'), "{}", reply.text);
        if reply.text.contains("\\/") {
            assert!(reply.field("session_key").contains('/'));
            return;
        }
    }
    panic!("no session key of 90 had a slash");
}

#[tokio::test]
async fn login_code_works_once() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
    assert_eq!(harness.redeem(&code).await.errcode(), 40163);
}

#[tokio::test]
async fn login_code_expires_after_five_minutes() {
    let harness = Harness::start().await;
    let in_time = harness.code("alice");
    let too_late = harness.code("alice");
    harness.advance(295);
    assert_eq!(harness.redeem(&in_time).await.errcode(), 0);
    harness.advance(5);
    assert_eq!(harness.redeem(&too_late).await.errcode(), 40029);
}

#[tokio::test]
async fn invalid_login_codes_are_rejected() {
    let harness = Harness::start().await;
    let phone_code = harness.sandbox.phone_code("alice", MAIN_APP).unwrap();
    for code in ["0123456789abcdefghijklmnopqrstuv", "x", phone_code.as_str()] {
        assert_eq!(harness.redeem(code).await.errcode(), 40029, "{code}");
    }
}

#[tokio::test]
async fn login_code_of_another_app_is_rejected_and_stays_valid() {
    let harness = Harness::start().await;
    harness.sandbox.login_code("alice", SECOND_APP).unwrap();
    let code = harness.code("alice");
    assert_eq!(harness.redeem_in(SECOND_APP, SECOND_SECRET, &code).await.errcode(), 40029);
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn missing_and_invalid_parameters_have_their_errors() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
    let grant = "grant_type=authorization_code";
    let js_code = format!("js_code={code}");
    let appid = format!("appid={MAIN_APP}");
    let secret = format!("secret={MAIN_SECRET}");
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
    for (query, errcode, message) in rows {
        let reply = harness.get(&format!("/sns/jscode2session?{query}")).await;
        assert_eq!((reply.status, reply.errcode()), (200, errcode), "{query}");
        assert_eq!(reply.content_type, "text/plain");
        let (text, rid) = reply.errmsg().split_once(", rid: ").map(to_owned).unwrap();
        assert!(text == message && harness.is_rid(&rid), "{}", reply.text);
        assert!(reply.text.starts_with(&format!(r#"{{"errcode":{errcode},"errmsg":""#)));
    }
    assert_eq!(harness.redeem(&code).await.errcode(), 0, "rejections do not redeem the code");
}

#[tokio::test]
async fn request_id_has_the_time_of_the_sandbox_clock() {
    let harness = Harness::start().await;
    harness.advance(30 * 86_400);
    let reply = harness.redeem("x").await;
    let (_, rid) = reply.errmsg().split_once(", rid: ").map(to_owned).unwrap();
    assert!(harness.is_rid(&rid), "{rid}");
}

#[tokio::test]
async fn post_request_ignores_its_parameters() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
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
        assert_eq!(harness.send(Method::POST, &path, Some(&body)).await.errcode(), 41002, "{path}");
    }
}

#[tokio::test]
async fn blocked_user_is_rejected_until_unblocked() {
    let harness = Harness::start().await;
    let block = |blocked| {
        let change = UserChange { user: "alice".into(), blocked: Some(blocked), ..<_>::default() };
        harness.sandbox.change_user(change).unwrap();
    };
    let code = harness.code("alice");
    block(true);
    let reply = harness.redeem(&code).await;
    assert_eq!(reply.errcode(), 40226);
    assert!(reply.errmsg().starts_with("code blocked, rid: "));
    assert_eq!(harness.redeem(&harness.code("bob")).await.errcode(), 0);
    block(false);
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn user_may_log_in_100_times_a_minute() {
    let harness = Harness::start().await;
    for _ in 0..100 {
        harness.login("alice").await;
    }
    let code = harness.code("alice");
    assert_eq!(harness.redeem(&code).await.errcode(), 45011);
    harness.login("bob").await;
    harness.advance(60);
    assert_eq!(harness.redeem(&code).await.errcode(), 0, "the rejection did not redeem the code");
}

#[tokio::test]
async fn login_limit_does_not_apply_when_limits_are_lifted() {
    let harness = Harness::with(Config { limits: false, ..Config::default() }).await;
    for _ in 0..101 {
        harness.login("alice").await;
    }
}

#[tokio::test]
async fn ids_are_stable_and_differ_by_app_and_user() {
    let harness = Harness::start().await;
    let login = async |app, secret| {
        let code = harness.sandbox.login_code("alice", app).unwrap();
        harness.redeem_in(app, secret, &code).await
    };
    let first = login(MAIN_APP, MAIN_SECRET).await;
    let again = login(MAIN_APP, MAIN_SECRET).await;
    let second = login(SECOND_APP, SECOND_SECRET).await;
    let lone = login(LONE_APP, LONE_SECRET).await;
    assert_eq!(first.field("openid"), again.field("openid"));
    assert_ne!(first.field("openid"), second.field("openid"));
    assert_ne!(first.field("openid"), harness.login("bob").await.field("openid"));
    assert_eq!(first.field("unionid"), second.field("unionid"), "one Open Platform account");
    assert!(!lone.text.contains("unionid"), "the app is bound to no account: {}", lone.text);
}

#[tokio::test]
async fn union_id_appears_when_the_app_is_bound_later() {
    let harness = Harness::start().await;
    let login = async || {
        let code = harness.sandbox.login_code("alice", LONE_APP).unwrap();
        harness.redeem_in(LONE_APP, LONE_SECRET, &code).await
    };
    let bind = |open_platform| {
        let appid = Some(LONE_APP.into());
        harness.sandbox.change_app(AppChange { appid, open_platform, ..<_>::default() }).unwrap();
    };
    let openid = login().await.field("openid");
    bind(Patch::Set("sandbox".into()));
    let bound = login().await;
    assert_eq!(bound.field("openid"), openid);
    assert_eq!(bound.field("unionid"), harness.login("alice").await.field("unionid"));
    bind(Patch::Set("another".into()));
    assert_ne!(login().await.field("unionid"), bound.field("unionid"));
    bind(Patch::Clear);
    assert!(!login().await.text.contains("unionid"));
}

#[tokio::test]
async fn new_code_changes_a_session_key_of_minimum_age() {
    let harness = Harness::start().await;
    let first = harness.login("alice").await.field("session_key");
    harness.advance(590);
    assert_eq!(
        harness.login("alice").await.field("session_key"),
        first,
        "the key is below the minimum age"
    );
    let early = harness.code("alice");
    harness.advance(10);
    harness.code("alice");
    let changed = harness.redeem(&early).await.field("session_key");
    assert_ne!(changed, first, "obtaining a code changes the key, and the newest key is returned");
    assert_ne!(harness.login("bob").await.field("session_key"), changed);
}

fn to_owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}
