//! WeChat's bad days: each gives its own error in time, and leaves nothing half-made.

use std::time::{Duration, Instant};

use serde_json::json;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::fault::Fault;

use crate::program::{Answer, Program};

const SESSION: &str = "/sns/jscode2session";
const TOKEN: &str = "/cgi-bin/stable_token";
const PHONE: &str = "/wxa/business/getuserphonenumber";

/// How long a login may take whatever WeChat does: its client gives up after five seconds.
const DEADLINE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn each_fault_of_wechat_has_its_error_in_time_and_leaves_nothing_half_made() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let errcode = |path: &str, errcode| Fault { errcode: Some(errcode), ..fault(path) };
    let cases = [
        (errcode(SESSION, 40029), (401, "login_code_invalid")),
        (errcode(SESSION, 42003), (401, "login_code_invalid")),
        (errcode(SESSION, 40163), (401, "login_code_used")),
        (errcode(SESSION, 40226), (403, "user_blocked")),
        (errcode(SESSION, 45011), (429, "rate_limited")),
        (errcode(SESSION, -1), (503, "provider_unavailable")),
        (errcode(SESSION, 40013), (500, "provider_misconfigured")),
        (errcode(SESSION, 40125), (500, "provider_misconfigured")),
        (errcode(SESSION, 40164), (500, "provider_misconfigured")),
        (errcode(SESSION, 40243), (500, "provider_misconfigured")),
        (Fault { status: Some(502), ..fault(SESSION) }, (503, "provider_unavailable")),
        (Fault { body: Some("<html>".into()), ..fault(SESSION) }, (503, "provider_unavailable")),
        (Fault { body: Some(String::new()), ..fault(SESSION) }, (503, "provider_unavailable")),
        (Fault { drop: true, ..fault(SESSION) }, (503, "provider_unavailable")),
        (Fault { delay_ms: Some(60_000), ..fault(SESSION) }, (503, "provider_unavailable")),
        (errcode(PHONE, 40029), (400, "phone_code_invalid")),
        (errcode(PHONE, 45011), (429, "rate_limited")),
        (errcode(PHONE, -1), (503, "provider_unavailable")),
        (errcode(PHONE, 40013), (500, "provider_misconfigured")),
        (Fault { drop: true, ..fault(PHONE) }, (503, "provider_unavailable")),
        (Fault { delay_ms: Some(60_000), ..fault(PHONE) }, (503, "provider_unavailable")),
    ];
    for (fault, expected) in cases {
        sandbox.reset().unwrap();
        let described = format!("{fault:?}");
        sandbox.inject_fault(fault).unwrap();
        let (code, phone) = (
            sandbox.login_code("alice", MAIN_APP).unwrap(),
            sandbox.phone_code("alice", MAIN_APP).unwrap(),
        );
        let begun = Instant::now();
        let body = json!({ "code": code, "phoneCode": phone });
        let answer = Answer::of(program.post("/login", &body)).await;
        assert!(begun.elapsed() < DEADLINE, "{described}: {:?}", begun.elapsed());
        assert_eq!(answer.failure(), expected, "{described}: {}", answer.text);
        if matches!(expected.0, 429 | 503) {
            assert!(answer.headers.contains_key("retry-after"), "{described}");
        }
        assert_eq!(rows(&program).await, [0, 0, 0], "{described}");
    }
    sandbox.reset().unwrap();
    let (code, phone) = (
        sandbox.login_code("alice", MAIN_APP).unwrap(),
        sandbox.phone_code("alice", MAIN_APP).unwrap(),
    );
    program.log_in(&code, Some(&phone)).await;
    assert_eq!(rows(&program).await[0], 1, "the same search finds what is there");
}

#[tokio::test]
async fn without_an_access_token_no_phone_is_bound() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    for (errcode, expected) in [
        (40125, (500, "provider_misconfigured")),
        (40001, (500, "provider_misconfigured")),
        (-1, (503, "provider_unavailable")),
    ] {
        let program = Program::start(&sandbox).await;
        sandbox.inject_fault(Fault { errcode: Some(errcode), ..fault(TOKEN) }).unwrap();
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
        let body = json!({ "code": code, "phoneCode": phone });
        let answer = Answer::of(program.post("/login", &body)).await;
        assert_eq!(answer.failure(), expected, "{errcode}: {}", answer.text);
        assert_eq!(rows(&program).await, [0, 0, 0], "{errcode}");
        sandbox.clear_faults();
    }
}

#[tokio::test]
async fn a_login_code_is_not_sent_again_after_an_answer_was_lost() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    sandbox.inject_fault(Fault { drop: true, after: true, ..fault(SESSION) }).unwrap();
    let body = json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() });
    let answer = Answer::of(program.post("/login", &body)).await;
    assert_eq!(answer.failure(), (503, "provider_unavailable"));
    let calls = sandbox.log(Some(SESSION)).len();
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn a_login_without_phone_needs_no_access_token() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    sandbox.inject_fault(Fault { delay_ms: Some(60_000), ..fault(TOKEN) }).unwrap();
    program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert!(sandbox.log(Some(TOKEN)).is_empty());
}

fn fault(path: &str) -> Fault {
    Fault { path: path.into(), times: 100, ..Fault::default() }
}

/// How many members, identities and sessions there are, read from the database itself.
async fn rows(program: &Program) -> [i64; 3] {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip(["member", "identity", "session"]) {
        *count = program.query(&format!("SELECT COUNT(*) FROM {table}")).await;
    }
    counts
}
