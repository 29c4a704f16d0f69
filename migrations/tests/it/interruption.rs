//! Tests of interrupted migrations: the next run continues them.

use std::process::{Command, Stdio};
use std::time::Duration;

use migration::MigrationError;
use sea_orm_migration::sea_orm::ConnectionTrait;
use testkit::databases::{FreshDatabase, Kind};
use testkit::iterations::iterations;
use tokio::time::sleep;

use crate::schema::schema;

/// The third migration creates a table and fails at its second index, whose name is in use.
async fn failed_migration_is_rolled_back_and_earlier_ones_are_kept(kind: Kind) {
    let database = FreshDatabase::new(kind).await;
    // Creates the file of SQLite.
    migration::status(database.url()).await.unwrap();
    database.execute("CREATE TABLE stray (a integer)").await;
    database.execute("CREATE INDEX idx_redemption_expires_at ON stray (a)").await;
    assert!(matches!(migration::up(database.url()).await, Err(MigrationError::Failed(_))));
    let status = migration::status(database.url()).await.unwrap();
    assert_eq!(status.iter().filter(|migration| migration.applied).count(), 2);
    let items = schema(&database).await;
    assert!(items.iter().any(|item| item.contains("signing_key")), "{items:?}");
    assert!(!items.iter().any(|item| item.contains("redemption_member_id")), "{items:?}");
    database.execute("DROP TABLE stray").await;
    migration::up(database.url()).await.unwrap();
}

mod on_sqlite {
    use super::*;

    #[tokio::test]
    async fn failed_migration_is_rolled_back_and_earlier_ones_are_kept() {
        super::failed_migration_is_rolled_back_and_earlier_ones_are_kept(Kind::Sqlite).await;
    }

    /// Kills the program later and later, until it has ended by itself.
    #[tokio::test]
    async fn soak_migration_killed_at_any_time_is_continued() {
        let complete = FreshDatabase::new(Kind::Sqlite).await;
        migration::up(complete.url()).await.unwrap();
        let expected = schema(&complete).await;
        for delay in (0..).step_by(iterations(20, 1)).map(Duration::from_millis) {
            let database = FreshDatabase::new(Kind::Sqlite).await;
            let mut program = Command::new(env!("CARGO_BIN_EXE_migration"));
            program.args(["up", "--database-url", database.url()]).stdout(Stdio::null());
            let mut program = program.spawn().unwrap();
            sleep(delay).await;
            let has_ended = program.try_wait().unwrap().is_some();
            program.kill().unwrap();
            program.wait().unwrap();
            migration::up(database.url()).await.unwrap_or_else(|error| {
                panic!("up failed after a kill at {delay:?}: {error:?}");
            });
            assert_eq!(schema(&database).await, expected, "killed after {delay:?}");
            if has_ended {
                return;
            }
        }
    }
}

mod on_postgresql {
    use super::*;

    #[tokio::test]
    async fn failed_migration_is_rolled_back_and_earlier_ones_are_kept() {
        super::failed_migration_is_rolled_back_and_earlier_ones_are_kept(Kind::Postgresql).await;
    }

    /// Ends the session at the given one of the events before and after each schema change,
    /// counted from the start. A sequence is not rolled back.
    fn kill_at(event: u64) -> String {
        format!(
            "CREATE SEQUENCE event;
             CREATE FUNCTION kill() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF nextval('event') = {event} THEN
                     PERFORM pg_terminate_backend(pg_backend_pid());
                 END IF;
             END $$;
             CREATE EVENT TRIGGER kill_before ON ddl_command_start EXECUTE FUNCTION kill();
             CREATE EVENT TRIGGER kill_after ON ddl_command_end EXECUTE FUNCTION kill()"
        )
    }

    const KILL_NO_MORE: &str = "
        DROP EVENT TRIGGER kill_before; DROP EVENT TRIGGER kill_after;
        DROP FUNCTION kill; DROP SEQUENCE event";

    #[tokio::test]
    async fn soak_migration_killed_at_any_schema_change_is_continued() {
        let complete = FreshDatabase::new(Kind::Postgresql).await;
        complete.execute(&kill_at(0)).await;
        migration::up(complete.url()).await.unwrap();
        let events: i64 = complete.query("SELECT last_value FROM event").await;
        let events = u64::try_from(events).unwrap();
        assert!(events > 40, "{events}");
        let expected = schema(&complete).await;
        for event in (1..=events).step_by(iterations(15, 1)) {
            let database = FreshDatabase::new(Kind::Postgresql).await;
            database.execute(&kill_at(event)).await;
            let killed = migration::up(database.url()).await;
            assert!(matches!(killed, Err(MigrationError::Failed(_))), "event {event}");
            database.execute(KILL_NO_MORE).await;
            migration::up(database.url()).await.unwrap_or_else(|error| {
                panic!("up failed after a kill at event {event}: {error:?}")
            });
            assert_eq!(schema(&database).await, expected, "event {event}");
        }
    }
}

mod on_mariadb {
    use super::*;

    /// Returns the statements of a migration, from the server's general log.
    async fn statements(migrated: &FreshDatabase) -> Vec<String> {
        migrated.execute("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON").await;
        migration::up(migrated.url()).await.unwrap();
        migrated.execute("SET GLOBAL general_log = OFF").await;
        let name = migrated.url().rsplit('/').next().unwrap();
        let query = format!(
            "SELECT CAST(argument AS CHAR) FROM mysql.general_log
             WHERE command_type IN ('Query', 'Execute')
                 AND argument REGEXP '^(CREATE|ALTER|DROP|INSERT|UPDATE|DELETE)'
                 AND thread_id IN (SELECT thread_id FROM mysql.general_log
                     WHERE command_type = 'Connect' AND argument LIKE '% on {name} %')
             ORDER BY event_time"
        );
        migrated.query_all(&query).await
    }

    #[tokio::test]
    async fn soak_migration_interrupted_after_any_statement_is_continued() {
        let complete = FreshDatabase::new(Kind::Mariadb).await;
        let statements = statements(&complete).await;
        assert!(statements.len() > 20, "{statements:?}");
        let expected = schema(&complete).await;
        for done in (0..statements.len()).step_by(iterations(8, 1)) {
            let database = FreshDatabase::new(Kind::Mariadb).await;
            let connection = database.connect().await;
            for statement in &statements[..done] {
                let result = connection.execute_unprepared(statement).await;
                // The server may refuse an algorithm; the next statement then names another.
                assert!(
                    result.is_ok() || statement.contains("ALGORITHM="),
                    "{statement}: {result:?}"
                );
            }
            migration::up(database.url()).await.unwrap_or_else(|error| {
                panic!(
                    "up failed after {done} statements, before {:?}: {error:?}",
                    statements[done]
                )
            });
            assert_eq!(schema(&database).await, expected, "after {done} statements");
        }
    }
}
