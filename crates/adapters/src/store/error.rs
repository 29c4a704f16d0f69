//! Errors of the database, without the values of rows.

use std::error::Error;

use domain::ports::store::error::{Contention, StoreError};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use uuid::Uuid;

/// The classes of SQLSTATE whose messages speak of connections, rights, tables and resources, never of
/// the values in a row.
const SPEAKING_OF_NO_VALUES: [&str; 6] = ["08", "28", "3D", "42", "53", "57"];

/// The SQLSTATEs of a transaction that was undone because of others: it could not be serialised (as MySQL
/// calls a deadlock too), or was in a deadlock.
const UNDONE: [&str; 2] = ["40001", "40P01"];

/// What may be told of an error of the database.
///
/// Databases quote values: MySQL in the message (`Duplicate entry '+8613800138000'`), PostgreSQL in the
/// detail. Only what cannot is passed on, so that no phone number reaches a log.
pub(super) fn fault(error: &DbErr) -> StoreError {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(refusal)) => {
            let told = refused(refusal.as_ref());
            // What a row refers to was there when it was looked up.
            let lost = is_undone(error) || refusal.is_foreign_key_violation();
            if lost { Contention::new(told).into() } else { StoreError::new(told) }
        }
        Some(_) | None => StoreError::new(error.to_string()),
    }
}

/// Whether the whole transaction was undone for the sake of others, in a deadlock say.
pub(super) fn is_undone(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(refusal)) => {
            UNDONE.contains(&refusal.code().unwrap_or_default().as_ref())
        }
        Some(_) | None => false,
    }
}

/// Whether a value that must be unique is there already.
pub(super) fn is_taken(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(refusal)) => refusal.is_unique_violation(),
        Some(_) | None => false,
    }
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

fn refused(refusal: &dyn sqlx::error::DatabaseError) -> String {
    let code = refusal.code().unwrap_or_default();
    let of_no_values = SPEAKING_OF_NO_VALUES.iter().any(|class| code.starts_with(class));
    let sqlite = refusal.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
    let said = match refusal.constraint() {
        // SQLite names columns at the most.
        _ if sqlite || of_no_values => refusal.message(),
        Some(constraint) => constraint,
        None => "message withheld",
    };
    format!("the database refused a statement: {said} (code {code})")
}

/// A row by which an operator can find what is wrong with it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Its table.
    pub(super) table: &'static str,
    /// Its id, or its member's where the id would tell who that is.
    pub(super) id: Uuid,
}

/// A row that no version of this service wrote.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, row {id}: column {column} holds what this service never writes: mend it")]
struct Damaged {
    table: &'static str,
    column: &'static str,
    id: Uuid,
    source: Box<dyn Error + Send + Sync>,
}

impl Row {
    /// The column does not hold what it must. The cause must not quote the value.
    pub(super) fn damaged(
        self,
        column: &'static str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> StoreError {
        let Self { table, id } = self;
        StoreError::new(Damaged { table, column, id, source: cause.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fmt;
    use std::sync::Arc;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// An error as a database words it, with the values of a row.
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

    fn refused_with(code: &'static str, constraint: Option<&'static str>) -> DbErr {
        let refusal = sqlx::Error::Database(Box::new(Quoting { code, constraint }));
        DbErr::Exec(RuntimeErr::SqlxError(Arc::new(refusal)))
    }

    fn whole(error: &StoreError) -> String {
        let causes = std::iter::successors(error.source(), |cause| (*cause).source());
        causes.fold(format!("{error} {error:?}"), |all, cause| format!("{all} {cause} {cause:?}"))
    }

    #[test]
    fn no_value_of_a_row_reaches_an_error() {
        for constraint in [None, Some("member_phone_key")] {
            let told = whole(&fault(&refused_with("23505", constraint)));
            assert!(!told.contains("13800138000"), "{told}");
            assert!(
                told.contains(constraint.unwrap_or("withheld")) && told.contains("23505"),
                "{told}"
            );
        }
    }

    #[test]
    fn what_an_operator_can_mend_is_told_in_full() {
        let told = whole(&fault(&refused_with("42P01", None)));
        assert!(told.contains(QUOTED), "{told}");
    }

    #[test]
    fn a_taken_value_is_recognised() {
        assert!(is_taken(&refused_with("23505", None)));
        assert!(!is_taken(&DbErr::RecordNotInserted));
    }
}
