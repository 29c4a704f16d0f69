//! PostgreSQL with a streaming replica.

use testkit::databases::execute;

use super::{Folder, ReplicatedDatabase, Server, await_one, program, run};
use crate::harness::nginx::free_port;

/// Environment variable with the folder of PostgreSQL's programs.
const PROGRAMS: &str = "MENSHEN_TEST_POSTGRESQL_PROGRAMS";

/// Primary and replica.
pub(crate) struct Postgresql {
    primary: Server,
    primary_port: u16,
    _replica: Server,
    replica_port: u16,
}

impl ReplicatedDatabase for Postgresql {
    async fn start() -> Self {
        let folder = Folder::new();
        let mut init = folder.command(postgresql_program("initdb"));
        init.args(["--pgdata=data", "--username=menshen", "--auth=trust", "--encoding=UTF8"]);
        init.args(["--no-locale", "--no-sync"]);
        run(init).await;
        let (primary, primary_port) = start_server(folder).await;

        let folder = Folder::new();
        let mut backup = folder.command(postgresql_program("pg_basebackup"));
        backup.args(["--pgdata=data", "--host=127.0.0.1", "--username=menshen", "--no-sync"]);
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--port"]);
        backup.arg(primary_port.to_string());
        run(backup).await;
        let (replica, replica_port) = start_server(folder).await;

        let admin = url(primary_port, "postgres");
        // The setting is made after the backup: the replica, once promoted, has no replica to wait for.
        execute(&admin, "ALTER SYSTEM SET synchronous_standby_names = '*'").await.unwrap();
        reload(&admin).await;
        let is_synchronous = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        await_one(&admin, is_synchronous).await;
        execute(&admin, "CREATE DATABASE menshen").await.unwrap();
        Self { primary, primary_port, _replica: replica, replica_port }
    }

    fn primary_url(&self) -> String {
        url(self.primary_port, "menshen")
    }

    fn replica_url(&self) -> String {
        url(self.replica_port, "menshen")
    }

    fn kill_primary(&mut self) {
        self.primary.kill();
    }

    async fn make_primary_read_only(&self) {
        let admin = url(self.primary_port, "postgres");
        execute(&admin, "ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
        reload(&admin).await;
    }

    async fn promote_replica(&self) {
        execute(&url(self.replica_port, "postgres"), "SELECT pg_promote()").await.unwrap();
        await_one(&self.replica_url(), "SELECT (NOT pg_is_in_recovery())::int::bigint").await;
    }
}

/// Starts a server with the data in this folder on a free port.
async fn start_server(folder: Folder) -> (Server, u16) {
    let port = free_port();
    let mut command = folder.command(postgresql_program("postgres"));
    command.args(["-D", "data", "-c", "listen_addresses=127.0.0.1", "-p", &port.to_string()]);
    command.args(["-c", "unix_socket_directories=", "-c", "fsync=off"]);
    (Server::start(folder, command, &url(port, "postgres")).await, port)
}

async fn reload(admin: &str) {
    execute(admin, "SELECT pg_reload_conf()").await.unwrap();
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://menshen@127.0.0.1:{port}/{database}")
}

fn postgresql_program(name: &str) -> String {
    format!("{}/{name}", program(PROGRAMS))
}
