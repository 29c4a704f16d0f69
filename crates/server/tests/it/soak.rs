//! Soak tests: a few iterations in `cargo xtask test`, all of them in `cargo xtask soak`. The results are in
//! `docs/reference/reliability.md`.

mod disk_faults;
mod power_cuts;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::MAIN_APP;

use crate::harness::{
    Answer, INCONSISTENT_ROWS, Program, ProgramClient, new_user, unlimited_sandbox,
};

#[tokio::test(flavor = "multi_thread")]
async fn soak_concurrent_first_logins_of_one_openid_yield_one_member() {
    // A busy machine completes this many logins within the login timeout of four seconds.
    let concurrency = iterations(300, 1_000);
    let rounds = iterations(1, 50);
    let sandbox = unlimited_sandbox().await;
    let begun = Instant::now();
    let program = Program::start(&sandbox).await;
    for _ in 0..rounds {
        let user = new_user(&sandbox);
        let mut logins = JoinSet::new();
        for _ in 0..concurrency {
            let code = sandbox.login_code(&user, MAIN_APP).unwrap();
            logins.spawn(Answer::of(program.post("/login", &json!({ "code": code }))));
        }
        let mut members = HashSet::new();
        let mut new = 0;
        for answer in logins.join_all().await {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            members.insert(answer.body["data"]["memberId"].to_string());
            new += usize::from(answer.body["data"]["isNew"] == true);
        }
        assert_eq!((members.len(), new), (1, 1));
    }
    let members: i64 = program.query("SELECT COUNT(*) FROM member").await;
    assert_eq!(usize::try_from(members).unwrap(), rounds);
    println!(
        "{rounds} rounds of {concurrency} concurrent first logins: {members} members, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_acknowledged_logins_survive_kill_9_under_load() {
    let sandbox = Arc::new(unlimited_sandbox().await);
    let rounds = iterations(5, 500);
    let begun = Instant::now();
    let mut program = Program::start(&sandbox).await;
    let mut acknowledged = 0;
    for round in 0..rounds {
        // The kill is within the first third of a second, at another time in each round.
        let moment = tokio::time::sleep(Duration::from_millis((round as u64 * 97) % 300));
        let (database, logins) = kill_under_load(program, &sandbox, moment).await;
        program = Program::start_on(database, &sandbox, &[]).await;
        acknowledged += logins.len();
        assert_kept(&program, &sandbox, &logins).await;
    }
    assert!(acknowledged >= rounds, "only {acknowledged} logins were acknowledged");
    println!(
        "{rounds} kills under load: {acknowledged} acknowledged logins, none lost, none duplicated, {:.0?}",
        begun.elapsed()
    );
}

/// Acknowledged logins: the data of the response to each user.
type Acknowledged = HashMap<String, Value>;

/// Kills the program under the load of 16 clients, at the given moment after the first acknowledged login.
/// Returns its database and the acknowledged logins.
async fn kill_under_load(
    program: Program,
    sandbox: &Arc<Sandbox>,
    moment: impl Future,
) -> (FreshDatabase, Acknowledged) {
    let acknowledged = Arc::<Mutex<Acknowledged>>::default();
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        clients.spawn(log_new_users_in(program.client(), sandbox.clone(), acknowledged.clone()));
    }
    let begun = Instant::now();
    while acknowledged.lock().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no login was acknowledged");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    moment.await;
    let database = program.kill().await;
    clients.join_all().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    (database, acknowledged)
}

/// Logs new users in one after the other until the server is killed, and stores the acknowledged logins.
async fn log_new_users_in(
    client: ProgramClient,
    sandbox: Arc<Sandbox>,
    acknowledged: Arc<Mutex<Acknowledged>>,
) {
    loop {
        let user = new_user(&sandbox);
        let body = json!({ "code": sandbox.login_code(&user, MAIN_APP).unwrap() });
        let Some(answer) = client.try_post("/login", &body).await else { return };
        if answer.status == StatusCode::OK {
            acknowledged.lock().unwrap().insert(user, answer.body["data"].clone());
        }
    }
}

