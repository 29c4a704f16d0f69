//! The programs that are measured: the server and the floor over databases of one kind, both asking one
//! stand-in for WeChat.

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
    report::{Life, Measured},
};
use crate::{
    cargo,
    child_process::{ManagedProcess, pause, reserve},
};

/// An app id of WeChat's form that is nobody's.
const APP_ID: &str = "wxbe9c00000000be9c";

/// Members that a load makes have numbers from here on, so many for each load.
const NEW: u64 = 20_000_000;
const NEW_EACH: u64 = 5_000_000;

/// How often the server is started to see how long it takes.
const STARTS: usize = 5;

/// How long a program may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The quotas that a load from one address would meet.
const LIMITS: [&str; 6] = ["ADDRESS", "SIGN_IN", "APP", "MEMBER", "SESSION", "SERVICE"];

/// Databases of one kind for the server and for the floor, and what is secret there.
pub(super) struct Ground {
    kind: Kind,
    folder: PathBuf,
    server: String,
    floor: String,
    /// The key of the back end that checks tokens.
    service_key: String,
    secrets: [(&'static str, String); 3],
    /// How many loads there were.
    loads: Cell<u64>,
}

/// What is asked, and how.
pub(super) struct Load<'a> {
    pub(super) scenario: &'a str,
    pub(super) connections: u32,
    pub(super) seconds: f64,
    pub(super) members: u64,
}

impl Ground {
    /// Makes the databases, without any members: files, or on a server with this address.
    pub(super) fn new(sh: &Shell, kind: Kind, url: Option<&str>) -> Result<Self> {
        let folder = cargo::scratch("bench")?.join("data");
        sh.remove_path(&folder)?;
        sh.create_dir(&folder)?;
        let file = |name: &str| format!("sqlite://{}", folder.join(name).display());
        let (server, floor) = match (kind, url) {
            (Kind::Mariadb, Some(url)) => (format!("{url}/menshen"), format!("{url}/menshen")),
            (_, Some(url)) => (url.to_owned(), url.to_owned()),
            (_, None) => (file("menshen.db"), file("floor.db")),
        };
        let secrets = [
            ("MENSHEN_APPS__MAIN__SECRET", random()?),
            ("MENSHEN_TOKENS__REFRESH_KEY", random()?),
            ("MENSHEN_SEALING__KEY", random()?),
        ];
        let (service_key, loads) = (random()?, Cell::new(0));
        let ground = Self { kind, folder, server, floor, service_key, secrets, loads };
        finish(&mut tool(&["create", "--database", &ground.server])?)?;
        finish(ground.menshen("")?.args(["migrate", "up"]))?;
        Ok(ground)
    }

    /// Adds the members with these numbers to both databases.
    pub(super) fn fill(&self, first: u64, last: u64) -> Result<()> {
        if first > last {
            return Ok(());
        }
        let mut fill = tool(&["fill", "--database", &self.server, "--floor", &self.floor])?;
        fill.args(["--app-id", APP_ID, "--first", &first.to_string()]);
        finish(fill.args(["--last", &last.to_string()])).map(drop)
    }

