//! Signing keys, as operators change them while several instances serve.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::Value;
use testkit::databases::{FreshDatabase, Kind};
use testkit::iterations::iterations;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::MAIN_APP;

use crate::program::{Answer, Program, environment, menshen};
use crate::soak::{sandbox, stranger};

/// How soon a revoked key must be forgotten by every instance.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(5);

/// How long each key is used before the next rotation.
const USED_FOR: Duration = Duration::from_secs(3);

/// How many call at the same time.
const CALLERS: usize = 12;

/// Several instances over one database, which is the first one's.
struct Fleet {
    instances: Vec<Program>,
    environment: Vec<(String, String)>,
}

impl Fleet {
    async fn start(sandbox: &Sandbox, size: usize, setting: (&str, &str)) -> Self {
        let first = Program::start_with(sandbox, &[setting]).await;
        let mut environment = environment(first.database(), sandbox);
        environment.push((setting.0.to_owned(), setting.1.to_owned()));
        let shared: Vec<_> = environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mut instances = vec![first];
        while instances.len() < size {
            instances.push(Program::start_with(sandbox, &shared).await);
        }
        Self { instances, environment }
    }

    /// Any instance; another one for another number.
    fn instance(&self, nth: usize) -> &Program {
        &self.instances[nth % self.instances.len()]
    }

