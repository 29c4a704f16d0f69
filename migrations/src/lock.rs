//! One program migrates a database at a time, and does all or nothing where the database can.

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait, SchemaManager};

use crate::{Migrator, status_on};

/// Which way to migrate.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// Every migration that is pending.
    Up,
    /// The last one back.
    Down,
}

/// What those wait for who migrate the same PostgreSQL database: any number, as long as it stays.
const LOCK_POSTGRES: &str = "SELECT pg_advisory_xact_lock(2020112009)";

/// The same on a server of MySQL's kind, whose locks are the server's; in seconds.
const LOCK_MYSQL: &str = "SELECT GET_LOCK(LEFT(CONCAT('migration of ', DATABASE()), 64), 600)";

/// Migrates when it is this program's turn.
///
/// SQLite and PostgreSQL undo all of it if it is interrupted. MySQL undoes nothing, therefore each step
/// is taken only where it has not been.
pub(crate) async fn migrate(database: &DatabaseConnection, way: Way) -> Result<(), DbErr> {
    let backend = database.get_database_backend();
    if backend == DbBackend::MySql {
        let lock = Statement::from_string(backend, LOCK_MYSQL);
        let locked = database.query_one_raw(lock).await?;
        let locked: Option<i64> = locked.map(|row| row.try_get_by_index(0)).transpose()?;
        if locked != Some(1) {
            return Err(DbErr::Custom("somebody else has been migrating for ten minutes".into()));
        }
        // The lock ends with the connection.
        return go(database, way).await;
    }
    // SQLite lets one writer begin; PostgreSQL does not know the option.
    let transaction = database.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    });
    let transaction = transaction.await?;
    if backend == DbBackend::Postgres {
        transaction.execute_unprepared(LOCK_POSTGRES).await?;
    }
    go(&transaction, way).await?;
    transaction.commit().await
}

async fn go<'c>(
    database: impl IntoSchemaManagerConnection<'c> + Copy,
    way: Way,
) -> Result<(), DbErr> {
    match way {
        Way::Up => {
            let status = status_on(&SchemaManager::new(database)).await?;
            // A database that is further than this program is left alone.
            if status.iter().all(|migration| migration.applied) {
                return Ok(());
            }
            Migrator::up(database, None).await
        }
        Way::Down => Migrator::down(database, Some(1)).await,
    }
}
