//! Encryption at rest (sealing), and keyed fingerprints for values that only have to be recognized.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use domain::model::fingerprint::Fingerprint;
use domain::model::fingerprint::TransientFingerprints;
use secrecy::zeroize::Zeroizing;

use crate::crypto::fingerprint_key::FingerprintKey;
use crate::crypto::master_key::MasterKey;

/// Length in bytes of a key id. The id reveals nothing about the key.
const KEY_ID_LENGTH: usize = 4;

/// Key derivation label of the encryption key.
const SEAL_INFO: &[u8] = b"menshen seals, version 1";

/// Salt of the secret from which the keys of rows are derived.
const ROW_SEAL_SALT: &[u8] = b"menshen seals by row, version 2";

/// Key derivation label of the fingerprint key.
const FINGERPRINT_INFO: &[u8] = b"menshen fingerprints, version 1";

/// Key derivation label of the key id in values of format 1.
const KEY_ID_INFO: &[u8] = b"menshen names of sealing keys, version 1";

/// Key derivation label of the key id in values of format 2.
const ROW_KEY_ID_INFO: &[u8] = b"menshen names of sealing keys, version 2";

/// Location of a sealed value in the database, used as associated data. A value that is copied to another row
/// does not open there.
#[derive(Clone, Copy, Debug)]
pub struct SealContext<'a> {
    /// Table name.
    pub table: &'static str,
    /// Column name.
    pub column: &'static str,
    /// Row id.
    pub row: &'a [u8],
}

/// Keys derived from one master key. `Debug` shows the key id only.
pub struct SealingKey {
    id: [u8; KEY_ID_LENGTH],
    cipher: RandomizedNonceKey,
    row_key_id: [u8; KEY_ID_LENGTH],
    row_secret: hkdf::Prk,
    fingerprint_key: FingerprintKey,
}

/// Seals values with the current key, and opens values sealed with the current or a former key.
///
/// A sealed value consists of a key id, a random nonce, and the ciphertext with its tag (AES-256-GCM). The key id
/// names the sealing key and the format:
///
/// | format | encryption key |
/// | --- | --- |
/// | 1 | one key, derived from the sealing key |
/// | 2 | one key per row and column, derived from the sealing key and the [`SealContext`] (HKDF-SHA256) |
///
/// With random nonces, a key must not encrypt more than 2³² values (NIST SP 800-38D, section 8.3). Format 1 is for
/// values that are written rarely. Values that are written at every login would reach the limit within years; format
/// 2 has no such limit, because few values are written to one row.
#[derive(Debug)]
pub struct Sealer {
    current: SealingKey,
    former: Vec<SealingKey>,
}

/// Error of opening a sealed value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The value names a key that is not configured.
    #[error("the value was sealed with a key that is not configured")]
    UnknownKey,
    /// The value was modified, or was sealed for another context.
    #[error("the sealed value is damaged or belongs to another row")]
    Damaged,
}

impl SealingKey {
    /// Derives the keys from `master`.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "an HMAC-SHA256 has the length of an AES-256 key"
    )]
    pub fn new(master: &MasterKey) -> Self {
        let row_secret = hkdf::Salt::new(hkdf::HKDF_SHA256, ROW_SEAL_SALT).extract(master.bytes());
        let master = hmac::Key::new(hmac::HMAC_SHA256, master.bytes());
        let id = |info| {
            let tag = hmac::sign(&master, info);
            *tag.as_ref().first_chunk().expect("an id of 4 bytes")
        };
        let encryption_key = hmac::sign(&master, SEAL_INFO);
        let fingerprint_key = hmac::sign(&master, FINGERPRINT_INFO);
        Self {
            id: id(KEY_ID_INFO),
            cipher: cipher(encryption_key.as_ref()),
            row_key_id: id(ROW_KEY_ID_INFO),
            row_secret,
            fingerprint_key: FingerprintKey::from_bytes(fingerprint_key.as_ref())
                .expect("a key of 32 bytes"),
        }
    }

    /// Returns the key of a row and column.
    #[expect(clippy::expect_used, reason = "HKDF-SHA256 expands to up to 8160 bytes")]
    fn row_cipher(&self, context: SealContext<'_>) -> RandomizedNonceKey {
        let mut key = Zeroizing::new([0; 32]);
        self.row_secret
            .expand(&[&context.bytes()], hkdf::HKDF_SHA256)
            .and_then(|key_material| key_material.fill(&mut *key))
            .expect("a key of 32 bytes");
        cipher(&*key)
    }

    /// Number that identifies the sealing key. It reveals nothing about the key.
    pub(crate) fn number(&self) -> i64 {
        u32::from_be_bytes(self.id).into()
    }

    /// Key of the fingerprints. The sealing key cannot be derived from it.
    pub(crate) fn fingerprint_key(&self) -> &FingerprintKey {
        &self.fingerprint_key
    }
}

