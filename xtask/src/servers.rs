//! The servers that tests need: private ones on free ports, with no data yet, and gone afterwards.

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

/// Who servers run as where the task runs as root, which they refuse to be: `nobody` and `nogroup`.
const NOBODY: &str = "65534";

/// What is left of a server's data by a power cut. What tests are about does not depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasting {
    Nothing,
    /// All that was acknowledged, as the server has it by itself.
    Everything,
}

/// A running server; it stops when this is dropped.
pub(crate) struct Server {
    /// The environment variable by which the tests find it.
    variable: &'static str,
    pub(crate) url: String,
    _services: Vec<ManagedProcess>,
}

impl Server {
    /// Its address, if it is for what instances share.
    pub(crate) fn shared_state(&self) -> Option<&str> {
        self.variable.starts_with("MENSHEN_TEST_REDIS").then_some(&self.url)
    }
}

/// Starts one server of each kind, and tells the tests that `sh` runs where they are. Those have names
/// with `on_` and the kind in them, as `on_postgresql`.
pub(crate) fn start_all(sh: &Shell) -> Result<Vec<Server>> {
    // Tests start it themselves, each before the instances it has.
    nginx::ensure(sh)?;
    let lasting = Lasting::Nothing;
    let databases = [postgresql::start, mariadb::start].map(|start| start(sh, lasting));
    let shared = [redis::start, redis::start_cluster].map(|start| start(sh));
    let servers = databases.into_iter().chain(shared);
    let servers = servers.collect::<Result<Vec<_>>>()?;
    for server in &servers {
        sh.set_var(server.variable, &server.url);
    }
    Ok(servers)
}

/// Where one server has its place on this machine.
struct Place {
    name: &'static str,
    port: u16,
    /// Its data: outside of the repository, which may lie where nobody else can go.
    folder: PathBuf,
    is_root: bool,
}

impl Place {
    fn new(sh: &Shell, name: &'static str) -> Result<Self> {
        let port = reserve(0, "")?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("menshen-{name}-{}", process::id()));
        sh.create_dir(&folder)?;
        let is_root = cmd!(sh, "id -u").quiet().read()? == "0";
        if is_root {
            cmd!(sh, "chown {NOBODY}:{NOBODY} {folder}").quiet().run()?;
        }
        Ok(Self { name, port, folder, is_root })
    }

    /// A program that is run there, not as root.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("env");
        if self.is_root {
            let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
            command.args(["setpriv", &user, &group, "--clear-groups"]);
        }
        command.arg(program).current_dir(&self.folder);
        command
    }

    /// Runs `server` there until the service is dropped; then its folder goes too.
    fn serve(&self, server: &Command) -> Result<ManagedProcess> {
        let log = cargo::scratch("logs")?.join(format!("{}-{}.log", self.name, self.port));
        ManagedProcess::start_with_data(self.name, server, log, &self.folder)
    }
}

/// Runs a command to its end; an error has what it said.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    ensure!(output.status.success(), "{command:?} failed: {}", said.concat());
    Ok(())
}

/// Where there is such a program, be it where only root's `PATH` leads.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let roots = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(roots);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
