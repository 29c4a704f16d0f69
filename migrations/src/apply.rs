//! Application of migrations, one after the other, while other programs use the database.
//!
//! A migration is recorded when it is complete, so a failure keeps the migrations before it. It runs in
//! one transaction where the database supports that (SQLite, PostgreSQL), unless it asks for none: then,
//! and on MySQL, each of its steps is committed, and skipped if it was completed before (see
//! [`steps`](crate::steps)).
//!
//! A schema change waits for the transactions that use the table, and everything after it waits for the
//! schema change. So it waits for a short time only, and is tried again.

use std::time::Duration;

use rand::RngExt;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait, SchemaManager};
use tokio::time::sleep;

use crate::contention::{is_lock_timeout, oldest_transaction};
use crate::{MigrationError, Migrator, lock, status_on};

/// Direction of a migration.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    /// Applies all pending migrations.
    Up,
    /// Reverts the last migration.
    Down,
}

/// Settings of the session on PostgreSQL: a short wait for locks, and statements without a time limit.
const SESSION_POSTGRES: &str = "SET lock_timeout = '500ms'; SET statement_timeout = 0";

/// Has PostgreSQL end a statement, and release the lock, soon after this program was killed. The setting
/// exists since PostgreSQL 14, and only on some operating systems.
const DETECT_DISCONNECTION: &str = "SET client_connection_check_interval = '2s'";

/// Settings of the session on MySQL, which counts the wait for locks on tables in whole seconds.
const SESSION_MYSQL: &str = "SET SESSION lock_wait_timeout = 1";

/// Maximum number of attempts of a migration that waits for locks. With the pauses they take longer than
/// the ten seconds after which the service's own transactions end.
const MAX_ATTEMPTS: u32 = 8;

/// Pause after the first attempt. It doubles after each further one.
const MIN_PAUSE: Duration = Duration::from_millis(250);

/// Maximum pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(4);

/// Migrates the database in the given direction.
pub(crate) async fn apply(
    database: &DatabaseConnection,
    direction: Direction,
) -> Result<(), MigrationError> {
    match database.get_database_backend() {
        DbBackend::Postgres => {
            lock::acquire(database).await?;
            database.execute_unprepared(SESSION_POSTGRES).await?;
            // Without the setting, a killed program's statement runs to its end.
            let _ = database.execute_unprepared(DETECT_DISCONNECTION).await;
        }
        DbBackend::MySql => {
            lock::acquire(database).await?;
            database.execute_unprepared(SESSION_MYSQL).await?;
        }
        // SQLite is locked by each transaction.
        DbBackend::Sqlite | _ => {}
    }
    match direction {
        Direction::Up => {
            // The migrator fails on migrations of later versions, which this version runs with.
            while is_pending(database).await? {
                apply_next(database, direction).await?;
            }
            Ok(())
        }
        Direction::Down => apply_next(database, direction).await,
    }
}

async fn is_pending<'c>(database: impl IntoSchemaManagerConnection<'c>) -> Result<bool, DbErr> {
    let status = status_on(&SchemaManager::new(database)).await?;
    Ok(status.iter().any(|migration| !migration.applied))
}

/// Applies or reverts one migration, with several attempts if others hold locks.
async fn apply_next(
    database: &DatabaseConnection,
    direction: Direction,
) -> Result<(), MigrationError> {
    if database.get_database_backend() == DbBackend::Sqlite {
        return Ok(apply_next_on_sqlite(database, direction).await?);
    }
    let mut attempt = 1;
    loop {
        let Err(error) = migrate_once(database, direction).await else { return Ok(()) };
        if !is_lock_timeout(&error) {
            return Err(MigrationError::Failed(error));
        }
        let transaction = oldest_transaction(database).await;
        if attempt == MAX_ATTEMPTS {
            return Err(MigrationError::Blocked { transaction, source: error });
        }
        tracing::warn!(attempt, transaction, "a table is in use, the migration will be retried");
        sleep(pause(attempt)).await;
        attempt += 1;
    }
}

/// Applies or reverts one migration in an immediate transaction, which locks the database. Another
/// program may have applied it in the meantime.
async fn apply_next_on_sqlite(
    database: &DatabaseConnection,
    direction: Direction,
) -> Result<(), DbErr> {
    let transaction = database.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    });
    let transaction = transaction.await?;
    let is_due = match direction {
        Direction::Up => is_pending(&transaction).await?,
        Direction::Down => true,
    };
    if is_due {
        migrate_once(&transaction, direction).await?;
    }
    transaction.commit().await
}

async fn migrate_once<'c>(
    database: impl IntoSchemaManagerConnection<'c>,
    direction: Direction,
) -> Result<(), DbErr> {
    match direction {
        Direction::Up => Migrator::up(database, Some(1)).await,
        Direction::Down => Migrator::down(database, Some(1)).await,
    }
}

/// Returns the exponential pause after an attempt, with jitter over its second half.
fn pause(attempt: u32) -> Duration {
    let pause = MIN_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(MAX_PAUSE);
    pause.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_last_longer_than_a_transaction_of_the_service() {
        let pauses: Duration = (1..MAX_ATTEMPTS).map(pause).sum();
        assert!(pauses > Duration::from_secs(7), "{pauses:?}");
        assert!(pause(MAX_ATTEMPTS) <= MAX_PAUSE);
    }
}
