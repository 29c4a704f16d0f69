//! Fingerprints of login codes and requests, and encryption of stored responses.

use std::error::Error;

use crate::model::app::name::AppName;
use crate::model::fingerprint::Fingerprint;
use crate::model::login::{LoggedIn, LoginRequest};
use crate::model::secret::{IdempotencyKey, LoginCode};

/// Protects the data that make a login idempotent.
///
/// An implementation
/// - MUST return the same fingerprint for the same input on every instance, a different one for any
///   other input, and one that cannot be computed without its key;
/// - MUST encrypt a response so that it cannot be read without the key, and bind it to its code.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait LoginSeal: Send + Sync {
    /// Returns the fingerprint of a login code of an app.
    fn code_fingerprint(&self, app: &AppName, code: &LoginCode) -> Fingerprint;

    /// Returns the fingerprint of a login request: its idempotency key and all its content except the
    /// conflict resolution, which may be added when the request is repeated.
    fn request_fingerprint(&self, key: &IdempotencyKey, request: &LoginRequest) -> Fingerprint;

    /// Encrypts the response to the login with this code.
    fn seal(&self, code: &Fingerprint, answer: &LoggedIn) -> Vec<u8>;

    /// Decrypts the response to the login with this code.
    fn open(&self, code: &Fingerprint, sealed: &[u8]) -> Result<LoggedIn, UnsealError>;
}

/// Error: a stored response cannot be decrypted. It is damaged, or its key is missing.
#[derive(Debug, thiserror::Error)]
#[error("the stored login response cannot be decrypted")]
pub struct UnsealError(#[source] pub Box<dyn Error + Send + Sync>);
