//! WeChat's message push: verification of the address, and withdrawals of user data.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, SECOND_APP, SECOND_SECRET};
use wechat_sandbox::push::{CheckRequest, Format, Mode, PushReport, PushRequest};

use crate::harness::{Answer, Program};

testkit::on_every_database! {
    push_url_passes_the_check_of_wechats_console
    withdrawn_data_is_removed_for_every_event_and_format
    closed_account_is_erased_per_app
    acknowledged_withdrawal_is_processed_after_a_crash
    invalid_or_irrelevant_pushes_change_nothing
}

/// Maximum time until a withdrawal is processed, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The second app. It has no push key, so its messages are in plaintext.
const SECOND: [(&str, &str); 4] = [
    ("MENSHEN_APPS__SECOND__APP_ID", SECOND_APP),
    ("MENSHEN_APPS__SECOND__SECRET", SECOND_SECRET),
    ("MENSHEN_APPS__SECOND__OPEN_PLATFORM", "main"),
    ("MENSHEN_APPS__SECOND__PUSH_TOKEN", "sandboxpushtoken"),
];

async fn start_on(database: FreshDatabase) -> (Sandbox, Program) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let trace_level = ("MENSHEN_LOG__FILTER", "trace");
    let environment: Vec<_> = SECOND.into_iter().chain([trace_level]).collect();
    let program = Program::start_on(database, &sandbox, &environment).await;
    (sandbox, program)
}

fn push_request(program: &Program, event: &str, code: &str) -> PushRequest {
    PushRequest {
        appid: Some(MAIN_APP.into()),
        url: program.url("/wechat/push/main"),
        event: event.into(),
        user: Some("alice".into()),
        fields: json!({ "RevokeInfo": code }).as_object().unwrap().clone(),
        ..PushRequest::default()
    }
}

async fn push(sandbox: &Sandbox, request: PushRequest) -> PushReport {
    let report = sandbox.push(request).await.unwrap();
    assert!(report.delivered, "{report:?}");
    assert_eq!(report.attempts[0].answer.as_deref(), Some("success"));
    report
}

/// Creates a member with a phone number, a nickname and an avatar.
async fn register(sandbox: &Sandbox, program: &Program, user: &str) -> Value {
    let code = sandbox.login_code(user, MAIN_APP).unwrap();
    let phone = sandbox.phone_code(user, MAIN_APP).unwrap();
    let login = program.log_in(&code, Some(&phone)).await;
    let change = json!({ "nickName": user, "avatar": "https://a.example/a.png" });
    Answer::of(program.patch("/me", &change).bearer_auth(token(&login))).await;
    login
}

fn token(login: &Value) -> &str {
    login["token"].as_str().unwrap()
}

async fn me(program: &Program, login: &Value) -> Answer {
    Answer::of(program.get("/me").bearer_auth(token(login))).await
}

