//! Algorithms of WeChat's open data and message push, as its documentation publishes them.

use std::fmt::Write;

use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes256};
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Encrypts open data to `encryptedData`: AES-128-CBC with PKCS#7, in base64.
///
/// Key and IV are the base64-decoded `session_key` and `iv`.
pub(crate) fn open_data(session_key: &[u8; 16], iv: &[u8; 16], plaintext: &[u8]) -> String {
    let cipher = cbc::Encryptor::<Aes128>::new(session_key.into(), iv.into());
    STANDARD.encode(cipher.encrypt_padded_vec::<Pkcs7>(plaintext))
}

/// Signs `rawData`: hex SHA-1 of the raw data followed by the session key's text.
pub(crate) fn raw_data_signature(raw_data: &str, session_key: &str) -> String {
    hex(&Sha1::new().chain_update(raw_data).chain_update(session_key).finalize())
}

/// Signs data of the login state: hex HMAC-SHA256 under the session key's *text*, not its bytes.
///
/// `checksession` and `resetusersessionkey` sign the empty string.
pub(crate) fn session_signature(session_key: &str, data: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC accepts a key of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(session_key.as_bytes()).expect("a key of any length");
    hex(&mac.chain_update(data).finalize().into_bytes())
}

/// Computes `signature` or `msg_signature` of a push: hex SHA-1 of the sorted and joined parts.
pub(crate) fn push_signature<const N: usize>(mut parts: [&str; N]) -> String {
    parts.sort_unstable();
    hex(&Sha1::digest(parts.concat()))
}

/// Key of encrypted pushes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PushKey([u8; 32]);

impl PushKey {
    /// Parses an `EncodingAESKey`: 43 characters of base64 without padding.
    ///
    /// 43 random characters carry 258 bits, so the last one may have trailing bits that a strict
    /// decoder rejects.
    pub(crate) fn parse(encoding_aes_key: &str) -> Option<Self> {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &ALPHABET,
            GeneralPurposeConfig::new()
                .with_decode_allow_trailing_bits(true)
                .with_decode_padding_mode(DecodePaddingMode::RequireNone),
        );
        let bytes = LENIENT.decode(encoding_aes_key).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Encrypts a push to `Encrypt`: AES-256-CBC over `random + length + message + app id`, in
    /// base64.
    ///
    /// The IV is the first half of the key, and PKCS#7 pads to blocks of 32 bytes, not 16.
    pub(crate) fn encrypt(&self, random: &[u8; 16], message: &str, app_id: &str) -> String {
        const BLOCK_BYTES: usize = 32;
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let mut frame =
            [random, &length.to_be_bytes()[..], message.as_bytes(), app_id.as_bytes()].concat();
        let pad = BLOCK_BYTES - frame.len() % BLOCK_BYTES;
        frame.resize(frame.len() + pad, u8::try_from(pad).unwrap_or_default());
        let (iv, _) = self.0.split_at(16);
        let iv: [u8; 16] = iv.try_into().unwrap_or_default();
        let cipher = cbc::Encryptor::<Aes256>::new(&self.0.into(), &iv.into());
        STANDARD.encode(cipher.encrypt_padded_vec::<NoPadding>(&frame))
    }
}

/// Formats bytes as lowercase hexadecimal, WeChat's format of every digest.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockModeDecrypt;
    use serde_json::Value;

    use super::*;

    fn vectors(family: &str) -> Vec<Value> {
        let all: Value =
            serde_json::from_str(include_str!("../tests/vectors/wechat.json")).unwrap();
        all[family].as_array().unwrap().clone()
    }

    fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
        vector[field].as_str().unwrap_or_else(|| panic!("{field} in {vector}"))
    }

    fn bytes16(base64: &str) -> [u8; 16] {
        STANDARD.decode(base64).unwrap().try_into().unwrap()
    }

    #[test]
    fn open_data_equals_published_vectors() {
        let published = vectors("open_data_aes128cbc");
        let ok: Vec<_> = published.iter().filter(|v| v["expect"] == "ok").collect();
        assert_eq!(ok.len(), 1);
        for v in ok {
            let key = bytes16(text(v, "session_key"));
            let iv = bytes16(text(v, "iv"));
            assert_eq!(
                open_data(&key, &iv, text(v, "plaintext").as_bytes()),
                text(v, "encrypted_data")
            );
        }
    }

    #[test]
    fn invalid_open_data_vectors_fail_as_published() {
        for v in vectors("open_data_aes128cbc") {
            let key = bytes16(text(&v, "session_key"));
            let iv = bytes16(text(&v, "iv"));
            let decoded = STANDARD.decode(text(&v, "encrypted_data"));
            let plain = decoded.as_ref().ok().map(|data| {
                cbc::Decryptor::<Aes128>::new(&key.into(), &iv.into())
                    .decrypt_padded_vec::<Pkcs7>(data)
            });
            let outcome = match &plain {
                None => "base64_error",
                Some(Err(_)) => "padding_error",
                Some(Ok(plain)) => {
                    let data: Value = serde_json::from_slice(plain).unwrap();
                    if data["watermark"]["appid"] == v["appid"] {
                        "ok"
                    } else {
                        "watermark_appid_mismatch"
                    }
                }
            };
            assert_eq!(outcome, text(&v, "expect"), "{}", v["id"]);
        }
    }

    #[test]
    fn raw_data_signatures_equal_published_vectors() {
        for v in vectors("raw_data_sha1") {
            let signature = raw_data_signature(text(&v, "raw_data"), text(&v, "session_key"));
            assert_eq!(signature, text(&v, "signature"), "{}", v["id"]);
        }
    }

    #[test]
    fn session_signatures_equal_published_vectors() {
        let all = vectors("session_hmac_sha256_hex");
        assert_eq!(all.len(), 3);
        for v in all {
            let signature = session_signature(text(&v, "session_key"), text(&v, "data"));
            assert_eq!(signature, text(&v, "signature"), "{}", v["id"]);
        }
    }

    #[test]
    fn push_signatures_equal_published_vectors() {
        for v in vectors("push_plain_signature_sha1") {
            let parts = [text(&v, "token"), text(&v, "timestamp"), text(&v, "nonce")];
            assert_eq!(push_signature(parts), text(&v, "signature"), "{}", v["id"]);
        }
    }

    #[test]
    fn encrypted_pushes_equal_published_vectors() {
        let all = vectors("push_encrypted");
        assert_eq!(all.len(), 4);
        for v in all {
            let key = PushKey::parse(text(&v, "encoding_aes_key")).unwrap();
            let random = text(&v, "random16").as_bytes().try_into().unwrap();
            let encrypt = key.encrypt(random, text(&v, "msg"), text(&v, "appid"));
            assert_eq!(encrypt, text(&v, "encrypt"), "{}", v["id"]);
            if let Some(expected) = v["msg_signature"].as_str() {
                let timestamp = text(&v, "timestamp");
                let nonce = text(&v, "nonce");
                let parts = [text(&v, "token"), timestamp, nonce, &encrypt];
                assert_eq!(push_signature(parts), expected, "{}", v["id"]);
            }
        }
    }

    #[test]
    fn encoding_aes_key_must_be_43_base64_characters() {
        assert!(PushKey::parse(&"A".repeat(43)).is_some());
        for wrong in ["", &"A".repeat(42), &"A".repeat(44), &"-".repeat(43)] {
            assert!(PushKey::parse(wrong).is_none(), "{wrong}");
        }
    }
}
