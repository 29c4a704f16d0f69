//! Start, shutdown, migration, and commands on a running program.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::databases::{FreshDatabase, Kind};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::fault::Fault;

use crate::harness::{Answer, Program, environment, menshen};

#[tokio::test]
async fn shutdown_completes_running_requests() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let slow = Fault { delay_ms: Some(500), ..Fault::default() };
    sandbox.inject_fault(Fault { path: "/sns/jscode2session".into(), ..slow }).unwrap();
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let login = tokio::spawn(Answer::of(program.post("/login", &json!({ "code": code }))));
    while sandbox.log(Some("/sns/jscode2session")).is_empty() && !login.is_finished() {
        tokio::task::yield_now().await;
    }
    let (status, _) = program.terminate().await;
    assert!(status.success(), "{status}");
    assert_eq!(login.await.unwrap().status, 200, "the running login was interrupted");
}

#[tokio::test]
async fn second_sigterm_ends_the_drain_timeout() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    // The drain timeout exceeds the time limit of a test: without the second signal the test fails.
    let program = Program::start_with(&sandbox, &[("MENSHEN_HTTP__DRAIN_TIMEOUT", "120")]).await;
    let ready = || async { Answer::of(program.get("/health/ready")).await.status };
    assert_eq!(ready().await, 200);
    program.send_sigterm();
    while ready().await == 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ready().await, 503);
    let login = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let me = Answer::of(program.get("/me").bearer_auth(login["token"].as_str().unwrap())).await;
    assert_eq!((me.status.as_u16(), &me.headers["connection"]), (200, &"close".parse().unwrap()));
    let (status, _) = program.terminate().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn shutdown_serves_during_drain_timeout_and_loses_no_request() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &[("MENSHEN_HTTP__DRAIN_TIMEOUT", "1")]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = program.url("/health/live");
    let signalled = Instant::now();
    program.send_sigterm();
    let refused = loop {
        match http.get(&url).send().await {
            Ok(answer) => assert_eq!(answer.status(), 200),
            Err(error) => break error,
        }
    };
    assert!(refused.is_connect(), "{refused:?}");
    let drained = signalled.elapsed();
    assert!(drained >= Duration::from_secs(1), "the listener was closed after {drained:?}");
    let (status, _) = program.wait_for_exit().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn acknowledged_login_survives_kill_9() {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let mut program = Program::start(&sandbox).await;
    let mut member = None;
    for _ in 0..5 {
        let login = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
        let expected = member.get_or_insert(login["memberId"].clone());
        assert_eq!(login["memberId"], *expected);
        program = Program::start_on(program.kill().await, &sandbox, &[]).await;
    }
}

#[tokio::test]
async fn production_requires_a_migrated_database() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let mut environment = environment(&database, &sandbox);
    let production = [
        ("MENSHEN_PROFILE", "production"),
        ("MENSHEN_APPS__MAIN__APP_ID", MAIN_APP),
        ("MENSHEN_APPS__MAIN__SECRET", "a-secret-that-is-long-enough"),
        ("MENSHEN_SEALING__KEY", "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk="),
        ("MENSHEN_TOKENS__REFRESH_KEY", "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk="),
    ];
    environment.extend(production.map(|(k, v)| (k.into(), v.into())));
    let run = |arguments: &[&str]| menshen(arguments, &environment).output().unwrap();

    let refused = run(&["serve"]);
    assert!(!refused.status.success());
    assert!(text_of(&refused).contains("menshen migrate up"), "{}", text_of(&refused));
    assert!(text_of(&run(&["migrate", "status"])).contains("pending"));
    assert!(run(&["migrate", "up"]).status.success());
    assert!(text_of(&run(&["migrate", "status"])).contains("applied"));
    assert!(!text_of(&run(&["migrate", "status"])).contains("pending"));
}

#[tokio::test]
async fn ban_command_is_effective_immediately_and_unban_lifts_it() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let login = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let environment = environment(program.database(), &sandbox);
    let run = |command: &str| {
        menshen(&[command, login["memberId"].as_str().unwrap()], &environment).output().unwrap()
    };
    let banned = run("ban");
    assert!(banned.status.success(), "{}", text_of(&banned));

    let me = program.get("/me").bearer_auth(login["token"].as_str().unwrap());
    assert_eq!(Answer::of(me).await.failure(), (401, "session_revoked"));
    assert_eq!(Answer::of(program.refresh(&login)).await.failure(), (401, "session_revoked"));
    let login_request = json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() });
    let refused = Answer::of(program.post("/login", &login_request)).await;
    assert_eq!(refused.failure(), (403, "member_banned"));

    assert!(run("unban").status.success());
    program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let unknown_member = ["ban", "00000000-0000-7000-8000-000000000000"];
    let failed = menshen(&unknown_member, &environment).output().unwrap();
    assert!(!failed.status.success());
    assert!(text_of(&failed).contains("the member does not exist"), "{}", text_of(&failed));
}

#[tokio::test]
async fn all_configuration_errors_are_printed_before_exit() {
    let environment = [("MENSHEN_HTTP__LISTEN", "x"), ("MENSHEN_NO__KEY", "y")];
    let environment = environment.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let output = menshen(&["serve"], &environment).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for key in ["http.listen", "no.key"] {
        assert!(text_of(&output).contains(key), "{}", text_of(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_succeeds_for_a_live_server_and_explains_failures() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let listen = program.url("").replace("http://", "");
    let environment = [("MENSHEN_HTTP__LISTEN".to_owned(), listen.clone())];
    let check = || menshen(&["healthcheck"], &environment).output().unwrap();
    assert!(check().status.success(), "{}", text_of(&check()));
    program.kill().await;
    let failed = check();
    assert!(!failed.status.success());
    assert!(
        text_of(&failed).contains(&format!("no response from {listen}")),
        "{}",
        text_of(&failed)
    );
    // The sandbox listens too, but has no such route.
    let other = Sandbox::start(Config::default()).await.unwrap();
    let listen = other.base_url().replace("http://", "");
    let environment = [("MENSHEN_HTTP__LISTEN".to_owned(), listen)];
    let failed = menshen(&["healthcheck"], &environment).output().unwrap();
    assert!(!failed.status.success());
    assert!(text_of(&failed).contains("to GET /health/live"), "{}", text_of(&failed));
}

#[tokio::test]
async fn config_command_prints_a_value() {
    let output = menshen(&["config", "database.url"], &[]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "sqlite://data/menshen.db\n");
    assert!(!menshen(&["config", "no.key"], &[]).output().unwrap().status.success());
}

fn text_of(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
