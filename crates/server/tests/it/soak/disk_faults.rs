//! Soak tests of disk faults under an SQLite database: a full disk, and each system call that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use testkit::databases::{FreshDatabase, Kind};
use testkit::disk_faults::{DiskError, DiskOperations, FaultyDisk};
use testkit::iterations::iterations;
use tokio::task::JoinSet;
use tokio::time::sleep;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::MAIN_APP;

use super::{Acknowledged, assert_kept};
use crate::harness::{Answer, Program, ProgramClient, borrowed, new_user, unlimited_sandbox};

/// Maximum time without a successful login after the end of a fault.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns a disk under the file of an SQLite database.
pub(super) fn disk_under(database: &FreshDatabase, seed: u64) -> FaultyDisk {
    FaultyDisk::under(&database.folder().join("menshen.db"), seed)
}

/// Starts the program on the disk.
pub(super) async fn start(
    database: FreshDatabase,
    sandbox: &Sandbox,
    disk: &FaultyDisk,
) -> Program {
    let mut environment = disk.environment();
    // On a busy machine, requests wait longer than a second without a fault.
    environment.push(("MENSHEN_DATABASE__QUEUE_TIMEOUT".to_owned(), "30".to_owned()));
    Program::start_on(database, sandbox, &borrowed(&environment)).await
}

/// Asserts that the sessions of acknowledged logins exist.
async fn assert_sessions_exist(program: &Program, acknowledged: &Acknowledged) {
    for login in acknowledged.values() {
        let me = program.get("/me").bearer_auth(login["token"].as_str().unwrap());
        let answer = Answer::of(me).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "an acknowledged session is lost: {}",
            answer.text
        );
    }
}

/// A login request of a client and its response.
struct Attempt {
    user: String,
    /// The code was used before.
    is_repeated: bool,
    sent: Instant,
    answered: Instant,
    answer: Answer,
}

impl Attempt {
    async fn send(client: &ProgramClient, user: &str, code: &str, is_repeated: bool) -> Self {
        let sent = Instant::now();
        let answer = client.try_post("/login", &json!({ "code": code })).await.unwrap();
        let answered = Instant::now();
        Self { user: user.to_owned(), is_repeated, sent, answered, answer }
    }

    fn is_acknowledged(&self) -> bool {
        self.answer.status == StatusCode::OK
    }

    /// Returns true if the response is the one of a server without faults.
    fn is_expected(&self) -> bool {
        if self.is_repeated {
            self.answer.failure() == (401, "login_code_used")
        } else {
            self.is_acknowledged()
        }
    }
}

/// Logs new users in until `ended`, each of them with an attempt to use the code again.
async fn log_in_until(
    ended: Arc<AtomicBool>,
    client: ProgramClient,
    sandbox: Arc<Sandbox>,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    while !ended.load(Ordering::SeqCst) {
        let user = new_user(&sandbox);
        let code = sandbox.login_code(&user, MAIN_APP).unwrap();
        for is_repeated in [false, true] {
            attempts.push(Attempt::send(&client, &user, &code, is_repeated).await);
        }
    }
    attempts
}

