//! `menshen rekey` under load.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::iterations::iterations;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{MAIN_APP, NewUser};
use wechat_sandbox::control_api::encrypt::{EncryptRequest, Kind};

use crate::harness::{
    Answer, Program, SERVICE_KEY, borrowed, environment, menshen, unlimited_sandbox,
};

const OLD: &str = "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=";
const NEW: &str = "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk=";

const OLD_KEY: [(&str, &str); 1] = [("MENSHEN_SEALING__KEY", OLD)];
const BOTH_KEYS: [(&str, &str); 2] =
    [("MENSHEN_SEALING__KEY", NEW), ("MENSHEN_SEALING__FORMER_KEYS", OLD)];
const NEW_KEY: [(&str, &str); 1] = [("MENSHEN_SEALING__KEY", NEW)];

/// Number of concurrent clients.
const CLIENTS: usize = 8;

/// Number of members with a session.
const MEMBERS: usize = 40;

/// A member with a phone number and a session.
struct Member {
    user: String,
    token: String,
    masked_phone: String,
}

impl Member {
    async fn new(sandbox: &Sandbox, program: &Program, number: usize) -> Self {
        let phone = Some(format!("138{number:08}"));
        let user = sandbox.add_user(NewUser { phone, ..NewUser::default() }).unwrap().user;
        let tokens = log_in(sandbox, program, &user).await;
        let token = tokens["token"].as_str().unwrap().to_owned();
        Self { user, token, masked_phone: format!("138******{:02}", number % 100) }
    }

    async fn get_profile(&self, program: &Program) {
        let answer = Answer::of(program.get("/me").bearer_auth(&self.token)).await;
        assert_eq!(answer.status, StatusCode::OK, "reading the profile failed: {}", answer.text);
        assert_eq!(answer.body["data"]["phone"], *self.masked_phone);
    }

    async fn update_profile(&self, program: &Program, gender: usize) {
        let change = program.patch("/me", &json!({ "gender": gender }));
        let answer = Answer::of(change.bearer_auth(&self.token)).await;
        assert_eq!(answer.status, StatusCode::OK, "updating the profile failed: {}", answer.text);
    }
}

async fn log_in(sandbox: &Sandbox, program: &Program, user: &str) -> Value {
    let code = sandbox.login_code(user, MAIN_APP).unwrap();
    let phone_code = sandbox.phone_code(user, MAIN_APP).unwrap();
    program.log_in(&code, Some(&phone_code)).await
}

/// Inserts members with phone numbers in plaintext, as a version without encryption did, from number `first` on.
async fn insert_plaintext_members(program: &Program, first: usize, count: usize) {
    let insert = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO member (id, nickname, gender, phone, phone_country_code, status,
             created_at, created_by, updated_at, updated_by, version)
         SELECT randomblob(16), 'Ann', 0, CAST('+86139' || printf('%08d', {first} + i) AS BLOB), 86,
             'active', 0, 'member', 0, 'member', 0 FROM n"
    );
    program.execute(&insert).await;
}

