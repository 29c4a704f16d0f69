//! Tests of migrations while other programs use the database.

use std::time::Duration;

use migration::MigrationError;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection};
use testkit::databases::{FreshDatabase, Kind};
use testkit::iterations::iterations;
use tokio::time::{Instant, sleep};

use crate::rows::{Writer, columns, fill};
use crate::schema::schema;

testkit::on_every_server! {
    soak_logins_are_answered_during_every_migration
    soak_migration_blocked_by_a_long_transaction_gives_up_and_logins_continue
}

/// Maximum duration of a login during a migration.
const MAX_LOGIN: Duration = Duration::from_secs(1);

/// Makes PostgreSQL build an index, and rewrite a table, as slowly as if the table had many rows.
const SLOW_STATEMENTS: &str = "
    CREATE FUNCTION slow_index() RETURNS event_trigger LANGUAGE plpgsql AS $$
    DECLARE
        table_name text;
        has_rows boolean;
    BEGIN
        FOR table_name IN SELECT indrelid::regclass FROM pg_event_trigger_ddl_commands()
            JOIN pg_index ON indexrelid = objid
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', table_name) INTO has_rows;
            IF has_rows THEN
                PERFORM pg_sleep(1.2);
            END IF;
        END LOOP;
    END $$;
    CREATE FUNCTION slow_rewrite() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(1.2);
    END $$;
    CREATE EVENT TRIGGER slow_index ON ddl_command_end WHEN TAG IN ('CREATE INDEX')
        EXECUTE FUNCTION slow_index();
    CREATE EVENT TRIGGER slow_rewrite ON table_rewrite EXECUTE FUNCTION slow_rewrite()";

/// Returns the number of rows in the tables of a login.
fn rows() -> u64 {
    u64::try_from(iterations(20_000, 1_000_000)).unwrap()
}

async fn names(database: &FreshDatabase) -> Vec<String> {
    let status = migration::status(database.url()).await.unwrap();
    status.into_iter().map(|migration| migration.name).collect()
}

/// Marks a migration as pending.
async fn mark_pending(database: &FreshDatabase, name: &str) {
    database.execute(&format!("DELETE FROM seaql_migrations WHERE version = '{name}'")).await;
}

/// Applies one migration after the other, each to tables with rows and during logins.
async fn soak_logins_are_answered_during_every_migration(database: FreshDatabase) {
    migration::up(database.url()).await.unwrap();
    let names = names(&database).await;
    let expected = schema(&database).await;
    for _ in &names {
        migration::down(database.url()).await.unwrap();
    }
    // A migration counts as applied until it has its turn.
    for name in &names {
        database.execute(&format!("INSERT INTO seaql_migrations VALUES ('{name}', 0)")).await;
    }
    if database.kind() == Kind::Postgresql {
        database.execute(SLOW_STATEMENTS).await;
    }
    let (first, others) = names.split_first().unwrap();
    mark_pending(&database, first).await;
    migration::up(database.url()).await.unwrap();
    let mut last = rows();
    for name in others {
        fill(&database, rows()).await;
        mark_pending(&database, name).await;
        let writer = Writer::start(&database, last).await;
        let started = Instant::now();
        migration::up(database.url()).await.unwrap();
        let duration = started.elapsed();
        let (slowest, number) = writer.stop().await;
        assert!(number > last, "{name}: no login");
        last = number;
        println!("{name}: {duration:?}, slowest login {slowest:?}");
        assert!(slowest < MAX_LOGIN, "{name}: a login took {slowest:?}");
    }
    assert_eq!(schema(&database).await, expected);
}

/// Opens a transaction that has read members.
async fn long_transaction(database: &FreshDatabase) -> DatabaseConnection {
    let connection = database.connect().await;
    for statement in ["BEGIN", "SELECT count(*) FROM member"] {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection
}

async fn soak_migration_blocked_by_a_long_transaction_gives_up_and_logins_continue(
    database: FreshDatabase,
) {
    migration::up(database.url()).await.unwrap();
    let expected = schema(&database).await;
    // Until the migration that adds columns to the table of members.
    while columns(&database).await.contains_key("admin") {
        migration::down(database.url()).await.unwrap();
    }
    let transaction = long_transaction(&database).await;
    let writer = Writer::start(&database, 0).await;
    let error = migration::up(database.url()).await.unwrap_err();
    // A login waits once for each attempt. MariaDB measures the time of an attempt in whole seconds.
    let max = if database.kind() == Kind::Postgresql { MAX_LOGIN } else { MAX_LOGIN * 2 };
    let (slowest, _) = writer.stop().await;
    assert!(slowest < max, "a login took {slowest:?}");
    let MigrationError::Blocked { transaction: Some(blocker), .. } = &error else {
        panic!("{error:?}")
    };
    assert!(error.to_string().contains(blocker), "{error}");
    assert!(blocker.contains("open "), "{blocker}");
    transaction.execute_unprepared("COMMIT").await.unwrap();
    migration::up(database.url()).await.unwrap();
    assert_eq!(schema(&database).await, expected);
}

mod incomplete_indexes {
    use super::*;

    const MIGRATION: &str = "m20261121_140000_sealed_phones";
    const INDEX: &str = "idx_member_phone_index";

    /// Returns a migrated database in which the migration of the unique index is pending.
    async fn without_index() -> FreshDatabase {
        let database = FreshDatabase::new(Kind::Postgresql).await;
        migration::up(database.url()).await.unwrap();
        database.execute(&format!("DROP INDEX {INDEX}")).await;
        mark_pending(&database, MIGRATION).await;
        database
    }

    /// Returns true if the index is valid, and none if there is no index.
    async fn is_valid(database: &FreshDatabase) -> Option<bool> {
        let query =
            format!("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{INDEX}')");
        database.query_all(&query).await.first().copied()
    }

    async fn eventually(database: &FreshDatabase, query: &str) {
        while !database.query::<bool>(&format!("SELECT EXISTS ({query})")).await {
            sleep(Duration::from_millis(20)).await;
        }
    }

    mod on_postgresql {
        use super::*;

        #[tokio::test]
        async fn index_of_a_killed_build_is_built_again() {
            let database = without_index().await;
            // The build waits for the transaction's snapshot.
            let snapshot = database.connect().await;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ";
            for statement in [begin, "SELECT count(*) FROM seaql_migrations"] {
                snapshot.execute_unprepared(statement).await.unwrap();
            }
            let url = database.url().to_owned();
            let killed = tokio::spawn(async move { migration::up(&url).await });
            let build = "FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%'
                AND wait_event_type = 'Lock' AND datname = current_database()";
            eventually(&database, &format!("SELECT {build}")).await;
            database.execute(&format!("SELECT pg_terminate_backend(pid) {build}")).await;
            assert!(matches!(killed.await.unwrap(), Err(MigrationError::Failed(_))));
            assert_eq!(is_valid(&database).await, Some(false));
            snapshot.execute_unprepared("COMMIT").await.unwrap();
            migration::up(database.url()).await.unwrap();
            assert_eq!(is_valid(&database).await, Some(true));
        }

        #[tokio::test]
        async fn failed_unique_index_leaves_no_incomplete_index() {
            let database = without_index().await;
            fill(&database, 10).await;
            database.execute("UPDATE member SET phone_index = 'x'").await;
            assert!(matches!(migration::up(database.url()).await, Err(MigrationError::Failed(_))));
            assert_eq!(is_valid(&database).await, None);
            database.execute("UPDATE member SET phone_index = NULL").await;
            migration::up(database.url()).await.unwrap();
            assert_eq!(is_valid(&database).await, Some(true));
        }
    }
}
