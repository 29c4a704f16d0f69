//! Generation and publication of signing keys.

use crate::model::signing_key::GeneratedKey;
use crate::model::signing_key::VerificationKey;
use std::error::Error;

/// Tells the public keys with which anyone can check access tokens.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait VerificationKeys: Send + Sync {
    /// The keys of all tokens that may be good now, or will be soon.
    fn verification_keys(&self) -> Vec<VerificationKey>;
}

/// Makes the key pairs with which access tokens are signed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait KeyGenerator: Send + Sync {
    /// A key pair nobody had before. Its private half MUST be sealed so that it opens, in the store and
    /// under its own name only, for those who hold the sealing key.
    fn generate(&self) -> Result<GeneratedKey, GenerateKeyError>;
}

/// There is no new key: something is wrong with the machine.
#[derive(Debug, thiserror::Error)]
#[error("no key pair was made")]
pub struct GenerateKeyError(#[source] pub Box<dyn Error + Send + Sync>);
