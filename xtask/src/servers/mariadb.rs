//! MariaDB, which is tested in place of MySQL, too.

use std::{io::Read, net::TcpStream, time::Duration};

use anyhow::{Context, Result};
use xshell::Shell;

use super::{Durability, Location, Server, find, run};
use crate::apt;

/// Programs of the server and of the creation of its system tables. The packages below do not start
/// a server when they are installed.
const PROGRAMS: [&str; 3] = ["mariadbd", "mariadb-install-db", "my_print_defaults"];
const PACKAGES: [&str; 2] = ["mariadb-server-core", "mariadb-client"];

/// Environment variable with the path of the server for tests that start a server with a replica.
const PROGRAM_VARIABLE: &str = "MENSHEN_TEST_MARIADB_SERVER";

pub(crate) fn start(sh: &Shell, durability: Durability) -> Result<Server> {
    let is_installed = || PROGRAMS.iter().all(|program| find(program).is_some());
    apt::ensure(sh, "MariaDB", &PACKAGES, is_installed)?;
    let program = find(PROGRAMS[0]).context("mariadbd is not installed")?;
    sh.set_var(PROGRAM_VARIABLE, &program);
    let location = Location::new(sh, "mariadb")?;
    let data = format!("--datadir={}", location.folder.join("data").display());
    let mut init = location.command(PROGRAMS[1]);
    // Without `--basedir`, it looks for its files below the current folder.
    init.args(["--no-defaults", "--basedir=/usr", &data, "--skip-test-db"]);
    run(init.arg("--auth-root-authentication-method=normal"))?;

    let mut server = location.command(program);
    let socket = format!("--socket={}", location.folder.join("socket").display());
    let port = location.port;
    server.args(["--no-defaults", &data, &socket, "--bind-address=127.0.0.1"]);
    server.args([&format!("--port={port}"), "--max-connections=500", "--skip-name-resolve"]);
    if durability == Durability::Off {
        server.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]);
    }
    let mut process = location.serve(&server)?;
    process.wait_for(|_| read_greeting(port))?;
    let url = format!("mysql://root@127.0.0.1:{port}");
    Ok(Server { variable: "MENSHEN_TEST_MARIADB", url, _processes: vec![process] })
}

/// Reads the greeting of the MySQL protocol, in which the server sends first.
fn read_greeting(port: u16) -> Option<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    connection.read_exact(&mut [0; 5]).ok()
}
