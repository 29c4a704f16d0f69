//! Failures of WeChat: each has its own error id and leaves no partial change.

use std::time::{Duration, Instant};

use serde_json::json;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::fault::Fault;

use crate::harness::{Answer, Program};

const CODE_TO_SESSION: &str = "/sns/jscode2session";
const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
const PHONE_NUMBER: &str = "/wxa/business/getuserphonenumber";

/// Maximum duration of a login during any failure of WeChat. The client's timeout is five seconds.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(4);

#[tokio::test]
async fn wechat_failures_map_to_errors_in_time_without_partial_changes() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let errcode = |path: &str, errcode| Fault { errcode: Some(errcode), ..fault(path) };
    let cases = [
        (errcode(CODE_TO_SESSION, 40029), (401, "login_code_invalid")),
        (errcode(CODE_TO_SESSION, 42003), (401, "login_code_invalid")),
        (errcode(CODE_TO_SESSION, 40163), (401, "login_code_used")),
        (errcode(CODE_TO_SESSION, 40226), (403, "user_blocked")),
        (errcode(CODE_TO_SESSION, 45011), (429, "rate_limited")),
        (errcode(CODE_TO_SESSION, -1), (503, "provider_unavailable")),
        (errcode(CODE_TO_SESSION, 40013), (500, "provider_misconfigured")),
        (errcode(CODE_TO_SESSION, 40125), (500, "provider_misconfigured")),
        (errcode(CODE_TO_SESSION, 40164), (500, "provider_misconfigured")),
        (errcode(CODE_TO_SESSION, 40243), (500, "provider_misconfigured")),
        (Fault { status: Some(502), ..fault(CODE_TO_SESSION) }, (503, "provider_unavailable")),
        (
            Fault { body: Some("<html>".into()), ..fault(CODE_TO_SESSION) },
            (503, "provider_unavailable"),
        ),
        (
            Fault { body: Some(String::new()), ..fault(CODE_TO_SESSION) },
            (503, "provider_unavailable"),
        ),
        (Fault { drop: true, ..fault(CODE_TO_SESSION) }, (503, "provider_unavailable")),
        (Fault { delay_ms: Some(60_000), ..fault(CODE_TO_SESSION) }, (503, "provider_unavailable")),
        (errcode(PHONE_NUMBER, 40029), (400, "phone_code_invalid")),
        (errcode(PHONE_NUMBER, 45011), (429, "rate_limited")),
        (errcode(PHONE_NUMBER, -1), (503, "provider_unavailable")),
        (errcode(PHONE_NUMBER, 40013), (500, "provider_misconfigured")),
        (Fault { drop: true, ..fault(PHONE_NUMBER) }, (503, "provider_unavailable")),
        (Fault { delay_ms: Some(60_000), ..fault(PHONE_NUMBER) }, (503, "provider_unavailable")),
    ];
    for (fault, expected) in cases {
        sandbox.reset().unwrap();
        let described = format!("{fault:?}");
        sandbox.inject_fault(fault).unwrap();
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
        let begun = Instant::now();
        let body = json!({ "code": code, "phoneCode": phone });
        let answer = Answer::of(program.post("/login", &body)).await;
        assert!(begun.elapsed() < LOGIN_TIMEOUT, "{described}: {:?}", begun.elapsed());
        assert_eq!(answer.failure(), expected, "{described}: {}", answer.text);
        if matches!(expected.0, 429 | 503) {
            assert!(answer.headers.contains_key("retry-after"), "{described}");
        }
        assert_eq!(count_rows(&program).await, [0, 0, 0], "{described}");
    }
    sandbox.reset().unwrap();
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
    program.log_in(&code, Some(&phone)).await;
    assert_eq!(
        count_rows(&program).await[0],
        1,
        "the query finds the member of a successful login"
    );
}

#[tokio::test]
async fn phone_login_fails_without_an_access_token() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    for (errcode, expected) in [
        (40125, (500, "provider_misconfigured")),
        (40001, (500, "provider_misconfigured")),
        (-1, (503, "provider_unavailable")),
    ] {
        let program = Program::start(&sandbox).await;
        sandbox.inject_fault(Fault { errcode: Some(errcode), ..fault(STABLE_TOKEN) }).unwrap();
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
        let body = json!({ "code": code, "phoneCode": phone });
        let answer = Answer::of(program.post("/login", &body)).await;
        assert_eq!(answer.failure(), expected, "{errcode}: {}", answer.text);
        assert_eq!(count_rows(&program).await, [0, 0, 0], "{errcode}");
        sandbox.clear_faults();
    }
}

#[tokio::test]
async fn login_code_is_not_resent_after_a_lost_response() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    sandbox.inject_fault(Fault { drop: true, after: true, ..fault(CODE_TO_SESSION) }).unwrap();
    let body = json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() });
    let answer = Answer::of(program.post("/login", &body)).await;
    assert_eq!(answer.failure(), (503, "provider_unavailable"));
    let calls = sandbox.log(Some(CODE_TO_SESSION)).len();
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn login_without_phone_needs_no_access_token() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    sandbox.inject_fault(Fault { delay_ms: Some(60_000), ..fault(STABLE_TOKEN) }).unwrap();
    program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert!(sandbox.log(Some(STABLE_TOKEN)).is_empty());
}

fn fault(path: &str) -> Fault {
    Fault { path: path.into(), times: 100, ..Fault::default() }
}

/// Returns the number of members, identities and sessions in the database.
async fn count_rows(program: &Program) -> [i64; 3] {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip(["member", "identity", "session"]) {
        *count = program.query(&format!("SELECT COUNT(*) FROM {table}")).await;
    }
    counts
}