/// Waits until the member's profile meets the condition.
async fn wait_until(
    program: &Program,
    login: &Value,
    condition: impl Fn(&Answer) -> bool,
) -> Answer {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let answer = me(program, login).await;
        if condition(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn push_url_passes_the_check_of_wechats_console(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    for (app, path) in [(MAIN_APP, "/wechat/push/main"), (SECOND_APP, "/wechat/push/second")] {
        let url = program.url(path);
        let check = CheckRequest { appid: Some(app.into()), url, ..CheckRequest::default() };
        let report = sandbox.check_push_url(check).await.unwrap();
        assert!(report.passed, "{report:?}");
    }
}

async fn withdrawn_data_is_removed_for_every_event_and_format(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let bob = register(&sandbox, &program, "bob").await;
    let before = me(&program, &bob).await.body["data"].clone();
    let revoke = "user_authorization_revoke";
    for (event, code, removed, kept) in [
        (revoke, "8", ["phone"].as_slice(), ["avatar"].as_slice()),
        (revoke, "6", &["avatar"], &["phone"]),
        (revoke, "20", &["avatar"], &["phone"]),
        ("user_info_modified", "", &["avatar"], &["phone"]),
    ] {
        for format in [Format::Json, Format::Xml] {
            let alice = register(&sandbox, &program, "alice").await;
            let request = PushRequest { format, ..push_request(&program, event, code) };
            push(&sandbox, request).await;
            let is_removed =
                |answer: &Answer| removed.iter().all(|field| answer.body["data"][field].is_null());
            let profile = wait_until(&program, &alice, is_removed).await;
            for field in kept {
                let is_kept = profile.body["data"][field].is_string();
                assert!(is_kept, "{event} {code}: {}", profile.text);
            }
            // Two pushes of the same kind in the same second would be repetitions of one message.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    let after = me(&program, &bob).await;
    assert_eq!(after.body["data"], before, "another member was changed");
}

async fn closed_account_is_erased_per_app(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let here = register(&sandbox, &program, "alice").await;
    let code = sandbox.login_code("alice", SECOND_APP).unwrap();
    let second_login = program.post("/login", &json!({ "code": code, "app": "second" }));
    let there = Answer::of(second_login).await.body["data"].clone();
    assert_eq!(there["memberId"], here["memberId"]);

    let closed = push_request(&program, "user_authorization_cancellation", "");
    push(&sandbox, closed.clone()).await;
    let ended = wait_until(&program, &here, |answer| answer.status == 401).await;
    assert_eq!(ended.failure(), (401, "session_revoked"));
    assert_eq!(me(&program, &there).await.status, 200, "the session of the other app was ended");

    let url = program.url("/wechat/push/second");
    let plain =
        PushRequest { appid: Some(SECOND_APP.into()), url, mode: Some(Mode::Plain), ..closed };
    push(&sandbox, plain).await;
    wait_until(&program, &there, |answer| answer.status == 401).await;
    let count = "SELECT (SELECT count(*) FROM member) + (SELECT count(*) FROM identity)";
    assert_eq!(program.query::<i64>(count).await, 0);
    let output = program.output();
    let openid = sandbox.user("alice").unwrap().openids.remove(MAIN_APP).unwrap();
    for secret in [&*openid, "13800138000", "sandboxpushtoken", "abcdefghijklmnopqrstuvwxyz0123"] {
        assert!(output.contains("TRACE") && !output.contains(secret), "{secret} is in the log");
    }
    let back = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert_eq!(back["isNew"], true);
}

async fn acknowledged_withdrawal_is_processed_after_a_crash(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let alice = register(&sandbox, &program, "alice").await;
    push(&sandbox, push_request(&program, "user_authorization_revoke", "8")).await;
    let database = program.kill().await;
    let program = Program::start_on(database, &sandbox, &SECOND).await;
    wait_until(&program, &alice, |answer| answer.body["data"]["phone"].is_null()).await;
    assert_eq!(program.query::<i64>("SELECT count(*) FROM withdrawal").await, 0);
}

async fn invalid_or_irrelevant_pushes_change_nothing(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let alice = register(&sandbox, &program, "alice").await;
    let before = me(&program, &alice).await.body["data"].clone();
    let revoke = push_request(&program, "user_authorization_revoke", "8");
    for refused in [
        PushRequest { mode: Some(Mode::Plain), ..revoke.clone() },
        PushRequest { appid: Some(SECOND_APP.into()), ..revoke.clone() },
        PushRequest { url: program.url("/wechat/push/unknown"), ..revoke.clone() },
    ] {
        let report = sandbox.push(refused).await.unwrap();
        assert!(!report.delivered && report.attempts.len() == 3, "{report:?}");
    }
    push(&sandbox, push_request(&program, "debug_demo", "")).await;
    push(&sandbox, push_request(&program, "user_authorization_revoke", "13")).await;

    let report = push(&sandbox, push_request(&program, "user_authorization_revoke", "404")).await;
    let altered = report.query.replace("nonce=", "nonce=1");
    let path = format!("/wechat/push/main?{altered}");
    let body: Value = serde_json::from_str(&report.body).unwrap();
    assert_eq!(Answer::of(program.post(&path, &body)).await.failure(), (403, "forbidden"));
    let path = format!("/wechat/push/main?{}", report.query);
    let again = Answer::of(program.post(&path, &body)).await;
    assert_eq!(
        (again.status.as_u16(), again.text.as_str()),
        (200, "success"),
        "a repeated message is acknowledged"
    );
    assert_eq!(me(&program, &alice).await.body["data"], before);
}
