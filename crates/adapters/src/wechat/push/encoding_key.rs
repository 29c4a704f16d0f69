//! The key of encrypted pushes (`EncodingAESKey`), and the frame around what it encrypts.

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

/// How many characters a key has.
const LENGTH: usize = 43;

/// 43 characters carry two bits more than 32 bytes, and in a random key they are seldom zero: a strict
/// decoder refuses it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(Indifferent),
);

/// PKCS#7 fills blocks of 32 bytes here, not of AES's 16.
const BLOCK: usize = 32;

/// A key of pushes.
pub(super) struct EncodingKey(Zeroizing<[u8; 32]>);

impl EncodingKey {
    pub(super) fn parse(text: &SecretString) -> Option<Self> {
        let text = Some(text.expose_secret()).filter(|text| text.len() == LENGTH)?;
        let bytes = Zeroizing::new(LENIENT.decode(text).ok()?);
        bytes.as_slice().try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// The message, and the app it is for. It was signed, so what does not fit is encrypted with
    /// another key.
    pub(super) fn decrypt(&self, encrypted: &str) -> Result<(Vec<u8>, Vec<u8>), PushRejected> {
        let frame = LENIENT.decode(encrypted).ok().and_then(|data| self.decrypt_cbc(&data));
        let parts = frame.as_deref().and_then(open_frame);
        parts.ok_or(PushRejected::Malformed("it does not decrypt: is push_aes_key the console's?"))
    }

    /// AES-256-CBC; the initialisation vector is the key's first half.
    fn decrypt_cbc(&self, data: &[u8]) -> Option<Vec<u8>> {
        let iv = self.0.first_chunk::<16>()?;
        let cipher = Decryptor::<Aes256>::new((&*self.0).into(), iv.into());
        cipher.decrypt_padded_vec::<NoPadding>(data).ok()
    }
}

/// Takes apart 16 random bytes, the message's length, the message, the app id, and the padding.
fn open_frame(frame: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let padding = usize::from(*frame.last()?);
    let (frame, filling) = frame.split_at_checked(frame.len().checked_sub(padding)?)?;
    let filled =
        (1..=BLOCK).contains(&padding) && filling.iter().all(|byte| usize::from(*byte) == padding);
    let (_random, rest) = frame.split_first_chunk::<16>().filter(|_| filled)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (message, app_id) = rest.split_at_checked(length)?;
    Some((message.to_vec(), app_id.to_vec()))
}
