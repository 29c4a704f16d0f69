//! Database errors, without the values of rows.

use std::error::Error;

use domain::ports::store::error::{Contention, StoreError};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use uuid::Uuid;

/// SQLSTATE classes whose messages name connections, privileges, tables and resources, never the values of
/// a row.
const VALUE_FREE_SQLSTATES: [&str; 9] = ["08", "25", "28", "3D", "42", "53", "55", "57", "58"];

/// SQLSTATEs of a transaction that was rolled back because of others: a serialization failure (the code of
/// a deadlock too on MySQL), and a deadlock.
const ROLLBACK_SQLSTATES: [&str; 2] = ["40001", "40P01"];

/// Converts a database error, without the values that it may quote.
///
/// MySQL quotes values in the message (`Duplicate entry '+8613800138000'`), PostgreSQL in the detail. Only
/// messages that cannot contain a value are passed on, so that no phone number reaches a log.
pub(super) fn to_store_error(error: &DbErr) -> StoreError {
    let Some(sqlx::Error::Database(database_error)) = sqlx_error(error) else {
        let description = error.to_string();
        return if is_connection_error(error) {
            StoreError::unavailable(description)
        } else {
            StoreError::new(description)
        };
    };
    let description = describe(database_error.as_ref());
    // A referenced row existed when it was looked up, so a concurrent transaction has removed it.
    if is_rolled_back(error) || database_error.is_foreign_key_violation() {
        return Contention::new(description).into();
    }
    if is_temporary(database_error.as_ref()) {
        return StoreError::unavailable(description);
    }
    StoreError::new(description)
}

/// Returns true if the connection could not be opened or broke.
fn is_connection_error(error: &DbErr) -> bool {
    let broken = |error: &sqlx::Error| {
        matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed
        )
    };
    matches!(error, DbErr::ConnectionAcquire(_)) || sqlx_error(error).is_some_and(broken)
}

/// SQLSTATE classes of a PostgreSQL server that cannot serve now: connection exception, insufficient
/// resources (a full disk among them), operator intervention (shutdown and statement timeout), system
/// error.
const TEMPORARY_SQLSTATES: [&str; 4] = ["08", "53", "57", "58"];

/// SQLSTATEs of PostgreSQL: write to a read-only server, lock not available.
const READ_ONLY_SQLSTATE: &str = "25006";
const LOCK_NOT_AVAILABLE_SQLSTATE: &str = "55P03";

/// Error numbers of a MySQL or MariaDB server that cannot serve now: disk full, too many connections (of
/// the server and of the user), out of resources, shutdown, table full, write errors, lock wait
/// timeout, statement interrupted, connection killed, and statement timeouts of both.
const TEMPORARY_MYSQL_ERRORS: [u16; 15] =
    [3, 1021, 1026, 1040, 1041, 1053, 1077, 1114, 1180, 1203, 1205, 1317, 1927, 1969, 3024];

/// Error numbers of MySQL and MariaDB: write to a read-only server, or in a read-only transaction.
const READ_ONLY_MYSQL_ERRORS: [u16; 3] = [1290, 1792, 1836];

/// Primary result codes of an SQLite file that cannot be used now: busy, locked, out of memory, read-only,
/// interrupted, I/O error, disk full, cannot open, locking protocol.
const TEMPORARY_SQLITE_CODES: [i32; 9] = [5, 6, 7, 8, 9, 10, 13, 14, 15];

/// Returns true if the same statement may succeed later, without a change by an operator of this service.
fn is_temporary(error: &dyn sqlx::error::DatabaseError) -> bool {
    if let Some(number) = mysql_error(error) {
        return TEMPORARY_MYSQL_ERRORS.contains(&number)
            || READ_ONLY_MYSQL_ERRORS.contains(&number);
    }
    let code = error.code().unwrap_or_default();
    if is_sqlite(error) {
        let primary = code.parse().map(|code: i32| code & 0xff);
        return primary.is_ok_and(|code| TEMPORARY_SQLITE_CODES.contains(&code));
    }
    TEMPORARY_SQLSTATES.iter().any(|class| code.starts_with(class))
        || [READ_ONLY_SQLSTATE, LOCK_NOT_AVAILABLE_SQLSTATE].contains(&code.as_ref())
}

/// Returns true if the server refused a write because it is, or has become, a read-only one.
pub(super) fn is_read_only(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(error)) = sqlx_error(error) else { return false };
    match mysql_error(error.as_ref()) {
        Some(number) => READ_ONLY_MYSQL_ERRORS.contains(&number),
        None => error.code().is_some_and(|code| code == READ_ONLY_SQLSTATE),
    }
}

