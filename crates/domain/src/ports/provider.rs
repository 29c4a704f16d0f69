//! Identity providers: WeChat, and others by other adapters.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::identity::{ProviderIdentity, Subject};
use crate::model::member::phone::PhoneNumber;
use crate::model::secret::{LoginCode, PhoneCode};

/// Redeems login codes of one app.
///
/// An implementation
/// - MUST reject a code of an impossible format without a call;
/// - MUST NOT send a code again once the provider may have redeemed it;
/// - MUST return within two seconds, with success or failure;
/// - MUST NOT put a code, a session key or the app secret into an error.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Redeems the code at the provider.
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError>;
}

/// Redeems phone codes of one app.
///
/// The requirements of [`IdentityProvider`] apply, with a limit of 1.5 seconds. An implementation MUST
/// also check that the code is the one of `owner`, as far as the provider allows that.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PhoneProvider: Send + Sync {
    /// Redeems the code at the provider.
    async fn redeem_phone_code(
        &self,
        owner: &Subject,
        code: &PhoneCode,
    ) -> Result<PhoneNumber, ProviderError>;
}

/// Error: a call to the provider failed.
///
/// `failure` is the category for the caller; the source is the cause, for the log.
#[derive(Debug)]
pub struct ProviderError {
    /// Category of the failure.
    pub failure: ProviderFailure,
    source: Box<dyn Error + Send + Sync>,
}

/// Category of a failed call, by the caller's remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum ProviderFailure {
    /// The code is invalid, expired or belongs to another app. The client must obtain a new one.
    CodeInvalid,
    /// The code was redeemed before. The client must obtain a new one.
    CodeUsed,
    /// The provider blocks the user.
    UserBlocked,
    /// The provider refuses the operation for this user or content.
    Refused,
    /// Too many calls: retry later with a new code.
    Throttled {
        /// Time until the retry.
        retry_after: Duration,
    },
    /// The provider is down, busy, slow or returned an invalid response: retry later with a new code.
    Unavailable {
        /// Time until the retry.
        retry_after: Duration,
    },
    /// The app is configured wrongly at the provider or here: the operator must act.
    Misconfigured,
}

impl ProviderError {
    /// Creates an error from its category and cause.
    pub fn new(failure: ProviderFailure, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { failure, source: source.into() }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.failure {
            ProviderFailure::CodeInvalid => "the provider rejected the code as invalid or expired",
            ProviderFailure::CodeUsed => "the code was redeemed before",
            ProviderFailure::UserBlocked => "the provider has blocked the user",
            ProviderFailure::Refused => "the provider refused the operation",
            ProviderFailure::Throttled { .. } => "the provider's rate limit is exceeded",
            ProviderFailure::Unavailable { .. } => "the provider is unavailable",
            ProviderFailure::Misconfigured => "the app is misconfigured at the provider",
        })
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}
