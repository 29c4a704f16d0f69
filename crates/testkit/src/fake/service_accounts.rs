//! Trusted back ends known by plain keys.

use std::collections::HashMap;

use domain::model::service_account::Service;
use domain::ports::service_accounts::ServiceAuthenticator;

/// Back ends and their keys, as a test lists them.
#[derive(Debug, Default)]
pub struct MemoryServices(HashMap<String, Service>);

impl MemoryServices {
    /// Knows one more back end by its key.
    #[must_use]
    pub fn with(mut self, name: &str, key: &str) -> Self {
        self.0.insert(key.to_owned(), Service { name: name.to_owned() });
        self
    }
}

impl ServiceAuthenticator for MemoryServices {
    fn authenticate(&self, key: &str) -> Option<Service> {
        self.0.get(key).cloned()
    }
}
