//! Errors of the store.

use std::error::Error;

/// Error: the store did not do what it was asked to do. The cause is for the log, except for a
/// [`Contention`] in the source chain.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot serve the request now: it cannot be reached, accepts no writes, or too many
    /// requests wait for it. The same request may succeed later. Its outcome is unknown if it was being
    /// committed.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// The store failed, and would fail again.
    #[error("the store failed")]
    Failed(#[source] BoxError),
}

/// Cause of an error, for the log.
type BoxError = Box<dyn Error + Send + Sync>;

impl StoreError {
    /// Wraps the cause of a failure.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self::Failed(source.into())
    }

    /// Wraps the cause of unavailability.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// Error: concurrent modification. The unit of work can be repeated from its beginning.
#[derive(Debug, thiserror::Error)]
#[error("concurrent modification")]
pub struct Contention(#[source] BoxError);

impl Contention {
    /// Wraps the cause, for the log.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self(source.into())
    }
}

impl From<Contention> for StoreError {
    fn from(contention: Contention) -> Self {
        Self::unavailable(contention)
    }
}

/// Error: a row was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// A unique value is in use.
    #[error("the unique value is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AddError> for StoreError {
    /// Treats a unique value in use as a concurrent modification.
    fn from(error: AddError) -> Self {
        match error {
            AddError::Taken => Contention::new(error).into(),
            AddError::Store(error) => error,
        }
    }
}

/// Error: a row was not updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The row was changed concurrently.
    #[error("the row was changed concurrently")]
    Stale,
    /// A unique value is in use.
    #[error("the unique value is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UpdateError> for StoreError {
    /// Treats a stale version or a unique value in use as a concurrent modification.
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Stale | UpdateError::Taken => Contention::new(error).into(),
            UpdateError::Store(error) => error,
        }
    }
}