    /// The server's program, configured as in production but for what limits a load.
    fn menshen(&self, wechat: &str) -> Result<Command> {
        let mut command = Command::new(cargo::released_program("menshen")?);
        command
            .current_dir(cargo::root())
            .env("MENSHEN_PROFILE", "production")
            .env("MENSHEN_DATABASE__URL", &self.server)
            .env("MENSHEN_APPS__MAIN__APP_ID", APP_ID)
            .env("MENSHEN_SERVICES__BENCH__KEY", &self.service_key)
            .env("MENSHEN_HTTP__DRAIN_TIMEOUT", "0")
            .envs(self.secrets.iter().map(|(name, secret)| (name, secret)))
            .envs(LIMITS.map(|limit| (format!("MENSHEN_LIMITS__{limit}_PER_MINUTE"), "0")));
        if !wechat.is_empty() {
            command.env("MENSHEN_WECHAT__BASE_URL", wechat);
        }
        Ok(command)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // It lies under target/, where nothing minds if it stays.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// All of them, running; they stop when this is dropped.
pub(super) struct Contest<'a> {
    ground: &'a Ground,
    ready: f64,
    idle: f64,
    // Dropped in this order: each goes before what it needs.
    server: Program,
    floor: Program,
    _wechat: Program,
}

/// One of them.
struct Program {
    service: ManagedProcess,
    address: String,
    pid: u32,
}

impl<'a> Contest<'a> {
    pub(super) fn start(ground: &'a Ground) -> Result<Self> {
        let listen = free_address()?;
        let wechat = tool(&["wechat", "--app-id", APP_ID, "--listen", &listen])?;
        let wechat = Program::start("wechat", &wechat, listen, "/cgi-bin/token")?;
        let wechat_url = format!("http://{}", wechat.address);

        let listen = free_address()?;
        let floor = tool(&["floor", "--listen", &listen, "--database", &ground.floor]);
        let mut floor = floor?;
        floor.args(["--wechat", &wechat_url]);
        // It is there once it answers at all.
        let floor = Program::start("floor", &floor, listen, "")?;

        let mut times = Vec::new();
        let server = loop {
            let listen = free_address()?;
            let mut command = ground.menshen(&wechat_url)?;
            command.arg("serve").env("MENSHEN_HTTP__LISTEN", &listen);
            let start = Instant::now();
            let server = Program::start("menshen", &command, listen, "/health/ready")?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            if times.len() == STARTS {
                break server;
            }
        };
        let ready = median(times).context("the server was not started")?;
        pause(Duration::from_secs(2));
        let (idle, _) = memory(server.pid)?;
        Ok(Self { ground, ready, idle, server, floor, _wechat: wechat })
    }

    /// Puts load on the server.
    pub(super) fn server(&self, load: &Load<'_>) -> Result<Measured> {
        self.load(&self.server, load).context("the server did not bear the load")
    }

    /// Puts load on the floor.
    pub(super) fn floor(&self, load: &Load<'_>) -> Result<Measured> {
        self.load(&self.floor, load).context("the floor did not bear the load")
    }

    fn load(&self, program: &Program, load: &Load<'_>) -> Result<Measured> {
        let Load { scenario, connections, seconds, members } = load;
        let loads = &self.ground.loads;
        let first_new = NEW + NEW_EACH * loads.replace(loads.get() + 1);
        let mut tool = tool(&["load", "--scenario", scenario, "--address", &program.address])?;
        tool.args(["--pid", &program.pid.to_string(), "--seconds", &seconds.to_string()]);
        tool.args(["--connections", &connections.to_string()]);
        tool.args(["--members", &members.to_string(), "--first-new", &first_new.to_string()]);
        Measured::parse(&finish(tool.args(["--service-key", &self.ground.service_key]))?)
    }

    /// Stops everything, and tells what the server needed.
    pub(super) fn end(mut self, members: u64) -> Result<Life> {
        self.server.service.check()?;
        let (_, peak) = memory(self.server.pid)?;
        let Self { ground, ready, idle, .. } = self;
        Ok(Life { database: name(&ground.kind), members, ready, idle, peak })
    }
}

impl Program {
    /// Starts it and asks for `path` until that is answered well; without a path, until it answers.
    fn start(name: &'static str, command: &Command, address: String, path: &str) -> Result<Self> {
        let log = cargo::scratch("logs")?.join(format!("bench-{name}.log"));
        let start = Instant::now();
        let mut service = ManagedProcess::start(name, command, log)?;
        let url = format!("http://{address}{path}");
        while !answers(&url, !path.is_empty()) {
            service.check()?;
            ensure!(start.elapsed() < PATIENCE, "{name} does not answer at {url}");
            pause(Duration::from_millis(1));
        }
        let pid = service.pid().with_context(|| format!("{name} has no process"))?;
        Ok(Self { service, address, pid })
    }
}

fn answers(url: &str, well: bool) -> bool {
    match ureq::get(url).call() {
        Ok(_) => true,
        Err(ureq::Error::StatusCode(_)) => !well,
        Err(_) => false,
    }
}

/// The benchmark's own program.
fn tool(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(cargo::released_program("menshen-bench")?);
    command.args(arguments);
    Ok(command)
}

/// Runs a command to its end, and answers what it printed.
fn finish(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn free_address() -> Result<String> {
    Ok(reserve(0, "")?.local_addr()?.to_string())
}

/// 32 random bytes in Base64.
fn random() -> Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}
