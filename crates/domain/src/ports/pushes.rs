//! Messages that the provider sends by itself.

use std::fmt;

use crate::model::identity::Subject;
use crate::model::member::withdrawn_data::WithdrawnData;

/// By what a call shows that it is the provider's, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSignature {
    /// The signature over the time and the nonce.
    pub signature: String,
    /// The signature over an encrypted message besides.
    pub message_signature: Option<String>,
    /// When it was made, in Unix seconds.
    pub timestamp: String,
    /// What makes it the only one.
    pub nonce: String,
}

/// A message of the provider's. `Debug` leaves out what tells it from others, which is personal data.
#[derive(PartialEq, Eq)]
pub struct Push {
    /// What tells this message from every other, however often it is sent.
    pub identity: Vec<String>,
    /// What it says: whom it is about, and what they took back; `None` is nothing for us.
    pub withdrawn: Option<(Subject, WithdrawnData)>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Push({:?})", self.withdrawn)
    }
}

/// Reads the provider's messages to one app.
///
/// An implementation
/// - MUST believe a call only by the secret that the app shares with the provider, compared in a time
///   that does not depend on how much of a signature is right;
/// - MUST refuse a message to another app, and one in the clear where encryption is configured;
/// - MUST bear any body whatever: none makes it read, call or allocate anything beyond the body.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait PushReader: Send + Sync {
    /// Whether the provider made this signature, of a call without a message.
    fn verify(&self, signature: &PushSignature) -> Result<(), PushRejected>;

    /// What the provider says.
    fn read(&self, signature: &PushSignature, body: &[u8]) -> Result<Push, PushRejected>;
}

/// Why a call is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushRejected {
    /// The signature is not the provider's.
    #[error("the signature is wrong: is the push token the one of the provider's console?")]
    Forged,
    /// It is a message to another app, or in the clear where it must not be.
    #[error("the message is not for this app, or not encrypted as it must be")]
    WrongRecipient,
    /// It is signed, and no message all the same.
    #[error("the message cannot be read: {0}")]
    Malformed(&'static str),
}
