//! `/wxa/business/getuserphonenumber`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wechat_sandbox::config::{Config, LONE_APP, MAIN_APP, NewUser};
use wechat_sandbox::patch::Patch;
use wechat_sandbox::users::UserChange;

use crate::harness::{Harness, Reply};

async fn redeem(harness: &Harness, body: Value) -> Reply {
    let token = harness.token().await;
    harness.post(&format!("/wxa/business/getuserphonenumber?access_token={token}"), &body).await
}

fn code(harness: &Harness, user: &str) -> String {
    harness.sandbox.phone_code(user, MAIN_APP).unwrap()
}

#[tokio::test]
async fn watermark_uses_the_sandbox_clock_if_configured() {
    let config = Config { watermarks_by_own_clock: true, ..Config::default() };
    let harness = Harness::with(config).await;
    harness.advance(3_600);
    let tapped_at = harness.sandbox.now();
    let reply = redeem(&harness, json!({ "code": code(&harness, "alice") })).await.json();
    let timestamp = reply["phone_info"]["watermark"]["timestamp"].as_u64().unwrap();
    assert!(timestamp.abs_diff(tapped_at) <= 2, "{timestamp} instead of {tapped_at}");
}

#[tokio::test]
async fn phone_code_is_exchanged_for_a_phone_number() {
    let harness = Harness::start().await;
    let code = code(&harness, "alice");
    let tapped_at = harness.sandbox.now();
    harness.advance(200);
    let reply = redeem(&harness, json!({ "code": code })).await;
    assert!(reply.text.starts_with(r#"{"errcode":0,"errmsg":"ok","phone_info":{"#));
    let info = &reply.json()["phone_info"];
    assert_eq!(info["phoneNumber"], "13800138000");
    assert_eq!(info["purePhoneNumber"], "13800138000");
    assert_eq!(info["countryCode"], "86");
    assert_eq!(info["watermark"]["appid"], MAIN_APP);
    let timestamp = info["watermark"]["timestamp"].as_u64().unwrap();
    let age = harness.sandbox.now() - tapped_at;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(
        age >= 200 && (now - age).abs_diff(timestamp) <= 2,
        "age of the tap on the machine's clock"
    );
}

#[tokio::test]
async fn foreign_number_includes_its_country_code() {
    let harness = Harness::start().await;
    let phone = NewUser {
        user: Some("carol".into()),
        phone: Some("61234567".into()),
        country_code: Some("852".into()),
        ..NewUser::default()
    };
    harness.sandbox.add_user(phone).unwrap();
    let reply = redeem(&harness, json!({ "code": code(&harness, "carol") })).await;
    let info = &reply.json()["phone_info"];
    assert_eq!(info["phoneNumber"], "+85261234567");
    assert_eq!(info["purePhoneNumber"], "61234567");
    assert_eq!(info["countryCode"], "852");
}

#[tokio::test]
async fn phone_code_works_once_within_five_minutes() {
    let harness = Harness::start().await;
    let used = code(&harness, "alice");
    let old = code(&harness, "alice");
    assert_eq!(redeem(&harness, json!({ "code": used })).await.errcode(), 0);
    assert_eq!(redeem(&harness, json!({ "code": used })).await.errcode(), 40029);
    harness.advance(300);
    assert_eq!(redeem(&harness, json!({ "code": old })).await.errcode(), 40029);
}

#[tokio::test]
async fn invalid_phone_codes_fail_with_a_hint() {
    let harness = Harness::start().await;
    let login_code = harness.code("alice");
    for wrong in [login_code.as_str(), "x"] {
        let reply = redeem(&harness, json!({ "code": wrong })).await;
        assert_eq!((reply.status, reply.errcode()), (200, 40029), "{wrong}");
        let errmsg = reply.errmsg();
        let (hint, rid) = errmsg
            .strip_prefix("invalid code hint: [")
            .and_then(|rest| rest.split_once("] rid: "))
            .unwrap_or_else(|| panic!("{errmsg}"));
        assert!(hint.len() == 17 && harness.is_rid(rid), "{errmsg}");
    }
    assert_eq!(harness.redeem(&login_code).await.errcode(), 0, "the login code is still valid");
    for missing in [json!({}), json!({"code": ""})] {
        assert_eq!(redeem(&harness, missing).await.errcode(), 41008);
    }
}

#[tokio::test]
async fn phone_code_of_another_app_is_rejected() {
    let harness = Harness::start().await;
    let code = harness.sandbox.phone_code("alice", LONE_APP).unwrap();
    assert_eq!(redeem(&harness, json!({ "code": code })).await.errcode(), 40013);
    let path =
        format!("/wxa/business/getuserphonenumber?access_token={}", harness.lone_token().await);
    assert_eq!(harness.post(&path, &json!({ "code": code })).await.errcode(), 0);
}

#[tokio::test]
async fn openid_in_the_request_must_match_the_phone_code() {
    let harness = Harness::start().await;
    let openid = |user: &str| harness.sandbox.user(user).unwrap().openids[MAIN_APP].clone();
    let code = code(&harness, "alice");
    let request = |openid: String| json!({ "code": code, "openid": openid });
    assert_eq!(redeem(&harness, request(openid("bob"))).await.errcode(), 40029);
    assert_eq!(redeem(&harness, request(openid("alice"))).await.errcode(), 0);
}

#[tokio::test]
async fn phone_code_keeps_the_number_at_the_time_of_the_tap() {
    let harness = Harness::start().await;
    let code = code(&harness, "alice");
    let change = |phone| UserChange { user: "alice".into(), phone, ..UserChange::default() };
    harness.sandbox.change_user(change(Patch::Set("13812345678".into()))).unwrap();
    let number =
        redeem(&harness, json!({ "code": code })).await.json()["phone_info"]["phoneNumber"].clone();
    assert_eq!(number, "13800138000");
    harness.sandbox.change_user(change(Patch::Clear)).unwrap();
    let error = harness.sandbox.phone_code("alice", MAIN_APP).unwrap_err().to_string();
    assert!(error.contains("has no phone"), "{error}");
}
