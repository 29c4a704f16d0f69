//! Migration lock: one program migrates a database at a time.
//!
//! The lock belongs to the session, not to a transaction, and a waiting program polls: `CREATE INDEX
//! CONCURRENTLY` waits for every open transaction of the database, also for one that waits for this
//! lock. The server releases the lock when the connection is closed.

use std::time::Duration;

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement,
};
use tokio::time::{Instant, sleep};

use crate::MigrationError;

/// Advisory lock of PostgreSQL. The number is arbitrary, but must never change.
const LOCK_POSTGRES: &str = "SELECT pg_try_advisory_lock(2020112009)";

/// Named lock of MySQL. Locks are global to the server, so the name contains the database.
const LOCK_MYSQL: &str = "SELECT GET_LOCK(LEFT(CONCAT('migration of ', DATABASE()), 64), 0) = 1";

/// Maximum wait for another program that migrates.
const LOCK_TIMEOUT: Duration = Duration::from_mins(10);

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Acquires the lock of a PostgreSQL or MySQL database for as long as the connection is open. Waits
/// while another program holds it.
pub(crate) async fn acquire(database: &DatabaseConnection) -> Result<(), MigrationError> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    let mut is_waiting = false;
    while !try_acquire(database).await? {
        if Instant::now() >= deadline {
            return Err(MigrationError::Locked);
        }
        if !is_waiting {
            tracing::info!("another program migrates this database, waiting for it");
            is_waiting = true;
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

async fn try_acquire(database: &DatabaseConnection) -> Result<bool, DbErr> {
    let backend = database.get_database_backend();
    let sql = if backend == DbBackend::Postgres { LOCK_POSTGRES } else { LOCK_MYSQL };
    let row = database.query_one_raw(Statement::from_string(backend, sql)).await?;
    let is_locked: Option<bool> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(is_locked == Some(true))
}
