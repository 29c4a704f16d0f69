//! Fake authentication of service accounts.

use std::collections::HashMap;

use domain::model::service_account::ServiceAccount;
use domain::ports::service_accounts::ServiceAccountAuthenticator;

/// Service accounts with plaintext keys.
#[derive(Debug, Default)]
pub struct MemoryServiceAccounts(HashMap<String, ServiceAccount>);

impl MemoryServiceAccounts {
    /// Adds a service account with its key.
    #[must_use]
    pub fn with(mut self, name: &str, key: &str) -> Self {
        self.0.insert(key.to_owned(), ServiceAccount { name: name.to_owned() });
        self
    }
}

impl ServiceAccountAuthenticator for MemoryServiceAccounts {
    fn authenticate(&self, key: &str) -> Option<ServiceAccount> {
        self.0.get(key).cloned()
    }
}
