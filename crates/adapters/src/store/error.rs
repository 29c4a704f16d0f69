//! Database errors, without the values of rows.

use std::error::Error;

use domain::ports::store::error::{Contention, StoreError};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use uuid::Uuid;

/// SQLSTATE classes whose messages name connections, privileges, tables and resources, never the values of
/// a row.
const VALUE_FREE_SQLSTATES: [&str; 6] = ["08", "28", "3D", "42", "53", "57"];

/// SQLSTATEs of a transaction that was rolled back because of others: a serialization failure (the code of
/// a deadlock too on MySQL), and a deadlock.
const ROLLBACK_SQLSTATES: [&str; 2] = ["40001", "40P01"];

/// Converts a database error, without the values that it may quote.
///
/// MySQL quotes values in the message (`Duplicate entry '+8613800138000'`), PostgreSQL in the detail. Only
/// messages that cannot contain a value are passed on, so that no phone number reaches a log.
pub(super) fn to_store_error(error: &DbErr) -> StoreError {
    let Some(sqlx::Error::Database(database_error)) = sqlx_error(error) else {
        return StoreError::new(error.to_string());
    };
    let description = describe(database_error.as_ref());
    // A referenced row existed when it was looked up, so a concurrent transaction has removed it.
    if is_rolled_back(error) || database_error.is_foreign_key_violation() {
        return Contention::new(description).into();
    }
    StoreError::new(description)
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

fn describe(error: &dyn sqlx::error::DatabaseError) -> String {
    let code = error.code().unwrap_or_default();
    let is_value_free = VALUE_FREE_SQLSTATES.iter().any(|class| code.starts_with(class));
    let is_sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
    let message = match error.constraint() {
        // SQLite's messages name columns, never values.
        _ if is_sqlite || is_value_free => error.message(),
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
