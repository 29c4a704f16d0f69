//! Generation and publication of signing keys.

use crate::model::signing_key::GeneratedKey;
use crate::model::signing_key::VerificationKey;
use std::error::Error;

/// Published keys that verify access tokens.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait VerificationKeys: Send + Sync {
    /// Returns the keys of all tokens that are valid now or will be issued soon.
    fn verification_keys(&self) -> Vec<VerificationKey>;
}

/// Generates the key pairs that sign access tokens.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait KeyGenerator: Send + Sync {
    /// Generates a new key pair. The private key MUST be encrypted with the sealing key and bound to
    /// its id.
    fn generate(&self) -> Result<GeneratedKey, GenerateKeyError>;
}

/// Error: a key pair could not be generated.
#[derive(Debug, thiserror::Error)]
#[error("the key pair could not be generated")]
pub struct GenerateKeyError(#[source] pub Box<dyn Error + Send + Sync>);
