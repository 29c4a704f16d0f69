//! What members can do about what is held of them, in the whole program.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::program::{Answer, Program};

/// Logs in with a phone number, and returns the login and what identifies the user to the provider.
async fn join(sandbox: &Sandbox, program: &Program, user: &str) -> (Value, Vec<String>) {
    let code = sandbox.login_code(user, MAIN_APP).unwrap();
    let told = Answer::of(program.post("/openid", &json!({ "code": code }))).await.body;
    let ids = ["openid", "unionid"].map(|id| told["data"][id].as_str().unwrap().to_owned());
    let code = sandbox.login_code(user, MAIN_APP).unwrap();
    let phone = sandbox.phone_code(user, MAIN_APP).unwrap();
    (program.log_in(&code, Some(&phone)).await, ids.into())
}

fn token(login: &Value) -> &str {
    login["token"].as_str().unwrap()
}

/// Whether any file of the database holds the text.
fn holds(folder: &Path, text: &str) -> bool {
    let files = ["menshen.db", "menshen.db-wal"].map(|name| std::fs::read(folder.join(name)));
    let mut files = files.iter().flatten();
    files.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn a_member_takes_everything_out_and_is_forgotten_to_the_last_byte() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let (alice, ids) = join(&sandbox, &program, "alice").await;
    let (bob, _) = join(&sandbox, &program, "bob").await;
    let change = json!({ "nickName": "Alice in Chains", "avatar": "https://a.example/alice" });
    Answer::of(program.patch("/me", &change).bearer_auth(token(&alice))).await;
    let his = program.get("/me").bearer_auth(token(&bob));
    let his = Answer::of(his).await.body["data"].clone();

    let export = Answer::of(program.get("/me/export").bearer_auth(token(&alice))).await;
    assert_eq!(export.status, StatusCode::OK, "{}", export.text);
    let told = ["Alice in Chains", "https://a.example/alice"].map(String::from);
    let told: Vec<String> = told.into_iter().chain(ids).collect();
    for text in &told {
        assert!(export.text.contains(text) && holds(program.folder(), text), "{text}");
    }
    // Of phone numbers the files hold nothing anyway.
    assert!(export.text.contains("13800138000") && !holds(program.folder(), "13800138000"));
    assert!(!export.text.contains("13900139000"), "{}", export.text);

    let erased = Answer::of(program.delete("/me").bearer_auth(token(&alice))).await;
    assert_eq!((erased.status, &erased.body["data"]), (StatusCode::OK, &Value::Null));
    for text in &told {
        assert!(!holds(program.folder(), text), "{text} is left");
    }
    let me = Answer::of(program.get("/me").bearer_auth(token(&bob))).await;
    assert_eq!(me.body["data"], his, "nobody else is touched");
    let gone = Answer::of(program.get("/me").bearer_auth(token(&alice))).await;
    assert_eq!(gone.failure(), (401, "session_revoked"));
    let back = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert_eq!(back["isNew"], true);
}
