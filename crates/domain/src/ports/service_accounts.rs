//! Authentication of service accounts.

use crate::model::service_account::ServiceAccount;

/// Authenticates service accounts by their keys.
///
/// An implementation MUST compare keys in constant time.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait ServiceAccountAuthenticator: Send + Sync {
    /// Returns the service account of a key, if there is one.
    fn authenticate(&self, key: &str) -> Option<ServiceAccount>;
}
