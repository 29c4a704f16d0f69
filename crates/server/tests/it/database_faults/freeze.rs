//! A database that hangs under a multiple of the load.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use wechat_sandbox::config::MAIN_APP;

use super::ProxiedProgram;
use crate::harness::{Answer, Program, new_user};

testkit::on_every_server! {
    soak_hanging_database_sheds_load_and_starts_nothing_for_callers_who_are_gone
}

/// Requests per second, more than ten times as many as the clients of the other tests send.
const RATE: u64 = 200;

/// Number of sessions that are refreshed again and again.
const SESSIONS: usize = 100;

/// Maximum time for which a caller waits for a response.
const CALLER_TIMEOUT: Duration = Duration::from_secs(4);

/// Default of `database.max_connections`: the maximum number of started units of work.
const CONNECTIONS: usize = 10;

/// Maximum time until a caller is refused: one second in the queue, on a busy machine.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Maximum time from the end of the freeze until the first success.
const RECOVERY_TIME: Duration = Duration::from_secs(5);

/// Maximum growth of the memory during the freeze.
const MAX_GROWTH: u64 = 32 * 1024 * 1024;

async fn soak_hanging_database_sheds_load_and_starts_nothing_for_callers_who_are_gone(
    database: FreshDatabase,
) {
    let kind = database.kind();
    let freeze_time = Duration::from_secs(iterations(6, 60) as u64);
    let service = ProxiedProgram::start(database, &[]).await;
    let ProxiedProgram { program, proxy, .. } = &service;
    let sessions = log_in_all(&service).await;
    let generation: i64 = program.query("SELECT MAX(generation) FROM session").await;
    let memory = program.resident_memory();
    proxy.freeze();
    let callers = flood(program, &sessions, freeze_time).await;
    let growth = program.resident_memory().saturating_sub(memory);
    assert_eq!(readiness(program).await, StatusCode::SERVICE_UNAVAILABLE);
    // Every caller is gone. The service may only complete what it has sent to the database.
    proxy.thaw();
    let thawed = Instant::now();
    let recovery = loop {
        let code = service.sandbox.login_code(&new_user(&service.sandbox), MAIN_APP).unwrap();
        let login = Answer::of(program.post("/login", &json!({ "code": code }))).await;
        if login.status == StatusCode::OK {
            break thawed.elapsed();
        }
        assert!(thawed.elapsed() < RECOVERY_TIME, "{}", login.text);
        sleep(Duration::from_millis(50)).await;
    };
    assert!(recovery < RECOVERY_TIME, "the first success was after {recovery:?}");
    assert_eq!(readiness(program).await, StatusCode::OK);
    sleep(Duration::from_secs(2)).await;
    let refreshed = format!("SELECT COUNT(*) FROM session WHERE generation > {generation}");
    let refreshed = usize::try_from(program.query::<i64>(&refreshed).await).unwrap();
    assert!(
        refreshed <= CONNECTIONS,
        "{refreshed} sessions were refreshed for callers who were gone"
    );

    let all = callers.len();
    let refused: Vec<_> = callers.iter().filter(|caller| caller.is_refused).collect();
    // A started unit of work ends when its statement or its connection times out, which takes at least
    // five seconds. Its caller is gone by then. A busy machine may refuse others late.
    let started = CONNECTIONS * (2 + usize::try_from(freeze_time.as_secs()).unwrap() / 5);
    let gone = all - refused.len();
    assert!(gone <= started + all / 10, "{gone} of {all} callers got no response");
    let late = refused.iter().filter(|caller| caller.time > REFUSAL_TIME).count();
    assert!(late <= all / 10, "{late} of {all} callers waited longer than {REFUSAL_TIME:?}");
    assert!(growth < MAX_GROWTH, "the memory grew by {growth} bytes");
    println!(
        "{kind:?}: {all} requests while the database hung for {freeze_time:?}: {} refused, {late} of them late, \
         memory grew by {} KiB, first success after {recovery:.1?}",
        refused.len(),
        growth / 1024
    );
}

async fn readiness(program: &Program) -> StatusCode {
    Answer::of(program.get("/health/ready")).await.status
}

/// Caller of a hanging service.
struct Caller {
    /// True if the response was 503 with `Retry-After`.
    is_refused: bool,
    time: Duration,
}

/// Logs one user in for each session, and returns the tokens.
async fn log_in_all(service: &ProxiedProgram) -> Vec<Value> {
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        let code = service.sandbox.login_code(&new_user(&service.sandbox), MAIN_APP).unwrap();
        sessions.push(service.program.log_in(&code, None).await);
    }
    sessions
}

/// Sends refreshes at a constant rate for some time, and waits until every caller has a response or is gone.
async fn flood(program: &Program, sessions: &[Value], time: Duration) -> Vec<Caller> {
    let begun = Instant::now();
    let mut ticks = interval(Duration::from_millis(1_000 / RATE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut callers = JoinSet::new();
    for tokens in sessions.iter().cycle() {
        ticks.tick().await;
        if begun.elapsed() > time {
            break;
        }
        let request = program.refresh(tokens).timeout(CALLER_TIMEOUT);
        callers.spawn(async move {
            let begun = Instant::now();
            let response = request.send().await;
            let is_refused = response.is_ok_and(|response| {
                assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
                response.headers().contains_key("retry-after")
            });
            Caller { is_refused, time: begun.elapsed() }
        });
    }
    callers.join_all().await
}
