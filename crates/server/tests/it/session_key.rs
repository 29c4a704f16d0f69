//! Phone numbers in both ways, and what back ends have done with session keys, through the real program.

use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::control_api::encrypt::{EncryptRequest, EncryptedOpenData, Kind};

use crate::program::{Answer, Program, SERVICE_KEY};

testkit::on_every_database! {
    a_member_binds_a_phone_number_in_both_ways
    an_app_that_keeps_no_keys_takes_codes_only
    back_ends_check_replace_and_rely_on_a_key_they_never_see
}

const KEEPING: [(&str, &str); 1] = [("MENSHEN_APPS__MAIN__STORE_SESSION_KEYS", "true")];

fn encrypted(sandbox: &Sandbox, user: &str, kind: Kind) -> EncryptedOpenData {
    sandbox.encrypt(EncryptRequest { user: user.into(), kind, ..Default::default() }).unwrap()
}

/// What the phone button gave before there were codes.
fn old_phone(sandbox: &Sandbox, user: &str) -> Value {
    let data = encrypted(sandbox, user, Kind::Phone);
    json!({ "encryptedData": data.encrypted_data, "iv": data.iv })
}

async fn token_of(sandbox: &Sandbox, program: &Program, user: &str) -> String {
    let login = program.log_in(&sandbox.login_code(user, MAIN_APP).unwrap(), None).await;
    login["token"].as_str().unwrap().to_owned()
}

async fn bind(program: &Program, token: &str, body: &Value) -> Answer {
    Answer::of(program.put("/me/phone", body).bearer_auth(token)).await
}

async fn a_member_binds_a_phone_number_in_both_ways(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &KEEPING).await;
    let alice = token_of(&sandbox, &program, "alice").await;
    let bound = bind(&program, &alice, &old_phone(&sandbox, "alice")).await;
    assert_eq!(bound.body["data"]["phone"], "138******00", "{}", bound.text);

    let bob = token_of(&sandbox, &program, "bob").await;
    let code = json!({ "phoneCode": sandbox.phone_code("bob", MAIN_APP).unwrap() });
    assert_eq!(bind(&program, &alice, &code).await.failure(), (400, "phone_code_invalid"));
    let bound = bind(&program, &bob, &code).await;
    assert_eq!(bound.body["data"]["phone"], "139******00", "{}", bound.text);
    let theirs = bind(&program, &alice, &old_phone(&sandbox, "bob")).await;
    assert_eq!(theirs.failure(), (400, "phone_code_invalid"), "under another's key");
    let changes: i64 =
        program.query("SELECT COUNT(*) FROM audit_event WHERE kind = 'phone_changed'").await;
    assert_eq!(changes, 2);
}

async fn an_app_that_keeps_no_keys_takes_codes_only(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let alice = token_of(&sandbox, &program, "alice").await;
    let kept: i64 = program.query("SELECT COUNT(*) FROM session_key").await;
    assert_eq!(kept, 0);
    let old = bind(&program, &alice, &old_phone(&sandbox, "alice")).await;
    assert_eq!(old.failure(), (400, "phone_code_invalid"));
    let code = json!({ "phoneCode": sandbox.phone_code("alice", MAIN_APP).unwrap() });
    assert_eq!(bind(&program, &alice, &code).await.status, 200);
}

async fn back_ends_check_replace_and_rely_on_a_key_they_never_see(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &KEEPING).await;
    let openid = sandbox.user("alice").unwrap().openids[MAIN_APP].clone();
    let ask = async |path: &str, more: Value| {
        let mut body = json!({ "openid": openid });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Answer::of(program.post(path, &body).bearer_auth(SERVICE_KEY)).await
    };
    let stranger = ask("/wechat/check_session", json!({})).await;
    assert_eq!(stranger.failure(), (404, "not_found"), "never logged in");

    let alice = token_of(&sandbox, &program, "alice").await;
    assert_eq!(ask("/wechat/check_session", json!({})).await.body["data"]["valid"], true);
    let signed = encrypted(&sandbox, "alice", Kind::Profile);
    let signed = json!({ "rawData": signed.raw_data, "signature": signed.signature });
    let verdict = ask("/wechat/verify_signature", signed.clone()).await;
    assert_eq!(verdict.body["data"]["valid"], true, "{}", verdict.text);

    let before = old_phone(&sandbox, "alice");
    let reset = ask("/wechat/reset_session_key", json!({})).await;
    assert_eq!(reset.status, 200, "{}", reset.text);
    assert_eq!(ask("/wechat/check_session", json!({})).await.body["data"]["valid"], true);
    assert_eq!(ask("/wechat/verify_signature", signed).await.body["data"]["valid"], false);
    let stale = bind(&program, &alice, &before).await;
    assert_eq!(stale.failure(), (400, "phone_code_invalid"));
    assert_eq!(bind(&program, &alice, &old_phone(&sandbox, "alice")).await.status, 200);
}
