//! Building blocks of the error table: the ways to report an error, and the macro that defines rows.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::marker::PhantomData;
use std::time::Duration;

use domain::ports::provider::{ProviderError, ProviderFailure};
use strum::IntoEnumIterator;
use tracing::Level;

use crate::error::ApiError;
use crate::error::conflict::Conflict;
use crate::error::id::{ErrorId, Step};

/// Error type of a use case, with the error ids that its values are reported as.
///
/// Implemented by the error table only, so that documentation and metrics cannot differ from it.
pub(crate) trait ErrorIds: Into<ApiError> {
    /// Returns the error ids in their documented order.
    fn ids() -> BTreeSet<ErrorId>;
}

/// Way to report an error to the client. Each row of the error table has one.
pub(crate) trait Report {
    /// Part of the error that the report shows to the client.
    type Input<'a>;

    /// Returns all error ids that the report can have.
    fn ids(&self) -> Vec<ErrorId>;

    /// Creates the failure.
    fn build(&self, input: Self::Input<'_>) -> ApiError;
}

impl Report for ErrorId {
    type Input<'a> = ();

    fn ids(&self) -> Vec<ErrorId> {
        vec![*self]
    }

    fn build(&self, (): ()) -> ApiError {
        ApiError::new(*self)
    }
}

impl Report for Conflict {
    type Input<'a> = ();

    fn ids(&self) -> Vec<ErrorId> {
        vec![ErrorId::Conflict]
    }

