//! Limits on the size and duration of request bodies.

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::middleware::request_context::RequestContext;
use salvo::Depot;
use std::time::Duration;

/// How much of a body is waited for, and how long.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimits {
    /// The longest body, in bytes.
    pub(crate) bytes: usize,
    /// How long the whole of it may take to arrive.
    pub(crate) within: Duration,
}

impl BodyLimits {
    /// The limits of the request that the edge opened.
    pub(crate) fn of(depot: &Depot) -> Result<Self, ApiError> {
        let unopened = || ApiError::new(ErrorId::Internal).with_cause("the request was not opened");
        RequestContext::of(depot).map(|exchange| exchange.limits).ok_or_else(unopened)
    }
}
