//! Login attempt: the request with the responses of the provider.

use crate::model::fingerprint::Fingerprint;
use crate::model::identity::ProviderIdentity;
use crate::model::login::LoginRequest;
use crate::model::member::phone::PhoneNumber;
use crate::ports::app::App;

/// Fingerprints under which a login is stored.
#[derive(Clone, Copy)]
pub(super) struct RedemptionKey {
    /// Fingerprint of the login code.
    pub(super) code: Fingerprint,
    /// Fingerprint of the request, if it has an idempotency key.
    pub(super) request: Option<Fingerprint>,
}

/// Results of the codes that a login attempt has redeemed at the provider.
#[derive(Debug, Default)]
pub(super) struct RedeemedCodes {
    /// Result of the login code.
    pub(super) identity: Option<ProviderIdentity>,
    /// Result of the phone code.
    pub(super) phone: Option<PhoneNumber>,
}

/// A login request with everything that the provider has returned for it.
pub(super) struct LoginAttempt<'a> {
    pub(super) app: &'a App,
    pub(super) request: &'a LoginRequest,
    pub(super) identity: &'a ProviderIdentity,
    pub(super) phone: Option<&'a PhoneNumber>,
    pub(super) key: RedemptionKey,
}
