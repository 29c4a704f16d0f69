//! Secrets that the database keeps: sealed where they are needed again, as fingerprints where they
//! only have to be recognised.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use domain::model::fingerprint::Fingerprint;
use domain::model::fingerprint::Fingerprints;
use secrecy::zeroize::Zeroizing;

use crate::crypto::master_key::MasterKey;

/// How many bytes name a key. They tell nothing about it.
const KEY_ID: usize = 4;

/// What the keys are for that come from one master key.
const TO_SEAL: &[u8] = b"menshen seals, version 1";
const TO_RECOGNISE: &[u8] = b"menshen fingerprints, version 1";
const TO_NAME: &[u8] = b"menshen names of sealing keys, version 1";

/// Where a sealed value lies. It opens nowhere else: copied to another row, it is worthless.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// What identifies the row.
    pub row: &'a [u8],
}

/// The keys that come from one master key. `Debug` shows which one that is, and nothing of it.
pub struct SealingKey {
    id: [u8; KEY_ID],
    cipher: RandomizedNonceKey,
    fingerprints: hmac::Key,
}

/// Seals with one key, and opens what that one or a former one sealed.
#[derive(Debug)]
pub struct Sealer {
    current: SealingKey,
    former: Vec<SealingKey>,
}

/// A sealed value does not open.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It names another key.
    #[error("it was sealed with a key that is not configured")]
    UnknownKey,
    /// It was changed, or was sealed for another place.
    #[error("it is damaged, or belongs elsewhere")]
    Damaged,
}

impl SealingKey {
    /// The keys that come from `master`.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "an HMAC-SHA256 is as long as AES-256 wants its key"
    )]
    pub fn new(master: &MasterKey) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, master.bytes());
        let name = hmac::sign(&master, TO_NAME);
        let seals = hmac::sign(&master, TO_SEAL);
        let recognises = hmac::sign(&master, TO_RECOGNISE);
        Self {
            id: *name.as_ref().first_chunk().expect("a key of 4 bytes"),
            cipher: RandomizedNonceKey::new(&AES_256_GCM, seals.as_ref())
                .expect("a key of 32 bytes"),
            fingerprints: hmac::Key::new(hmac::HMAC_SHA256, recognises.as_ref()),
        }
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:02x?})", self.id)
    }
}

impl Sealer {
    /// Seals with `current`.
    #[must_use]
    pub fn new(current: SealingKey) -> Self {
        Self { current, former: vec![] }
    }

    /// Opens, besides, what `former` sealed.
    #[must_use]
    pub fn also_opening(mut self, former: SealingKey) -> Self {
        self.former.push(former);
        self
    }

    /// The value in a form that nobody can read or change without the key: the key's name, a random
    /// nonce, and the ciphertext with its tag (AES-256-GCM).
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "AES-GCM refuses nothing that fits in memory"
    )]
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Vec<u8> {
        let mut text = value.to_vec();
        let cipher = &self.current.cipher;
        let nonce = cipher.seal_in_place_append_tag(Aad::from(place.bytes()), &mut text);
        let nonce = nonce.expect("less than 64 gigabytes");
        [&self.current.id[..], nonce.as_ref(), &text].concat()
    }

    /// Whether the key that seals now sealed this.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.current.id)
    }

    /// The value that was sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID>().ok_or(OpenError::Damaged)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Damaged)?;
        let mut keys = std::iter::once(&self.current).chain(&self.former);
        let key = keys.find(|key| key.id == *id).ok_or(OpenError::UnknownKey)?;
        let mut text = Zeroizing::new(text.to_vec());
        let (nonce, aad) = (Nonce::assume_unique_for_key(*nonce), Aad::from(place.bytes()));
        match key.cipher.open_in_place(nonce, aad, &mut text).map(|value| value.len()) {
            Ok(length) => text.truncate(length),
            // AES-GCM tells no reason, on purpose.
            Err(aws_lc_rs::error::Unspecified) => return Err(OpenError::Damaged),
        }
        Ok(text)
    }

    /// What recognises `parts` again: the same bytes for the same parts and the same `kind` of thing,
    /// which tell nothing about them without the key, however few values are possible (HMAC-SHA256).
    #[must_use]
    pub fn fingerprint(&self, kind: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.current.fingerprints);
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

impl Place<'_> {
    /// The place as bytes; no two places have the same.
    fn bytes(&self) -> Vec<u8> {
        [self.table.as_bytes(), b"\0", self.column.as_bytes(), b"\0", self.row].concat()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const HERE: Place<'static> = Place { table: "member", column: "phone", row: &[1] };

    fn key(seed: u8) -> SealingKey {
        let bytes: Vec<u8> = (seed..seed + 32).collect();
        SealingKey::new(&MasterKey::from_base64(&STANDARD.encode(bytes)).unwrap())
    }

    fn sealer() -> Sealer {
        Sealer::new(key(1))
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        for value in [&b""[..], b"+8613800138000", &[0; 5000]] {
            let sealed = sealer().seal(HERE, value);
            assert_eq!(sealer().open(HERE, &sealed).unwrap().as_slice(), value);
        }
    }

    #[test]
    fn it_opens_in_no_other_place() {
        let sealed = sealer().seal(HERE, b"value");
        for elsewhere in [
            Place { table: "members", ..HERE },
            Place { column: "remark", ..HERE },
            Place { row: &[2], ..HERE },
            Place { row: &[1, 0], ..HERE },
        ] {
            assert_eq!(sealer().open(elsewhere, &sealed).err(), Some(OpenError::Damaged));
        }
    }

    #[test]
    fn a_changed_bit_or_a_lost_byte_opens_nothing() {
        let sealed = sealer().seal(HERE, b"value");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let expected =
                if bit < KEY_ID * 8 { OpenError::UnknownKey } else { OpenError::Damaged };
            assert_eq!(sealer().open(HERE, &changed).err(), Some(expected), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(sealer().open(HERE, &sealed[..length]).err(), Some(OpenError::Damaged));
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same_way_and_does_not_show() {
        let (one, other) =
            (sealer().seal(HERE, b"13800138000"), sealer().seal(HERE, b"13800138000"));
        assert_ne!(one, other);
        assert!(!one.windows(4).any(|bytes| bytes == b"1380"));
    }

    #[test]
    fn a_former_key_still_opens_and_an_unknown_one_does_not() {
        let sealed = sealer().seal(HERE, b"value");
        let successor = Sealer::new(key(2));
        assert_eq!(successor.open(HERE, &sealed).err(), Some(OpenError::UnknownKey));
        let successor = successor.also_opening(key(1));
        assert_eq!(successor.open(HERE, &sealed).unwrap().as_slice(), b"value");
        assert!(!successor.is_current(&sealed));
        assert!(successor.is_current(&successor.seal(HERE, b"value")), "it seals with the new");
    }

    #[test]
    fn fingerprints_differ_by_key_kind_and_where_parts_end() {
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
    fn no_key_shows_in_debug_output() {
        let master = MasterKey::from_base64(&STANDARD.encode("canary 0123456789 ABCDEFGHIJKLMN"));
        let shown = format!("{:?}", Sealer::new(SealingKey::new(&master.unwrap())));
        assert!(shown.starts_with("Sealer") && shown.len() < 120, "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
