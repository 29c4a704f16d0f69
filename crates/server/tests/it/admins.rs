//! Administrators: invitation, sign-in, and management of members.

use reqwest::StatusCode;
use serde_json::{Value, json};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::harness::{Answer, Program};

#[tokio::test]
async fn invited_administrator_finds_bans_and_erases_a_member() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
    let login = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), Some(&phone)).await;
    let id = login["memberId"].as_str().unwrap();
    let token = login["token"].as_str().unwrap();
    let admin = program.admin("admin@example.com", "admin").await;
    assert_eq!(admin.get("/admin/api/session").await["role"], "admin");

    let search = |query: &str| json!({ "query": query });
    for query in ["13800138000", "138******00", id] {
        let found = admin.post("/admin/api/search", &search(query)).await;
        assert_eq!(found["members"][0]["profile"]["memberId"], id, "{query}");
        assert_eq!(found["members"][0]["profile"]["phone"], "138******00");
    }
    let path = |suffix: &str| format!("/admin/api/members/{id}{suffix}");
    assert_eq!(admin.post(&path("/phone"), &json!({})).await["phone"], "+8613800138000");

    let me = || Answer::of(program.get("/me").bearer_auth(token));
    assert_eq!(me().await.status, StatusCode::OK);
    admin.post(&path("/ban"), &json!({ "reason": "刷单" })).await;
    assert_eq!(me().await.failure(), (401, "session_revoked"));
    let again = json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() });
    let refused = Answer::of(program.post("/login", &again)).await;
    assert_eq!(refused.failure(), (403, "member_banned"));

    let history = admin.get(&format!("/admin/api/audit?member={id}")).await;
    let events = history["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["login_refused", "banned", "phone_unmasked", "registered"]);
    let request = refused.headers["x-request-id"].to_str().unwrap();
    assert_eq!(events[0]["requestId"], request, "the audit event has the id of the request");
    assert_eq!(events[0]["detail"], "banned");
    let counts = admin.get("/admin/api/statistics?days=1").await["counts"].clone();
    let registered = |count: &&Value| count["kind"] == "registered";
    let registered = counts.as_array().unwrap().iter().find(registered).unwrap()["count"].clone();
    assert_eq!(registered, 1);
    let calls = admin.get("/admin/api/wechat").await["hours"].clone();
    let paths: Vec<_> = calls.as_array().unwrap().iter().map(|hour| &hour["path"]).collect();
    assert!(paths.contains(&&json!("/sns/jscode2session")), "{calls}");
    let keys = admin.get("/admin/api/keys").await["keys"].clone();
    let states: Vec<_> = keys.as_array().unwrap().iter().map(|key| &key["state"]).collect();
    assert_eq!(states, ["current", "next"]);

    let erased = admin.data(program.delete(&path(""))).await;
    assert_eq!(erased, json!({}));
    let gone = admin.send(program.get(&path(""))).await;
    assert_eq!(gone.failure(), (404, "not_found"));
}

#[tokio::test]
async fn no_default_administrator_exists_and_an_invitation_is_accepted_once() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    for (name, password) in [("admin", "admin"), ("root", "root"), ("menshen", "menshen")] {
        let sign_in = json!({ "name": name, "password": password });
        let refused = Answer::of(program.post("/admin/api/session", &sign_in)).await;
        assert_eq!(refused.failure(), (401, "unauthenticated"));
    }
    let ann = program.admin("ann", "viewer").await;
    let body =
        json!({ "name": "ann", "code": ann.invitation, "password": "another long password" });
    let again = Answer::of(program.post("/admin/api/invitation", &body)).await;
    assert_eq!(again.failure(), (401, "unauthenticated"));
    let stored: i64 =
        program.query("SELECT COUNT(*) FROM admin WHERE password LIKE '$argon2id$%'").await;
    assert_eq!(stored, 1);
}
