//! Data that WeChat encrypts and signs with a user's session key ("open data").
//!
//! The encryption key is the Base64-decoded session key; signatures use its text.

use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::model::provider::session_key::EncryptedData;
use domain::model::secret::SessionKey;
use secrecy::zeroize::Zeroizing;

/// Decrypts data (AES-128-CBC, PKCS#7). The encryption is not authenticated: success does not prove that the key
/// is right, since a wrong key yields valid padding about once in 256 times, and `None` does not prove that it is
/// wrong.
pub(super) fn decrypt(key: &SessionKey, data: &EncryptedData) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(STANDARD.decode(key.expose()).ok()?);
    let key = UnboundCipherKey::new(&AES_128, &key).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
    let mut text = Zeroizing::new(data.ciphertext.clone());
    let iv = DecryptionContext::Iv128(FixedLength::from(data.iv));
    let length = key.decrypt(&mut text, iv).ok()?.len();
    text.truncate(length);
    Some(text)
}

/// Verifies WeChat's signature of the data: the SHA-1 of the data followed by the key.
pub(super) fn is_signed(key: &SessionKey, raw_data: &str, signature: &str) -> bool {
    let signed = Zeroizing::new([raw_data, key.expose()].concat());
    let expected = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes()).as_ref());
    verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_ok()
}

/// Proof for WeChat of holding a session key: the HMAC of the empty text.
pub(super) fn proof_of(key: &SessionKey) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    hex(hmac::sign(&key, b"").as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Test vectors published by WeChat or by widely used SDKs, unless marked otherwise.
    fn vectors(kind: &str) -> Vec<Value> {
        let all = include_str!("../../tests/vectors/wechat.json");
        let all: Value = serde_json::from_str(all).unwrap();
        all[kind].as_array().unwrap().clone()
    }

    fn key(vector: &Value) -> SessionKey {
        SessionKey::new(vector["session_key"].as_str().unwrap().into())
    }

    #[test]
    fn published_open_data_decrypts_only_with_its_key() {
        for vector in vectors("open_data") {
            let bytes = |name: &str| STANDARD.decode(vector[name].as_str().unwrap()).unwrap();
            let iv = bytes("iv").try_into().unwrap();
            let data = EncryptedData { ciphertext: bytes("encrypted_data"), iv };
            let text = decrypt(&key(&vector), &data);
            let text = text.as_ref().map(|text| str::from_utf8(text).unwrap());
            assert_eq!(text, vector["plaintext"].as_str(), "{}", vector["id"]);
        }
    }

    #[test]
    fn truncated_open_data_does_not_decrypt() {
        let vector = vectors("open_data").remove(0);
        let whole = STANDARD.decode(vector["encrypted_data"].as_str().unwrap()).unwrap();
        for length in [0, 1, 15, 17, whole.len() - 1] {
            let data = EncryptedData { ciphertext: whole[..length].to_vec(), iv: [0; 16] };
            assert!(decrypt(&key(&vector), &data).is_none(), "{length}");
        }
    }

    #[test]
    fn published_signatures_verify_and_others_do_not() {
        for vector in vectors("raw_data") {
            let key = key(&vector);
            let raw = vector["raw_data"].as_str().unwrap();
            let signature = vector["signature"].as_str().unwrap();
            assert!(is_signed(&key, raw, signature));
            assert!(!is_signed(
                &SessionKey::new("o0q0otL8aEzpcZL/FT9WsQ==".into()),
                raw,
                signature
            ));
            assert!(!is_signed(&key, &format!("{raw} "), signature));
            for wrong in ["", &signature[1..], &format!("{signature}0"), &"0".repeat(40)] {
                assert!(!is_signed(&key, raw, wrong), "{wrong}");
            }
        }
    }

    #[test]
    fn session_key_proof_is_the_hmac_of_the_empty_text() {
        for vector in vectors("session_hmac") {
            let published = hmac::Key::new(hmac::HMAC_SHA256, key(&vector).expose().as_bytes());
            let data = vector["data"].as_str().unwrap();
            let signature = hex(hmac::sign(&published, data.as_bytes()).as_ref());
            assert_eq!(signature, vector["signature"], "{}", vector["id"]);
            if data.is_empty() {
                assert_eq!(proof_of(&key(&vector)), signature);
            }
        }
    }
}
