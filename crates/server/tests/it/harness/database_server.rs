//! Database servers of one test: a primary with a synchronous replica that can take over.

pub(crate) mod mariadb;
pub(crate) mod postgresql;

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::databases::{execute, query_all};
use tokio::time::sleep;

/// Maximum time until a server has started, on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Unprivileged user and group id of servers if the tests run as root, because they refuse to run as root.
const UNPRIVILEGED_ID: u32 = 65_534;

/// File with the output of a server, in its folder.
const LOG: &str = "log";

/// Primary with a synchronous replica: every acknowledged commit is on both.
pub(crate) trait ReplicatedDatabase: Sized {
    /// Starts both servers with an empty database.
    async fn start() -> Self;

    /// Returns the URL of the database on the primary.
    fn primary_url(&self) -> String;

    /// Returns the URL of the database on the replica.
    fn replica_url(&self) -> String;

    /// Sends SIGKILL to the primary.
    fn kill_primary(&mut self);

    /// Makes the primary refuse changes. Its connections stay open.
    async fn make_primary_read_only(&self);

    /// Makes the replica the new primary.
    async fn promote_replica(&self);
}

/// Folder of a server's data, owned by the user of the server.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            chown(folder.path(), Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID)).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns a command that runs in this folder as the user of the server.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("env");
        if is_root() {
            let user = format!("--reuid={UNPRIVILEGED_ID}");
            let group = format!("--regid={UNPRIVILEGED_ID}");
            command.args(["setpriv", &user, &group, "--clear-groups"]);
        }
        command.arg(program).current_dir(self.path());
        command
    }
}

/// Running server; killed when dropped.
struct Server {
    process: Child,
    folder: Folder,
}

impl Server {
    /// Starts a server, and waits until it responds at this URL.
    async fn start(folder: Folder, mut command: Command, url: &str) -> Self {
        let log = std::fs::File::create(folder.path().join(LOG)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut server = Self { process: command.spawn().unwrap(), folder };
        let begun = Instant::now();
        while execute(url, "SELECT 1").await.is_err() {
            let exited = server.process.try_wait().unwrap();
            assert!(exited.is_none(), "the server exited: {}", server.log());
            assert!(begun.elapsed() < START_TIMEOUT, "the server did not start: {}", server.log());
            sleep(Duration::from_millis(50)).await;
        }
        server
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Returns the path of a server's program.
fn program(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run this test with `cargo xtask test -- NAME`")
    })
}

/// Runs a command and waits for its end.
async fn run(mut command: Command) {
    let printed = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed} failed: {stderr}");
}

/// Waits until a query returns 1.
async fn await_one(url: &str, sql: &str) {
    let begun = Instant::now();
    while query_all::<i64>(url, sql).await.unwrap() != [1] {
        assert!(begun.elapsed() < START_TIMEOUT, "not 1: {sql}");
        sleep(Duration::from_millis(20)).await;
    }
}
