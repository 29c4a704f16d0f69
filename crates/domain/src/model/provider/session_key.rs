//! Session keys that are kept, sealed, for what the provider lets them be used for later.

use std::time::Duration;

use crate::model::identity::Subject;
use crate::model::timestamp::Timestamp;

/// For how long a key is kept that no login replaces. WeChat promises no lifetime; a key this old is
/// hardly good for anything.
pub const SESSION_KEY_TTL: Duration = Duration::from_hours(30 * 24);

/// A session key as the store keeps it: nobody reads it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSessionKey {
    /// Whose it is.
    pub user: Subject,
    /// The key, sealed.
    pub sealed: Vec<u8>,
    /// When the provider told it.
    pub obtained_at: Timestamp,
}

/// What a client got from the provider about its user, encrypted with their session key.
pub struct EncryptedData {
    /// The encrypted text.
    pub ciphertext: Vec<u8>,
    /// The value its encryption began with.
    pub iv: [u8; 16],
}
