//! Failures of requests, and the table that maps the errors of all use cases to error ids.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use salvo::http::StatusCode;
use salvo::{Depot, Request, Response, Writer, async_trait};
use tracing::Level;

use crate::error::conflict::Conflict;
use crate::error::id::ErrorId;

pub(crate) mod conflict;
pub mod id;
pub(crate) mod report;
mod table;

/// Reasons why fields of a request are invalid, by the field's name in JSON; `body` is the whole body.
///
/// Reasons are written for developers, in English, and never repeat the client's input.
pub(crate) type FieldErrors = BTreeMap<String, String>;

/// Failure of a request, before it is rendered.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) id: ErrorId,
    pub(crate) status: StatusCode,
    pub(crate) field_errors: FieldErrors,
    pub(crate) conflict: Option<Conflict>,
    pub(crate) retry_after: Option<Duration>,
    /// True if the unread rest of the connection must not be parsed as another request.
    pub(crate) closes_connection: bool,
    /// Log level of the cause.
    pub(crate) severity: Level,
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    pub(crate) fn new(id: ErrorId) -> Self {
        let severity = match id.status() {
            StatusCode::INTERNAL_SERVER_ERROR => Level::ERROR,
            StatusCode::SERVICE_UNAVAILABLE => Level::WARN,
            _ => Level::DEBUG,
        };
        Self {
            id,
            status: id.status(),
            field_errors: FieldErrors::new(),
            conflict: None,
            retry_after: None,
            closes_connection: false,
            severity,
            cause: None,
        }
    }

    /// Creates the failure of a malformed request.
    pub(crate) fn invalid(field_errors: FieldErrors) -> Self {
        Self { field_errors, ..Self::new(ErrorId::InvalidRequest) }
    }

    /// Creates the failure of a request that has one malformed field.
    pub(crate) fn invalid_field(name: &str, reason: &(impl ToString + ?Sized)) -> Self {
        Self::invalid(FieldErrors::from([(name.to_owned(), reason.to_string())]))
    }

    /// Creates the failure for a status that the router set without an error.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(ErrorId::NotFound),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(ErrorId::PayloadTooLarge),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(ErrorId::UnsupportedMediaType),
            other if other.is_client_error() => {
                Self { status, ..Self::new(ErrorId::InvalidRequest) }
            }
            other => {
                Self::new(ErrorId::Internal).with_cause(format!("router responded with {other}"))
            }
        }
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Closes the connection after the response.
    pub(crate) fn closing_connection(self) -> Self {
        Self { closes_connection: true, ..self }
    }

    /// Keeps the cause for the log.
    pub(crate) fn with_cause(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Logs the cause with its sources. Client errors are logged at debug level.
    pub(crate) fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let error = self.id.id();
        let cause = chain(cause.as_ref());
        match self.severity {
            Level::ERROR => tracing::error!(error, cause, "request failed"),
            Level::WARN => tracing::warn!(error, cause, "request failed"),
            _ => tracing::debug!(error, cause, "request rejected"),
        }
    }
}

/// Stores the failure in the depot. The request lifecycle middleware logs and renders it.
#[async_trait]
impl Writer for ApiError {
    async fn write(self, _req: &mut Request, depot: &mut Depot, res: &mut Response) {
        res.status_code(self.status);
        depot.insert_typed(self);
    }
}

/// Formats an error and its sources, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |&error| error.source());
    sources.fold(error.to_string(), |chain, source| format!("{chain}: {source}"))
}
