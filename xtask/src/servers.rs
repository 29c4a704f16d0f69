//! Servers for tests: each is private, listens on a free port, starts without data and is removed
//! afterwards.

pub(crate) mod mariadb;
pub(crate) mod nginx;
pub(crate) mod postgresql;
mod redis;

use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{self, Command},
};

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::{
    cargo,
    child_process::{ManagedProcess, reserve},
};

/// User and group id of servers if the task runs as root, because they refuse to run as root:
/// Debian's `nobody` and `nogroup`.
const UNPRIVILEGED_ID: &str = "65534";

/// Durability of a server's data. Tests do not depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Acknowledged data may be lost in a power cut, which makes tests faster.
    Off,
    /// Acknowledged data survives a power cut, as in the server's own defaults.
    Full,
}

/// A running server. It stops when this is dropped.
pub(crate) struct Server {
    /// Environment variable with its URL for the tests.
    variable: &'static str,
    pub(crate) url: String,
    _processes: Vec<ManagedProcess>,
}

impl Server {
    /// Returns its URL if it stores state that instances share.
    pub(crate) fn shared_state_url(&self) -> Option<&str> {
        self.variable.starts_with("MENSHEN_TEST_REDIS").then_some(&self.url)
    }
}

/// Starts one server of each kind and puts the URLs into the environment of `sh`.
///
/// Tests that use one are in a module named `on_` and the kind, as `on_postgresql`.
pub(crate) fn start_all(sh: &Shell) -> Result<Vec<Server>> {
    // Tests start nginx themselves, each in front of its own instances.
    nginx::ensure(sh)?;
    let databases = [postgresql::start, mariadb::start].map(|start| start(sh, Durability::Off));
    let shared = [redis::start, redis::start_cluster].map(|start| start(sh));
    let servers = databases.into_iter().chain(shared).collect::<Result<Vec<_>>>()?;
    for server in &servers {
        sh.set_var(server.variable, &server.url);
    }
    Ok(servers)
}

/// Port and data folder of one server.
struct Location {
    name: &'static str,
    port: u16,
    /// Folder of its data. It is outside of the repository, which may be in a folder that only its
    /// owner can open.
    folder: PathBuf,
    is_root: bool,
}

impl Location {
    fn new(sh: &Shell, name: &'static str) -> Result<Self> {
        let port = reserve(0, "")?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("menshen-{name}-{}", process::id()));
        sh.create_dir(&folder)?;
        let is_root = cmd!(sh, "id -u").quiet().read()? == "0";
        if is_root {
            cmd!(sh, "chown {UNPRIVILEGED_ID}:{UNPRIVILEGED_ID} {folder}").quiet().run()?;
        }
        Ok(Self { name, port, folder, is_root })
    }

    /// Returns a command that runs a program in the data folder as an unprivileged user.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("env");
        if self.is_root {
            let user = format!("--reuid={UNPRIVILEGED_ID}");
            let group = format!("--regid={UNPRIVILEGED_ID}");
            command.args(["setpriv", &user, &group, "--clear-groups"]);
        }
        command.arg(program).current_dir(&self.folder);
        command
    }

    /// Runs `server` until the process is dropped; then the data folder is deleted, too.
    fn serve(&self, server: &Command) -> Result<ManagedProcess> {
        let log = cargo::scratch("logs")?.join(format!("{}-{}.log", self.name, self.port));
        ManagedProcess::start_with_data(self.name, server, log, &self.folder)
    }
}

/// Runs a command and waits for its end. An error contains its output.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let printed =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(output.status.success(), "{command:?} failed: {}", printed.concat());
    Ok(())
}

/// Returns the path of a program, also if it is only in root's `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let roots = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(roots);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
