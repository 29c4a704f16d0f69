//! Access and refresh token of a session.

use std::time::Duration;

use crate::model::secret::{AccessToken, RefreshToken};

/// Tokens that a login or a refresh returns.
#[derive(Debug)]
pub struct TokenPair {
    /// Credential of every later request.
    pub access_token: AccessToken,
    /// Credential for a single refresh of the session.
    pub refresh_token: RefreshToken,
    /// Remaining lifetime of the access token.
    pub expires_in: Duration,
}
