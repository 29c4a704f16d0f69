//! Up, down and up again; by several programs at once; and what is told of it.

use std::collections::HashSet;

use migration::{MigrationError, Status};
use testkit::databases::FreshDatabase;

use crate::schema::schema;

testkit::on_every_database! {
    up_again_changes_nothing
    every_migration_can_be_taken_back_and_applied_again
    down_takes_back_the_last_one_only
    programs_that_migrate_at_once_end_well
    status_tells_what_is_pending_and_changes_no_table
    fresh_drops_whatever_there_was
    a_database_that_is_further_is_left_alone
    a_database_that_went_another_way_is_refused
}

async fn applied(database: &FreshDatabase) -> Vec<bool> {
    let status = migration::status(database.url()).await.unwrap();
    status.into_iter().map(|Status { applied, .. }| applied).collect()
}

async fn up_again_changes_nothing(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let before = schema(&database).await;
    assert!(before.len() > 20, "{before:?}");
    migration::up(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, before);
}

async fn every_migration_can_be_taken_back_and_applied_again(database: FreshDatabase) {
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

async fn down_takes_back_the_last_one_only(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    migration::down(database.url()).await.unwrap();
    let mut expected = vec![true; applied(&database).await.len()];
    *expected.last_mut().unwrap() = false;
    assert_eq!(applied(&database).await, expected);
}

async fn programs_that_migrate_at_once_end_well(database: FreshDatabase) {
    let programs = (0..8).map(|_| {
        let url = database.url().to_owned();
        tokio::spawn(async move { migration::up(&url).await })
    });
    for program in programs.collect::<Vec<_>>() {
        program.await.unwrap().unwrap();
    }
    let together = schema(&database).await;
    let alone = FreshDatabase::new(database.kind()).await;
    migration::up(alone.url()).await.unwrap();
    assert_eq!(together, schema(&alone).await);
    assert!(applied(&database).await.iter().all(|applied| *applied));
}

async fn status_tells_what_is_pending_and_changes_no_table(database: FreshDatabase) {
    assert!(applied(&database).await.iter().all(|applied| !applied));
    assert_eq!(schema(&database).await, Vec::<String>::new());
    migration::up(database.url()).await.unwrap();
    let status = migration::status(database.url()).await.unwrap();
    assert!(status.iter().all(|migration| migration.applied));
    assert_eq!(status[0].name, "m20261120_090000_members");
    let names: HashSet<_> = status.iter().map(|migration| &migration.name).collect();
    assert!(status.is_sorted_by_key(|migration| &migration.name) && names.len() == status.len());
}

async fn fresh_drops_whatever_there_was(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let before = schema(&database).await;
    database.execute("CREATE TABLE stray (a integer)").await;
    assert_ne!(schema(&database).await, before);
    migration::fresh(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, before);
}

/// The instances of the version before go on, and are started again, while and after a newer program
/// migrates.
async fn a_database_that_is_further_is_left_alone(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let before = schema(&database).await;
    database.execute("INSERT INTO seaql_migrations VALUES ('m29990101_000000_later', 0)").await;
    assert!(applied(&database).await.iter().all(|applied| *applied));
    migration::up(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, before);
}

async fn a_database_that_went_another_way_is_refused(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    migration::down(database.url()).await.unwrap();
    let before = schema(&database).await;
    database.execute("INSERT INTO seaql_migrations VALUES ('m29990101_000000_later', 0)").await;
    assert!(matches!(migration::up(database.url()).await, Err(MigrationError::Refused(_))));
    assert_eq!(schema(&database).await, before);
}
