//! Signing keys: rotation, revocation and failures, on several instances under load.

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

use crate::harness::{
    Answer, Program, borrowed, environment, menshen, new_user, unlimited_sandbox,
};

/// Maximum time until every instance rejects a revoked key.
const REVOCATION_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval between rotations.
const ROTATION_INTERVAL: Duration = Duration::from_secs(3);

/// Number of concurrent clients.
const CLIENTS: usize = 12;

/// Instances over the database of the first one.
struct Cluster {
    instances: Vec<Program>,
    environment: Vec<(String, String)>,
}

impl Cluster {
    async fn start(sandbox: &Sandbox, size: usize, setting: (&str, &str)) -> Self {
        let first = Program::start_with(sandbox, &[setting]).await;
        let mut environment = environment(first.database(), sandbox);
        environment.push((setting.0.to_owned(), setting.1.to_owned()));
        let mut instances = vec![first];
        while instances.len() < size {
            instances.push(Program::start_with(sandbox, &borrowed(&environment)).await);
        }
        Self { instances, environment }
    }

    /// Returns an instance; consecutive numbers give different ones.
    fn instance(&self, nth: usize) -> &Program {
        &self.instances[nth % self.instances.len()]
    }

    /// Runs a `menshen keys` command and returns number, state and id of each key.
    async fn keys(&self, arguments: &[&str]) -> Vec<[String; 3]> {
        let mut command = menshen(&[&["keys"], arguments].concat(), &self.environment);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
        let rows = table.lines().skip(1).map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            std::array::from_fn(|_| words.next().unwrap())
        });
        rows.collect()
    }

    /// Returns the id of the key in this state.
    async fn key(&self, state: &str) -> String {
        let keys = self.keys(&["list"]).await;
        keys.into_iter().find(|[_, found, _]| found == state).unwrap()[2].clone()
    }

    /// Rotates the key and waits until the next one is current.
    async fn rotate(&self) {
        let next = self.key("next").await;
        self.keys(&["rotate"]).await;
        while self.key("current").await != next {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A device that stores all access tokens of its session.
struct Device {
    tokens: Value,
    access_tokens: Vec<String>,
}

impl Device {
    fn new(tokens: &Value) -> Self {
        let access = tokens["token"].as_str().unwrap().to_owned();
        Self { tokens: tokens.clone(), access_tokens: vec![access] }
    }

    async fn refresh(&mut self, program: &Program) {
        let answer = Answer::of(program.refresh(&self.tokens)).await;
        assert_eq!(answer.status, StatusCode::OK, "the session was ended: {}", answer.text);
        self.tokens = answer.body["data"].clone();
        self.access_tokens.push(self.tokens["token"].as_str().unwrap().to_owned());
    }

    fn newest(&self) -> &str {
        self.access_tokens.last().unwrap()
    }
}

/// Returns the id of the key that signed a token.
pub(crate) fn kid(token: &str) -> String {
    let encoded = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn published_keys(program: &Program) -> HashSet<String> {
    let answer = Answer::of(program.get("/.well-known/jwks.json")).await;
    let keys = answer.body["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn me(program: &Program, token: &str) -> Answer {
    Answer::of(program.get("/me").bearer_auth(token)).await
}

/// Shared state of the concurrent clients.
struct Load {
    cluster: Cluster,
    devices: Vec<Mutex<Device>>,
    is_running: AtomicBool,
    calls: AtomicUsize,
    refreshes: AtomicUsize,
}

impl Load {
    /// Uses alternating devices on alternating instances while the load runs. Tokens of any age must be
    /// accepted by every instance. Every seventh round refreshes a session; the key of the new token must
    /// already be published by another instance.
    async fn run_client(&self, client: usize) {
        let mut round = client;
        while self.is_running.load(Ordering::Relaxed) {
            round += CLIENTS;
            let mut device = self.devices[round % self.devices.len()].lock().await;
            if round.is_multiple_of(7) {
                let published = published_keys(self.cluster.instance(round + 1)).await;
                device.refresh(self.cluster.instance(round)).await;
                let kid = kid(device.newest());
                assert!(
                    published.contains(&kid),
                    "{kid} signed before it was published: {published:?}"
                );
                let answer = me(self.cluster.instance(round + 2), device.newest()).await;
                assert_eq!(
                    answer.status,
                    StatusCode::OK,
                    "a new token was rejected: {}",
                    answer.text
                );
                self.refreshes.fetch_add(1, Ordering::Relaxed);
            }
            let token = &device.access_tokens[round % device.access_tokens.len()];
            let answer = me(self.cluster.instance(round / 3), token).await;
            assert_eq!(
                answer.status,
                StatusCode::OK,
                "a valid token was rejected: {}",
                answer.text
            );
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_key_rotation_under_load_rejects_no_token() {
    let sandbox = unlimited_sandbox().await;
    let rotations = iterations(2, 10);
    let sessions = iterations(30, 1_000);
    let cluster =
        Cluster::start(&sandbox, 3, ("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "3")).await;
    let mut devices = Vec::new();
    for nth in 0..sessions {
        let code = sandbox.login_code(&new_user(&sandbox), MAIN_APP).unwrap();
        let tokens = cluster.instance(nth).log_in(&code, None).await;
        devices.push(Mutex::new(Device::new(&tokens)));
    }
    let is_running = true.into();
    let calls = 0.into();
    let refreshes = 0.into();
    let load = Arc::new(Load { cluster, devices, is_running, calls, refreshes });
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let load = Arc::clone(&load);
        clients.spawn(async move { load.run_client(client).await });
    }
    for _ in 0..rotations {
        load.cluster.rotate().await;
        tokio::time::sleep(ROTATION_INTERVAL).await;
    }
    load.is_running.store(false, Ordering::Relaxed);
    clients.join_all().await;
    let calls = load.calls.load(Ordering::Relaxed);
    let refreshes = load.refreshes.load(Ordering::Relaxed);
    let mut keys = HashSet::new();
    for device in &load.devices {
        keys.extend(device.lock().await.access_tokens.iter().map(|token| kid(token)));
    }
    assert_eq!(keys.len(), rotations + 1, "a key has signed no token");
    println!(
        "{rotations} rotations, 3 instances, {sessions} sessions: {calls} tokens accepted and {refreshes} \
         refreshed, none rejected, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_revoked_key_is_rejected_and_its_sessions_continue() {
    let sandbox = unlimited_sandbox().await;
    let rounds = iterations(2, 50);
    let begun = Instant::now();
    let cluster =
        Cluster::start(&sandbox, 3, ("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "3")).await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let mut device = Device::new(&cluster.instance(0).log_in(&code, None).await);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let revoked = kid(device.newest());
        let old = device.newest().to_owned();
        cluster.keys(&["revoke", &revoked]).await;
        let since = Instant::now();
        for program in &cluster.instances {
            while me(program, &old).await.status == StatusCode::OK
                || published_keys(program).await.contains(&revoked)
            {
                assert!(since.elapsed() < REVOCATION_TIMEOUT, "{revoked} is still accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(me(program, &old).await.failure(), (401, "unauthenticated"));
        }
        slowest = slowest.max(since.elapsed());
        device.refresh(cluster.instance(round)).await;
        assert_ne!(kid(device.newest()), revoked);
        for program in &cluster.instances {
            assert_eq!(me(program, device.newest()).await.status, StatusCode::OK);
        }
    }
    println!(
        "{rounds} signing keys revoked: rejected by 3 instances after {slowest:.1?} at the latest, the \
         session continued, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn keys_in_memory_stay_in_use_while_the_database_fails() {
    let sandbox = unlimited_sandbox().await;
    let program = Program::start(&sandbox).await;
    let wait_for_log = async |message: &str| {
        while !program.output().contains(message) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    program.execute("ALTER TABLE signing_key RENAME TO hidden_signing_key").await;
    wait_for_log("signing key rotation failed, will retry").await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let device = Device::new(&program.log_in(&code, None).await);
    assert_eq!(me(&program, device.newest()).await.status, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    program.execute("ALTER TABLE hidden_signing_key RENAME TO signing_key").await;
    wait_for_log("signing key rotation works again").await;
    let failures = program.output().matches("signing key rotation failed").count();
    assert_eq!(failures, 1, "a lasting failure is logged once");
}

#[tokio::test]
async fn keys_are_listed_and_unknown_key_is_not_revoked() {
    let sandbox = unlimited_sandbox().await;
    let cluster = Cluster::start(&sandbox, 1, ("MENSHEN_TOKENS__SIGNING_KEY_LIFETIME", "0")).await;
    let keys = cluster.keys(&["list"]).await;
    let states: Vec<_> =
        keys.iter().map(|[number, state, _]| (number.as_str(), state.as_str())).collect();
    assert_eq!(states, [("1", "current"), ("2", "next")]);
    let ids: HashSet<_> = keys.iter().map(|[_, _, kid]| kid.clone()).collect();
    assert_eq!(published_keys(cluster.instance(0)).await, ids);

    let unknown = menshen(&["keys", "revoke", "-unknown"], &cluster.environment).output().unwrap();
    let stderr = String::from_utf8_lossy(&unknown.stderr);
    assert!(!unknown.status.success() && stderr.contains("there is no such key"), "{stderr}");
    assert_eq!(cluster.keys(&["list"]).await, keys);
}

#[tokio::test]
async fn weak_sealing_key_is_refused_without_being_printed() {
    let sandbox = unlimited_sandbox().await;
    let database = FreshDatabase::new(Kind::Sqlite).await;
    for (name, key) in [
        ("MENSHEN_SEALING__KEY", "Y2FuYXJ5"),
        ("MENSHEN_SEALING__KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("MENSHEN_SEALING__FORMER_KEYS", "Y2FuYXJ5"),
    ] {
        let mut environment = environment(&database, &sandbox);
        environment.push((name.to_owned(), key.to_owned()));
        let refused = menshen(&["serve"], &environment).output().unwrap();
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success(), "{stderr}");
        assert!(stderr.contains("openssl rand -base64 32"), "{stderr}");
        assert!(stderr.contains("sealing.") && !stderr.contains(key), "{stderr}");
    }
}

#[tokio::test]
async fn start_fails_with_another_sealing_key() {
    let sandbox = unlimited_sandbox().await;
    let (status, database) = Program::start(&sandbox).await.terminate().await;
    assert!(status.success());
    let file = database.folder().join("sealing-key");
    let sealing_key = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    let refused = menshen(&["serve"], &environment(&database, &sandbox)).output().unwrap();
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && stderr.contains("`sealing.key`"), "{stderr}");

    let former = [("MENSHEN_SEALING__FORMER_KEYS", sealing_key.as_str())];
    Program::start_on(database, &sandbox, &former).await;
}
