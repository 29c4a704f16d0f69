//! `cargo xtask dev`: the offline WeChat and the server, running, with one login played on them.

mod login;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use ureq::{Agent, Body, http::Response};
use xshell::Shell;

use crate::{
    cargo,
    child_process::{ManagedProcess, pause, reserve},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Stops after the login, with exit code 0 if everything went well.
    #[arg(long)]
    check: bool,
    /// The server's port; 0 takes a free one.
    #[arg(long, default_value_t = 2020)]
    port: u16,
    /// The offline WeChat's port; 0 takes a free one.
    #[arg(long, default_value_t = 2021)]
    sandbox_port: u16,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let ports = Ports::reserve(options.port, options.sandbox_port)?;
    println!("Building the server and the offline WeChat: minutes the first time, seconds later.");
    build(sh)?;
    let start = Instant::now();
    let mut environment = Environment::start(&ports, None, &[])?;
    let Environment { server_url, sandbox_url, .. } = &environment;
    println!("\nBoth are up after {} ms.", start.elapsed().as_millis());
    println!("  the server          {server_url}");
    println!("  the offline WeChat  {sandbox_url}");
    let logs = logs()?;
    println!(
        "  what they log       {}",
        logs.strip_prefix(cargo::root()).unwrap_or(&logs).display()
    );
    println!("\nOne login, the way a phone makes it:");
    login::play(server_url, sandbox_url)?;
    if options.check {
        println!("\nEverything answered as it should.");
        return Ok(());
    }
    let phone = environment.phone_page();
    println!("\nNow it is your turn. Open");
    println!("  {phone}");
    println!("    a phone to log in with, and what happens underneath");
    println!("  {server_url}/docs");
    println!("    to try the server's routes");
    println!("Ctrl-C stops both.");
    loop {
        pause(Duration::from_millis(500));
        environment.check()?;
    }
}

/// Builds the programs that an [`Environment`] runs.
pub(crate) fn build(sh: &Shell) -> Result<()> {
    cargo::build(sh, &["--bin", "menshen", "--bin", "wechat-sandbox"])
}

/// Where the two programs listen.
pub(crate) struct Ports {
    server: u16,
    sandbox: u16,
}

impl Ports {
    /// Checks that both are free; 0 takes any free one.
    pub(crate) fn reserve(server: u16, sandbox: u16) -> Result<Self> {
        let server = reserve(server, "--port")?;
        let sandbox = reserve(sandbox, "--sandbox-port")?;
        Ok(Self { server: server.local_addr()?.port(), sandbox: sandbox.local_addr()?.port() })
    }
}

/// The server and the offline WeChat it talks to, both ready; they stop when this is dropped.
pub(crate) struct Environment {
    pub(crate) server_url: String,
    pub(crate) sandbox_url: String,
    /// How the server was started.
    command: Command,
    // Dropped in this order: the server goes before what it needs.
    server: ManagedProcess,
    sandbox: ManagedProcess,
}

impl Environment {
    /// Starts both; the server keeps its data where it is configured to, or else in `data`, and takes
    /// `settings` as further environment.
    pub(crate) fn start(
        ports: &Ports,
        data: Option<&Path>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let (sandbox, sandbox_url) = start_sandbox(ports.sandbox)?;
        let listen = format!("127.0.0.1:{}", ports.server);
        let mut command = Command::new(cargo::program("menshen")?);
        command
            .arg("serve")
            .current_dir(cargo::root())
            .env("MENSHEN_PROFILE", "development")
            .env("MENSHEN_HTTP__LISTEN", &listen)
            .env("MENSHEN_WECHAT__BASE_URL", &sandbox_url)
            // So that the phone which the offline WeChat shows in a browser may call it.
            .env("MENSHEN_HTTP__CORS_ORIGINS", &sandbox_url)
            .envs(settings.iter().copied());
        if let Some(data) = data {
            let database = format!("sqlite://{}", data.join("menshen.db").display());
            command.env("MENSHEN_DATABASE__URL", database);
            command.env("MENSHEN_TOKENS__KEY_FOLDER", data);
        }
        let log = logs()?.join(format!("menshen-{}.log", ports.server));
        let mut server = ManagedProcess::start("menshen", &command, log)?;
        let server_url = format!("http://{listen}");
        let health = format!("{server_url}/health/ready");
        let agent = agent();
        let ready = |answer: Response<Body>| answer.status() == 200;
        server.wait_for(|_| agent.get(&health).call().is_ok_and(ready).then_some(()))?;
        Ok(Self { server_url, sandbox_url, command, server, sandbox })
    }

    /// Invites somebody to administrate the server, and answers with the code of the invitation.
    pub(crate) fn invite_admin(&self, name: &str) -> Result<String> {
        let mut invite = Command::new(self.command.get_program());
        invite.args(["admin", "invite", name]).current_dir(cargo::root());
        invite.envs(self.server_settings());
        let output = invite.output()?;
        let said = String::from_utf8(output.stdout)?;
        let code = said.lines().nth(1).filter(|_| output.status.success());
        code.map(str::to_owned).with_context(|| {
            format!("nobody was invited: {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// The environment that the server was started in, for other commands of its program.
    pub(crate) fn server_settings(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.command.get_envs().filter_map(|(key, value)| Some((key, value?)))
    }

    /// The address of the offline WeChat's phone, on which one logs in to this server.
    pub(crate) fn phone_page(&self) -> String {
        format!("{}/?server={}", self.sandbox_url, self.server_url)
    }

    /// An error once one of them has ended.
    fn check(&mut self) -> Result<()> {
        self.server.check()?;
        self.sandbox.check()
    }
}

/// Starts the offline WeChat alone (0 takes a free port), and says where it listens.
pub(crate) fn start_sandbox(port: u16) -> Result<(ManagedProcess, String)> {
    let mut command = Command::new(cargo::program("wechat-sandbox")?);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    let log = logs()?.join(format!("wechat-sandbox-{port}.log"));
    let mut sandbox = ManagedProcess::start("wechat-sandbox", &command, log)?;
    let url = sandbox.wait_for(ManagedProcess::printed_url)?;
    Ok((sandbox, url))
}

/// The folder of what the two programs print, a file for each and its port.
fn logs() -> Result<PathBuf> {
    cargo::scratch("logs")
}

/// An HTTP client for this machine's own programs.
fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into()
}
