//! Locks that other programs hold.

use sea_orm_migration::sea_orm::sqlx::error::DatabaseError;
use sea_orm_migration::sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement,
};

/// Description of the oldest transaction, which is the likely holder of a lock. It quotes no statement,
/// because statements contain values.
const OLDEST_POSTGRES: &str = r#"
    SELECT format('process %s (application "%s", %s), open for %s s', pid, application_name, state,
        extract(epoch FROM clock_timestamp() - xact_start)::int)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 1"#;

/// Like [`OLDEST_POSTGRES`]. It needs the privilege PROCESS.
const OLDEST_MYSQL: &str = "
    SELECT CONCAT('connection ', trx_mysql_thread_id, ', open since ', trx_started)
    FROM information_schema.innodb_trx
    WHERE trx_mysql_thread_id <> CONNECTION_ID()
    ORDER BY trx_started LIMIT 1";

/// SQLSTATEs of PostgreSQL: a lock was not available in time, and a deadlock.
const LOCK_SQLSTATES: [&str; 2] = ["55P03", "40P01"];

/// Error numbers of MySQL: a lock was not available in time, and a deadlock.
const LOCK_NUMBERS: [u16; 2] = [1205, 1213];

/// Error numbers of MySQL: the server does not support the algorithm or lock mode for the schema change,
/// or does not know the algorithm.
const UNSUPPORTED_NUMBERS: [u16; 3] = [1800, 1845, 1846];

/// Returns true if a statement gave up because others held a lock.
pub(crate) fn is_lock_timeout(error: &DbErr) -> bool {
    let sqlstate = database_error(error).and_then(DatabaseError::code);
    let is_sqlstate = sqlstate.is_some_and(|code| LOCK_SQLSTATES.contains(&code.as_ref()));
    is_sqlstate || mysql_number(error).is_some_and(|number| LOCK_NUMBERS.contains(&number))
}

/// Returns true if MySQL cannot change the schema in the requested way.
pub(crate) fn is_unsupported_algorithm(error: &DbErr) -> bool {
    mysql_number(error).is_some_and(|number| UNSUPPORTED_NUMBERS.contains(&number))
}

/// Describes the oldest other transaction of the database, or returns none if the user may not see it.
pub(crate) async fn oldest_transaction(database: &DatabaseConnection) -> Option<String> {
    let backend = database.get_database_backend();
    let sql = if backend == DbBackend::Postgres { OLDEST_POSTGRES } else { OLDEST_MYSQL };
    let row = database.query_one_raw(Statement::from_string(backend, sql)).await.ok()??;
    row.try_get_by_index(0).ok()?
}

fn mysql_number(error: &DbErr) -> Option<u16> {
    let error = database_error(error)?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}

fn database_error(error: &DbErr) -> Option<&dyn DatabaseError> {
    if let DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error)) = error
    {
        error.as_database_error()
    } else {
        None
    }
}
