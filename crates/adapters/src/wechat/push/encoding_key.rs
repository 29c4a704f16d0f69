//! Encryption key of message push (`EncodingAESKey`), and the frame around an encrypted message.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use cbc::Decryptor;
use domain::ports::pushes::PushRejected;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Length of a key in characters.
const KEY_LENGTH: usize = 43;

/// Base64 decoder that accepts trailing bits: 43 characters have two bits more than 32 bytes. In a random key they
/// are seldom zero, and a strict decoder rejects the key then.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(Indifferent),
);

/// Block size of the PKCS#7 padding. WeChat pads to 32 bytes instead of AES's 16.
const PADDING_BLOCK: usize = 32;

/// AES-256 key of message push.
pub(super) struct EncodingKey(Zeroizing<[u8; 32]>);

impl EncodingKey {
    pub(super) fn parse(text: &SecretString) -> Option<Self> {
        let text = Some(text.expose_secret()).filter(|text| text.len() == KEY_LENGTH)?;
        let bytes = Zeroizing::new(LENIENT_BASE64.decode(text).ok()?);
        bytes.as_slice().try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// Decrypts a message and returns it with the app id of its recipient. The message has a valid signature, so a
    /// failure means that it was encrypted with another key.
    pub(super) fn decrypt(&self, encrypted: &str) -> Result<(Vec<u8>, Vec<u8>), PushRejected> {
        let frame = LENIENT_BASE64.decode(encrypted).ok().and_then(|data| self.decrypt_cbc(&data));
        let parts = frame.as_deref().and_then(open_frame);
        parts.ok_or(PushRejected::Malformed(
            "cannot be decrypted: is push_aes_key the one in WeChat's console?",
        ))
    }

    /// Decrypts AES-256-CBC. The initialization vector is the first half of the key.
    fn decrypt_cbc(&self, data: &[u8]) -> Option<Vec<u8>> {
        let iv = self.0.first_chunk::<16>()?;
        let cipher = Decryptor::<Aes256>::new((&*self.0).into(), iv.into());
        cipher.decrypt_padded_vec::<NoPadding>(data).ok()
    }
}

/// Splits a frame: 16 random bytes, the length of the message, the message, the app id, and the padding.
fn open_frame(frame: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let padding = usize::from(*frame.last()?);
    let (frame, fill) = frame.split_at_checked(frame.len().checked_sub(padding)?)?;
    let is_padded = (1..=PADDING_BLOCK).contains(&padding)
        && fill.iter().all(|byte| usize::from(*byte) == padding);
    let (_random, rest) = frame.split_first_chunk::<16>().filter(|_| is_padded)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (message, app_id) = rest.split_at_checked(length)?;
    Some((message.to_vec(), app_id.to_vec()))
}
