//! What must hold however often it is tried: a few rounds among the tests, all of them with
//! `cargo xtask trust`, whose figures stand in `docs/reliability.md`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, NewUser};

use crate::program::{Answer, Program};

/// Members without an identity, and identities that are a member's second of the same app: what a
/// login that was torn apart, or done twice, would leave.
const TORN: &str =
    "SELECT (SELECT COUNT(*) FROM member WHERE id NOT IN (SELECT member_id FROM identity))
    + (SELECT COUNT(*) FROM (SELECT 1 FROM identity WHERE kind = 'open_id'
       GROUP BY member_id, namespace HAVING COUNT(*) > 1))";

/// How many rounds: `few` among the tests, `full` with `cargo xtask trust`.
fn rounds(few: usize, full: usize) -> usize {
    if std::env::var_os("MENSHEN_TRUST").is_some_and(|wanted| wanted == "full") {
        full
    } else {
        few
    }
}

async fn sandbox() -> Sandbox {
    Sandbox::start(Config { limits: false, log_capacity: 0, ..Config::default() }).await.unwrap()
}

/// A user nobody has seen before.
fn stranger(sandbox: &Sandbox) -> String {
    sandbox.add_user(NewUser::default()).unwrap().user
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_a_thousand_first_logins_of_one_openid_are_one_member() {
    let (sandbox, rounds, begun) = (sandbox().await, rounds(1, 50), Instant::now());
    let program = Program::start(&sandbox).await;
    for _ in 0..rounds {
        let user = stranger(&sandbox);
        let mut logins = JoinSet::new();
        for _ in 0..1_000 {
            let code = sandbox.login_code(&user, MAIN_APP).unwrap();
            logins.spawn(Answer::of(program.post("/login", &json!({ "code": code }))));
        }
        let (mut members, mut new) = (HashSet::new(), 0);
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
        "{rounds} rounds of 1,000 first logins at once: {members} members, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_what_was_acknowledged_survives_kill_9_under_load() {
    let (sandbox, rounds, begun) = (Arc::new(sandbox().await), rounds(5, 500), Instant::now());
    let mut program = Program::start(&sandbox).await;
    let mut acknowledged = 0;
    for round in 0..rounds {
        let known = Arc::new(Mutex::new(HashMap::new()));
        let mut clients = JoinSet::new();
        for _ in 0..16 {
            clients.spawn(log_strangers_in(program.client(), sandbox.clone(), known.clone()));
        }
        // Somewhere in the first third of a second, another place each round.
        tokio::time::sleep(Duration::from_millis(20 + (round as u64 * 97) % 300)).await;
        let folder = program.kill().await;
        clients.join_all().await;
        program = Program::start_in(folder, &sandbox, &[]).await;
        let known = std::mem::take(&mut *known.lock().unwrap());
        acknowledged += known.len();
        for (user, member) in known {
            let login = program.log_in(&sandbox.login_code(&user, MAIN_APP).unwrap(), None).await;
            assert_eq!((&login["memberId"], &login["isNew"]), (&member, &json!(false)));
        }
        assert_eq!(program.query::<i64>(TORN).await, 0);
        assert_eq!(program.query::<String>("PRAGMA integrity_check").await, "ok");
    }
    assert!(acknowledged > rounds, "only {acknowledged} logins were acknowledged");
    println!(
        "{rounds} kills under load: {acknowledged} acknowledged logins, none lost, none doubled, {:.0?}",
        begun.elapsed()
    );
}

/// Logs new users in one after the other, until the server is gone, and notes who was acknowledged.
async fn log_strangers_in(
    client: crate::program::Caller,
    sandbox: Arc<Sandbox>,
    known: Arc<Mutex<HashMap<String, Value>>>,
) {
    loop {
        let user = stranger(&sandbox);
        let body = json!({ "code": sandbox.login_code(&user, MAIN_APP).unwrap() });
        let Some(answer) = client.try_post("/login", &body).await else { return };
        if answer.status == StatusCode::OK {
            known.lock().unwrap().insert(user, answer.body["data"]["memberId"].clone());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_callers_who_hang_up_leave_nothing_half_made() {
    let (sandbox, rounds, begun) = (Arc::new(sandbox().await), rounds(500, 10_000), Instant::now());
    let program = Program::start(&sandbox).await;
    let mut callers = JoinSet::new();
    for caller in 0..rounds {
        while callers.len() >= 32 {
            callers.join_next().await;
        }
        let user = stranger(&sandbox);
        let login = program.post(
            "/login",
            &json!({
                "code": sandbox.login_code(&user, MAIN_APP).unwrap(),
            }),
        );
        // Anywhere within the few milliseconds that a login takes, and a bit beyond.
        let patience = Duration::from_micros((caller as u64 * 733) % 20_000);
        callers.spawn(async move {
            let _ = tokio::time::timeout(patience, login.send()).await;
        });
    }
    callers.join_all().await;
    let login = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert_eq!(login["isNew"], true, "the one writer is not stuck in a transaction");
    assert_eq!(program.query::<i64>(TORN).await, 0);
    println!("{rounds} callers hung up: nothing half-made, {:.0?}", begun.elapsed());
}
