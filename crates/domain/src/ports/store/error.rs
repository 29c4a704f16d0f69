//! Errors of the store.

use std::error::Error;

/// The store failed. Nothing is known about why that a rule could use, unless [`Contention`] is among the
/// causes.
#[derive(Debug, thiserror::Error)]
#[error("the store failed")]
pub struct StoreError(#[source] Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps what happened, for the log.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Others were at the same at the same moment: done again from its beginning, a unit of work may come to
/// its end, or to another one.
#[derive(Debug, thiserror::Error)]
#[error("others were quicker")]
pub struct Contention(#[source] Box<dyn Error + Send + Sync>);

impl Contention {
    /// Wraps what happened, for the log.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl From<Contention> for StoreError {
    fn from(contention: Contention) -> Self {
        Self::new(contention)
    }
}

/// Something was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Its unique value is somebody's already.
    #[error("the unique value is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AddError> for StoreError {
    /// For whom only another look can tell what it means that a value is taken.
    fn from(error: AddError) -> Self {
        match error {
            AddError::Taken => Contention::new(error).into(),
            AddError::Store(error) => error,
        }
    }
}

/// Something was not written back.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Someone else wrote first.
    #[error("someone else changed it first")]
    Stale,
    /// Its unique value is somebody else's.
    #[error("the unique value is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UpdateError> for StoreError {
    /// For whom only another look can tell what it means that somebody was quicker.
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Stale | UpdateError::Taken => Contention::new(error).into(),
            UpdateError::Store(error) => error,
        }
    }
}
