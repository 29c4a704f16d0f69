//! Encryption at rest (sealing), and keyed fingerprints for values that only have to be recognized.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use domain::model::fingerprint::Fingerprint;
use domain::model::fingerprint::Fingerprints;
use secrecy::zeroize::Zeroizing;

use crate::crypto::master_key::MasterKey;

/// Length in bytes of a key id. The id reveals nothing about the key.
const KEY_ID_LENGTH: usize = 4;

/// Key derivation label of the encryption key.
const SEAL_INFO: &[u8] = b"menshen seals, version 1";

/// Key derivation label of the fingerprint key.
const FINGERPRINT_INFO: &[u8] = b"menshen fingerprints, version 1";

/// Key derivation label of the key id.
const KEY_ID_INFO: &[u8] = b"menshen names of sealing keys, version 1";

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
    fingerprint_key: hmac::Key,
}

/// Seals values with the current key, and opens values sealed with the current or a former key.
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
        let master = hmac::Key::new(hmac::HMAC_SHA256, master.bytes());
        let id = hmac::sign(&master, KEY_ID_INFO);
        let encryption_key = hmac::sign(&master, SEAL_INFO);
        let fingerprint_key = hmac::sign(&master, FINGERPRINT_INFO);
        Self {
            id: *id.as_ref().first_chunk().expect("an id of 4 bytes"),
            cipher: RandomizedNonceKey::new(&AES_256_GCM, encryption_key.as_ref())
                .expect("a key of 32 bytes"),
            fingerprint_key: hmac::Key::new(hmac::HMAC_SHA256, fingerprint_key.as_ref()),
        }
    }
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

    /// Seals a value for this context (AES-256-GCM). The result is the key id, a random nonce, and the
    /// ciphertext with its tag; without the key it can be neither read nor changed.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "AES-GCM accepts every value that fits in memory"
    )]
    pub fn seal(&self, context: SealContext<'_>, value: &[u8]) -> Vec<u8> {
        let mut text = value.to_vec();
        let cipher = &self.current.cipher;
        let nonce = cipher.seal_in_place_append_tag(Aad::from(context.bytes()), &mut text);
        let nonce = nonce.expect("less than 64 gigabytes");
        [&self.current.id[..], nonce.as_ref(), &text].concat()
    }

    /// Reports whether the value was sealed with the current key.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.current.id)
    }

    /// Opens a value that was sealed for this context.
    pub fn open(
        &self,
        context: SealContext<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID_LENGTH>().ok_or(OpenError::Damaged)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Damaged)?;
        let mut keys = std::iter::once(&self.current).chain(&self.former);
        let key = keys.find(|key| key.id == *id).ok_or(OpenError::UnknownKey)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(context.bytes());
        let mut text = Zeroizing::new(text.to_vec());
        match key.cipher.open_in_place(nonce, aad, &mut text).map(|value| value.len()) {
            Ok(length) => text.truncate(length),
            // AES-GCM deliberately gives no reason.
            Err(aws_lc_rs::error::Unspecified) => return Err(OpenError::Damaged),
        }
        Ok(text)
    }

    /// Fingerprint of `parts` (HMAC-SHA256). The same parts of the same `kind` have the same fingerprint.
    /// Without the key it reveals nothing about the parts, even if there are few possible values.
    #[must_use]
    pub fn fingerprint(&self, kind: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.current.fingerprint_key);
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        fingerprint
    }
}

impl Fingerprints for Sealer {
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

    #[test]
    fn sealed_value_opens_in_its_context() {
        for value in [&b""[..], b"+8613800138000", &[0; 5000]] {
            let sealed = sealer().seal(CONTEXT, value);
            assert_eq!(sealer().open(CONTEXT, &sealed).unwrap().as_slice(), value);
        }
    }

    #[test]
    fn sealed_value_does_not_open_in_another_context() {
        let sealed = sealer().seal(CONTEXT, b"value");
        for other in [
            SealContext { table: "members", ..CONTEXT },
            SealContext { column: "remark", ..CONTEXT },
            SealContext { row: &[2], ..CONTEXT },
            SealContext { row: &[1, 0], ..CONTEXT },
        ] {
            assert_eq!(sealer().open(other, &sealed).err(), Some(OpenError::Damaged));
        }
    }

    #[test]
    fn modified_or_truncated_value_does_not_open() {
        let sealed = sealer().seal(CONTEXT, b"value");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
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
        let sealed = sealer().seal(CONTEXT, b"value");
        let successor = Sealer::new(key(2));
        assert_eq!(successor.open(CONTEXT, &sealed).err(), Some(OpenError::UnknownKey));
        let successor = successor.with_former_key(key(1));
        assert_eq!(successor.open(CONTEXT, &sealed).unwrap().as_slice(), b"value");
        assert!(!successor.is_current(&sealed));
        assert!(
            successor.is_current(&successor.seal(CONTEXT, b"value")),
            "the successor seals with its current key"
        );
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
