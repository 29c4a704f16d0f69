//! Repeated logins with an idempotency key: on another instance, after a database failure and after a crash.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::harness::{Answer, Program, new_user};

testkit::on_every_database! {
    fifty_repeated_logins_are_one_login_on_every_instance
    retry_succeeds_after_a_database_failure_that_spent_the_codes
}

/// WeChat's endpoint that redeems login codes.
const CODE_TO_SESSION: &str = "/sns/jscode2session";

async fn sandbox() -> Sandbox {
    Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap()
}

/// Returns a login request of alice with a phone code.
fn login_request(sandbox: &Sandbox) -> Value {
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    json!({ "code": code, "phoneCode": sandbox.phone_code("alice", MAIN_APP).unwrap() })
}

async fn log_in(program: &Program, body: &Value, key: &str) -> Answer {
    Answer::of(program.post("/login", body).header("Idempotency-Key", key)).await
}

async fn fifty_repeated_logins_are_one_login_on_every_instance(database: FreshDatabase) {
    let sandbox = sandbox().await;
    let one = Program::start_on(database, &sandbox, &[]).await;
    let other = one.start_second(&sandbox).await;
    let body = login_request(&sandbox);
    let mut logins = JoinSet::new();
    for _ in 0..50 {
        let request = one.post("/login", &body).header("Idempotency-Key", "attempt");
        logins.spawn(Answer::of(request));
    }
    let mut answers = HashSet::new();
    for answer in logins.join_all().await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answers.insert(answer.body["data"].to_string());
    }
    answers.insert(log_in(&other, &body, "attempt").await.body["data"].to_string());
    assert_eq!(answers.len(), 1);
    assert_eq!(sandbox.log(Some(CODE_TO_SESSION)).len(), 1);
    let other_key = log_in(&other, &body, "another-attempt").await;
    assert_eq!(other_key.failure(), (401, "login_code_used"));
    let reuses = "SELECT COUNT(*) FROM audit_event WHERE kind = 'login_code_reused'";
    assert_eq!(one.query::<i64>(reuses).await, 1);
    assert_eq!(one.query::<i64>("SELECT COUNT(*) FROM session").await, 1);
}

async fn retry_succeeds_after_a_database_failure_that_spent_the_codes(database: FreshDatabase) {
    let sandbox = sandbox().await;
    let program = Program::start_on(database, &sandbox, &[]).await;
    program.execute("ALTER TABLE session RENAME TO hidden_session").await;
    let body = login_request(&sandbox);
    let failed = log_in(&program, &body, "attempt").await;
    assert_eq!(failed.failure(), (500, "internal"), "{}", failed.text);
    program.execute("ALTER TABLE hidden_session RENAME TO session").await;
    let retry = log_in(&program, &body, "attempt").await;
    assert_eq!(retry.status, StatusCode::OK, "{}", retry.text);
    assert_eq!(sandbox.log(Some(CODE_TO_SESSION)).len(), 1);
    let phones: i64 =
        program.query("SELECT COUNT(*) FROM member WHERE phone_index IS NOT NULL").await;
    assert_eq!(phones, 1, "the phone number is bound");
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_login_with_idempotency_key_survives_kill_9_between_commit_and_response() {
    let sandbox = sandbox().await;
    let rounds = iterations(40, 500);
    let begun = Instant::now();
    let mut program = Program::start(&sandbox).await;
    let mut lost_responses = 0;
    let mut lost_codes = 0;
    for round in 0..rounds {
        let members = "SELECT COUNT(*) FROM member";
        let before: i64 = program.query(members).await;
        let body = json!({ "code": sandbox.login_code(&new_user(&sandbox), MAIN_APP).unwrap() });
        sandbox.clear_log();
        let request = program.post("/login", &body).header("Idempotency-Key", "attempt");
        let login = tokio::spawn(async move { request.send().await.ok()?.text().await.ok() });
        // The kill is at another point of the login in each round.
        tokio::time::sleep(Duration::from_micros((30_000 * round / rounds) as u64)).await;
        let database = program.kill().await;
        let received = login.await.unwrap();
        program = Program::start_on(database, &sandbox, &[]).await;
        let committed = program.query::<i64>(members).await - before;
        let calls = sandbox.log(Some(CODE_TO_SESSION)).len();
        let retry = log_in(&program, &body, "attempt").await;
        if committed == 0 && calls == 1 {
            // WeChat has redeemed the code, and the process exited before the commit: the client needs a new code.
            assert_eq!(retry.failure(), (401, "login_code_used"), "round {round}");
            lost_codes += 1;
            continue;
        }
        assert_eq!(retry.status, StatusCode::OK, "round {round}: {}", retry.text);
        assert_eq!(retry.body["data"]["isNew"], true, "round {round}");
        assert_eq!(program.query::<i64>(members).await - before, 1, "round {round}");
        assert_eq!(
            sandbox.log(Some(CODE_TO_SESSION)).len(),
            1,
            "round {round}: WeChat was called again"
        );
        match received {
            Some(text) => {
                let received: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(received["data"], retry.body["data"], "round {round}");
            }
            None => lost_responses += committed,
        }
    }
    println!(
        "{rounds} kills during a login, {lost_responses} between commit and response: the retry got the same \
         response without a second call to WeChat; {lost_codes} between WeChat's call and the commit: the \
         retry failed with login_code_used, {:.0?}",
        begun.elapsed()
    );
}