fn acknowledged(attempts: &[Attempt]) -> Acknowledged {
    let logins = attempts.iter().filter(|attempt| attempt.is_acknowledged());
    logins.map(|login| (login.user.clone(), login.answer.body["data"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_full_disk_loses_no_acknowledged_login() {
    let episodes = iterations(1, 100);
    let begun = Instant::now();
    let three_seconds = Duration::from_secs(3);
    let Episodes { kept, failed } =
        run_episodes(episodes, FaultyDisk::fill, three_seconds, Duration::ZERO).await;
    assert!(failed > episodes, "the disk was never full");
    println!(
        "{episodes} times a full disk for 3 s under 12 clients: {kept} acknowledged logins, none lost, \
         {failed} failed, {:.0?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_hanging_disk_loses_no_acknowledged_login() {
    let episodes = iterations(1, 20);
    let begun = Instant::now();
    let six_seconds = Duration::from_secs(6);
    let hang = |disk: &FaultyDisk| disk.delay_syncs(six_seconds);
    let Episodes { kept, failed } = run_episodes(episodes, hang, six_seconds, six_seconds).await;
    println!(
        "{episodes} times a disk that hangs for 6 s under 12 clients: {kept} acknowledged logins, none lost, \
         {failed} failed, {:.0?}",
        begun.elapsed()
    );
}

/// Numbers of attempts in the episodes of a test.
struct Episodes {
    /// Acknowledged logins, all of which were kept.
    kept: usize,
    /// Attempts without the expected response.
    failed: usize,
}

/// Lets the disk fail for a while under 12 clients, again and again. `settling` is the maximum time for
/// which an operation on the disk continues to hang afterwards.
async fn run_episodes(
    episodes: usize,
    fail: impl Fn(&FaultyDisk),
    duration: Duration,
    settling: Duration,
) -> Episodes {
    let sandbox = Arc::new(unlimited_sandbox().await);
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let disk = disk_under(&database, 0);
    let mut program = start(database, &sandbox, &disk).await;
    let mut kept = 0;
    let mut failed = 0;
    for _ in 0..episodes {
        let ended = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..12 {
            clients.spawn(log_in_until(ended.clone(), program.client(), sandbox.clone()));
        }
        sleep(Duration::from_secs(1)).await;
        let faulty = Instant::now();
        fail(&disk);
        sleep(duration).await;
        disk.repair();
        let repaired = Instant::now() + settling;
        sleep(settling + Duration::from_secs(2)).await;
        ended.store(true, Ordering::SeqCst);
        let attempts: Vec<Attempt> = clients.join_all().await.into_iter().flatten().collect();

        for attempt in attempts.iter().filter(|attempt| !attempt.is_expected()) {
            let status = attempt.answer.status.as_u16();
            assert!(matches!(status, 500 | 503) || attempt.is_repeated, "{}", attempt.answer.text);
            let overlaps = attempt.answered >= faulty && attempt.sent <= repaired;
            assert!(overlaps, "failed without a fault: {}", attempt.answer.text);
            failed += 1;
        }
        let recovered = attempts.iter().any(|attempt| {
            let in_time = attempt.answered <= repaired + RECOVERY_TIMEOUT;
            attempt.is_acknowledged() && attempt.answered >= repaired && in_time
        });
        assert!(recovered, "no login succeeded within {RECOVERY_TIMEOUT:?}");
        let acknowledged = acknowledged(&attempts);
        kept += acknowledged.len();
        assert_sessions_exist(&program, &acknowledged).await;
        program = start(program.kill().await, &sandbox, &disk).await;
        assert_kept(&program, &sandbox, &acknowledged).await;
    }
    Episodes { kept, failed }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_reports_a_disk_that_cannot_be_written() {
    let sandbox = unlimited_sandbox().await;
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let disk = disk_under(&database, 0);
    let program = start(database, &sandbox, &disk).await;
    await_readiness(&program, StatusCode::OK).await;
    disk.inject(DiskOperations::ALL, DiskError::NoSpace, 0, u64::MAX);
    await_readiness(&program, StatusCode::SERVICE_UNAVAILABLE).await;
    disk.repair();
    await_readiness(&program, StatusCode::OK).await;
}

/// Waits until the readiness endpoint responds with this status.
async fn await_readiness(program: &Program, status: StatusCode) {
    let begun = Instant::now();
    while Answer::of(program.get("/health/ready")).await.status != status {
        assert!(begun.elapsed() < Duration::from_secs(30), "readiness is not {status}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_failed_disk_operation_loses_no_acknowledged_login() {
    let sandbox = Arc::new(unlimited_sandbox().await);
    let limit = iterations(10, 1_500);
    let begun = Instant::now();
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let disk = disk_under(&database, 0);
    let program = start(database, &sandbox, &disk).await;
    let mut all = Acknowledged::new();
    let mut faults = 0;
    // The next operation of a kind fails each time, until there are no more.
    for operations in [
        DiskOperations::EXTEND,
        DiskOperations::OVERWRITE,
        DiskOperations::SYNC,
        DiskOperations::ALL,
    ] {
        for passing in 0..limit as u64 {
            disk.inject(operations, DiskError::InputOutput, passing, 1);
            let acknowledged = log_in_concurrently(&program, &sandbox).await;
            let injected = disk.injected();
            disk.repair();
            assert_sessions_exist(&program, &acknowledged).await;
            // The store works again.
            let user = new_user(&sandbox);
            let login = program.log_in(&sandbox.login_code(&user, MAIN_APP).unwrap(), None).await;
            all.insert(user, login);
            all.extend(acknowledged);
            if injected == 0 {
                break;
            }
            faults += 1;
        }
    }
    let program = start(program.kill().await, &sandbox, &disk).await;
    assert_kept(&program, &sandbox, &all).await;
    assert!(faults > 20, "only {faults} faults");
    println!(
        "{faults} failed disk operations under 6 clients: {} acknowledged logins, none lost, {:.0?}",
        all.len(),
        begun.elapsed()
    );
}

/// Logs users in concurrently, some with a used code, and returns the acknowledged logins.
async fn log_in_concurrently(program: &Program, sandbox: &Arc<Sandbox>) -> Acknowledged {
    let mut clients = JoinSet::new();
    for _ in 0..6 {
        let client = program.client();
        let sandbox = sandbox.clone();
        clients.spawn(async move {
            let mut attempts = Vec::new();
            for _ in 0..2 {
                let user = new_user(&sandbox);
                let code = sandbox.login_code(&user, MAIN_APP).unwrap();
                for is_repeated in [false, true] {
                    attempts.push(Attempt::send(&client, &user, &code, is_repeated).await);
                }
            }
            attempts
        });
    }
    let attempts: Vec<Attempt> = clients.join_all().await.into_iter().flatten().collect();
    acknowledged(&attempts)
}

/// A migration that was interrupted by a fault continues at the next start.
#[tokio::test(flavor = "multi_thread")]
async fn soak_failed_disk_operation_at_start_is_repaired_by_the_next_start() {
    let sandbox = unlimited_sandbox().await;
    let step = iterations(41, 1) as u64;
    let begun = Instant::now();
    let mut refused = 0;
    let mut starts = 0;
    loop {
        let database = FreshDatabase::new(Kind::Sqlite).await;
        let disk = disk_under(&database, 0);
        disk.inject(DiskOperations::ALL, DiskError::InputOutput, starts * step, 1);
        let started =
            Program::try_start_on(database, &sandbox, &borrowed(&disk.environment())).await;
        let injected = disk.injected();
        disk.repair();
        let program = match started {
            Ok(program) => program,
            Err((database, _)) => {
                refused += 1;
                start(database, &sandbox, &disk).await
            }
        };
        let user = new_user(&sandbox);
        program.log_in(&sandbox.login_code(&user, MAIN_APP).unwrap(), None).await;
        assert_eq!(program.query::<String>("PRAGMA integrity_check").await, "ok");
        if injected == 0 {
            break;
        }
        starts += 1;
    }
    assert!(refused > 0, "no start was refused");
    println!(
        "{starts} starts with a failed disk operation, {refused} of them refused: the next start succeeded, \
         {:.0?}",
        begun.elapsed()
    );
}