    /// What `menshen keys` tells of each key: its number, its state, its name.
    async fn keys(&self, arguments: &[&str]) -> Vec<[String; 3]> {
        let mut command = menshen(&[&["keys"], arguments].concat(), &self.environment);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let rows = said.lines().skip(1).map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            std::array::from_fn(|_| words.next().unwrap())
        });
        rows.collect()
    }

    /// The name of the key in this state.
    async fn key(&self, state: &str) -> String {
        let keys = self.keys(&["list"]).await;
        keys.into_iter().find(|[_, found, _]| found == state).unwrap()[2].clone()
    }

    /// Lets the next key sign, and waits until it does.
    async fn rotate(&self) {
        let next = self.key("next").await;
        self.keys(&["rotate"]).await;
        while self.key("current").await != next {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A device that keeps every access token it ever got.
struct Device {
    refresh: Value,
    access: Vec<String>,
}

impl Device {
    fn new(tokens: &Value) -> Self {
        let access = tokens["token"].as_str().unwrap().to_owned();
        Self { refresh: tokens.clone(), access: vec![access] }
    }

    async fn refresh(&mut self, program: &Program) {
        let answer = Answer::of(program.refresh(&self.refresh)).await;
        assert_eq!(answer.status, StatusCode::OK, "logged out: {}", answer.text);
        self.refresh = answer.body["data"].clone();
        self.access.push(self.refresh["token"].as_str().unwrap().to_owned());
    }

    fn newest(&self) -> &str {
        self.access.last().unwrap()
    }
}

/// The name of the key that signed a token.
pub(crate) fn kid(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn published(program: &Program) -> HashSet<String> {
    let answer = Answer::of(program.get("/.well-known/jwks.json")).await;
    let keys = answer.body["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn me(program: &Program, token: &str) -> Answer {
    Answer::of(program.get("/me").bearer_auth(token)).await
}

/// What the callers share.
struct Load {
    fleet: Fleet,
    devices: Vec<Mutex<Device>>,
    on: AtomicBool,
    calls: AtomicUsize,
    refreshes: AtomicUsize,
}

impl Load {
    /// Uses one device after the other at one instance after the other, as long as the load is on: a
    /// token of any age must be good everywhere, and now and then a new one is fetched, whose key
    /// another instance must have told of before.
    async fn call(&self, caller: usize) {
        let mut turn = caller;
        while self.on.load(Ordering::Relaxed) {
            turn += CALLERS;
            let mut device = self.devices[turn % self.devices.len()].lock().await;
            if turn.is_multiple_of(7) {
                let known = published(self.fleet.instance(turn + 1)).await;
                device.refresh(self.fleet.instance(turn)).await;
                let kid = kid(device.newest());
                assert!(known.contains(&kid), "{kid} signed before it was published: {known:?}");
                let answer = me(self.fleet.instance(turn + 2), device.newest()).await;
                assert_eq!(answer.status, StatusCode::OK, "a new token: {}", answer.text);
                self.refreshes.fetch_add(1, Ordering::Relaxed);
            }
            let token = &device.access[turn % device.access.len()];
            let answer = me(self.fleet.instance(turn / 3), token).await;
            assert_eq!(answer.status, StatusCode::OK, "a good token: {}", answer.text);
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_keys_rotate_under_load_and_nobody_notices() {
    let (sandbox, rotations, sessions) =
        (sandbox().await, iterations(2, 10), iterations(30, 1_000));
    let fleet = Fleet::start(&sandbox, 3, ("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "3")).await;
    let mut devices = Vec::new();
    for nth in 0..sessions {
        let code = sandbox.login_code(&stranger(&sandbox), MAIN_APP).unwrap();
        let tokens = fleet.instance(nth).log_in(&code, None).await;
        devices.push(Mutex::new(Device::new(&tokens)));
    }
    let (on, calls, refreshes) = (true.into(), 0.into(), 0.into());
    let load = Arc::new(Load { fleet, devices, on, calls, refreshes });
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let load = Arc::clone(&load);
        callers.spawn(async move { load.call(caller).await });
    }
    for _ in 0..rotations {
        load.fleet.rotate().await;
        tokio::time::sleep(USED_FOR).await;
    }
    load.on.store(false, Ordering::Relaxed);
    callers.join_all().await;
    let (calls, refreshes) =
        (load.calls.load(Ordering::Relaxed), load.refreshes.load(Ordering::Relaxed));
    let mut keys = HashSet::new();
    for device in &load.devices {
        keys.extend(device.lock().await.access.iter().map(|token| kid(token)));
    }
    assert_eq!(keys.len(), rotations + 1, "every key signed");
    println!(
        "{rotations} rotations, 3 instances, {sessions} sessions: {calls} tokens accepted and {refreshes} \
         refreshed, none refused, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_tokens_of_a_revoked_key_are_refused_and_sessions_go_on() {
    let (sandbox, rounds, begun) = (sandbox().await, iterations(2, 50), Instant::now());
    let fleet = Fleet::start(&sandbox, 3, ("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "3")).await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let mut device = Device::new(&fleet.instance(0).log_in(&code, None).await);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let (revoked, old) = (kid(device.newest()), device.newest().to_owned());
        fleet.keys(&["revoke", &revoked]).await;
        let since = Instant::now();
        for program in &fleet.instances {
            while me(program, &old).await.status == StatusCode::OK
                || published(program).await.contains(&revoked)
            {
                assert!(since.elapsed() < FORGOTTEN_WITHIN, "{revoked} is still believed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(me(program, &old).await.failure(), (401, "unauthenticated"));
        }
        slowest = slowest.max(since.elapsed());
        device.refresh(fleet.instance(round)).await;
        assert_ne!(kid(device.newest()), revoked);
        for program in &fleet.instances {
            assert_eq!(me(program, device.newest()).await.status, StatusCode::OK);
        }
    }
    println!(
        "{rounds} signing keys revoked: refused by 3 instances after {slowest:.1?} at the latest, the \
         session went on, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn while_keys_cannot_be_read_the_last_ones_stay_in_use() {
    let sandbox = sandbox().await;
    let program = Program::start(&sandbox).await;
    let said = async |what: &str| {
        while !program.output().contains(what) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    program.execute("ALTER TABLE signing_key RENAME TO elsewhere").await;
    said("signing keys cannot be tended").await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let device = Device::new(&program.log_in(&code, None).await);
    assert_eq!(me(&program, device.newest()).await.status, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    program.execute("ALTER TABLE elsewhere RENAME TO signing_key").await;
    said("signing keys are tended again").await;
    assert_eq!(program.output().matches("cannot be tended").count(), 1, "it is said once");
}

#[tokio::test]
async fn keys_are_listed_and_only_known_ones_revoked() {
    let sandbox = sandbox().await;
    let fleet = Fleet::start(&sandbox, 1, ("MENSHEN_TOKENS__SIGNING_KEY_LIFETIME", "0")).await;
    let keys = fleet.keys(&["list"]).await;
    let states: Vec<_> =
        keys.iter().map(|[number, state, _]| (number.as_str(), state.as_str())).collect();
    assert_eq!(states, [("1", "current"), ("2", "next")]);
    let names: HashSet<_> = keys.iter().map(|[_, _, kid]| kid.clone()).collect();
    assert_eq!(published(fleet.instance(0)).await, names);

    let unknown = menshen(&["keys", "revoke", "-nobody"], &fleet.environment).output().unwrap();
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(!unknown.status.success() && said.contains("there is no such key"), "{said}");
    assert_eq!(fleet.keys(&["list"]).await, keys);
}

#[tokio::test]
async fn a_sealing_key_that_can_be_guessed_is_refused_without_telling_it() {
    let sandbox = sandbox().await;
    let database = FreshDatabase::new(Kind::Sqlite).await;
    for (name, key) in [
        ("MENSHEN_SEALING__KEY", "Y2FuYXJ5"),
        ("MENSHEN_SEALING__KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("MENSHEN_SEALING__FORMER_KEYS", "Y2FuYXJ5"),
    ] {
        let mut environment = environment(&database, &sandbox);
        environment.push((name.to_owned(), key.to_owned()));
        let refused = menshen(&["serve"], &environment).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("openssl rand -base64 32"), "{said}");
        assert!(said.contains("sealing.") && !said.contains(key), "{said}");
    }
}

#[tokio::test]
async fn with_another_sealing_key_it_does_not_start() {
    let sandbox = sandbox().await;
    let (status, database) = Program::start(&sandbox).await.terminate().await;
    assert!(status.success());
    let file = database.folder().join("sealing-key");
    let sealing_key = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    let refused = menshen(&["serve"], &environment(&database, &sandbox)).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("is `sealing.key` the one"), "{said}");

    let former = [("MENSHEN_SEALING__FORMER_KEYS", sealing_key.as_str())];
    Program::start_on(database, &sandbox, &former).await;
}
