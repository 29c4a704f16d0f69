//! Tests of up, down, fresh and status, and of concurrent migrations.

use std::collections::HashSet;

use migration::{MigrationError, Status};
use testkit::databases::FreshDatabase;

use crate::schema::schema;

testkit::on_every_database! {
    repeated_up_changes_nothing
    every_migration_can_be_reverted_and_reapplied
    down_reverts_only_the_last_migration
    concurrent_migrations_succeed
    status_lists_pending_migrations_and_changes_no_table
    fresh_drops_all_tables
    up_ignores_a_later_schema_version
    diverged_migrations_are_rejected
}

async fn applied(database: &FreshDatabase) -> Vec<bool> {
    let status = migration::status(database.url()).await.unwrap();
    status.into_iter().map(|Status { applied, .. }| applied).collect()
}

async fn repeated_up_changes_nothing(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let before = schema(&database).await;
    assert!(before.len() > 20, "{before:?}");
    migration::up(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, before);
}

async fn every_migration_can_be_reverted_and_reapplied(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let before = schema(&database).await;
    for _ in applied(&database).await {
        migration::down(database.url()).await.unwrap();
    }
    assert_eq!(schema(&database).await, Vec::<String>::new());
    assert!(applied(&database).await.iter().all(|applied| !applied));
    migration::up(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, before);
}

async fn down_reverts_only_the_last_migration(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    migration::down(database.url()).await.unwrap();
    let mut expected = vec![true; applied(&database).await.len()];
    *expected.last_mut().unwrap() = false;
    assert_eq!(applied(&database).await, expected);
}

async fn concurrent_migrations_succeed(database: FreshDatabase) {
    let programs = (0..8).map(|_| {
        let url = database.url().to_owned();
        tokio::spawn(async move { migration::up(&url).await })
    });
    for program in programs.collect::<Vec<_>>() {
        program.await.unwrap().unwrap();
    }
    let concurrent = schema(&database).await;
    let other = FreshDatabase::new(database.kind()).await;
    migration::up(other.url()).await.unwrap();
    assert_eq!(concurrent, schema(&other).await);
    assert!(applied(&database).await.iter().all(|applied| *applied));
}

async fn status_lists_pending_migrations_and_changes_no_table(database: FreshDatabase) {
    assert!(applied(&database).await.iter().all(|applied| !applied));
    assert_eq!(schema(&database).await, Vec::<String>::new());
    migration::up(database.url()).await.unwrap();
    let status = migration::status(database.url()).await.unwrap();
    assert!(status.iter().all(|migration| migration.applied));
    assert_eq!(status[0].name, "m20261120_090000_members");
    let names: HashSet<_> = status.iter().map(|migration| &migration.name).collect();
    assert!(status.is_sorted_by_key(|migration| &migration.name) && names.len() == status.len());
}

async fn fresh_drops_all_tables(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let before = schema(&database).await;
    database.execute("CREATE TABLE stray (a integer)").await;
    assert_ne!(schema(&database).await, before);
    migration::fresh(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, before);
}

/// Instances of the previous version keep running, and can be restarted, while and after a newer
/// version migrates.
async fn up_ignores_a_later_schema_version(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let before = schema(&database).await;
    database.execute("INSERT INTO seaql_migrations VALUES ('m29990101_000000_later', 0)").await;
    assert!(applied(&database).await.iter().all(|applied| *applied));
    migration::up(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, before);
}

async fn diverged_migrations_are_rejected(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    migration::down(database.url()).await.unwrap();
    let before = schema(&database).await;
    database.execute("INSERT INTO seaql_migrations VALUES ('m29990101_000000_later', 0)").await;
    assert!(matches!(migration::up(database.url()).await, Err(MigrationError::Failed(_))));
    assert_eq!(schema(&database).await, before);
}
