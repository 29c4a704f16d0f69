//! Runner of the measured programs: the server and the baseline, with databases of one kind and one
//! WeChat stub.

use std::{
    cell::Cell,
    fs,
    io::Read,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use xshell::Shell;

use super::{
    Kind,
    machine::{median, memory},
    name,
    report::{Footprint, Measurement},
};
use crate::{
    cargo,
    child_process::{ManagedProcess, pause, reserve},
};

/// App id in WeChat's format that belongs to no app.
const APP_ID: &str = "wxbe9c00000000be9c";

/// Number of the first member that a load creates.
const FIRST_NEW_MEMBER: u64 = 20_000_000;

/// Maximum number of members that one load creates.
const NEW_MEMBERS_PER_LOAD: u64 = 5_000_000;

/// Number of starts of which the median start-up time is taken.
const STARTS: usize = 5;

/// Maximum time until a started program responds.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Rate limits that are turned off, because all requests come from one address.
const LIMITS: [&str; 6] = ["ADDRESS", "SIGN_IN", "APP", "MEMBER", "SESSION", "SERVICE"];

/// Databases of one kind for the server and the baseline, and the server's secrets.
pub(super) struct Environment {
    kind: Kind,
    folder: PathBuf,
    server_database: String,
    baseline_database: String,
    /// Key of the service account that introspects tokens.
    service_key: String,
    secrets: [(&'static str, String); 3],
    /// Number of loads so far.
    loads: Cell<u64>,
}

/// Parameters of a load.
pub(super) struct Load {
    pub(super) scenario: String,
    pub(super) connections: u32,
    pub(super) seconds: f64,
    pub(super) members: u64,
}

impl Environment {
    /// Creates the databases without members: in files, or on the database server at `url`.
    pub(super) fn new(sh: &Shell, kind: Kind, url: Option<&str>) -> Result<Self> {
        let folder = cargo::scratch("bench")?.join("data");
        sh.remove_path(&folder)?;
        sh.create_dir(&folder)?;
        let file = |name: &str| format!("sqlite://{}", folder.join(name).display());
        let (server_database, baseline_database) = match (kind, url) {
            (Kind::Mariadb, Some(url)) => (format!("{url}/menshen"), format!("{url}/menshen")),
            (_, Some(url)) => (url.to_owned(), url.to_owned()),
            (_, None) => (file("menshen.db"), file("baseline.db")),
        };
        let secrets = [
            ("MENSHEN_APPS__MAIN__SECRET", random()?),
            ("MENSHEN_TOKENS__REFRESH_KEY", random()?),
            ("MENSHEN_SEALING__KEY", random()?),
        ];
        let environment = Self {
            kind,
            folder,
            server_database,
            baseline_database,
            service_key: random()?,
            secrets,
            loads: Cell::new(0),
        };
        output(&mut tool(&["create", "--database", &environment.server_database])?)?;
        output(environment.menshen("")?.args(["migrate", "up"]))?;
        Ok(environment)
    }

    /// Adds the members with these numbers to both databases.
    pub(super) fn fill(&self, first: u64, last: u64) -> Result<()> {
        if first > last {
            return Ok(());
        }
        let mut fill = tool(&["fill", "--database", &self.server_database])?;
        fill.args(["--baseline", &self.baseline_database]);
        fill.args(["--app-id", APP_ID, "--first", &first.to_string()]);
        output(fill.args(["--last", &last.to_string()])).map(drop)
    }

    /// Returns a command of the server's program, configured as in production except for the limits.
    fn menshen(&self, wechat_url: &str) -> Result<Command> {
        let mut command = Command::new(cargo::released_program("menshen")?);
        command
            .current_dir(cargo::root())
            .env("MENSHEN_PROFILE", "production")
            .env("MENSHEN_DATABASE__URL", &self.server_database)
            .env("MENSHEN_APPS__MAIN__APP_ID", APP_ID)
            .env("MENSHEN_SERVICES__BENCH__KEY", &self.service_key)
            .env("MENSHEN_HTTP__DRAIN_TIMEOUT", "0")
            .envs(self.secrets.iter().map(|(name, secret)| (name, secret)))
            .envs(LIMITS.map(|limit| (format!("MENSHEN_LIMITS__{limit}_PER_MINUTE"), "0")));
        if !wechat_url.is_empty() {
            command.env("MENSHEN_WECHAT__BASE_URL", wechat_url);
        }
        Ok(command)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // A failure leaves files under target/, where they do no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The running programs. They stop when this is dropped.
pub(super) struct Runner<'a> {
    environment: &'a Environment,
    ready: f64,
    idle: f64,
    // Fields are dropped in this order: each program stops before the ones that it calls.
    server: Program,
    baseline: Program,
    _wechat: Program,
}

/// A running program.
struct Program {
    process: ManagedProcess,
    address: String,
    pid: u32,
}

impl<'a> Runner<'a> {
    pub(super) fn start(environment: &'a Environment) -> Result<Self> {
        let wechat = start_wechat()?;
        let wechat_url = format!("http://{}", wechat.address);
        let baseline = start_baseline(environment, &wechat_url)?;
        let mut times = Vec::new();
        let server = loop {
            let start = Instant::now();
            let server = start_server(environment, &wechat_url)?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            if times.len() == STARTS {
                break server;
            }
        };
        let ready = median(times).context("the server was not started")?;
        pause(Duration::from_secs(2));
        let (idle, _) = memory(server.pid)?;
        Ok(Self { environment, ready, idle, server, baseline, _wechat: wechat })
    }

    /// Measures the server under a load.
    pub(super) fn load_server(&self, load: &Load) -> Result<Measurement> {
        self.load(&self.server, load).context("the load on the server failed")
    }

    /// Measures the baseline under a load.
    pub(super) fn load_baseline(&self, load: &Load) -> Result<Measurement> {
        self.load(&self.baseline, load).context("the load on the baseline failed")
    }

    fn load(&self, program: &Program, load: &Load) -> Result<Measurement> {
        let Load { scenario, connections, seconds, members } = load;
        let loads = &self.environment.loads;
        let first_new = FIRST_NEW_MEMBER + NEW_MEMBERS_PER_LOAD * loads.replace(loads.get() + 1);
        let mut tool = tool(&["load", "--scenario", scenario, "--address", &program.address])?;
        tool.args(["--pid", &program.pid.to_string(), "--seconds", &seconds.to_string()]);
        tool.args(["--connections", &connections.to_string()]);
        tool.args(["--members", &members.to_string(), "--first-new", &first_new.to_string()]);
        tool.args(["--service-key", &self.environment.service_key]);
        Measurement::parse(&output(&mut tool)?)
    }

    /// Stops all programs; returns the footprint of the server.
    pub(super) fn stop(mut self, members: u64) -> Result<Footprint> {
        self.server.process.check()?;
        let (_, peak) = memory(self.server.pid)?;
        let Self { environment, ready, idle, .. } = self;
        Ok(Footprint { database: name(&environment.kind), members, ready, idle, peak })
    }
}

fn start_wechat() -> Result<Program> {
    let listen = free_address()?;
    let command = tool(&["wechat", "--app-id", APP_ID, "--listen", &listen])?;
    Program::start("wechat", &command, listen, "/cgi-bin/token")
}

fn start_baseline(environment: &Environment, wechat_url: &str) -> Result<Program> {
    let listen = free_address()?;
    let mut command = tool(&["baseline", "--listen", &listen, "--wechat", wechat_url])?;
    command.args(["--database", &environment.baseline_database]);
    // The baseline has no health check: any response means that it is ready.
    Program::start("baseline", &command, listen, "")
}

fn start_server(environment: &Environment, wechat_url: &str) -> Result<Program> {
    let listen = free_address()?;
    let mut command = environment.menshen(wechat_url)?;
    command.arg("serve").env("MENSHEN_HTTP__LISTEN", &listen);
    Program::start("menshen", &command, listen, "/health/ready")
}

impl Program {
    /// Starts a program and polls `path` until the response is a success. If `path` is empty, any
    /// response is accepted.
    fn start(name: &'static str, command: &Command, address: String, path: &str) -> Result<Self> {
        let log = cargo::scratch("logs")?.join(format!("bench-{name}.log"));
        let start = Instant::now();
        let mut process = ManagedProcess::start(name, command, log)?;
        let url = format!("http://{address}{path}");
        while !is_ready(&url, path.is_empty()) {
            process.check()?;
            ensure!(start.elapsed() < START_TIMEOUT, "{name} does not respond at {url}");
            pause(Duration::from_millis(1));
        }
        let pid = process.pid().with_context(|| format!("{name} has no process"))?;
        Ok(Self { process, address, pid })
    }
}

fn is_ready(url: &str, accepts_any_status: bool) -> bool {
    match ureq::get(url).call() {
        Ok(_) => true,
        Err(ureq::Error::StatusCode(_)) => accepts_any_status,
        Err(_) => false,
    }
}

/// Returns a command of the benchmark's own program.
fn tool(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(cargo::released_program("menshen-bench")?);
    command.args(arguments);
    Ok(command)
}

/// Runs a command and returns its output.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn free_address() -> Result<String> {
    Ok(reserve(0, "")?.local_addr()?.to_string())
}

/// Returns 32 random bytes in Base64.
fn random() -> Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}