#[expect(clippy::expect_used, reason = "every key has the length of an AES-256 key")]
fn cipher(key: &[u8]) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, key).expect("a key of 32 bytes")
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:02x?})", self.id)
    }
}

impl Sealer {
    /// Creates a sealer that seals with `current`.
    #[must_use]
    pub fn new(current: SealingKey) -> Self {
        Self { current, former: vec![] }
    }

    /// Adds a former key, which is used for opening only.
    #[must_use]
    pub fn with_former_key(mut self, former: SealingKey) -> Self {
        self.former.push(former);
        self
    }

    /// Returns the current key and then the former ones.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.current).chain(&self.former)
    }

    /// Seals a value for this context in format 1. Without the key it can be neither read nor changed.
    ///
    /// Values that are written at every login MUST use [`Self::seal_with_row_key`].
    #[must_use]
    pub fn seal(&self, context: SealContext<'_>, value: &[u8]) -> Vec<u8> {
        seal(self.current.id, &self.current.cipher, context, value)
    }

    /// Seals a value for this context in format 2. Without the key it can be neither read nor changed.
    #[must_use]
    pub fn seal_with_row_key(&self, context: SealContext<'_>, value: &[u8]) -> Vec<u8> {
        seal(self.current.row_key_id, &self.current.row_cipher(context), context, value)
    }

    /// Reports whether the value was sealed with the current key, in either format.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.current.id) || sealed.starts_with(&self.current.row_key_id)
    }

    /// Opens a value that was sealed for this context.
    pub fn open(
        &self,
        context: SealContext<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID_LENGTH>().ok_or(OpenError::Damaged)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Damaged)?;
        if let Some(key) = self.keys().find(|key| key.id == *id) {
            return open(&key.cipher, *nonce, context, text);
        }
        let key = self.keys().find(|key| key.row_key_id == *id).ok_or(OpenError::UnknownKey)?;
        open(&key.row_cipher(context), *nonce, context, text)
    }

    /// Fingerprint of `parts` under the current key.
    #[must_use]
    pub fn fingerprint(&self, kind: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        self.current.fingerprint_key.fingerprint(kind, parts)
    }
}

#[expect(clippy::expect_used, reason = "AES-GCM accepts every value that fits in memory")]
fn seal(
    id: [u8; KEY_ID_LENGTH],
    cipher: &RandomizedNonceKey,
    context: SealContext<'_>,
    value: &[u8],
) -> Vec<u8> {
    let mut text = value.to_vec();
    let nonce = cipher.seal_in_place_append_tag(Aad::from(context.bytes()), &mut text);
    let nonce = nonce.expect("less than 64 gigabytes");
    [&id[..], nonce.as_ref(), &text].concat()
}

fn open(
    cipher: &RandomizedNonceKey,
    nonce: [u8; NONCE_LEN],
    context: SealContext<'_>,
    text: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let mut text = Zeroizing::new(text.to_vec());
    match cipher.open_in_place(nonce, Aad::from(context.bytes()), &mut text) {
        Ok(value) => {
            let length = value.len();
            text.truncate(length);
        }
        // AES-GCM deliberately gives no reason.
        Err(aws_lc_rs::error::Unspecified) => return Err(OpenError::Damaged),
    }
    Ok(text)
}

impl TransientFingerprints for Sealer {
    fn fingerprint(&self, kind: &'static str, parts: &[&[u8]]) -> Fingerprint {
        Fingerprint(Self::fingerprint(self, kind, parts))
    }
}

