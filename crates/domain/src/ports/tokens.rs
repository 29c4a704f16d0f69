//! Issue and verification of tokens.

use crate::model::session::claims::AccessClaims;
use crate::model::session::claims::RefreshClaims;
use std::error::Error;

use crate::model::secret::{AccessToken, RefreshToken};
use crate::model::session::Session;

/// Issues tokens.
///
/// An implementation
/// - MUST sign access tokens so that only holders of the private key can create them;
/// - MUST derive refresh tokens of at least 256 unpredictable bits from session and generation, so that
///   they need not be stored.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait TokenIssuer: Send + Sync {
    /// Signs an access token.
    fn access_token(&self, claims: &AccessClaims) -> Result<AccessToken, SigningError>;

    /// Returns the refresh token of the session's current generation.
    fn refresh_token(&self, session: &Session) -> RefreshToken;
}

/// Error: an access token could not be signed, because the key does not work.
#[derive(Debug, thiserror::Error)]
#[error("the access token could not be signed")]
pub struct SigningError(#[source] pub Box<dyn Error + Send + Sync>);

/// Verifies tokens.
///
/// An implementation MUST accept only tokens of its own issuer and audience, of the type and algorithm
/// that it issues, within their validity, and MUST use only keys of its own store.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait TokenVerifier: Send + Sync {
    /// Verifies an access token and returns its claims.
    fn verify(&self, token: &str) -> Result<AccessClaims, TokenRejected>;

    /// Verifies an access token like [`Self::verify`], but accepts an expired one.
    fn open_access_token(&self, token: &str) -> Option<AccessClaims>;

    /// Returns the claims of a refresh token that this issuer made. MUST compare in constant time.
    fn open_refresh_token(&self, token: &str) -> Option<RefreshClaims>;
}

/// Reason for the rejection of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// The token was not issued here.
    #[error("the token is invalid")]
    Invalid,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
}
