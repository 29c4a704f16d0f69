//! MariaDB, which stands in for MySQL too.

use std::{io::Read, net::TcpStream, time::Duration};

use anyhow::{Context, Result};
use xshell::Shell;

use super::{Lasting, Place, Server, find, run};
use crate::apt;

/// The server, and what makes its first tables; the packages leave it to others to run them.
const PROGRAMS: [&str; 3] = ["mariadbd", "mariadb-install-db", "my_print_defaults"];
const PACKAGES: [&str; 2] = ["mariadb-server-core", "mariadb-client"];

pub(crate) fn start(sh: &Shell, lasting: Lasting) -> Result<Server> {
    let present = || PROGRAMS.iter().all(|program| find(program).is_some());
    apt::ensure(sh, "MariaDB", &PACKAGES, present)?;
    let place = Place::new(sh, "mariadb")?;
    let data = format!("--datadir={}", place.folder.join("data").display());
    let mut init = place.command(PROGRAMS[1]);
    // Otherwise it would look for its files below the folder it is run in.
    init.args(["--no-defaults", "--basedir=/usr", &data, "--skip-test-db"]);
    run(init.arg("--auth-root-authentication-method=normal"))?;

    let mut server = place.command(find(PROGRAMS[0]).context("MariaDB's server is gone")?);
    let socket = format!("--socket={}", place.folder.join("socket").display());
    let port = place.port;
    server.args(["--no-defaults", &data, &socket, "--bind-address=127.0.0.1"]);
    server.args([&format!("--port={port}"), "--max-connections=500", "--skip-name-resolve"]);
    if lasting == Lasting::Nothing {
        server.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]);
    }
    let mut service = place.serve(&server)?;
    service.wait_for(|_| greets(port))?;
    let url = format!("mysql://root@127.0.0.1:{port}");
    Ok(Server { variable: "MENSHEN_TEST_MARIADB", url, _services: vec![service] })
}

/// Whether somebody answers there as a server of MySQL's kind does: it speaks first.
fn greets(port: u16) -> Option<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    connection.read_exact(&mut [0; 5]).ok()
}
