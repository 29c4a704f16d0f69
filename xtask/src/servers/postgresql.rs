//! PostgreSQL.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::{Lasting, Place, Server, run};
use crate::apt;

/// Where Debian keeps the programs, below a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

pub(crate) fn start(sh: &Shell, lasting: Lasting) -> Result<Server> {
    apt::ensure(sh, "PostgreSQL", &["postgresql"], || programs(sh).is_some())?;
    let programs = programs(sh).context("PostgreSQL's programs are gone")?;
    let place = Place::new(sh, "postgresql")?;
    let mut init = place.command(programs.join("initdb"));
    init.args(["--pgdata=data", "--username=menshen", "--auth=trust", "--encoding=UTF8"]);
    run(init.args(["--no-locale", "--no-sync"]))?;

    let mut server = place.command(programs.join("postgres"));
    server.args(["-D", "data"]);
    if lasting == Lasting::Nothing {
        server.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    server.args(["-c", "max_connections=500"]);
    let port = place.port.to_string();
    server.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
    let mut service = place.serve(server.args(["-p", &port]))?;
    let ready = || {
        let mut ask = Command::new(programs.join("pg_isready"));
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port]).status().is_ok_and(|said| said.success())
    };
    service.wait_for(|_| ready().then_some(()))?;
    let url = format!("postgres://menshen@127.0.0.1:{port}/postgres");
    Ok(Server { variable: "MENSHEN_TEST_POSTGRESQL", url, _services: vec![service] })
}

/// The folder of the newest version's programs.
fn programs(sh: &Shell) -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let named = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let debian =
        named.max().map(|version| PathBuf::from(VERSIONS).join(version.to_string()).join("bin"));
    let elsewhere = || cmd!(sh, "pg_config --bindir").quiet().ignore_stderr().read().ok();
    let programs = debian.or_else(|| elsewhere().map(PathBuf::from))?;
    programs.join("initdb").is_file().then_some(programs)
}
