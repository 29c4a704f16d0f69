//! Tests of interrupted migrations: the next run continues them.

use migration::MigrationError;
use testkit::databases::{FreshDatabase, Kind};
use testkit::iterations::iterations;

use crate::schema::schema;

/// All migrations are one transaction: the third one fails here, and the others are rolled back.
async fn interrupted_migration_is_rolled_back(kind: Kind) {
    let database = FreshDatabase::new(kind).await;
    migration::status(database.url()).await.unwrap();
    database.execute("CREATE TABLE redemption (stray integer)").await;
    let before = schema(&database).await;
    assert!(matches!(migration::up(database.url()).await, Err(MigrationError::Failed(_))));
    assert_eq!(schema(&database).await, before);
    database.execute("DROP TABLE redemption").await;
    migration::up(database.url()).await.unwrap();
}

mod on_sqlite {
    use super::*;

    #[tokio::test]
    async fn interrupted_migration_is_rolled_back() {
        super::interrupted_migration_is_rolled_back(Kind::Sqlite).await;
    }
}

mod on_postgresql {
    use super::*;

    #[tokio::test]
    async fn interrupted_migration_is_rolled_back() {
        super::interrupted_migration_is_rolled_back(Kind::Postgresql).await;
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
        for done in (0..statements.len()).step_by(iterations(5, 1)) {
            let database = FreshDatabase::new(Kind::Mariadb).await;
            for statement in &statements[..done] {
                database.execute(statement).await;
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
