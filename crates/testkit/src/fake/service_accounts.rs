//! Trusted back ends known by plain keys.

use std::collections::HashMap;

use domain::model::service_account::ServiceAccount;
use domain::ports::service_accounts::ServiceAccountAuthenticator;

/// Back ends and their keys, as a test lists them.
#[derive(Debug, Default)]
pub struct MemoryServices(HashMap<String, ServiceAccount>);

impl MemoryServices {
    /// Knows one more back end by its key.
    #[must_use]
    pub fn with(mut self, name: &str, key: &str) -> Self {
        self.0.insert(key.to_owned(), ServiceAccount { name: name.to_owned() });
        self
    }
}

impl ServiceAccountAuthenticator for MemoryServices {
    fn authenticate(&self, key: &str) -> Option<ServiceAccount> {
        self.0.get(key).cloned()
    }
}