    fn build(&self, (): ()) -> ApiError {
        ApiError { conflict: Some(*self), ..ApiError::new(ErrorId::Conflict) }
    }
}

/// Report of an invalid field of the request, by its name; the input is the reason.
pub(crate) struct InvalidField(pub(crate) &'static str);

impl Report for InvalidField {
    type Input<'a> = &'a dyn Display;

    fn ids(&self) -> Vec<ErrorId> {
        vec![ErrorId::InvalidRequest]
    }

    fn build(&self, reason: &dyn Display) -> ApiError {
        ApiError::invalid_field(self.0, reason)
    }
}

/// Report of a failed call to the identity provider.
pub(crate) struct ProviderAt(pub(crate) Step);

impl Report for ProviderAt {
    type Input<'a> = &'a ProviderError;

    fn ids(&self) -> Vec<ErrorId> {
        ProviderFailure::iter().map(|failure| ErrorId::of_provider(failure, self.0)).collect()
    }

    fn build(&self, error: &ProviderError) -> ApiError {
        let report = ApiError::new(ErrorId::of_provider(error.failure, self.0));
        match error.failure {
            ProviderFailure::Throttled { retry_after }
            | ProviderFailure::Unavailable { retry_after } => report.retry_after(retry_after),
            ProviderFailure::CodeInvalid
            | ProviderFailure::CodeUsed
            | ProviderFailure::UserBlocked
            | ProviderFailure::Refused
            | ProviderFailure::Misconfigured => report,
        }
    }
}

/// Report with a `Retry-After` header; the input is the time to wait.
pub(crate) struct RetryLater(pub(crate) ErrorId);

impl Report for RetryLater {
    type Input<'a> = Duration;

    fn ids(&self) -> Vec<ErrorId> {
        vec![self.0]
    }

    fn build(&self, wait: Duration) -> ApiError {
        ApiError::new(self.0).retry_after(wait)
    }
}

/// Report of an error that wraps another error of the table.
pub(crate) struct Wrapped<E>(PhantomData<fn() -> E>);

impl<E> Wrapped<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: ErrorIds + 'static> Report for Wrapped<E>
where
    for<'a> ApiError: From<&'a E>,
{
    type Input<'a> = &'a E;

    fn ids(&self) -> Vec<ErrorId> {
        E::ids().into_iter().collect()
    }

    fn build(&self, error: &E) -> ApiError {
        error.into()
    }
}

/// Report of an error that wraps a value of its own type, whose other rows have all the ids.
pub(crate) struct Recursive<E>(PhantomData<fn() -> E>);

impl<E> Recursive<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: 'static> Report for Recursive<E>
where
    for<'a> ApiError: From<&'a E>,
{
    type Input<'a> = &'a E;

    fn ids(&self) -> Vec<ErrorId> {
        Vec::new()
    }

    fn build(&self, error: &E) -> ApiError {
        error.into()
    }
}

/// Report that is logged at another level than its error id implies.
pub(crate) struct LoggedAt<R>(pub(crate) Level, pub(crate) R);

impl<R: Report> Report for LoggedAt<R> {
    type Input<'a> = R::Input<'a>;

    fn ids(&self) -> Vec<ErrorId> {
        self.1.ids()
    }

    fn build(&self, input: R::Input<'_>) -> ApiError {
        ApiError { severity: self.0, ..self.1.build(input) }
    }
}

/// Defines how errors are reported: for each error type, rows of `pattern => report`.
///
/// A row is `pattern => report;`, or `pattern => report, with input;` if the report shows a part of
/// the error. The compiler checks that the rows of a type are exhaustive, and the ids of the type are
/// those of its rows: they need no list of their own.
macro_rules! error_table {
    ($($error:ty { $($pattern:pat => $report:expr $(, with $input:expr)?;)+ })+) => {$(
        impl From<&$error> for $crate::error::ApiError {
            fn from(error: &$error) -> Self {
                match error {
                    $($pattern => $crate::error::report::Report::build(&$report, ($($input)?)),)+
                }
            }
        }

        impl From<$error> for $crate::error::ApiError {
            fn from(error: $error) -> Self {
                Self::from(&error).with_cause(error)
            }
        }

        impl $crate::error::report::ErrorIds for $error {
            fn ids() -> std::collections::BTreeSet<$crate::error::id::ErrorId> {
                let rows = [$($crate::error::report::Report::ids(&$report)),+];
                rows.into_iter().flatten().collect()
            }
        }
    )+};
}

pub(crate) use error_table;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum InnerError {
        #[error("inner")]
        Provider(ProviderError),
    }

    #[derive(Debug, thiserror::Error)]
    enum OuterError {
        #[error("missing")]
        Missing,
        #[error("the name is too long")]
        Name,
        #[error("inner")]
        Inner(InnerError),
        #[error("again")]
        Again(Box<OuterError>),
    }

    error_table! {
        InnerError {
            InnerError::Provider(error) => ProviderAt(Step::Phone), with error;
        }
        OuterError {
            OuterError::Missing => LoggedAt(Level::WARN, ErrorId::NotFound);
            error @ OuterError::Name => InvalidField("name"), with error;
            OuterError::Inner(error) => Wrapped::<InnerError>::new(), with error;
            OuterError::Again(error) => Recursive::<OuterError>::new(), with error;
        }
    }

    #[test]
    fn error_ids_are_those_of_all_rows() {
        let provider = BTreeSet::from([
            ErrorId::PhoneCodeInvalid,
            ErrorId::UserBlocked,
            ErrorId::Forbidden,
            ErrorId::RateLimited,
            ErrorId::ProviderUnavailable,
            ErrorId::ProviderMisconfigured,
        ]);
        assert_eq!(InnerError::ids(), provider);
        let own = BTreeSet::from([ErrorId::NotFound, ErrorId::InvalidRequest]);
        assert_eq!(OuterError::ids(), &provider | &own);
    }

    #[test]
    fn reports_keep_level_reason_and_wait_of_wrapped_errors() {
        let again = |error| OuterError::Again(Box::new(error));
        let missing = ApiError::from(again(OuterError::Missing));
        assert_eq!((missing.id, missing.severity), (ErrorId::NotFound, Level::WARN));
        assert_eq!(missing.cause.unwrap().to_string(), "again");
        let name = ApiError::from(again(OuterError::Name));
        assert_eq!(name.field_errors["name"], "the name is too long");
        let retry_after = Duration::from_secs(7);
        let busy = ProviderError::new(ProviderFailure::Unavailable { retry_after }, "busy");
        let busy = ApiError::from(OuterError::Inner(InnerError::Provider(busy)));
        assert_eq!(busy.id, ErrorId::ProviderUnavailable);
        assert_eq!(busy.retry_after, Some(retry_after));
    }
}
