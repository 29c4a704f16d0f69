//! Phone binding with codes and encrypted data, and requests of service accounts that use session keys.

use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::control_api::encrypt::{EncryptRequest, EncryptedOpenData, Kind};

use crate::harness::{Answer, Program, SERVICE_KEY};

testkit::on_every_database! {
    phone_is_bound_with_a_code_or_encrypted_data
    app_without_session_keys_accepts_phone_codes_only
    service_accounts_check_reset_and_use_session_keys
}

const STORE_SESSION_KEYS: [(&str, &str); 1] = [("MENSHEN_APPS__MAIN__STORE_SESSION_KEYS", "true")];

fn encrypted(sandbox: &Sandbox, user: &str, kind: Kind) -> EncryptedOpenData {
    sandbox.encrypt(EncryptRequest { user: user.into(), kind, ..Default::default() }).unwrap()
}

/// Returns encrypted phone data, which WeChat's phone button returned before phone codes were introduced.
fn encrypted_phone(sandbox: &Sandbox, user: &str) -> Value {
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

async fn phone_is_bound_with_a_code_or_encrypted_data(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &STORE_SESSION_KEYS).await;
    let alice = token_of(&sandbox, &program, "alice").await;
    let bound = bind(&program, &alice, &encrypted_phone(&sandbox, "alice")).await;
    assert_eq!(bound.body["data"]["phone"], "138******00", "{}", bound.text);

    let bob = token_of(&sandbox, &program, "bob").await;
    let code = json!({ "phoneCode": sandbox.phone_code("bob", MAIN_APP).unwrap() });
    assert_eq!(bind(&program, &alice, &code).await.failure(), (400, "phone_code_invalid"));
    let bound = bind(&program, &bob, &code).await;
    assert_eq!(bound.body["data"]["phone"], "139******00", "{}", bound.text);
    let theirs = bind(&program, &alice, &encrypted_phone(&sandbox, "bob")).await;
    assert_eq!(
        theirs.failure(),
        (400, "phone_code_invalid"),
        "encrypted with another user's session key"
    );
    let changes: i64 =
        program.query("SELECT COUNT(*) FROM audit_event WHERE kind = 'phone_changed'").await;
    assert_eq!(changes, 2);
}

async fn app_without_session_keys_accepts_phone_codes_only(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let alice = token_of(&sandbox, &program, "alice").await;
    let stored: i64 = program.query("SELECT COUNT(*) FROM session_key").await;
    assert_eq!(stored, 0);
    let old = bind(&program, &alice, &encrypted_phone(&sandbox, "alice")).await;
    assert_eq!(old.failure(), (400, "phone_code_invalid"));
    let code = json!({ "phoneCode": sandbox.phone_code("alice", MAIN_APP).unwrap() });
    assert_eq!(bind(&program, &alice, &code).await.status, 200);
}

async fn service_accounts_check_reset_and_use_session_keys(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &STORE_SESSION_KEYS).await;
    let openid = sandbox.user("alice").unwrap().openids[MAIN_APP].clone();
    let request = async |path: &str, more: Value| {
        let mut body = json!({ "openid": openid });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Answer::of(program.post(path, &body).bearer_auth(SERVICE_KEY)).await
    };
    let unknown = request("/wechat/check_session", json!({})).await;
    assert_eq!(unknown.failure(), (404, "not_found"), "the user has never logged in");

    let alice = token_of(&sandbox, &program, "alice").await;
    assert_eq!(request("/wechat/check_session", json!({})).await.body["data"]["valid"], true);
    let profile = encrypted(&sandbox, "alice", Kind::Profile);
    let signed = json!({ "rawData": profile.raw_data, "signature": profile.signature });
    let verified = request("/wechat/verify_signature", signed.clone()).await;
    assert_eq!(verified.body["data"]["valid"], true, "{}", verified.text);

    let before = encrypted_phone(&sandbox, "alice");
    let reset = request("/wechat/reset_session_key", json!({})).await;
    assert_eq!(reset.status, 200, "{}", reset.text);
    assert_eq!(request("/wechat/check_session", json!({})).await.body["data"]["valid"], true);
    assert_eq!(request("/wechat/verify_signature", signed).await.body["data"]["valid"], false);
    let stale = bind(&program, &alice, &before).await;
    assert_eq!(stale.failure(), (400, "phone_code_invalid"));
    assert_eq!(bind(&program, &alice, &encrypted_phone(&sandbox, "alice")).await.status, 200);
}
