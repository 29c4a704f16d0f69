//! What recognises login codes and requests again, and seals the answers kept for them.

use std::error::Error;

use crate::model::app::name::AppName;
use crate::model::fingerprint::Fingerprint;
use crate::model::login::{LoggedIn, LoginRequest};
use crate::model::secret::{IdempotencyKey, LoginCode};

/// Keeps what a login is repeated by, without keeping anything readable.
///
/// An implementation
/// - MUST give the same fingerprint for the same input on every instance, another one for any other,
///   and one that cannot be guessed without its key;
/// - MUST seal an answer so that nobody without the key reads it, and so that it opens for its own code
///   only.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait LoginSeal: Send + Sync {
    /// The fingerprint of an app's login code.
    fn code_fingerprint(&self, app: &AppName, code: &LoginCode) -> Fingerprint;

    /// The fingerprint of a request to log in: of its key and of all that it asks for. How a conflict
    /// is to be settled is no part of it, since that is said when the request is repeated.
    fn request_fingerprint(&self, key: &IdempotencyKey, request: &LoginRequest) -> Fingerprint;

    /// Seals the answer to the login with this code.
    fn seal(&self, code: &Fingerprint, answer: &LoggedIn) -> Vec<u8>;

    /// The answer that was sealed for this code.
    fn open(&self, code: &Fingerprint, sealed: &[u8]) -> Result<LoggedIn, UnsealError>;
}

/// A sealed answer does not open: it is damaged, or its key is gone.
#[derive(Debug, thiserror::Error)]
#[error("the answer that was kept does not open")]
pub struct UnsealError(#[source] pub Box<dyn Error + Send + Sync>);
