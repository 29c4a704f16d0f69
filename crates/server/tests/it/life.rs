//! How the program starts, stops and migrates.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::databases::{FreshDatabase, Kind};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::fault::Fault;

use crate::program::{Answer, Program, environment, menshen};

#[tokio::test]
async fn it_stops_when_asked_and_finishes_what_it_began() {
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
    assert_eq!(login.await.unwrap().status, 200, "the login under way was answered");
}

#[tokio::test]
async fn told_to_stop_it_is_not_ready_and_serves_on_until_it_is_told_again() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    // Longer than a test may take: without the second signal it would not end.
    let program = Program::start_with(&sandbox, &[("MENSHEN_HTTP__DRAIN_TIMEOUT", "120")]).await;
    let ready = || async { Answer::of(program.get("/health/ready")).await.status };
    assert_eq!(ready().await, 200);
    program.ask_to_stop();
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
async fn told_to_stop_it_serves_as_long_as_it_is_configured_to_and_loses_no_request() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &[("MENSHEN_HTTP__DRAIN_TIMEOUT", "1")]).await;
    let (http, url) =
        (reqwest::Client::builder().no_proxy().build().unwrap(), program.url("/health/live"));
    let asked = Instant::now();
    program.ask_to_stop();
    let refused = loop {
        match http.get(&url).send().await {
            Ok(answer) => assert_eq!(answer.status(), 200),
            Err(error) => break error,
        }
    };
    assert!(refused.is_connect(), "{refused:?}");
    assert!(asked.elapsed() >= Duration::from_secs(1), "it closed after {:?}", asked.elapsed());
    let (status, _) = program.stopped().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
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
async fn production_serves_only_a_migrated_database() {
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
    assert!(said(&refused).contains("menshen migrate up"), "{}", said(&refused));
    assert!(said(&run(&["migrate", "status"])).contains("pending"));
    assert!(run(&["migrate", "up"]).status.success());
    assert!(said(&run(&["migrate", "status"])).contains("applied"));
    assert!(!said(&run(&["migrate", "status"])).contains("pending"));
}

#[tokio::test]
async fn a_ban_from_another_process_holds_at_once_and_an_unban_lifts_it() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let login = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let environment = environment(program.database(), &sandbox);
    let run = |command: &str| {
        menshen(&[command, login["memberId"].as_str().unwrap()], &environment).output().unwrap()
    };
    let banned = run("ban");
    assert!(banned.status.success(), "{}", said(&banned));

    let me = program.get("/me").bearer_auth(login["token"].as_str().unwrap());
    assert_eq!(Answer::of(me).await.failure(), (401, "session_revoked"));
    assert_eq!(Answer::of(program.refresh(&login)).await.failure(), (401, "session_revoked"));
    let again = json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() });
    let again = Answer::of(program.post("/login", &again)).await;
    assert_eq!(again.failure(), (403, "member_banned"));

    assert!(run("unban").status.success());
    program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let nobody = ["ban", "00000000-0000-7000-8000-000000000000"];
    let nobody = menshen(&nobody, &environment).output().unwrap();
    assert!(!nobody.status.success() && said(&nobody).contains("no such member"));
}

#[tokio::test]
async fn it_says_everything_that_is_wrong_with_its_configuration_and_exits() {
    let environment = [("MENSHEN_HTTP__LISTEN", "x"), ("MENSHEN_NO__KEY", "y")];
    let environment = environment.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let output = menshen(&["serve"], &environment).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for key in ["http.listen", "no.key"] {
        assert!(said(&output).contains(key), "{}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_succeeds_while_the_server_lives_and_says_why_not_when_it_does_not() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start(&sandbox).await;
    let listen = program.url("").replace("http://", "");
    let environment = [("MENSHEN_HTTP__LISTEN".to_owned(), listen.clone())];
    let check = || menshen(&["healthcheck"], &environment).output().unwrap();
    assert!(check().status.success(), "{}", said(&check()));
    program.kill().await;
    let failed = check();
    assert!(!failed.status.success());
    assert!(said(&failed).contains(&format!("no answer from {listen}")), "{}", said(&failed));
    // Something that listens, but is no server of ours.
    let other = Sandbox::start(Config::default()).await.unwrap();
    let listen = other.base_url().replace("http://", "");
    let environment = [("MENSHEN_HTTP__LISTEN".to_owned(), listen)];
    let failed = menshen(&["healthcheck"], &environment).output().unwrap();
    assert!(!failed.status.success());
    assert!(said(&failed).contains("to GET /health/live"), "{}", said(&failed));
}

#[tokio::test]
async fn it_tells_a_value_of_its_configuration() {
    let output = menshen(&["config", "database.url"], &[]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "sqlite://data/menshen.db\n");
    assert!(!menshen(&["config", "no.key"], &[]).output().unwrap().status.success());
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