/// Returns true if the transaction of the failed statement goes on: the statement succeeded and only its
/// result was not understood, or it violated a constraint. PostgreSQL ends the transaction even then.
pub(super) fn keeps_transaction(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(error)) => {
            let is_constraint = !matches!(error.kind(), sqlx::error::ErrorKind::Other);
            let is_postgres = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some();
            is_constraint && !is_postgres
        }
        Some(
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::RowNotFound,
        ) => true,
        Some(_) => false,
        None => !matches!(error, DbErr::ConnectionAcquire(_)),
    }
}

/// Returns true if the database rolled the whole transaction back because of others, for example to
/// resolve a deadlock.
pub(super) fn is_rolled_back(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(database_error)) = sqlx_error(error) else { return false };
    ROLLBACK_SQLSTATES.contains(&database_error.code().unwrap_or_default().as_ref())
}

/// Returns true if another row has the same unique value.
pub(super) fn is_unique_violation(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(database_error)) = sqlx_error(error) else { return false };
    database_error.is_unique_violation()
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    if let DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error)) = error
    {
        Some(error)
    } else {
        None
    }
}

/// Error number of MySQL or MariaDB, which is more precise than the SQLSTATE.
fn mysql_error(error: &dyn sqlx::error::DatabaseError) -> Option<u16> {
    let error = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>();
    error.map(sqlx::mysql::MySqlDatabaseError::number)
}

fn is_sqlite(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some()
}

fn describe(error: &dyn sqlx::error::DatabaseError) -> String {
    let state = error.code().unwrap_or_default();
    let code = mysql_error(error).map_or_else(|| state.to_string(), |number| number.to_string());
    let is_value_free = VALUE_FREE_SQLSTATES.iter().any(|class| state.starts_with(class));
    let message = match error.constraint() {
        // SQLite's messages name columns, never values.
        _ if is_sqlite(error) || is_value_free => error.message(),
        Some(constraint) => constraint,
        None => "message withheld",
    };
    format!("the database rejected a statement: {message} (code {code})")
}

/// Reference to a row, for operators to find it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Table of the row.
    pub(super) table: &'static str,
    /// Id of the row, or of its member if the id of the row is personal data.
    pub(super) id: Uuid,
}

/// A column holds a value that no version of this service writes.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, row {id}: column {column} holds an invalid value, correct it by hand")]
struct InvalidRow {
    table: &'static str,
    column: &'static str,
    id: Uuid,
    source: Box<dyn Error + Send + Sync>,
}

impl Row {
    /// Error of an invalid value in a column. The cause must not quote the value.
    pub(super) fn invalid(
        self,
        column: &'static str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> StoreError {
        let Self { table, id } = self;
        StoreError::new(InvalidRow { table, column, id, source: cause.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fmt;
    use std::sync::Arc;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// Database error whose message quotes a value of a row.
    #[derive(Debug)]
    struct Quoting {
        code: &'static str,
        constraint: Option<&'static str>,
    }

    const QUOTED: &str = "Duplicate entry '+8613800138000' for key 'phone'";

    impl fmt::Display for Quoting {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(QUOTED)
        }
    }

    impl Error for Quoting {}

    impl DatabaseError for Quoting {
        fn message(&self) -> &str {
            QUOTED
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.code.into())
        }

        fn constraint(&self) -> Option<&str> {
            self.constraint
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::UniqueViolation
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }
    }

    fn database_error(code: &'static str, constraint: Option<&'static str>) -> DbErr {
        let error = sqlx::Error::Database(Box::new(Quoting { code, constraint }));
        DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
    }

    /// The error and its causes, in both formats.
    fn full_text(error: &StoreError) -> String {
        let causes = std::iter::successors(error.source(), |cause| (*cause).source());
        causes.fold(format!("{error} {error:?}"), |all, cause| format!("{all} {cause} {cause:?}"))
    }

    #[test]
    fn store_errors_contain_no_row_values() {
        for constraint in [None, Some("member_phone_key")] {
            let text = full_text(&to_store_error(&database_error("23505", constraint)));
            assert!(!text.contains("13800138000"), "{text}");
            let expected = constraint.unwrap_or("withheld");
            assert!(text.contains(expected) && text.contains("23505"), "{text}");
        }
    }

    #[test]
    fn value_free_messages_are_passed_on_in_full() {
        let text = full_text(&to_store_error(&database_error("42P01", None)));
        assert!(text.contains(QUOTED), "{text}");
    }

    #[test]
    fn unique_violations_are_recognized() {
        assert!(is_unique_violation(&database_error("23505", None)));
        assert!(!is_unique_violation(&DbErr::RecordNotInserted));
    }
}
