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

use super::{Place, Server, find, run};
use crate::{apt, cargo, child_process::ManagedProcess};

/// Debian's package of the server's own name would start one; here is the same program, under another name.
const PACKAGE: &str = "redis-tools";
const SAME: &str = "redis-check-rdb";

/// By which environment variable tests find the program, to start a server that they can stop.
const PROGRAM: &str = "MENSHEN_TEST_REDIS_SERVER";

/// Nodes of a cluster talk among each other so much above their port.
const BUS: u16 = 10_000;

pub(super) fn start(sh: &Shell) -> Result<Server> {
    let program = program(sh)?;
    sh.set_var(PROGRAM, &program);
    let place = Place::new(sh, "redis")?;
    let (service, url) = (serve(&place, &program, place.port, &[])?, url("redis", &[place.port]));
    Ok(Server { variable: "MENSHEN_TEST_REDIS", url, _services: vec![service] })
}

pub(super) fn start_cluster(sh: &Shell) -> Result<Server> {
    let (program, mut ports, mut services) = (program(sh)?, Vec::new(), Vec::new());
    for name in ["redis-cluster-1", "redis-cluster-2", "redis-cluster-3"] {
        let (place, port) = (Place::new(sh, name)?, port_below_a_bus()?);
        services.push(serve(&place, &program, port, &["--cluster-enabled", "yes"])?);
        ports.push(port);
    }
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(ports.iter().map(|port| format!("127.0.0.1:{port}")));
    run(create.arg("--cluster-yes"))?;
    for (service, port) in services.iter_mut().zip(&ports) {
        service.wait_for(|_| says(*port, "CLUSTER INFO", "cluster_state:ok"))?;
    }
    let url = url("redis+cluster", &ports);
    Ok(Server { variable: "MENSHEN_TEST_REDIS_CLUSTER", url, _services: services })
}

/// The server's program, under its own name: it goes by that.
fn program(sh: &Shell) -> Result<PathBuf> {
    apt::ensure(sh, "Redis", &[PACKAGE], || find(SAME).is_some() && find("redis-cli").is_some())?;
    let folder = cargo::scratch("redis")?;
    sh.create_dir(&folder)?;
    let named = folder.join("redis-server");
    if fs::symlink_metadata(&named).is_err() {
        symlink(find(SAME).context("Redis is gone")?, &named)?;
    }
    Ok(named)
}

fn serve(place: &Place, program: &Path, port: u16, more: &[&str]) -> Result<ManagedProcess> {
    // Whoever it runs as need not reach the folder that the other name is in.
    let mut server = place.command("sh");
    let (real, port_argument) = (fs::canonicalize(program)?, port.to_string());
    symlink(real, place.folder.join("redis-server"))?;
    server.args(["-c", r#"exec ./redis-server "$@""#, "redis-server", "--port", &port_argument]);
    server.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]).args(more);
    let mut service = place.serve(&server)?;
    service.wait_for(|_| says(port, "PING", "PONG"))?;
    Ok(service)
}

/// Whether the server at this port answers so.
fn says(port: u16, command: &str, expected: &str) -> Option<()> {
    let mut ask = Command::new("redis-cli");
    let said = ask.args(["-p", &port.to_string()]).args(command.split(' ')).output().ok()?;
    String::from_utf8_lossy(&said.stdout).contains(expected).then_some(())
}

fn url(scheme: &str, ports: &[u16]) -> String {
    let hosts = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>();
    format!("{scheme}://{}", hosts.join(","))
}

/// A free port with a free one for the bus above it.
fn port_below_a_bus() -> Result<u16> {
    let first = 12_000 + u16::try_from(std::process::id() % 5_000)?;
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (first..20_000).find(|port| free(*port) && free(port + BUS)).context("no two ports are free")
}
