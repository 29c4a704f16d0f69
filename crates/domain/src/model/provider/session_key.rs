//! Stored session keys and data encrypted with them.

use std::time::Duration;

use crate::model::identity::Subject;
use crate::model::timestamp::Timestamp;

/// Retention of a session key that no login replaces. WeChat documents no lifetime; a key this old is
/// unlikely to be valid.
pub const SESSION_KEY_TTL: Duration = Duration::from_hours(30 * 24);

/// Session key as stored; it is sealed, so the store cannot read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSessionKey {
    /// User that the key belongs to.
    pub user: Subject,
    /// Sealed key.
    pub sealed: Vec<u8>,
    /// Time at which the provider returned it.
    pub obtained_at: Timestamp,
}

/// User data that the provider encrypted for the client with the user's session key.
pub struct EncryptedData {
    /// Ciphertext.
    pub ciphertext: Vec<u8>,
    /// Initialization vector.
    pub iv: [u8; 16],
}
