//! A login that is sent again, over real processes: through a crash, to another instance, while the
//! database is out of reach.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::program::{Answer, Program, environment};
use crate::soak::stranger;

testkit::on_every_database! {
    a_login_sent_fifty_times_is_one_login_on_every_instance
    when_the_database_fails_after_the_codes_are_spent_the_retry_succeeds
}

const SESSION: &str = "/sns/jscode2session";

async fn sandbox() -> Sandbox {
    Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap()
}

/// What alice sends, phone number and all.
fn alice(sandbox: &Sandbox) -> Value {
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    json!({ "code": code, "phoneCode": sandbox.phone_code("alice", MAIN_APP).unwrap() })
}

async fn log_in(program: &Program, body: &Value, key: &str) -> Answer {
    Answer::of(program.post("/login", body).header("Idempotency-Key", key)).await
}

async fn a_login_sent_fifty_times_is_one_login_on_every_instance(database: FreshDatabase) {
    let sandbox = sandbox().await;
    let one = Program::start_on(database, &sandbox, &[]).await;
    let shared = environment(one.database(), &sandbox);
    let shared: Vec<_> = shared.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let other = Program::start_with(&sandbox, &shared).await;
    let body = alice(&sandbox);
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
    assert_eq!(sandbox.log(Some(SESSION)).len(), 1);
    let thief = log_in(&other, &body, "another-attempt").await;
    assert_eq!(thief.failure(), (401, "login_code_used"));
    let reuses = "SELECT COUNT(*) FROM audit_event WHERE kind = 'login_code_reused'";
    assert_eq!(one.query::<i64>(reuses).await, 1);
    assert_eq!(one.query::<i64>("SELECT COUNT(*) FROM session").await, 1);
}

async fn when_the_database_fails_after_the_codes_are_spent_the_retry_succeeds(
    database: FreshDatabase,
) {
    let sandbox = sandbox().await;
    let program = Program::start_on(database, &sandbox, &[]).await;
    program.execute("ALTER TABLE session RENAME TO elsewhere").await;
    let body = alice(&sandbox);
    let failed = log_in(&program, &body, "attempt").await;
    assert_eq!(failed.failure(), (500, "internal"), "{}", failed.text);
    program.execute("ALTER TABLE elsewhere RENAME TO session").await;
    let retry_on_contention = log_in(&program, &body, "attempt").await;
    assert_eq!(retry_on_contention.status, StatusCode::OK, "{}", retry_on_contention.text);
    assert_eq!(sandbox.log(Some(SESSION)).len(), 1);
    let phones: i64 =
        program.query("SELECT COUNT(*) FROM member WHERE phone_index IS NOT NULL").await;
    assert_eq!(phones, 1, "the phone code counts as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_a_repeatable_login_survives_kill_9_between_commit_and_answer() {
    let (sandbox, rounds, begun) = (sandbox().await, iterations(40, 500), Instant::now());
    let mut program = Program::start(&sandbox).await;
    let (mut unheard, mut lost) = (0, 0);
    for round in 0..rounds {
        let members = "SELECT COUNT(*) FROM member";
        let before: i64 = program.query(members).await;
        let body = json!({ "code": sandbox.login_code(&stranger(&sandbox), MAIN_APP).unwrap() });
        sandbox.clear_log();
        let request = program.post("/login", &body).header("Idempotency-Key", "attempt");
        let login = tokio::spawn(async move { request.send().await.ok()?.text().await.ok() });
        // Somewhere in the milliseconds a login takes.
        tokio::time::sleep(Duration::from_micros((30_000 * round / rounds) as u64)).await;
        let database = program.kill().await;
        let heard = login.await.unwrap();
        program = Program::start_on(database, &sandbox, &[]).await;
        let committed = program.query::<i64>(members).await - before;
        let asked = sandbox.log(Some(SESSION)).len();
        let retry_on_contention = log_in(&program, &body, "attempt").await;
        if committed == 0 && asked == 1 {
            // The code is spent, and what came of it died with the process: a new code is needed.
            assert_eq!(retry_on_contention.failure(), (401, "login_code_used"), "round {round}");
            lost += 1;
            continue;
        }
        assert_eq!(
            retry_on_contention.status,
            StatusCode::OK,
            "round {round}: {}",
            retry_on_contention.text
        );
        assert_eq!(retry_on_contention.body["data"]["isNew"], true, "round {round}");
        assert_eq!(program.query::<i64>(members).await - before, 1, "round {round}");
        assert_eq!(sandbox.log(Some(SESSION)).len(), 1, "round {round}: WeChat was asked again");
        match heard {
            Some(heard) => {
                let heard: Value = serde_json::from_str(&heard).unwrap();
                assert_eq!(heard["data"], retry_on_contention.body["data"], "round {round}");
            }
            None => unheard += committed,
        }
    }
    println!(
        "{rounds} kills during a login, {unheard} between commit and answer: the retry got the same \
         answer without a second call to WeChat; {lost} between WeChat's call and the commit: the \
         retry was told to fetch a new code, {:.0?}",
        begun.elapsed()
    );
}
