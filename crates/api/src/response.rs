//! Rendering of responses.

pub(crate) mod envelope;
pub(crate) mod error_format;
pub(crate) mod oauth_error;
