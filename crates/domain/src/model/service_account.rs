//! Service accounts: trusted backend services.

/// Authenticated service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The configured name.
    pub name: String,
}
