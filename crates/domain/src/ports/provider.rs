//! Providers that know who a user is (WeChat, and others by another adapter).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::identity::{ProviderIdentity, Subject};
use crate::model::member::phone::PhoneNumber;
use crate::model::secret::{LoginCode, PhoneCode};

/// Tells whom a login code belongs to, for one app.
///
/// An implementation
/// - MUST refuse a code that cannot be one of this provider's without a call;
/// - MUST NOT send a code again after it may have been spent;
/// - MUST answer, well or ill, within two seconds;
/// - MUST NOT let a code, a key or the app's secret into an error.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Redeems the code.
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError>;
}

/// Tells which phone number a phone code stands for, for one app.
///
/// The MUSTs of [`IdentityProvider`] hold here too, with one and a half seconds to answer. Besides, an
/// implementation MUST make sure, as far as the provider lets it, that the code is `owner`'s.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PhoneProvider: Send + Sync {
    /// Redeems the code.
    async fn redeem_phone_code(
        &self,
        owner: &Subject,
        code: &PhoneCode,
    ) -> Result<PhoneNumber, ProviderError>;
}

/// The provider did not do what it was asked for.
///
/// `failure` says what the caller can do; the source says what happened, for the log.
#[derive(Debug)]
pub struct ProviderError {
    /// What the caller can do.
    pub failure: ProviderFailure,
    source: Box<dyn Error + Send + Sync>,
}

/// What can be done about a provider's refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum ProviderFailure {
    /// The code is wrong, expired or another app's: the client fetches a new one.
    CodeInvalid,
    /// The code was redeemed before: the client fetches a new one.
    CodeUsed,
    /// The provider keeps this user out.
    UserBlocked,
    /// The provider will not do this for this user or this content.
    Refused,
    /// Too many calls: later again, with a new code.
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Down, busy, slow or unintelligible: later again, with a new code.
    Unavailable {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Something is wrong between the operator and the provider: nothing a client can mend.
    Misconfigured,
}

impl ProviderError {
    /// Joins what can be done with what happened.
    pub fn new(failure: ProviderFailure, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { failure, source: source.into() }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.failure {
            ProviderFailure::CodeInvalid => "the provider does not know the code",
            ProviderFailure::CodeUsed => "the code was redeemed before",
            ProviderFailure::UserBlocked => "the provider blocks the user",
            ProviderFailure::Refused => "the provider refused",
            ProviderFailure::Throttled { .. } => "the provider asks for fewer calls",
            ProviderFailure::Unavailable { .. } => "the provider is unavailable",
            ProviderFailure::Misconfigured => "the app is not set up properly at the provider",
        })
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}
