//! PostgreSQL.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::{Durability, Location, Server, run};
use crate::apt;

/// Debian's folder of the programs, with a subfolder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Environment variable with the folder of the programs for tests that start a server with a replica.
const PROGRAMS_VARIABLE: &str = "MENSHEN_TEST_POSTGRESQL_PROGRAMS";

pub(crate) fn start(sh: &Shell, durability: Durability) -> Result<Server> {
    apt::ensure(sh, "PostgreSQL", &["postgresql"], || programs(sh).is_some())?;
    let programs = programs(sh).context("PostgreSQL's programs are not installed")?;
    sh.set_var(PROGRAMS_VARIABLE, &programs);
    let location = Location::new(sh, "postgresql")?;
    let mut init = location.command(programs.join("initdb"));
    init.args(["--pgdata=data", "--username=menshen", "--auth=trust", "--encoding=UTF8"]);
    run(init.args(["--no-locale", "--no-sync"]))?;

    let mut server = location.command(programs.join("postgres"));
    server.args(["-D", "data"]);
    if durability == Durability::Off {
        server.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    server.args(["-c", "max_connections=500"]);
    let port = location.port.to_string();
    server.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
    let mut process = location.serve(server.args(["-p", &port]))?;
    let is_ready = || {
        let mut pg_isready = Command::new(programs.join("pg_isready"));
        pg_isready.args(["-q", "-h", "127.0.0.1", "-p", &port]);
        pg_isready.status().is_ok_and(|status| status.success())
    };
    process.wait_for(|_| is_ready().then_some(()))?;
    let url = format!("postgres://menshen@127.0.0.1:{port}/postgres");
    Ok(Server { variable: "MENSHEN_TEST_POSTGRESQL", url, _processes: vec![process] })
}

/// Returns the folder of the latest version's programs.
fn programs(sh: &Shell) -> Option<PathBuf> {
    let entries = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let versions = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let debian =
        versions.max().map(|version| PathBuf::from(VERSIONS).join(version.to_string()).join("bin"));
    let pg_config = || cmd!(sh, "pg_config --bindir").quiet().ignore_stderr().read().ok();
    let programs = debian.or_else(|| pg_config().map(PathBuf::from))?;
    programs.join("initdb").is_file().then_some(programs)
}
