//! The migrations on SQLite: up, down, and what is told of them.

use std::error::Error;

use migration::{MigrationError, Status};
use sea_orm_migration::sea_orm::sqlx::{
    AssertSqlSafe, Connection, Executor, Row, SqliteConnection,
};
use tempfile::TempDir;

/// A database that does not exist yet, in a folder that does not either.
fn nowhere() -> (String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (format!("sqlite://{}", folder.path().join("a/b/menshen.db").display()), folder)
}

async fn rows(url: &str, query: &'static str) -> Vec<String> {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let rows = connection.fetch_all(query).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Everything in the database that is ours.
async fn schema(url: &str) -> Vec<String> {
    let ours = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master \
                WHERE name NOT LIKE '%seaql_migrations%' ORDER BY 1";
    rows(url, ours).await
}

async fn applied(url: &str) -> Vec<bool> {
    let status = migration::status(url).await.unwrap();
    status.into_iter().map(|Status { applied, .. }| applied).collect()
}

#[tokio::test]
async fn up_makes_the_file_its_folder_and_every_table() {
    let (url, _folder) = nowhere();
    migration::up(&url).await.unwrap();
    let tables = rows(&url, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").await;
    let expected = [
        "admin",
        "admin_session",
        "audit_event",
        "data_key",
        "identity",
        "member",
        "redemption",
        "seaql_migrations",
        "seen_push",
        "session",
        "session_key",
        "signing_key",
        "tombstone",
        "withdrawal",
    ];
    assert_eq!(tables, expected);
}

#[tokio::test]
async fn up_again_changes_nothing() {
    let (url, _folder) = nowhere();
    migration::up(&url).await.unwrap();
    let before = schema(&url).await;
    migration::up(&url).await.unwrap();
    assert_eq!(schema(&url).await, before);
}

#[tokio::test]
async fn every_migration_can_be_taken_back_and_applied_again() {
    let (url, _folder) = nowhere();
    migration::up(&url).await.unwrap();
    let before = schema(&url).await;
    for _ in applied(&url).await {
        migration::down(&url).await.unwrap();
    }
    assert_eq!(schema(&url).await, Vec::<String>::new());
    assert!(applied(&url).await.iter().all(|applied| !applied));
    migration::up(&url).await.unwrap();
    assert_eq!(schema(&url).await, before);
}

#[tokio::test]
async fn down_takes_back_the_last_one_only() {
    let (url, _folder) = nowhere();
    migration::up(&url).await.unwrap();
    migration::down(&url).await.unwrap();
    let mut expected = vec![true; applied(&url).await.len()];
    *expected.last_mut().unwrap() = false;
    assert_eq!(applied(&url).await, expected);
}

#[tokio::test]
async fn status_tells_what_is_pending_and_changes_no_table() {
    let (url, _folder) = nowhere();
    assert!(applied(&url).await.iter().all(|applied| !applied));
    assert_eq!(rows(&url, "SELECT name FROM sqlite_master").await, Vec::<String>::new());
    migration::up(&url).await.unwrap();
    let status = migration::status(&url).await.unwrap();
    assert!(status.iter().all(|migration| migration.applied));
    assert_eq!(status[0].name, "m20261120_090000_members");
    assert!(status.is_sorted_by_key(|migration| migration.name.clone()));
}

#[tokio::test]
async fn fresh_drops_whatever_there_was() {
    let (url, _folder) = nowhere();
    migration::up(&url).await.unwrap();
    let before = schema(&url).await;
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute(AssertSqlSafe("CREATE TABLE stray (a integer)".to_owned())).await.unwrap();
    connection.close().await.unwrap();
    migration::fresh(&url).await.unwrap();
    assert_eq!(schema(&url).await, before);
}

#[tokio::test]
async fn a_database_migrated_by_a_newer_program_is_refused() {
    let (url, _folder) = nowhere();
    migration::up(&url).await.unwrap();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let newer = "INSERT INTO seaql_migrations VALUES ('m29990101_000000_later', 0)";
    connection.execute(newer).await.unwrap();
    assert!(matches!(migration::up(&url).await, Err(MigrationError::Refused(_))));
}

#[tokio::test]
async fn what_is_no_database_is_refused_without_showing_the_password() {
    assert!(matches!(migration::up("sqlite::memory:").await, Err(MigrationError::InMemory)));
    for url in ["", "menshen.db", "oracle://u:hunter2@h/d", "postgres://u:hunter2@h:port/d"] {
        let error = migration::up(url).await.unwrap_err();
        let told = format!("{error} {error:?} {:?}", error.source());
        assert!(!told.contains("hunter2"), "{told}");
    }
}