/// Shared state of the concurrent clients.
struct Load {
    sandbox: Sandbox,
    program: Program,
    /// Instance that only reads. It loads a new data key when it first reads a value encrypted with it.
    read_only: Program,
    members: Vec<Member>,
    is_running: AtomicBool,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Load {
    /// Reads profiles, and in every third round updates a profile and logs a new user in. Each member belongs
    /// to one client.
    async fn run_client(&self, client: usize) {
        let mut round = client;
        while self.is_running.load(Ordering::Relaxed) {
            round += CLIENTS;
            let member = &self.members[round % MEMBERS];
            if round.is_multiple_of(3) {
                member.update_profile(&self.program, round % 2).await;
                let new = Member::new(&self.sandbox, &self.program, 10_000 + round).await;
                new.get_profile(&self.read_only).await;
                self.writes.fetch_add(2, Ordering::Relaxed);
            }
            member.get_profile(&self.read_only).await;
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns the environment with these sealing keys.
fn with_keys(environment: &[(String, String)], keys: &[(&str, &str)]) -> Vec<(String, String)> {
    let keys = keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    environment.iter().cloned().chain(keys).collect()
}

/// Runs `menshen rekey` and returns its output. With `kill_after`, sends SIGKILL after this many phone numbers.
async fn rekey(
    environment: &[(String, String)],
    keys: &[(&str, &str)],
    kill_after: Option<u64>,
) -> String {
    let environment = with_keys(environment, keys);
    let (done, output) = oneshot::channel();
    std::thread::spawn(move || {
        let mut command = menshen(&["rekey"], &environment);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let number = line.split(" phone numbers").next().and_then(|s| s.rsplit(' ').next());
            let reencrypted: u64 = number.and_then(|number| number.parse().ok()).unwrap_or(0);
            stdout.push_str(&line);
            stdout.push('\n');
            if kill_after.is_some_and(|limit| reencrypted >= limit) {
                child.kill().unwrap();
                break;
            }
        }
        assert_eq!(child.wait().unwrap().success(), kill_after.is_none(), "{stdout}");
        done.send(stdout).unwrap();
    });
    output.await.unwrap()
}

/// Restarts the program with each of the keys of a documented rotation, and rekeys in between. Returns the
/// program without the former key.
async fn rotate_sealing_key(program: Program, sandbox: &Sandbox, more: &[(&str, &str)]) -> Program {
    let with = |keys: &[(&'static str, &'static str)]| [more, keys].concat();
    let program = Program::start_on(program.terminate().await.1, sandbox, &with(&BOTH_KEYS)).await;
    let output = rekey(&environment(program.database(), sandbox), &BOTH_KEYS, None).await;
    assert!(output.contains("All stored secrets are encrypted with sealing.key"), "{output}");
    Program::start_on(program.terminate().await.1, sandbox, &with(&NEW_KEY)).await
}

#[tokio::test]
async fn ban_of_an_erased_member_outlives_the_former_sealing_key() {
    let sandbox = unlimited_sandbox().await;
    let program = Program::start_with(&sandbox, &OLD_KEY).await;
    let bob = sandbox.add_user(NewUser::default()).unwrap().user;
    let login = program.log_in(&sandbox.login_code(&bob, MAIN_APP).unwrap(), None).await;
    let id = login["memberId"].as_str().unwrap();
    program.command(&["ban", id]).await;
    let admin = program.admin("ann", "admin").await;
    admin.data(program.delete(&format!("/admin/api/members/{id}"))).await;
    let log_in_again = async |program: &Program| {
        let code = sandbox.login_code(&bob, MAIN_APP).unwrap();
        Answer::of(program.post("/login", &json!({ "code": code }))).await
    };
    assert_eq!(log_in_again(&program).await.failure(), (403, "member_banned"));
    let program = rotate_sealing_key(program, &sandbox, &[]).await;
    let answer = log_in_again(&program).await;
    assert_eq!(answer.failure(), (403, "member_banned"), "{}", answer.text);
}

#[tokio::test]
async fn session_key_outlives_the_former_sealing_key() {
    let sandbox = unlimited_sandbox().await;
    let store_session_keys = ("MENSHEN_APPS__MAIN__STORE_SESSION_KEYS", "true");
    let program = Program::start_with(&sandbox, &[OLD_KEY[0], store_session_keys]).await;
    let alice = sandbox.user("alice").unwrap();
    program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    let request = EncryptRequest { user: "alice".into(), ..EncryptRequest::default() };
    let profile = sandbox.encrypt(EncryptRequest { kind: Kind::Profile, ..request }).unwrap();
    let signed = json!({
        "openid": alice.openids[MAIN_APP],
        "rawData": profile.raw_data,
        "signature": profile.signature,
    });
    let verify = async |program: &Program| {
        let request = program.post("/wechat/verify_signature", &signed).bearer_auth(SERVICE_KEY);
        Answer::of(request).await
    };
    assert_eq!(verify(&program).await.body["data"]["valid"], true);
    let program = rotate_sealing_key(program, &sandbox, &[store_session_keys]).await;
    let answer = verify(&program).await;
    assert_eq!(answer.body["data"]["valid"], true, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_rekey_under_load_fails_no_read() {
    let sandbox = unlimited_sandbox().await;
    let plaintext = iterations(2_000, 100_000);
    let begun = Instant::now();
    let program = Program::start_with(&sandbox, &OLD_KEY).await;
    let environment = environment(program.database(), &sandbox);
    insert_plaintext_members(&program, 0, plaintext).await;
    let output = rekey(&environment, &OLD_KEY, None).await;
    let expected = format!("re-encrypted 0 keys, 0 session keys and {plaintext} phone numbers");
    assert!(output.contains(&expected), "{output}");
    insert_plaintext_members(&program, plaintext, 9).await;
    let program = Program::start_on(program.terminate().await.1, &sandbox, &OLD_KEY).await;
    assert!(program.output().contains("encrypted 9 phone numbers that were stored in plaintext"));
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(Member::new(&sandbox, &program, number).await);
    }
    let program = Program::start_on(program.terminate().await.1, &sandbox, &BOTH_KEYS).await;
    let shared = with_keys(&environment, &BOTH_KEYS);
    let read_only = Program::start_with(&sandbox, &borrowed(&shared)).await;
    let is_running = true.into();
    let reads = 0.into();
    let writes = 0.into();
    let load = Load { sandbox, program, read_only, members, is_running, reads, writes };
    let load = Arc::new(load);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let load = Arc::clone(&load);
        clients.spawn(async move { load.run_client(client).await });
    }

    let rekey_begun = Instant::now();
    rekey(&environment, &BOTH_KEYS, Some(plaintext as u64 / 3)).await;
    let output = rekey(&environment, &BOTH_KEYS, None).await;
    let rekey_duration = rekey_begun.elapsed();
    assert!(output.contains("created 0 data keys"), "{output}");
    assert!(output.contains("All stored secrets are encrypted with sealing.key"), "{output}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    load.is_running.store(false, Ordering::Relaxed);
    clients.join_all().await;

    let Ok(Load { sandbox, program, read_only, members, reads, writes, .. }) =
        Arc::try_unwrap(load)
    else {
        panic!("a client is still running");
    };
    read_only.terminate().await;
    let program = Program::start_on(program.terminate().await.1, &sandbox, &NEW_KEY).await;
    for member in &members {
        member.get_profile(&program).await;
        let again = log_in(&sandbox, &program, &member.user).await;
        assert_eq!(again["isNew"], false);
    }
    let count_by_key = "SELECT COUNT(*) FROM member WHERE phone IS NULL \
                         AND phone_sealed IS NOT NULL GROUP BY substr(phone_sealed, 1, 4)";
    let sealed: i64 = program.query(count_by_key).await;
    let total: i64 = program.query("SELECT COUNT(*) FROM member").await;
    assert_eq!(sealed, total, "all phone numbers are encrypted with the new data key");
    let file = std::fs::read(program.folder().join("menshen.db")).unwrap();
    for digits in [b"13800000007".as_slice(), b"13900001999"] {
        assert!(!file.windows(11).any(|window| window == digits));
    }
    println!(
        "{total} phone numbers re-encrypted in {rekey_duration:.0?} with one kill and restart, while all {} \
         reads and {} logins and changes succeeded; {:.0?} in total",
        reads.into_inner(),
        writes.into_inner(),
        begun.elapsed()
    );
}
