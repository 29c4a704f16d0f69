//! Migration lock: one program migrates a database at a time, atomically where the database supports
//! it.

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait, SchemaManager};

use crate::{Migrator, status_on};

/// Direction of a migration.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    /// Applies all pending migrations.
    Up,
    /// Reverts the last migration.
    Down,
}

/// Advisory lock of PostgreSQL. The number is arbitrary, but must never change.
const LOCK_POSTGRES: &str = "SELECT pg_advisory_xact_lock(2020112009)";

/// Named lock of MySQL, with a timeout of 600 seconds. Locks are global to the server, so the name
/// contains the database.
const LOCK_MYSQL: &str = "SELECT GET_LOCK(LEFT(CONCAT('migration of ', DATABASE()), 64), 600)";

/// Migrates the database under the lock.
///
/// SQLite and PostgreSQL roll back an interrupted migration. MySQL does not, so each step is skipped if
/// it was completed already (see [`steps`](crate::steps)).
pub(crate) async fn migrate(
    database: &DatabaseConnection,
    direction: Direction,
) -> Result<(), DbErr> {
    let backend = database.get_database_backend();
    if backend == DbBackend::MySql {
        let lock = Statement::from_string(backend, LOCK_MYSQL);
        let locked = database.query_one_raw(lock).await?;
        let locked: Option<i64> = locked.map(|row| row.try_get_by_index(0)).transpose()?;
        if locked != Some(1) {
            return Err(DbErr::Custom(
                "another program has held the migration lock for ten minutes".into(),
            ));
        }
        // The server releases the lock when the connection is closed.
        return run_pending(database, direction).await;
    }
    // On SQLite, an immediate transaction is the lock. PostgreSQL ignores the option.
    let transaction = database.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    });
    let transaction = transaction.await?;
    if backend == DbBackend::Postgres {
        transaction.execute_unprepared(LOCK_POSTGRES).await?;
    }
    run_pending(&transaction, direction).await?;
    transaction.commit().await
}

async fn run_pending<'c>(
    database: impl IntoSchemaManagerConnection<'c> + Copy,
    direction: Direction,
) -> Result<(), DbErr> {
    match direction {
        Direction::Up => {
            let status = status_on(&SchemaManager::new(database)).await?;
            // The migrator fails on migrations of later versions, which this version runs with.
            if status.iter().all(|migration| migration.applied) {
                return Ok(());
            }
            Migrator::up(database, None).await
        }
        Direction::Down => Migrator::down(database, Some(1)).await,
    }
}