/// Asserts that each user is the member of the acknowledged login, and that the database is intact.
async fn assert_kept(program: &Program, sandbox: &Sandbox, acknowledged: &Acknowledged) {
    for (user, login) in acknowledged {
        let again = program.log_in(&sandbox.login_code(user, MAIN_APP).unwrap(), None).await;
        let found = (&again["memberId"], &again["isNew"]);
        assert_eq!(found, (&login["memberId"], &json!(false)), "an acknowledged login was lost");
    }
    assert_eq!(program.query::<i64>(INCONSISTENT_ROWS).await, 0);
    assert_eq!(program.query::<String>("PRAGMA integrity_check").await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_client_disconnects_leave_no_partial_change() {
    let sandbox = Arc::new(unlimited_sandbox().await);
    let rounds = iterations(500, 10_000);
    let begun = Instant::now();
    let program = Program::start(&sandbox).await;
    let mut clients = JoinSet::new();
    for client in 0..rounds {
        while clients.len() >= 32 {
            clients.join_next().await;
        }
        let user = new_user(&sandbox);
        let login = program.post(
            "/login",
            &json!({
                "code": sandbox.login_code(&user, MAIN_APP).unwrap(),
            }),
        );
        // A login takes a few milliseconds, so clients disconnect at any point of it and shortly after it.
        let timeout = Duration::from_micros((client as u64 * 733) % 20_000);
        clients.spawn(async move {
            let _ = tokio::time::timeout(timeout, login.send()).await;
        });
    }
    clients.join_all().await;
    // The server completes the started logins, and the next login waits for them.
    let disconnected = Instant::now();
    let next = loop {
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        let login = Answer::of(program.post("/login", &json!({ "code": code }))).await;
        if login.status == StatusCode::OK {
            break disconnected.elapsed();
        }
        assert_eq!(login.failure(), (503, "provider_unavailable"), "{}", login.text);
        assert!(disconnected.elapsed() < Duration::from_mins(1), "the database writer is blocked");
    };
    assert_eq!(program.query::<i64>(INCONSISTENT_ROWS).await, 0);
    println!(
        "{rounds} clients disconnected: no partial change, the next login succeeded after {next:.0?}, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_fifty_concurrent_refreshes_yield_one_successor() {
    let sandbox = unlimited_sandbox().await;
    let rounds = iterations(20, 1_000);
    let begun = Instant::now();
    let program = Program::start(&sandbox).await;
    let mut tokens = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    for _ in 0..rounds {
        let mut refreshes = JoinSet::new();
        for _ in 0..50 {
            refreshes.spawn(Answer::of(program.refresh(&tokens)));
        }
        let mut successors = HashMap::new();
        for answer in refreshes.join_all().await {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            let data = answer.body["data"].clone();
            successors.insert(data["refreshToken"].to_string(), data);
        }
        assert_eq!(successors.len(), 1);
        tokens = successors.into_values().next().unwrap();
    }
    let me = Answer::of(program.get("/me").bearer_auth(tokens["token"].as_str().unwrap())).await;
    assert_eq!(me.status, StatusCode::OK, "the session was ended: {}", me.text);
    println!(
        "{rounds} rounds of 50 concurrent refreshes: one successor each, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_refresh_token_reuse_ends_exactly_its_session() {
    let sandbox = unlimited_sandbox().await;
    let rounds = iterations(20, 10_000);
    let begun = Instant::now();
    let program = Program::start_with(&sandbox, &[("MENSHEN_TOKENS__REFRESH_GRACE", "0")]).await;
    let log_in =
        || async { program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await };
    let mut other = log_in().await;
    for _ in 0..rounds {
        let stolen = log_in().await;
        let successor = Answer::of(program.refresh(&stolen)).await.body["data"].clone();
        let reuse_answer = Answer::of(program.refresh(&stolen)).await;
        assert_eq!(reuse_answer.failure(), (401, "session_revoked"), "{}", reuse_answer.text);
        for ended in [&stolen, &successor] {
            let me = program.get("/me").bearer_auth(ended["token"].as_str().unwrap());
            assert_eq!(Answer::of(me).await.failure(), (401, "session_revoked"));
        }
        let refused = Answer::of(program.refresh(&successor)).await;
        assert_eq!(refused.failure(), (401, "session_revoked"));
        let refreshed = Answer::of(program.refresh(&other)).await;
        assert_eq!(
            refreshed.status,
            StatusCode::OK,
            "another session was ended: {}",
            refreshed.text
        );
        other = refreshed.body["data"].clone();
    }
    let sessions: i64 = program.query("SELECT COUNT(*) FROM session").await;
    let count_reuses = "SELECT COUNT(*) FROM audit_event WHERE kind = 'refresh_token_reused'";
    let reuses: i64 = program.query(count_reuses).await;
    assert_eq!((sessions, usize::try_from(reuses).unwrap()), (1, rounds));
    println!(
        "{rounds} reused refresh tokens: each ended its session and no other, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_refresh_survives_kill_9_between_commit_and_response() {
    let sandbox = unlimited_sandbox().await;
    let rounds = iterations(5, 200);
    let begun = Instant::now();
    // The grace period must exceed the duration of a restart.
    let grace = [("MENSHEN_TOKENS__REFRESH_GRACE", "60")];
    let mut program = Program::start_with(&sandbox, &grace).await;
    let mut tokens = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let mut lost_responses = 0;
    for round in 0..rounds {
        let client = program.client();
        let body = json!({ "refreshToken": tokens["refreshToken"] });
        let refresh = tokio::spawn(async move { client.try_post("/token/refresh", &body).await });
        // A refresh takes a few milliseconds; the kill is at another point of it in each round.
        tokio::time::sleep(Duration::from_micros((round as u64 * 331) % 8_000)).await;
        let database = program.kill().await;
        let received = refresh.await.unwrap();
        program = Program::start_on(database, &sandbox, &grace).await;
        let generation: i64 = program.query("SELECT MAX(generation) FROM session").await;
        let answer = Answer::of(program.refresh(&tokens)).await;
        assert_eq!(answer.status, StatusCode::OK, "round {round}: {}", answer.text);
        let after: i64 = program.query("SELECT MAX(generation) FROM session").await;
        if let Some(received) = received {
            let successor = &answer.body["data"]["refreshToken"];
            assert_eq!(received.body["data"]["refreshToken"], *successor, "round {round}");
        } else {
            lost_responses += usize::from(after == generation);
        }
        tokens = answer.body["data"].clone();
    }
    println!(
        "{rounds} kills during a refresh, {lost_responses} between commit and response: \
         the retry got the same successor, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_tokens_of_a_refresh_concurrent_with_logout_are_rejected() {
    let sandbox = unlimited_sandbox().await;
    let rounds = iterations(50, 10_000);
    let begun = Instant::now();
    let program = Program::start(&sandbox).await;
    let mut refreshed_first = 0;
    for round in 0..rounds {
        let tokens = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
        let path = if round % 2 == 0 { "/logout" } else { "/logout/all" };
        let logout = program.post(path, &json!({})).bearer_auth(tokens["token"].as_str().unwrap());
        let refresh = Answer::of(program.refresh(&tokens));
        let logout = Answer::of(logout);
        // The future that is named first usually finishes first.
        let (refreshed, logout) = if round % 4 < 2 {
            tokio::join!(refresh, logout)
        } else {
            let (logout, refreshed) = tokio::join!(logout, refresh);
            (refreshed, logout)
        };
        assert_eq!(logout.status, StatusCode::OK, "{}", logout.text);
        if refreshed.status == StatusCode::OK {
            refreshed_first += 1;
            let successor = &refreshed.body["data"];
            let me = program.get("/me").bearer_auth(successor["token"].as_str().unwrap());
            assert_eq!(Answer::of(me).await.failure(), (401, "session_revoked"));
            let refused = Answer::of(program.refresh(successor)).await;
            assert_eq!(refused.failure(), (401, "session_revoked"));
        }
    }
    println!(
        "{rounds} refreshes concurrent with a logout, {refreshed_first} came first: all their tokens were rejected, {:.0?}",
        begun.elapsed()
    );
}
