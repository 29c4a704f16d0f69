//! `cargo xtask dev`: the WeChat sandbox and the server, with one login as a demonstration.

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
    /// Stop after the login; the exit code is 0 on success.
    #[arg(long)]
    check: bool,
    /// Port of the server; 0 selects a free port.
    #[arg(long, default_value_t = 2020)]
    port: u16,
    /// Port of the WeChat sandbox; 0 selects a free port.
    #[arg(long, default_value_t = 2021)]
    sandbox_port: u16,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let ports = Ports::reserve(options.port, options.sandbox_port)?;
    println!("Building the server and the WeChat sandbox (some minutes for the first build).");
    build(sh)?;
    let start = Instant::now();
    let mut environment = Environment::start(&ports, None, &[])?;
    let Environment { server_url, sandbox_url, .. } = &environment;
    println!("\nBoth are ready after {} ms.", start.elapsed().as_millis());
    println!("  server   {server_url}");
    println!("  sandbox  {sandbox_url}");
    let logs = logs()?;
    println!("  logs     {}", logs.strip_prefix(cargo::root()).unwrap_or(&logs).display());
    println!("\nOne login, with the requests of a phone:");
    login::run(server_url, sandbox_url)?;
    if options.check {
        println!("\nThe login succeeded.");
        return Ok(());
    }
    let phone = environment.phone_page();
    println!("\nOpen in a browser:");
    println!("  {phone}");
    println!("    a phone to log in with, and a diagram of the requests");
    println!("  {server_url}/docs");
    println!("    the API documentation, with forms to call it");
    println!("Ctrl-C stops both.");
    loop {
        pause(Duration::from_millis(500));
        environment.check()?;
    }
}

/// Builds the programs of an [`Environment`].
pub(crate) fn build(sh: &Shell) -> Result<()> {
    cargo::build(sh, &["--bin", "menshen", "--bin", "wechat-sandbox"])
}

/// Ports of the two programs.
pub(crate) struct Ports {
    server: u16,
    sandbox: u16,
}

impl Ports {
    /// Checks that both ports are free; 0 selects any free port.
    pub(crate) fn reserve(server: u16, sandbox: u16) -> Result<Self> {
        let server = reserve(server, "--port")?;
        let sandbox = reserve(sandbox, "--sandbox-port")?;
        Ok(Self { server: server.local_addr()?.port(), sandbox: sandbox.local_addr()?.port() })
    }
}

/// A server and its WeChat sandbox, both ready. They stop when this is dropped.
pub(crate) struct Environment {
    pub(crate) server_url: String,
    pub(crate) sandbox_url: String,
    /// Command that started the server.
    command: Command,
    // Fields are dropped in this order: the server stops before the sandbox that it calls.
    server: ManagedProcess,
    sandbox: ManagedProcess,
}

impl Environment {
    /// Starts both. The server stores its data in `data`, or in the configured location if that is
    /// `None`; `settings` are further environment variables.
    pub(crate) fn start(
        ports: &Ports,
        data: Option<&Path>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let (sandbox, sandbox_url) = start_sandbox(ports.sandbox, &[])?;
        let listen = format!("127.0.0.1:{}", ports.server);
        let mut command = Command::new(cargo::program("menshen")?);
        command
            .arg("serve")
            .current_dir(cargo::root())
            .env("MENSHEN_PROFILE", "development")
            .env("MENSHEN_HTTP__LISTEN", &listen)
            .env("MENSHEN_WECHAT__BASE_URL", &sandbox_url)
            // The sandbox's phone page, in a browser, calls the server.
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
        let is_ready = |response: Response<Body>| response.status() == 200;
        server.wait_for(|_| agent.get(&health).call().is_ok_and(is_ready).then_some(()))?;
        Ok(Self { server_url, sandbox_url, command, server, sandbox })
    }

    /// Invites an administrator; returns the code of the invitation.
    pub(crate) fn invite_admin(&self, name: &str) -> Result<String> {
        let mut invite = Command::new(self.command.get_program());
        invite.args(["admin", "invite", name]).current_dir(cargo::root());
        invite.envs(self.server_settings());
        let output = invite.output()?;
        let printed = String::from_utf8(output.stdout)?;
        let code = printed.lines().nth(1).filter(|_| output.status.success());
        code.map(str::to_owned).with_context(|| {
            format!("inviting {name} failed: {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// Returns the server's environment variables, for other commands of its program.
    pub(crate) fn server_settings(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.command.get_envs().filter_map(|(key, value)| Some((key, value?)))
    }

    /// Returns the URL of the sandbox's phone page that logs in to this server.
    pub(crate) fn phone_page(&self) -> String {
        format!("{}/?server={}", self.sandbox_url, self.server_url)
    }

    /// Fails if one of the programs has ended.
    fn check(&mut self) -> Result<()> {
        self.server.check()?;
        self.sandbox.check()
    }
}

/// Starts only the WeChat sandbox (port 0: any free port) with additional arguments; returns the process
/// and its URL.
pub(crate) fn start_sandbox(port: u16, arguments: &[&str]) -> Result<(ManagedProcess, String)> {
    let mut command = Command::new(cargo::program("wechat-sandbox")?);
    command.args(["--listen", &format!("127.0.0.1:{port}")]).args(arguments);
    let log = logs()?.join(format!("wechat-sandbox-{port}.log"));
    let mut sandbox = ManagedProcess::start("wechat-sandbox", &command, log)?;
    let url = sandbox.wait_for(ManagedProcess::printed_url)?;
    Ok((sandbox, url))
}

/// Returns the folder of the logs, with a file for each program and port.
fn logs() -> Result<PathBuf> {
    cargo::scratch("logs")
}

/// Creates an HTTP client for programs on this machine.
fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into()
}
