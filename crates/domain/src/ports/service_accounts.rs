//! Trusted back ends that call this service.

use crate::model::service_account::ServiceAccount;

/// Knows back ends by their keys.
///
/// An implementation MUST compare in a time that does not depend on how much of a key is right.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait ServiceAccountAuthenticator: Send + Sync {
    /// The service this key belongs to, if any.
    fn authenticate(&self, key: &str) -> Option<ServiceAccount>;
}
