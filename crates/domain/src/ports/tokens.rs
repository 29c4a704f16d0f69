//! The tokens a login hands out, and their check.

use crate::model::session::claims::AccessClaims;
use crate::model::session::claims::RefreshClaims;
use std::error::Error;

use crate::model::secret::{AccessToken, RefreshToken};
use crate::model::session::Session;

/// Makes tokens.
///
/// An implementation
/// - MUST sign access tokens so that only holders of the private key can make one;
/// - MUST make refresh tokens of at least 256 unguessable bits, the same one for the same session and
///   generation, so that none needs to be stored.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait TokenIssuer: Send + Sync {
    /// Signs an access token.
    fn access_token(&self, claims: &AccessClaims) -> Result<AccessToken, SigningError>;

    /// The refresh token of the session's present generation.
    fn refresh_token(&self, session: &Session) -> RefreshToken;
}

/// A token could not be signed: the key does not work.
#[derive(Debug, thiserror::Error)]
#[error("the token was not signed")]
pub struct SigningError(#[source] pub Box<dyn Error + Send + Sync>);

/// Checks tokens.
///
/// An implementation MUST accept only tokens of its own issuer, for its own audience, of the one type
/// and algorithm it issues, within their time, and MUST take keys from nowhere but its own store.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait TokenVerifier: Send + Sync {
    /// What the access token says.
    fn verify(&self, token: &str) -> Result<AccessClaims, TokenRejected>;

    /// What the access token says, or once said: as [`Self::verify`], but one that has expired counts
    /// too.
    fn open_access_token(&self, token: &str) -> Option<AccessClaims>;

    /// What the refresh token says, if the issuer made it. MUST compare in a time that does not depend
    /// on how much of it is right.
    fn open_refresh_token(&self, token: &str) -> Option<RefreshClaims>;
}

/// Why a token does not let anyone in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// Not a token of ours.
    #[error("the token is not valid")]
    Invalid,
    /// Ours, but too old.
    #[error("the token has expired")]
    Expired,
}
