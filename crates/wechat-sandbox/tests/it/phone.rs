//! `/wxa/business/getuserphonenumber`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wechat_sandbox::config::{Config, LONE_APP, MAIN_APP, NewUser};
use wechat_sandbox::control::Change;
use wechat_sandbox::users::UserChange;

use crate::client::{Reply, World};

async fn redeem(world: &World, body: Value) -> Reply {
    let token = world.token().await;
    world.post(&format!("/wxa/business/getuserphonenumber?access_token={token}"), &body).await
}

fn code(world: &World, user: &str) -> String {
    world.sandbox.phone_code(user, MAIN_APP).unwrap()
}

#[tokio::test]
async fn a_watermark_has_the_time_of_the_sandbox_s_own_clock_if_that_is_wanted() {
    let config = Config { watermarks_by_own_clock: true, ..Config::default() };
    let world = World::with(config).await;
    world.advance(3_600);
    let tapped = world.sandbox.now();
    let reply = redeem(&world, json!({ "code": code(&world, "alice") })).await.json();
    let stamp = reply["phone_info"]["watermark"]["timestamp"].as_u64().unwrap();
    assert!(stamp.abs_diff(tapped) <= 2, "{stamp} instead of {tapped}");
}

#[tokio::test]
async fn a_phone_code_becomes_a_phone_number() {
    let world = World::start().await;
    let code = code(&world, "alice");
    let tapped = world.sandbox.now();
    world.advance(200);
    let reply = redeem(&world, json!({ "code": code })).await;
    assert!(reply.text.starts_with(r#"{"errcode":0,"errmsg":"ok","phone_info":{"#));
    let info = &reply.json()["phone_info"];
    assert_eq!(info["phoneNumber"], "13800138000");
    assert_eq!(info["purePhoneNumber"], "13800138000");
    assert_eq!(info["countryCode"], "86");
    assert_eq!(info["watermark"]["appid"], MAIN_APP);
    let stamp = info["watermark"]["timestamp"].as_u64().unwrap();
    let age = world.sandbox.now() - tapped;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(age >= 200 && (now - age).abs_diff(stamp) <= 2, "the tap's age, on everybody's clock");
}

#[tokio::test]
async fn a_number_from_abroad_carries_its_country_code() {
    let world = World::start().await;
    let phone = NewUser {
        user: Some("carol".into()),
        phone: Some("61234567".into()),
        country_code: Some("852".into()),
        ..NewUser::default()
    };
    world.sandbox.add_user(phone).unwrap();
    let reply = redeem(&world, json!({ "code": code(&world, "carol") })).await;
    let info = &reply.json()["phone_info"];
    assert_eq!(info["phoneNumber"], "+85261234567");
    assert_eq!(info["purePhoneNumber"], "61234567");
    assert_eq!(info["countryCode"], "852");
}

#[tokio::test]
async fn a_phone_code_works_once_and_five_minutes() {
    let world = World::start().await;
    let (used, old) = (code(&world, "alice"), code(&world, "alice"));
    assert_eq!(redeem(&world, json!({ "code": used })).await.errcode(), 0);
    assert_eq!(redeem(&world, json!({ "code": used })).await.errcode(), 40029);
    world.advance(300);
    assert_eq!(redeem(&world, json!({ "code": old })).await.errcode(), 40029);
}

#[tokio::test]
async fn what_is_no_phone_code_is_refused() {
    let world = World::start().await;
    let login_code = world.code("alice");
    for wrong in [login_code.as_str(), "x"] {
        let reply = redeem(&world, json!({ "code": wrong })).await;
        assert_eq!((reply.status, reply.errcode()), (200, 40029), "{wrong}");
        let errmsg = reply.errmsg();
        let (hint, rid) = errmsg
            .strip_prefix("invalid code hint: [")
            .and_then(|rest| rest.split_once("] rid: "))
            .unwrap_or_else(|| panic!("{errmsg}"));
        assert!(hint.len() == 17 && world.is_rid(rid), "{errmsg}");
    }
    assert_eq!(world.redeem(&login_code).await.errcode(), 0, "the login code is still good");
    for missing in [json!({}), json!({"code": ""})] {
        assert_eq!(redeem(&world, missing).await.errcode(), 41008);
    }
}

#[tokio::test]
async fn a_phone_code_of_another_app_is_refused() {
    let world = World::start().await;
    let code = world.sandbox.phone_code("alice", LONE_APP).unwrap();
    assert_eq!(redeem(&world, json!({ "code": code })).await.errcode(), 40013);
    let path =
        format!("/wxa/business/getuserphonenumber?access_token={}", world.lone_token().await);
    assert_eq!(world.post(&path, &json!({ "code": code })).await.errcode(), 0);
}

#[tokio::test]
async fn an_openid_given_beside_the_code_must_be_the_users() {
    let world = World::start().await;
    let openid = |user: &str| world.sandbox.user(user).unwrap().openids[MAIN_APP].clone();
    let code = code(&world, "alice");
    let ask = |openid: String| json!({ "code": code, "openid": openid });
    assert_eq!(redeem(&world, ask(openid("bob"))).await.errcode(), 40029);
    assert_eq!(redeem(&world, ask(openid("alice"))).await.errcode(), 0);
}

#[tokio::test]
async fn a_code_stands_for_the_number_at_the_time_of_the_tap() {
    let world = World::start().await;
    let code = code(&world, "alice");
    let change = |phone| UserChange { user: "alice".into(), phone, ..UserChange::default() };
    world.sandbox.change_user(change(Change::Set("13812345678".into()))).unwrap();
    let number =
        redeem(&world, json!({ "code": code })).await.json()["phone_info"]["phoneNumber"].clone();
    assert_eq!(number, "13800138000");
    world.sandbox.change_user(change(Change::Clear)).unwrap();
    let refused = world.sandbox.phone_code("alice", MAIN_APP).unwrap_err().to_string();
    assert!(refused.contains("has no phone"), "{refused}");
}
