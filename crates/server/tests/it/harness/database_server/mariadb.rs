//! MariaDB with a replica and semi-synchronous replication.

use std::process::Command;

use testkit::databases::execute;

use super::{Folder, ReplicatedDatabase, Server, await_one, program, run};
use crate::harness::nginx::free_port;

/// Environment variable with the path of MariaDB's server program.
const PROGRAM: &str = "MENSHEN_TEST_MARIADB_SERVER";

/// Program that creates the system tables of a server.
const INIT_PROGRAM: &str = "mariadb-install-db";

/// Folder of the data, in the folder of a server.
const DATA: &str = "data";

/// Primary and replica.
pub(crate) struct Mariadb {
    primary: Server,
    primary_port: u16,
    _replica: Server,
    replica_port: u16,
}

impl ReplicatedDatabase for Mariadb {
    async fn start() -> Self {
        // A commit waits for the replica without a time limit, until the replica has it in its log.
        let settings = [
            "--server-id=1",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--rpl-semi-sync-master-enabled=ON",
            "--rpl-semi-sync-master-timeout=86400000",
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
        ];
        let folders = [Folder::new(), Folder::new()];
        create_system_tables(&folders).await;
        let [primary_folder, replica_folder] = folders;
        let (primary, primary_port) = start_server(primary_folder, &settings).await;
        let settings = ["--server-id=2", "--read-only=ON", "--rpl-semi-sync-slave-enabled=ON"];
        let (replica, replica_port) = start_server(replica_folder, &settings).await;
        let change_master = format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {primary_port}, MASTER_USER = 'root',
             MASTER_USE_GTID = slave_pos; START SLAVE"
        );
        execute(&admin_url(replica_port), &change_master).await.unwrap();
        let has_replica =
            "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS
             WHERE VARIABLE_NAME = 'Rpl_semi_sync_master_clients'";
        let admin = admin_url(primary_port);
        await_one(&admin, has_replica).await;
        // `read_only` does not apply to root.
        let create =
            "CREATE DATABASE menshen; CREATE USER menshen; GRANT ALL ON menshen.* TO menshen";
        execute(&admin, create).await.unwrap();
        Self { primary, primary_port, _replica: replica, replica_port }
    }

    fn primary_url(&self) -> String {
        url(self.primary_port)
    }

    fn replica_url(&self) -> String {
        url(self.replica_port)
    }

    fn kill_primary(&mut self) {
        self.primary.kill();
    }

    async fn make_primary_read_only(&self) {
        execute(&admin_url(self.primary_port), "SET GLOBAL read_only = ON").await.unwrap();
    }

    async fn promote_replica(&self) {
        let admin = admin_url(self.replica_port);
        execute(&admin, "STOP SLAVE IO_THREAD").await.unwrap();
        // The replica has acknowledged transactions that it may not have executed yet.
        let has_executed_log = "SELECT COUNT(*) FROM information_schema.PROCESSLIST
             WHERE COMMAND = 'Slave_SQL' AND STATE LIKE 'Slave has read all relay log%'";
        await_one(&admin, has_executed_log).await;
        execute(&admin, "STOP SLAVE; SET GLOBAL read_only = OFF").await.unwrap();
    }
}

/// Creates the system tables in the first folder, and copies them to the second one, which is faster.
async fn create_system_tables([first, second]: &[Folder; 2]) {
    let mut init = first.command(INIT_PROGRAM);
    // Without `--basedir`, it looks for its files below the current folder.
    let data = format!("--datadir={}", first.path().join(DATA).display());
    init.args(["--no-defaults", "--basedir=/usr", &data, "--skip-test-db"]);
    init.arg("--auth-root-authentication-method=normal");
    run(init).await;
    let mut copy = Command::new("cp");
    copy.arg("--archive").arg(first.path().join(DATA)).arg(second.path());
    run(copy).await;
}

/// Starts a server with the data in this folder and these settings on a free port.
async fn start_server(folder: Folder, settings: &[&str]) -> (Server, u16) {
    let port = free_port();
    let mut command = folder.command(program(PROGRAM));
    let data = format!("--datadir={}", folder.path().join(DATA).display());
    let socket = format!("--socket={}", folder.path().join("socket").display());
    command.args(["--no-defaults", &data, &socket, "--bind-address=127.0.0.1"]);
    command.args([&format!("--port={port}"), "--skip-name-resolve"]).args(settings);
    command.arg("--innodb-flush-log-at-trx-commit=0");
    (Server::start(folder, command, &admin_url(port)).await, port)
}

fn admin_url(port: u16) -> String {
    format!("mysql://root@127.0.0.1:{port}/mysql")
}

fn url(port: u16) -> String {
    format!("mysql://menshen@127.0.0.1:{port}/menshen")
}
