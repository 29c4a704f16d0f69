//! Service accounts: trusted backend services.

/// A back end that has shown its key; the name is the one it is configured under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The configured name.
    pub name: String,
}
