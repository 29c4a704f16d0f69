//! What WeChat encrypts and signs with a user's session key.
//!
//! Data are encrypted with the key that the text stands for in Base64; signatures are made with the
//! text itself.

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

/// The plain text (AES-128-CBC, PKCS#7). `None` is no proof of a wrong key, and text none of a right
/// one: a wrong key yields sound padding once in about 256 times.
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

/// Whether these are WeChat's data: their SHA-1, together with the key, is the signature.
pub(super) fn is_signed(key: &SessionKey, raw_data: &str, signature: &str) -> bool {
    let signed = Zeroizing::new([raw_data, key.expose()].concat());
    let expected = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes()).as_ref());
    verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_ok()
}

/// What shows WeChat that we hold a session key: the empty text, signed with it.
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

    /// Published by WeChat or by widely used SDKs, but for what is marked otherwise.
    fn vectors(kind: &str) -> Vec<Value> {
        let all = include_str!("../../tests/vectors/wechat.json");
        let all: Value = serde_json::from_str(all).unwrap();
        all[kind].as_array().unwrap().clone()
    }

    fn key(vector: &Value) -> SessionKey {
        SessionKey::new(vector["session_key"].as_str().unwrap().into())
    }

    #[test]
    fn published_data_are_decrypted_and_those_under_another_key_are_not() {
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
    fn nothing_that_is_cut_short_is_decrypted() {
        let vector = vectors("open_data").remove(0);
        let whole = STANDARD.decode(vector["encrypted_data"].as_str().unwrap()).unwrap();
        for length in [0, 1, 15, 17, whole.len() - 1] {
            let data = EncryptedData { ciphertext: whole[..length].to_vec(), iv: [0; 16] };
            assert!(decrypt(&key(&vector), &data).is_none(), "{length}");
        }
    }

    #[test]
    fn published_signatures_hold_and_no_others_do() {
        for vector in vectors("raw_data") {
            let (key, raw) = (key(&vector), vector["raw_data"].as_str().unwrap());
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
    fn the_empty_text_is_signed_with_the_text_of_the_key() {
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
