//! The sealing key changes while the program serves, and nobody notices.

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

use crate::program::{Answer, Program, environment, menshen};
use crate::soak::sandbox;

const OLD: &str = "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=";
const NEW: &str = "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk=";

const WITH_OLD: [(&str, &str); 1] = [("MENSHEN_SEALING__KEY", OLD)];
const WITH_BOTH: [(&str, &str); 2] =
    [("MENSHEN_SEALING__KEY", NEW), ("MENSHEN_SEALING__FORMER_KEYS", OLD)];
const WITH_NEW: [(&str, &str); 1] = [("MENSHEN_SEALING__KEY", NEW)];

/// How many call at the same time.
const CALLERS: usize = 8;

/// How many members have a device that reads.
const READERS: usize = 40;

/// Somebody with a phone number and a session.
struct Reader {
    user: String,
    token: String,
    shown: String,
}

impl Reader {
    async fn new(sandbox: &Sandbox, program: &Program, number: usize) -> Self {
        let phone = Some(format!("138{number:08}"));
        let user = sandbox.add_user(NewUser { phone, ..NewUser::default() }).unwrap().user;
        let tokens = log_in(sandbox, program, &user).await;
        let token = tokens["token"].as_str().unwrap().to_owned();
        Self { user, token, shown: format!("138******{:02}", number % 100) }
    }

    async fn read(&self, program: &Program) {
        let answer = Answer::of(program.get("/me").bearer_auth(&self.token)).await;
        assert_eq!(answer.status, StatusCode::OK, "a failed read: {}", answer.text);
        assert_eq!(answer.body["data"]["phone"], *self.shown);
    }

    async fn change(&self, program: &Program, gender: usize) {
        let change = program.patch("/me", &json!({ "gender": gender }));
        let answer = Answer::of(change.bearer_auth(&self.token)).await;
        assert_eq!(answer.status, StatusCode::OK, "a failed change: {}", answer.text);
    }
}

async fn log_in(sandbox: &Sandbox, program: &Program, user: &str) -> Value {
    let code = sandbox.login_code(user, MAIN_APP).unwrap();
    let phone_code = sandbox.phone_code(user, MAIN_APP).unwrap();
    program.log_in(&code, Some(&phone_code)).await
}

/// Adds members as a program wrote them that did not seal yet, with numbers from `first` on.
async fn add_in_clear(program: &Program, first: usize, count: usize) {
    let insert = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO member (id, nickname, gender, phone, phone_country_code, status,
             created_at, created_by, updated_at, updated_by, version)
         SELECT randomblob(16), 'Ann', 0, CAST('+86139' || printf('%08d', {first} + i) AS BLOB), 86,
             'active', 0, 'member', 0, 'member', 0 FROM n"
    );
    program.execute(&insert).await;
}

