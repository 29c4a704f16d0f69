//! Tests of SQLite files, and of URLs.

use std::error::Error;

use migration::MigrationError;
use testkit::databases::{FreshDatabase, Kind};

#[tokio::test]
async fn up_creates_the_file_its_folder_and_all_tables() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let (folder, _) = database.url().rsplit_once('/').unwrap();
    let url = format!("{folder}/a/b/menshen.db");
    migration::up(&url).await.unwrap();
    assert!(migration::status(&url).await.unwrap().iter().all(|migration| migration.applied));
    migration::up(database.url()).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1";
    let tables: Vec<String> = database.query_all(tables).await;
    let expected = [
        "admin",
        "admin_session",
        "app",
        "audit_event",
        "data_key",
        "heartbeat",
        "identity",
        "member",
        "outbox",
        "redemption",
        "seaql_migrations",
        "seen_push",
        "session",
        "session_epoch",
        "session_key",
        "signing_key",
        "tombstone",
        "withdrawal",
    ];
    assert_eq!(tables, expected);
}

#[tokio::test]
async fn invalid_url_is_rejected_without_exposing_the_password() {
    assert!(matches!(migration::up("sqlite::memory:").await, Err(MigrationError::InMemory)));
    for url in ["", "menshen.db", "oracle://u:hunter2@h/d", "postgres://u:hunter2@h:port/d"] {
        let error = migration::up(url).await.unwrap_err();
        let printed = format!("{error} {error:?} {:?}", error.source());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
