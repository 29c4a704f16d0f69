//! Export and erasure of a member's personal data.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::harness::{Answer, Program};

/// Logs in with a phone number, and returns the login response, the openid and the union id.
async fn register(sandbox: &Sandbox, program: &Program, user: &str) -> (Value, Vec<String>) {
    let code = sandbox.login_code(user, MAIN_APP).unwrap();
    let response = Answer::of(program.post("/openid", &json!({ "code": code }))).await.body;
    let ids = ["openid", "unionid"].map(|id| response["data"][id].as_str().unwrap().to_owned());
    let login_code = sandbox.login_code(user, MAIN_APP).unwrap();
    let phone_code = sandbox.phone_code(user, MAIN_APP).unwrap();
    (program.log_in(&login_code, Some(&phone_code)).await, ids.into())
}

fn token(login: &Value) -> &str {
    login["token"].as_str().unwrap()
}

/// Returns true if a file of the database contains the text.
fn database_contains(folder: &Path, text: &str) -> bool {
    let files = ["menshen.db", "menshen.db-wal"].map(|name| std::fs::read(folder.join(name)));
    let mut files = files.iter().flatten();
    files.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn export_is_complete_and_erasure_leaves_no_byte_in_the_database() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let (alice, ids) = register(&sandbox, &program, "alice").await;
    let (bob, _) = register(&sandbox, &program, "bob").await;
    let change = json!({ "nickName": "Alice in Chains", "avatar": "https://a.example/alice" });
    Answer::of(program.patch("/me", &change).bearer_auth(token(&alice))).await;
    let get_bob = || Answer::of(program.get("/me").bearer_auth(token(&bob)));
    let bob_before = get_bob().await.body["data"].clone();

    let export = Answer::of(program.get("/me/export").bearer_auth(token(&alice))).await;
    assert_eq!(export.status, StatusCode::OK, "{}", export.text);
    let profile = ["Alice in Chains", "https://a.example/alice"].map(String::from);
    let personal_data: Vec<String> = profile.into_iter().chain(ids).collect();
    for text in &personal_data {
        assert!(export.text.contains(text) && database_contains(program.folder(), text), "{text}");
    }
    // Phone numbers are encrypted, so the files never contain them.
    assert!(
        export.text.contains("13800138000") && !database_contains(program.folder(), "13800138000")
    );
    assert!(!export.text.contains("13900139000"), "{}", export.text);

    let erased = Answer::of(program.delete("/me").bearer_auth(token(&alice))).await;
    assert_eq!((erased.status, &erased.body["data"]), (StatusCode::OK, &Value::Null));
    // A background job purges the file within seconds.
    let deadline = Instant::now() + Duration::from_mins(1);
    while personal_data.iter().any(|text| database_contains(program.folder(), text)) {
        assert!(Instant::now() < deadline, "{personal_data:?} remain in the database");
        sleep(Duration::from_millis(100)).await;
    }
    let metrics = Answer::of(program.get("/metrics")).await.text;
    assert!(metrics.contains("menshen_purge_oldest_pending_seconds 0.0"), "{metrics}");
    assert!(program.output().contains("purge of deleted data finished"));
    assert_eq!(get_bob().await.body["data"], bob_before, "another member was changed");
    let gone = Answer::of(program.get("/me").bearer_auth(token(&alice))).await;
    assert_eq!(gone.failure(), (401, "session_revoked"));
    let back = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert_eq!(back["isNew"], true);
}
