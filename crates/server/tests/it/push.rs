//! WeChat's pushes, sent by the sandbox to the whole program.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, SECOND_APP, SECOND_SECRET};
use wechat_sandbox::push::{CheckRequest, Format, Mode, PushReport, PushRequest};

use crate::program::{Answer, Program};

testkit::on_every_database! {
    wechats_console_finds_the_address
    what_a_user_takes_back_is_gone_within_moments_in_every_form
    a_closed_account_is_forgotten_app_by_app
    what_was_answered_is_done_after_a_crash_too
    what_is_not_wechats_or_not_asked_for_does_nothing
}

/// How long a withdrawal may take to be obeyed, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The second app, and no key for its pushes: they come in the clear.
const SECOND: [(&str, &str); 4] = [
    ("MENSHEN_APPS__SECOND__APP_ID", SECOND_APP),
    ("MENSHEN_APPS__SECOND__SECRET", SECOND_SECRET),
    ("MENSHEN_APPS__SECOND__OPEN_PLATFORM", "main"),
    ("MENSHEN_APPS__SECOND__PUSH_TOKEN", "sandboxpushtoken"),
];

async fn start_on(database: FreshDatabase) -> (Sandbox, Program) {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let finest = ("MENSHEN_LOG__FILTER", "trace");
    let environment: Vec<_> = SECOND.into_iter().chain([finest]).collect();
    let program = Program::start_on(database, &sandbox, &environment).await;
    (sandbox, program)
}

fn order(program: &Program, event: &str, code: &str) -> PushRequest {
    PushRequest {
        appid: Some(MAIN_APP.into()),
        url: program.url("/wechat/push/main"),
        event: event.into(),
        user: Some("alice".into()),
        fields: json!({ "RevokeInfo": code }).as_object().unwrap().clone(),
        ..PushRequest::default()
    }
}

async fn push(sandbox: &Sandbox, order: PushRequest) -> PushReport {
    let report = sandbox.push(order).await.unwrap();
    assert!(report.delivered, "{report:?}");
    assert_eq!(report.attempts[0].answer.as_deref(), Some("success"));
    report
}

/// Logs in with a phone number, a name and a picture.
async fn join(sandbox: &Sandbox, program: &Program, user: &str) -> Value {
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

/// Waits until what is known of the member is so.
async fn until(program: &Program, login: &Value, so: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = me(program, login).await;
        if so(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn wechats_console_finds_the_address(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    for (app, path) in [(MAIN_APP, "/wechat/push/main"), (SECOND_APP, "/wechat/push/second")] {
        let url = program.url(path);
        let check = CheckRequest { appid: Some(app.into()), url, ..CheckRequest::default() };
        let report = sandbox.check_push_url(check).await.unwrap();
        assert!(report.passed, "{report:?}");
    }
}

async fn what_a_user_takes_back_is_gone_within_moments_in_every_form(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let bob = join(&sandbox, &program, "bob").await;
    let before = me(&program, &bob).await.body["data"].clone();
    let revoke = "user_authorization_revoke";
    for (event, code, goes, stays) in [
        (revoke, "8", ["phone"].as_slice(), ["avatar"].as_slice()),
        (revoke, "6", &["avatar"], &["phone"]),
        (revoke, "20", &["avatar"], &["phone"]),
        ("user_info_modified", "", &["avatar"], &["phone"]),
    ] {
        for format in [Format::Json, Format::Xml] {
            let alice = join(&sandbox, &program, "alice").await;
            let order = PushRequest { format, ..order(&program, event, code) };
            push(&sandbox, order).await;
            let is_gone =
                |answer: &Answer| goes.iter().all(|field| answer.body["data"][field].is_null());
            let left = until(&program, &alice, is_gone).await;
            for field in stays {
                assert!(left.body["data"][field].is_string(), "{event} {code}: {}", left.text);
            }
            // The next push of the same kind must not be of the same second: it would be the same.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    let nickname = me(&program, &bob).await;
    assert_eq!(nickname.body["data"], before, "nobody else is touched");
}

async fn a_closed_account_is_forgotten_app_by_app(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let here = join(&sandbox, &program, "alice").await;
    let code = sandbox.login_code("alice", SECOND_APP).unwrap();
    let there = program.post("/login", &json!({ "code": code, "app": "second" }));
    let there = Answer::of(there).await.body["data"].clone();
    assert_eq!(there["memberId"], here["memberId"]);

    let closed = order(&program, "user_authorization_cancellation", "");
    push(&sandbox, closed.clone()).await;
    let ended = until(&program, &here, |answer| answer.status == 401).await;
    assert_eq!(ended.failure(), (401, "session_revoked"));
    assert_eq!(me(&program, &there).await.status, 200, "the other app is another matter");

    let url = program.url("/wechat/push/second");
    let plain =
        PushRequest { appid: Some(SECOND_APP.into()), url, mode: Some(Mode::Plain), ..closed };
    push(&sandbox, plain).await;
    until(&program, &there, |answer| answer.status == 401).await;
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

async fn what_was_answered_is_done_after_a_crash_too(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let alice = join(&sandbox, &program, "alice").await;
    push(&sandbox, order(&program, "user_authorization_revoke", "8")).await;
    let database = program.kill().await;
    let program = Program::start_on(database, &sandbox, &SECOND).await;
    until(&program, &alice, |answer| answer.body["data"]["phone"].is_null()).await;
    assert_eq!(program.query::<i64>("SELECT count(*) FROM withdrawal").await, 0);
}

async fn what_is_not_wechats_or_not_asked_for_does_nothing(database: FreshDatabase) {
    let (sandbox, program) = start_on(database).await;
    let alice = join(&sandbox, &program, "alice").await;
    let before = me(&program, &alice).await.body["data"].clone();
    let revoke = order(&program, "user_authorization_revoke", "8");
    for refused in [
        PushRequest { mode: Some(Mode::Plain), ..revoke.clone() },
        PushRequest { appid: Some(SECOND_APP.into()), ..revoke.clone() },
        PushRequest { url: program.url("/wechat/push/nobody"), ..revoke.clone() },
    ] {
        let report = sandbox.push(refused).await.unwrap();
        assert!(!report.delivered && report.attempts.len() == 3, "{report:?}");
    }
    push(&sandbox, order(&program, "debug_demo", "")).await;
    push(&sandbox, order(&program, "user_authorization_revoke", "13")).await;

    let report = push(&sandbox, order(&program, "user_authorization_revoke", "404")).await;
    let altered = report.query.replace("nonce=", "nonce=1");
    let path = format!("/wechat/push/main?{altered}");
    let body: Value = serde_json::from_str(&report.body).unwrap();
    assert_eq!(Answer::of(program.post(&path, &body)).await.failure(), (403, "forbidden"));
    let path = format!("/wechat/push/main?{}", report.query);
    let again = Answer::of(program.post(&path, &body)).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (200, "success"), "sent again");
    assert_eq!(me(&program, &alice).await.body["data"], before);
}
