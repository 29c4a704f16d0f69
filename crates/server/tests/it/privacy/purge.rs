//! Start of the server while the database file cannot be purged.

use std::process::Command;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, TransactionOptions, TransactionTrait};
use testkit::databases::FreshDatabase;
use tokio::time::sleep;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::harness::{Program, environment, menshen};

/// Returns a database of about 30 MB with a pending purge.
async fn database_to_purge(sandbox: &Sandbox) -> FreshDatabase {
    let database = Program::start(sandbox).await.kill().await;
    database
        .execute(
            "WITH RECURSIVE number(value) AS \
             (SELECT 1 UNION ALL SELECT value + 1 FROM number WHERE value < 12000) \
             INSERT INTO member (id, nickname, gender, status, remark, created_at, created_by, \
             updated_at, updated_by, version) \
             SELECT randomblob(16), 'n' || value, 0, 'active', hex(randomblob(1000)), 0, \
             'operator', 0, 'operator', 1 FROM number",
        )
        .await;
    database.execute("PRAGMA user_version = 1800000000").await;
    database
}

/// Waits for the log to report that the purge failed, while members log in.
async fn log_in_until_the_purge_fails(sandbox: &Sandbox, program: &Program) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !program.output().contains("purge of deleted data failed, will retry") {
        assert!(Instant::now() < deadline, "{}", program.output());
        let started = Instant::now();
        program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    program.log_in(&sandbox.login_code("bob", MAIN_APP).unwrap(), None).await;
}

#[tokio::test]
async fn server_starts_while_the_database_is_read_and_purges_it_later() {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let database = database_to_purge(&sandbox).await;
    let connection = database.connect().await;
    let reader = connection.begin_with_options(TransactionOptions::default()).await.unwrap();
    reader.execute_unprepared("SELECT COUNT(*) FROM member").await.unwrap();
    let program = Program::start_on(database, &sandbox, &[]).await;
    log_in_until_the_purge_fails(&sandbox, &program).await;

    reader.rollback().await.unwrap();
    connection.close().await.unwrap();
    let program = Program::start_on(program.kill().await, &sandbox, &[]).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    while program.query::<i32>("PRAGMA user_version").await != 0 {
        assert!(Instant::now() < deadline, "{}", program.output());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn server_starts_and_serves_while_the_disk_has_no_room_for_the_purge() {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let database = database_to_purge(&sandbox).await;
    let environment = environment(&database, &sandbox);
    // Writes beyond the limit, which is below the size of the file, fail.
    let mut command = Command::new("/bin/sh");
    let menshen = menshen(&[], &environment);
    command.args(["-c", "trap '' XFSZ; ulimit -f 20000; exec \"$0\" serve"]);
    command.arg(menshen.get_program()).current_dir(menshen.get_current_dir().unwrap());
    command.env_clear().envs(environment.iter().cloned());
    let program = Program::start_command(command, database, environment).await;
    log_in_until_the_purge_fails(&sandbox, &program).await;
    assert_ne!(program.query::<i32>("PRAGMA user_version").await, 0);
}
