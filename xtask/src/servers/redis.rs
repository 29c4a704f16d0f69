//! Redis: one server, and a cluster of three.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use xshell::Shell;

use super::{Location, Server, find, run};
use crate::{apt, cargo, child_process::ManagedProcess};

/// Debian's package that contains the server's program under another name. The package
/// `redis-server` would start a server when it is installed.
const PACKAGE: &str = "redis-tools";

/// Name of the program in [`PACKAGE`]: Redis is one binary that acts according to its name.
const PROGRAM_ALIAS: &str = "redis-check-rdb";

/// Environment variable with the program's path for tests that start a server and stop it.
const PROGRAM_VARIABLE: &str = "MENSHEN_TEST_REDIS_SERVER";

/// Offset of the port of the cluster bus from the port of the node.
const BUS_PORT_OFFSET: u16 = 10_000;

pub(super) fn start(sh: &Shell) -> Result<Server> {
    let program = program(sh)?;
    sh.set_var(PROGRAM_VARIABLE, &program);
    let location = Location::new(sh, "redis")?;
    let process = serve(&location, &program, location.port, &[])?;
    let url = url("redis", &[location.port]);
    Ok(Server { variable: "MENSHEN_TEST_REDIS", url, _processes: vec![process] })
}

pub(super) fn start_cluster(sh: &Shell) -> Result<Server> {
    let program = program(sh)?;
    let mut ports = Vec::new();
    let mut processes = Vec::new();
    for name in ["redis-cluster-1", "redis-cluster-2", "redis-cluster-3"] {
        let location = Location::new(sh, name)?;
        let port = cluster_port()?;
        processes.push(serve(&location, &program, port, &["--cluster-enabled", "yes"])?);
        ports.push(port);
    }
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(ports.iter().map(|port| format!("127.0.0.1:{port}")));
    run(create.arg("--cluster-yes"))?;
    for (process, port) in processes.iter_mut().zip(&ports) {
        process.wait_for(|_| expect_reply(*port, "CLUSTER INFO", "cluster_state:ok"))?;
    }
    let url = url("redis+cluster", &ports);
    Ok(Server { variable: "MENSHEN_TEST_REDIS_CLUSTER", url, _processes: processes })
}

/// Returns the path of the server's program under the name `redis-server`.
fn program(sh: &Shell) -> Result<PathBuf> {
    let is_installed = || find(PROGRAM_ALIAS).is_some() && find("redis-cli").is_some();
    apt::ensure(sh, "Redis", &[PACKAGE], is_installed)?;
    let folder = cargo::scratch("redis")?;
    sh.create_dir(&folder)?;
    let link = folder.join("redis-server");
    if fs::symlink_metadata(&link).is_err() {
        symlink(find(PROGRAM_ALIAS).context("Redis is not installed")?, &link)?;
    }
    Ok(link)
}

fn serve(
    location: &Location,
    program: &Path,
    port: u16,
    arguments: &[&str],
) -> Result<ManagedProcess> {
    // The unprivileged user may not be able to open the folder of `program`.
    symlink(fs::canonicalize(program)?, location.folder.join("redis-server"))?;
    let port_argument = port.to_string();
    let mut server = location.command("sh");
    server.args(["-c", r#"exec ./redis-server "$@""#, "redis-server", "--port", &port_argument]);
    server.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]).args(arguments);
    let mut process = location.serve(&server)?;
    process.wait_for(|_| expect_reply(port, "PING", "PONG"))?;
    Ok(process)
}

/// Sends a command to the server on `port`; `None` unless the reply contains `expected`.
fn expect_reply(port: u16, command: &str, expected: &str) -> Option<()> {
    let mut redis_cli = Command::new("redis-cli");
    let output =
        redis_cli.args(["-p", &port.to_string()]).args(command.split(' ')).output().ok()?;
    String::from_utf8_lossy(&output.stdout).contains(expected).then_some(())
}

fn url(scheme: &str, ports: &[u16]) -> String {
    let hosts = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>();
    format!("{scheme}://{}", hosts.join(","))
}

/// Returns a free port whose port of the cluster bus is free, too.
fn cluster_port() -> Result<u16> {
    let first = 12_000 + u16::try_from(std::process::id() % 5_000)?;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut ports = first..20_000;
    ports
        .find(|port| is_free(*port) && is_free(port + BUS_PORT_OFFSET))
        .context("no free port below 20000 has a free port of the cluster bus")
}
