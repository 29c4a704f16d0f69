//! What must hold however often it is tried: a few rounds among the tests, all of them with
//! `cargo xtask soak`, whose figures stand in `docs/reference/reliability.md`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::iterations::iterations;
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, NewUser};

use crate::program::{Answer, Program};

/// Members without an identity, and identities that are a member's second of the same app: what a
/// login that was torn apart, or done twice, would leave.
pub(crate) const TORN: &str =
    "SELECT (SELECT COUNT(*) FROM member WHERE id NOT IN (SELECT member_id FROM identity))
    + (SELECT COUNT(*) FROM (SELECT 1 FROM identity WHERE kind = 'open_id'
       GROUP BY member_id, namespace HAVING COUNT(*) > 1) AS twice)";

pub(crate) async fn sandbox() -> Sandbox {
    Sandbox::start(Config { limits: false, log_capacity: 0, ..Config::default() }).await.unwrap()
}

/// A user nobody has seen before.
pub(crate) fn stranger(sandbox: &Sandbox) -> String {
    sandbox.add_user(NewUser::default()).unwrap().user
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_first_logins_of_one_openid_at_once_are_one_member() {
    // As many as the machine, busy or not, lets in within the four seconds that a login may take.
    let (crowd, rounds) = (iterations(300, 1_000), iterations(1, 50));
    let (sandbox, begun) = (sandbox().await, Instant::now());
    let program = Program::start(&sandbox).await;
    for _ in 0..rounds {
        let user = stranger(&sandbox);
        let mut logins = JoinSet::new();
        for _ in 0..crowd {
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
        "{rounds} rounds of {crowd} first logins at once: {members} members, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_what_was_acknowledged_survives_kill_9_under_load() {
    let (sandbox, rounds, begun) = (Arc::new(sandbox().await), iterations(5, 500), Instant::now());
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
        let database = program.kill().await;
        clients.join_all().await;
        program = Program::start_on(database, &sandbox, &[]).await;
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
async fn soak_callers_who_hang_up_leave_nothing_half_made() {
    let (sandbox, rounds, begun) =
        (Arc::new(sandbox().await), iterations(500, 10_000), Instant::now());
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
    // What they began is worked off without them, and the next one waits for that.
    let hung_up = Instant::now();
    let next = loop {
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        let login = Answer::of(program.post("/login", &json!({ "code": code }))).await;
        if login.status == StatusCode::OK {
            break hung_up.elapsed();
        }
        assert_eq!(login.failure(), (503, "provider_unavailable"), "{}", login.text);
        assert!(hung_up.elapsed() < Duration::from_mins(1), "the one writer is stuck");
    };
    assert_eq!(program.query::<i64>(TORN).await, 0);
    println!(
        "{rounds} callers hung up: nothing half-made, the next one in after {next:.0?}, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_fifty_refreshes_at_once_have_one_successor() {
    let (sandbox, rounds, begun) = (sandbox().await, iterations(20, 1_000), Instant::now());
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
    assert_eq!(me.status, StatusCode::OK, "the session lives: {}", me.text);
    println!(
        "{rounds} rounds of 50 refreshes at once: one successor each, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_a_replayed_refresh_token_ends_exactly_its_session() {
    let (sandbox, rounds, begun) = (sandbox().await, iterations(20, 10_000), Instant::now());
    let program = Program::start_with(&sandbox, &[("MENSHEN_TOKENS__REFRESH_GRACE", "0")]).await;
    let log_in =
        || async { program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await };
    let mut other = log_in().await;
    for _ in 0..rounds {
        let stolen = log_in().await;
        let heir = Answer::of(program.refresh(&stolen)).await.body["data"].clone();
        let replayed = Answer::of(program.refresh(&stolen)).await;
        assert_eq!(replayed.failure(), (401, "session_revoked"), "{}", replayed.text);
        for dead in [&stolen, &heir] {
            let me = program.get("/me").bearer_auth(dead["token"].as_str().unwrap());
            assert_eq!(Answer::of(me).await.failure(), (401, "session_revoked"));
        }
        assert_eq!(Answer::of(program.refresh(&heir)).await.failure(), (401, "session_revoked"));
        let refreshed = Answer::of(program.refresh(&other)).await;
        assert_eq!(refreshed.status, StatusCode::OK, "another session: {}", refreshed.text);
        other = refreshed.body["data"].clone();
    }
    let sessions: i64 = program.query("SELECT COUNT(*) FROM session").await;
    let replays = "SELECT COUNT(*) FROM audit_event WHERE kind = 'refresh_token_reused'";
    let replays: i64 = program.query(replays).await;
    assert_eq!((sessions, usize::try_from(replays).unwrap()), (1, rounds));
    println!("{rounds} replays: each ended its session and no other, {:.0?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_a_refresh_survives_kill_9_between_commit_and_answer() {
    let (sandbox, rounds, begun) = (sandbox().await, iterations(5, 200), Instant::now());
    // The grace must outlast a restart.
    let grace = [("MENSHEN_TOKENS__REFRESH_GRACE", "60")];
    let mut program = Program::start_with(&sandbox, &grace).await;
    let mut tokens = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let mut committed_unheard = 0;
    for round in 0..rounds {
        let (client, body) = (program.client(), json!({ "refreshToken": tokens["refreshToken"] }));
        let refresh = tokio::spawn(async move { client.try_post("/token/refresh", &body).await });
        // Somewhere in the few milliseconds a refresh takes.
        tokio::time::sleep(Duration::from_micros((round as u64 * 331) % 8_000)).await;
        let database = program.kill().await;
        let heard = refresh.await.unwrap();
        program = Program::start_on(database, &sandbox, &grace).await;
        let generation: i64 = program.query("SELECT MAX(generation) FROM session").await;
        let answer = Answer::of(program.refresh(&tokens)).await;
        assert_eq!(answer.status, StatusCode::OK, "round {round}: {}", answer.text);
        let after: i64 = program.query("SELECT MAX(generation) FROM session").await;
        if let Some(heard) = heard {
            let successor = &answer.body["data"]["refreshToken"];
            assert_eq!(heard.body["data"]["refreshToken"], *successor, "round {round}");
        } else {
            committed_unheard += usize::from(after == generation);
        }
        tokens = answer.body["data"].clone();
    }
    println!(
        "{rounds} kills during a refresh, {committed_unheard} between commit and answer: \
         the retry got the same successor, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_nothing_minted_by_a_refresh_that_raced_a_logout_works() {
    let (sandbox, rounds, begun) = (sandbox().await, iterations(50, 10_000), Instant::now());
    let program = Program::start(&sandbox).await;
    let mut minted = 0;
    for round in 0..rounds {
        let tokens = program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
        let path = if round % 2 == 0 { "/logout" } else { "/logout/all" };
        let logout = program.post(path, &json!({})).bearer_auth(tokens["token"].as_str().unwrap());
        let (refresh, logout) = (Answer::of(program.refresh(&tokens)), Answer::of(logout));
        // The one that is named first usually comes first.
        let (refreshed, logout) = if round % 4 < 2 {
            tokio::join!(refresh, logout)
        } else {
            let (logout, refreshed) = tokio::join!(logout, refresh);
            (refreshed, logout)
        };
        assert_eq!(logout.status, StatusCode::OK, "{}", logout.text);
        if refreshed.status == StatusCode::OK {
            minted += 1;
            let heir = &refreshed.body["data"];
            let me = program.get("/me").bearer_auth(heir["token"].as_str().unwrap());
            assert_eq!(Answer::of(me).await.failure(), (401, "session_revoked"));
            assert_eq!(Answer::of(program.refresh(heir)).await.failure(), (401, "session_revoked"));
        }
    }
    println!(
        "{rounds} refreshes raced a logout, {minted} came first: nothing works afterwards, {:.0?}",
        begun.elapsed()
    );
}
