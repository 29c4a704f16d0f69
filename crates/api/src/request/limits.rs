//! Limits on the size and the duration of request bodies.

use std::time::Duration;

/// Limits for receiving a request body.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Maximum size in bytes.
    pub(crate) bytes: usize,
    /// Maximum time until the last byte arrives.
    pub(crate) timeout: Duration,
}