impl SealContext<'_> {
    /// Associated data of the context. Different contexts have different bytes.
    fn bytes(&self) -> Vec<u8> {
        [self.table.as_bytes(), b"\0", self.column.as_bytes(), b"\0", self.row].concat()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const CONTEXT: SealContext<'static> =
        SealContext { table: "member", column: "phone", row: &[1] };

    fn key(seed: u8) -> SealingKey {
        let bytes: Vec<u8> = (seed..seed + 32).collect();
        SealingKey::new(&MasterKey::from_base64(&STANDARD.encode(bytes)).unwrap())
    }

    fn sealer() -> Sealer {
        Sealer::new(key(1))
    }

    /// Seals a value in both formats.
    fn seal_both(sealer: &Sealer, value: &[u8]) -> [Vec<u8>; 2] {
        [sealer.seal(CONTEXT, value), sealer.seal_with_row_key(CONTEXT, value)]
    }

    /// Values of an independent implementation (Python's `hmac`, and HKDF and AES-GCM of `cryptography`), with the
    /// master key 01 02 … 20 and the nonce 00 01 … 0b.
    #[test]
    fn both_formats_open_the_vectors_of_another_implementation() {
        for (format, vector) in [
            (1, "a8e8132c000102030405060708090a0b06a8a0ddfff5103af63d2bbba1a7652a660e3d27f4"),
            (2, "632218a3000102030405060708090a0bfca6b89a174b903b3dd87b76a1ad2abf9f996723ec"),
        ] {
            let bytes = vector.as_bytes().chunks(2).map(|hex| str::from_utf8(hex).unwrap());
            let sealed: Vec<u8> = bytes.map(|hex| u8::from_str_radix(hex, 16).unwrap()).collect();
            let opened = sealer().open(CONTEXT, &sealed).unwrap();
            assert_eq!(opened.as_slice(), b"value", "format {format}");
            let formats = seal_both(&sealer(), b"value");
            assert_eq!(formats[format - 1][..4], sealed[..4], "key id of format {format}");
        }
    }

    #[test]
    fn row_key_differs_for_each_row_and_column() {
        let key = key(1);
        let sealed = seal([0; 4], &key.row_cipher(CONTEXT), CONTEXT, b"value");
        let (nonce, text) = sealed[4..].split_first_chunk().unwrap();
        // The context is the same, so only the key can be the reason.
        let opens = |of: SealContext<'_>| open(&key.row_cipher(of), *nonce, CONTEXT, text).is_ok();
        assert!(opens(CONTEXT));
        assert!(!opens(SealContext { row: &[2], ..CONTEXT }));
        assert!(!opens(SealContext { column: "remark", ..CONTEXT }));
        assert!(!opens(SealContext { table: "members", ..CONTEXT }));
    }

    #[test]
    fn sealed_value_opens_in_its_context() {
        for value in [&b""[..], b"+8613800138000", &[0; 5000]] {
            for sealed in seal_both(&sealer(), value) {
                assert_eq!(sealer().open(CONTEXT, &sealed).unwrap().as_slice(), value);
            }
        }
    }

    #[test]
    fn sealed_value_does_not_open_in_another_context() {
        for sealed in seal_both(&sealer(), b"value") {
            assert_opens_nowhere_else(&sealed);
        }
    }

    fn assert_opens_nowhere_else(sealed: &[u8]) {
        for other in [
            SealContext { table: "members", ..CONTEXT },
            SealContext { column: "remark", ..CONTEXT },
            SealContext { row: &[2], ..CONTEXT },
            SealContext { row: &[1, 0], ..CONTEXT },
        ] {
            assert_eq!(sealer().open(other, sealed).err(), Some(OpenError::Damaged));
        }
    }

    #[test]
    fn modified_or_truncated_value_does_not_open() {
        for sealed in seal_both(&sealer(), b"value") {
            assert_opens_unmodified_only(&sealed);
        }
    }

    fn assert_opens_unmodified_only(sealed: &[u8]) {
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let expected =
                if bit < KEY_ID_LENGTH * 8 { OpenError::UnknownKey } else { OpenError::Damaged };
            assert_eq!(sealer().open(CONTEXT, &changed).err(), Some(expected), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(sealer().open(CONTEXT, &sealed[..length]).err(), Some(OpenError::Damaged));
        }
    }

    #[test]
    fn sealing_is_randomized_and_hides_the_value() {
        let one = sealer().seal(CONTEXT, b"13800138000");
        let other = sealer().seal(CONTEXT, b"13800138000");
        assert_ne!(one, other);
        assert!(!one.windows(4).any(|bytes| bytes == b"1380"));
    }

    #[test]
    fn former_key_opens_and_unknown_key_does_not() {
        for sealed in seal_both(&sealer(), b"value") {
            let successor = Sealer::new(key(2));
            assert_eq!(successor.open(CONTEXT, &sealed).err(), Some(OpenError::UnknownKey));
            let successor = successor.with_former_key(key(1));
            assert_eq!(successor.open(CONTEXT, &sealed).unwrap().as_slice(), b"value");
            assert!(!successor.is_current(&sealed));
            for sealed in seal_both(&successor, b"value") {
                assert!(successor.is_current(&sealed), "the successor seals with its current key");
            }
        }
    }

    #[test]
    fn fingerprint_depends_on_key_kind_and_part_boundaries() {
        let print = sealer().fingerprint("code", &[b"ab", b"c"]);
        assert_eq!(print, sealer().fingerprint("code", &[b"ab", b"c"]));
        for other in [
            Sealer::new(key(2)).fingerprint("code", &[b"ab", b"c"]),
            sealer().fingerprint("codes", &[b"ab", b"c"]),
            sealer().fingerprint("code", &[b"a", b"bc"]),
            sealer().fingerprint("code", &[b"abc"]),
        ] {
            assert_ne!(print, other);
        }
    }

    #[test]
    fn debug_output_contains_no_key() {
        let master = MasterKey::from_base64(&STANDARD.encode("canary 0123456789 ABCDEFGHIJKLMN"));
        let shown = format!("{:?}", Sealer::new(SealingKey::new(&master.unwrap())));
        assert!(shown.starts_with("Sealer") && shown.len() < 120, "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
