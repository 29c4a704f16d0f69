//! Login, sessions and profile over HTTP, on every database.

mod idempotency;
mod wechat_faults;

use reqwest::StatusCode;
use serde_json::json;
use testkit::databases::FreshDatabase;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, SECOND_APP, SECOND_SECRET};

use crate::harness::{Answer, Program, SERVICE_KEY};

testkit::on_every_database! {
    login_with_phone_creates_a_member_and_a_valid_token
    login_code_is_accepted_once
    member_id_is_stable_across_logins_phone_binding_and_restart
    user_of_two_apps_of_one_open_platform_is_one_member
    session_is_refreshed_listed_introspected_and_ended
    profile_change_is_stored
    openid_request_creates_no_member
    session_key_requires_service_account
    health_and_openapi_document_are_served
}

async fn login_with_phone_creates_a_member_and_a_valid_token(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
    let login = program.log_in(&code, Some(&phone)).await;
    assert_eq!((&login["isNew"], &login["expiresIn"]), (&json!(true), &json!(7200)));
    let nickname = login["nickName"].as_str().unwrap();
    assert!(nickname.ends_with("8000"), "{nickname}");

    for authorization in [format!("Bearer {}", token(&login)), token(&login).to_owned()] {
        let me = program.get("/me").header("authorization", authorization);
        let me = Answer::of(me).await;
        assert_eq!(me.status, StatusCode::OK, "{}", me.text);
        assert_eq!(me.body["data"]["memberId"], login["memberId"]);
        assert_eq!(me.body["data"]["phone"], "138******00");
    }
}

async fn login_code_is_accepted_once(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    program.log_in(&code, None).await;
    let again = Answer::of(program.post("/login", &json!({ "code": code }))).await;
    assert_eq!(again.failure(), (401, "login_code_used"));
}

async fn member_id_is_stable_across_logins_phone_binding_and_restart(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let first = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let database = program.kill().await;

    let program = Program::start_on(database, &sandbox, &[]).await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
    let second = program.log_in(&code, Some(&phone)).await;
    assert_eq!(second["memberId"], first["memberId"]);
    assert_eq!(second["isNew"], false);
    let me = program.get("/me").bearer_auth(token(&first));
    let me = Answer::of(me).await;
    assert_eq!(
        me.body["data"]["phone"], "138******00",
        "the earlier token is still valid: {}",
        me.text
    );
}

async fn user_of_two_apps_of_one_open_platform_is_one_member(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let more = [
        ("MENSHEN_APPS__SECOND__APP_ID", SECOND_APP),
        ("MENSHEN_APPS__SECOND__SECRET", SECOND_SECRET),
        ("MENSHEN_APPS__SECOND__OPEN_PLATFORM", "main"),
    ];
    let program = Program::start_on(database, &sandbox, &more).await;
    let here = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let code = sandbox.login_code("alice", SECOND_APP).unwrap();
    let there = program.post("/login", &json!({ "code": code, "app": "second" }));
    let there = Answer::of(there).await;
    assert_eq!(there.body["data"]["memberId"], here["memberId"], "{}", there.text);
}

async fn session_is_refreshed_listed_introspected_and_ended(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let first = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let other = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let fresh = Answer::of(program.refresh(&first)).await.body["data"].clone();
    let again = Answer::of(program.refresh(&first)).await.body["data"].clone();
    assert_eq!(again["refreshToken"], fresh["refreshToken"], "the same successor");

    let listed = Answer::of(program.get("/me/sessions").bearer_auth(token(&fresh))).await;
    let sessions = listed.body["data"]["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2, "{}", listed.text);
    let there = sessions.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/me/sessions/{}", there["id"].as_str().unwrap());
    let ended = Answer::of(program.delete(&path).bearer_auth(token(&fresh))).await;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.text);
    let gone = Answer::of(program.get("/me").bearer_auth(token(&other))).await;
    assert_eq!(gone.failure(), (401, "session_revoked"));

    let introspect = async || {
        let request = program.form("/oauth/introspect", &[("token", token(&fresh))]);
        Answer::of(request.bearer_auth(SERVICE_KEY)).await.body
    };
    let response = introspect().await;
    assert_eq!((&response["active"], &response["sub"]), (&json!(true), &first["memberId"]));
    let logout = program.post("/logout", &json!({})).bearer_auth(token(&fresh));
    assert_eq!(Answer::of(logout).await.status, StatusCode::OK);
    assert_eq!(introspect().await, json!({ "active": false }));
    assert_eq!(Answer::of(program.refresh(&fresh)).await.failure(), (401, "session_revoked"));
}

async fn profile_change_is_stored(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let login = program.log_in(&sandbox.login_code("bob", MAIN_APP).unwrap(), None).await;
    let change = json!({ "nickName": "鲍勃👋", "avatar": "https://a.example/b.png", "gender": 1 });
    let changed = program.patch("/me", &change).bearer_auth(token(&login));
    let changed = Answer::of(changed).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let me = Answer::of(program.get("/me").bearer_auth(token(&login))).await;
    for field in ["nickName", "avatar", "gender"] {
        assert_eq!(me.body["data"][field], change[field]);
    }
}

async fn openid_request_creates_no_member(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let request =
        program.post("/openid", &json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() }));
    let openid = Answer::of(request).await.body["data"]["openid"].clone();
    assert!(openid.as_str().is_some_and(|openid| openid.len() == 28), "{openid}");

    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let bare = program.get(&format!("/external/code_2_wx_openid?code={code}"));
    let bare = Answer::of(bare).await;
    assert_eq!(bare.body, json!({ "code": code, "openId": openid }));

    let login = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert_eq!(login["isNew"], true, "the openid requests created a member");
}

async fn session_key_requires_service_account(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    let request = || {
        program.post(
            "/code2session",
            &json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() }),
        )
    };
    assert_eq!(Answer::of(request()).await.failure(), (401, "unauthenticated"));
    assert_eq!(
        Answer::of(request().bearer_auth("wrong")).await.failure(),
        (401, "unauthenticated")
    );
    let answer = Answer::of(request().bearer_auth(SERVICE_KEY)).await;
    let key = answer.body["data"]["sessionKey"].as_str();
    assert_eq!(key.map(str::len), Some(24), "{}", answer.text);
}

async fn health_and_openapi_document_are_served(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    for path in ["/health/live", "/health/ready", "/openapi.json", "/docs"] {
        let answer = program.get(path).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
}

fn token(login: &serde_json::Value) -> &str {
    login["token"].as_str().unwrap()
}
