//! End of all sessions, change of the refresh key, and the steps after a restore.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::databases::{FreshDatabase, Kind};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::MAIN_APP;

use crate::harness::{Answer, Program, environment, menshen, unlimited_sandbox};

testkit::on_every_database! {
    sessions_end_all_ends_the_sessions_of_every_member
    sessions_of_another_epoch_prevent_the_start
}

const OLD: &str = "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=";
const NEW: &str = "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk=";

/// Maximum age of a cached session, on a busy machine.
const CACHE_TIMEOUT: Duration = Duration::from_secs(10);

/// Repository root.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Guide whose commands a test runs.
const GUIDE: &str = include_str!("../../../../docs/guides/backup-and-restore.md");

async fn log_in(sandbox: &Sandbox, program: &Program, user: &str) -> Value {
    program.log_in(&sandbox.login_code(user, MAIN_APP).unwrap(), None).await
}

/// Refreshes the session and returns the new tokens.
async fn refresh(program: &Program, tokens: &Value) -> Value {
    let answer = Answer::of(program.refresh(tokens)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["data"].clone()
}

async fn get_profile(program: &Program, tokens: &Value) -> Answer {
    Answer::of(program.get("/me").bearer_auth(tokens["token"].as_str().unwrap())).await
}

/// Sets the epoch of sessions.
fn epoch(number: u32) -> (String, String) {
    ("MENSHEN_TOKENS__SESSION_EPOCH".to_owned(), number.to_string())
}

/// Returns standard output and error.
fn text_of(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

async fn sessions_end_all_ends_the_sessions_of_every_member(database: FreshDatabase) {
    let sandbox = unlimited_sandbox().await;
    let program = Program::start_on(database, &sandbox, &[]).await;
    let alice = log_in(&sandbox, &program, "alice").await;
    let bob = log_in(&sandbox, &program, "bob").await;
    let unconfirmed = menshen(&["sessions", "end"], &environment(program.database(), &sandbox));
    let refused = { unconfirmed }.output().unwrap();
    assert!(!refused.status.success() && text_of(&refused).contains("--all"));
    assert_eq!(get_profile(&program, &alice).await.status, 200);

    let output = program.command(&["sessions", "end", "--all"]).await;
    assert!(output.contains("Ended 2 sessions. The sessions are now of epoch 0."), "{output}");
    for tokens in [&alice, &bob] {
        let refreshed = Answer::of(program.refresh(tokens)).await;
        assert_eq!(refreshed.failure(), (401, "session_revoked"));
    }
    // The cache of this instance may answer for a second.
    let begun = Instant::now();
    while get_profile(&program, &alice).await.failure() != (401, "session_revoked") {
        assert!(begun.elapsed() < CACHE_TIMEOUT, "the access token is still accepted");
    }
    let events: i64 = program
        .query("SELECT COUNT(*) FROM audit_event WHERE kind = 'sessions_ended' AND detail = 'all members'")
        .await;
    assert_eq!(events, 1);
    assert_eq!(log_in(&sandbox, &program, "alice").await["isNew"], false);
}

async fn sessions_of_another_epoch_prevent_the_start(database: FreshDatabase) {
    let sandbox = unlimited_sandbox().await;
    let program = Program::start_on(database, &sandbox, &[]).await;
    let before = log_in(&sandbox, &program, "alice").await;
    let (_, database) = program.terminate().await;
    let base = environment(&database, &sandbox);
    let in_epoch = |number| [base.clone(), vec![epoch(number)]].concat();
    let raised = menshen(&["serve"], &in_epoch(2)).output().unwrap();
    assert!(!raised.status.success());
    assert!(text_of(&raised).contains("run `menshen sessions end --all`"), "{}", text_of(&raised));
    let findings = menshen(&["doctor"], &in_epoch(2)).output().unwrap();
    assert!(text_of(&findings).contains("are of epoch 0, which is over"), "{}", text_of(&findings));
    assert!(menshen(&["sessions", "end", "--all"], &in_epoch(2)).status().unwrap().success());
    for command in [&["serve"][..], &["sessions", "end", "--all"]] {
        let lowered = menshen(command, &in_epoch(1)).output().unwrap();
        assert!(!lowered.status.success());
        assert!(text_of(&lowered).contains("never lowered"), "{}", text_of(&lowered));
    }
    let (name, number) = epoch(2);
    let program = Program::start_on(database, &sandbox, &[(&name, &number)]).await;
    assert_eq!(Answer::of(program.refresh(&before)).await.status, 401);
    let after = log_in(&sandbox, &program, "alice").await;
    refresh(&program, &after).await;
}

#[tokio::test]
async fn change_of_the_refresh_key_keeps_sessions() {
    let sandbox = unlimited_sandbox().await;
    let key = ("MENSHEN_TOKENS__REFRESH_KEY", OLD);
    let program = Program::start_with(&sandbox, &[key]).await;
    let first = log_in(&sandbox, &program, "alice").await;
    let both = [("MENSHEN_TOKENS__REFRESH_KEY", NEW), ("MENSHEN_TOKENS__FORMER_REFRESH_KEYS", OLD)];
    let program = Program::start_on(program.terminate().await.1, &sandbox, &both).await;
    let second = refresh(&program, &first).await;
    let again = refresh(&program, &first).await;
    assert_eq!(again["refreshToken"], second["refreshToken"], "the response was lost");
    let key = ("MENSHEN_TOKENS__REFRESH_KEY", NEW);
    let program = Program::start_on(program.terminate().await.1, &sandbox, &[key]).await;
    refresh(&program, &second).await;
    assert_eq!(Answer::of(program.refresh(&first)).await.failure(), (401, "unauthenticated"));
}

/// Commands in the code blocks of a section of the guide.
fn commands(section: &str) -> String {
    let (_, section) = GUIDE.split_once(&format!("\n## {section}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks: Vec<&str> = blocks.map(|block| block.split("```").next().unwrap()).collect();
    // Blocks in a list are indented.
    let lines = blocks.iter().flat_map(|block| block.lines()).map(str::trim);
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs commands in a folder, with the program in the search path.
fn run(commands: &str, folder: &Path, environment: &[(String, String)]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_menshen")).parent().unwrap().display();
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", commands]).current_dir(folder).env_clear();
    shell.envs(environment.iter().cloned()).env("PATH", format!("{program}:/usr/bin:/bin"));
    shell.output().unwrap()
}

/// Follows the guide with a backup of SQLite. A refresh token that was exchanged after the backup, and a session
/// that ended after it, are not revived.
#[tokio::test]
async fn restored_backup_revives_no_session_after_the_documented_steps() {
    let sandbox = unlimited_sandbox().await;
    let program = Program::start_on(FreshDatabase::new(Kind::Sqlite).await, &sandbox, &[]).await;
    let stolen = log_in(&sandbox, &program, "alice").await;
    let ended = log_in(&sandbox, &program, "bob").await;
    let (_, database) = program.terminate().await;
    let folder = tempfile::tempdir().unwrap();
    symlink(Path::new(ROOT).join("config"), folder.path().join("config")).unwrap();
    symlink(database.folder(), folder.path().join("data")).unwrap();
    std::fs::create_dir(folder.path().join("backup")).unwrap();
    let backup = folder.path().join("backup/menshen.db");
    std::fs::copy(database.folder().join("menshen.db"), &backup).unwrap();

    let program = Program::start_on(database, &sandbox, &[]).await;
    let current = refresh(&program, &stolen).await;
    let logout = program.post("/logout", &json!({})).bearer_auth(ended["token"].as_str().unwrap());
    assert_eq!(Answer::of(logout).await.status, 200);
    let (_, database) = program.terminate().await;

    let environment = environment(&database, &sandbox);
    let followed = run(&commands("After a restore"), folder.path(), &environment);
    assert!(followed.status.success(), "{}", text_of(&followed));
    assert!(text_of(&followed).contains("now of epoch 1"), "{}", text_of(&followed));
    let (name, number) = epoch(1);
    let program = Program::start_on(database, &sandbox, &[(&name, &number)]).await;
    for tokens in [&stolen, &current, &ended] {
        assert_eq!(Answer::of(program.refresh(tokens)).await.status, 401);
        assert_eq!(get_profile(&program, tokens).await.status, 401);
    }
    let again = log_in(&sandbox, &program, "alice").await;
    refresh(&program, &again).await;

    // The same backup cannot be restored once more without the steps: it is of an earlier epoch.
    let (_, database) = program.terminate().await;
    std::fs::copy(&backup, database.folder().join("menshen.db")).unwrap();
    let refused = menshen(&["serve"], &[environment, vec![epoch(1)]].concat()).output().unwrap();
    assert!(!refused.status.success());
    assert!(
        text_of(&refused).contains("run `menshen sessions end --all`"),
        "{}",
        text_of(&refused)
    );
}
