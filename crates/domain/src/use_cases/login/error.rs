//! Errors of the login.

use std::sync::Arc;

use crate::model::identity::UnionIdChanged;
use crate::model::member::MemberId;
use crate::ports::login_seal::UnsealError;
use crate::ports::provider::ProviderError;
use crate::ports::store::error::{Contention, StoreError};
use crate::ports::tokens::SigningError;
use crate::use_cases::app::registry::CodeExchangeError;

/// Reason why a login was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The login code was not redeemed.
    #[error(transparent)]
    Verify(#[from] CodeExchangeError),
    /// Another request has redeemed the login code.
    #[error("the login code was redeemed by another request")]
    CodeUsed,
    /// The phone code was not redeemed.
    #[error("the phone code was not redeemed")]
    Phone(#[source] ProviderError),
    /// The account at the provider is a device or a guest.
    #[error("a guest account cannot become a member")]
    GuestAccount,
    /// The app requires a phone number, and the member has none.
    #[error("the app requires a phone number")]
    PhoneRequired,
    /// The user is not a member, and the app does not register new ones.
    #[error("the app does not register new members")]
    RegistrationClosed,
    /// The member is banned.
    #[error("the member is banned")]
    Banned {
        /// Id of the member; `None` if they were erased.
        member: Option<MemberId>,
    },
    /// The phone number belongs to another member.
    #[error("the phone number belongs to another member")]
    PhoneTaken {
        /// Set if the app requires a phone number.
        phone_required: bool,
        /// Cause for a retry: a concurrent login of the same user may have bound the number.
        source: Contention,
    },
    /// The provider says that two members are the same user, and the client must choose a resolution.
    #[error("two members are the same user, and the client has not chosen a resolution")]
    MergeRequired,
    /// The provider returned another union id than before.
    #[error(transparent)]
    UnionIdChanged(#[from] UnionIdChanged),
    /// A concurrent request with the same idempotency key failed; its error is shared.
    #[error(transparent)]
    Shared(Arc<LoginError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The stored response could not be decrypted.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
}
