//! Message pushes: messages that the provider sends.

use std::fmt;

use crate::model::identity::Subject;
use crate::model::member::withdrawn_data::WithdrawnData;

/// Signature parameters of a call, as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSignature {
    /// Signature of timestamp and nonce.
    pub signature: String,
    /// Signature that also covers the encrypted message, in encrypted mode.
    pub message_signature: Option<String>,
    /// Time of the signature in Unix seconds.
    pub timestamp: String,
    /// Nonce of the signature.
    pub nonce: String,
}

/// Message of the provider. `Debug` omits the deduplication key, which is personal data.
#[derive(PartialEq, Eq)]
pub struct Push {
    /// Deduplication key: equal for repetitions of a message, different for all others.
    pub dedup_key: Vec<String>,
    /// Subject and data of a withdrawal; `None` if the message is irrelevant.
    pub withdrawal: Option<(Subject, WithdrawnData)>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Push({:?})", self.withdrawal)
    }
}

/// Verifies and reads the message pushes of one app.
///
/// An implementation
/// - MUST accept a call only by the secret that the app shares with the provider, compared in constant
///   time;
/// - MUST reject a message to another app, and a plaintext message where encryption is configured;
/// - MUST handle any body without reading, calling or allocating more than the body.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait PushReader: Send + Sync {
    /// Verifies the signature of a call without a message.
    fn verify(&self, signature: &PushSignature) -> Result<(), PushRejected>;

    /// Verifies and reads a message.
    fn read(&self, signature: &PushSignature, body: &[u8]) -> Result<Push, PushRejected>;
}

/// Reason for the rejection of a message push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushRejected {
    /// The signature is wrong.
    #[error(
        "the signature is wrong: check that the push token is the one in the provider's console"
    )]
    Forged,
    /// The message is to another app, or not encrypted although it must be.
    #[error("the message is for another app, or not encrypted as configured")]
    WrongRecipient,
    /// The signature is valid, but the message is malformed.
    #[error("the message is malformed: {0}")]
    Malformed(&'static str),
}