/// What the callers share.
struct Load {
    sandbox: Sandbox,
    program: Program,
    /// Another instance, which only reads, and so hears of a new data key by meeting it.
    reading: Program,
    readers: Vec<Reader>,
    on: AtomicBool,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Load {
    /// Reads, and now and then changes somebody or logs somebody new in. No two callers have the same
    /// readers.
    async fn call(&self, caller: usize) {
        let mut turn = caller;
        while self.on.load(Ordering::Relaxed) {
            turn += CALLERS;
            let reader = &self.readers[turn % READERS];
            if turn.is_multiple_of(3) {
                reader.change(&self.program, turn % 2).await;
                let stranger = Reader::new(&self.sandbox, &self.program, 10_000 + turn).await;
                stranger.read(&self.reading).await;
                self.writes.fetch_add(2, Ordering::Relaxed);
            }
            reader.read(&self.reading).await;
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The environment of the instances over one database, with these keys.
fn with(environment: &[(String, String)], keys: &[(&str, &str)]) -> Vec<(String, String)> {
    let keys = keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    environment.iter().cloned().chain(keys).collect()
}

/// Runs `menshen rekey`; ends it with `kill -9` once it has sealed this many numbers, if told to.
async fn rekey(
    environment: &[(String, String)],
    keys: &[(&str, &str)],
    kill_after: Option<u64>,
) -> String {
    let environment = with(environment, keys);
    let (done, output) = oneshot::channel();
    std::thread::spawn(move || {
        let mut command = menshen(&["rekey"], &environment);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let sealed = line.split(" phone numbers").next().and_then(|s| s.rsplit(' ').next());
            let sealed: u64 = sealed.and_then(|sealed| sealed.parse().ok()).unwrap_or(0);
            said.push_str(&line);
            said.push('\n');
            if kill_after.is_some_and(|limit| sealed >= limit) {
                child.kill().unwrap();
                break;
            }
        }
        assert_eq!(child.wait().unwrap().success(), kill_after.is_none(), "{said}");
        done.send(said).unwrap();
    });
    output.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_phone_numbers_are_sealed_anew_under_load_and_no_read_fails() {
    let (sandbox, in_clear, begun) = (sandbox().await, iterations(2_000, 100_000), Instant::now());
    let program = Program::start_with(&sandbox, &WITH_OLD).await;
    let environment = environment(program.database(), &sandbox);
    add_in_clear(&program, 0, in_clear).await;
    let said = rekey(&environment, &WITH_OLD, None).await;
    assert!(said.contains(&format!("sealed 0 keys and {in_clear} phone numbers")), "{said}");
    add_in_clear(&program, in_clear, 9).await;
    let program = Program::start_on(program.terminate().await.1, &sandbox, &WITH_OLD).await;
    assert!(program.output().contains("sealed 9 phone numbers that were in clear"));
    let mut readers = Vec::new();
    for number in 0..READERS {
        readers.push(Reader::new(&sandbox, &program, number).await);
    }
    let program = Program::start_on(program.terminate().await.1, &sandbox, &WITH_BOTH).await;
    let shared = with(&environment, &WITH_BOTH);
    let shared: Vec<_> = shared.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let reading = Program::start_with(&sandbox, &shared).await;
    let (on, reads, writes) = (true.into(), 0.into(), 0.into());
    let load = Arc::new(Load { sandbox, program, reading, readers, on, reads, writes });
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let load = Arc::clone(&load);
        callers.spawn(async move { load.call(caller).await });
    }

    let rekeying = Instant::now();
    rekey(&environment, &WITH_BOTH, Some(in_clear as u64 / 3)).await;
    let said = rekey(&environment, &WITH_BOTH, None).await;
    let rekeying = rekeying.elapsed();
    assert!(said.contains("made 0 data keys") && said.contains("former keys may go"), "{said}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    load.on.store(false, Ordering::Relaxed);
    callers.join_all().await;

    let Ok(Load { sandbox, program, reading, readers, reads, writes, .. }) = Arc::try_unwrap(load)
    else {
        panic!("somebody still calls");
    };
    reading.terminate().await;
    let program = Program::start_on(program.terminate().await.1, &sandbox, &WITH_NEW).await;
    for reader in &readers {
        reader.read(&program).await;
        let again = log_in(&sandbox, &program, &reader.user).await;
        assert_eq!(again["isNew"], false);
    }
    let under_one_key = "SELECT COUNT(*) FROM member WHERE phone IS NULL \
                         AND phone_sealed IS NOT NULL GROUP BY substr(phone_sealed, 1, 4)";
    let sealed: i64 = program.query(under_one_key).await;
    let members: i64 = program.query("SELECT COUNT(*) FROM member").await;
    assert_eq!(sealed, members, "every number is under the one new data key");
    let file = std::fs::read(program.folder().join("menshen.db")).unwrap();
    for digits in [b"13800000007".as_slice(), b"13900001999"] {
        assert!(!file.windows(11).any(|window| window == digits));
    }
    println!(
        "{members} phone numbers sealed anew in {rekeying:.0?}, killed and begun again once, while {} \
         reads and {} logins and changes all succeeded; {:.0?} in all",
        reads.into_inner(),
        writes.into_inner(),
        begun.elapsed()
    );
}
