//! Keys of fingerprints.

use std::fmt;

use aws_lc_rs::hmac;
use secrecy::zeroize::Zeroizing;

/// Length in bytes of a fingerprint key.
const KEY_LENGTH: usize = 32;

/// Key that computes fingerprints (HMAC-SHA256). `Debug` does not show it.
pub(crate) struct FingerprintKey {
    bytes: Zeroizing<[u8; KEY_LENGTH]>,
    key: hmac::Key,
}

impl FingerprintKey {
    /// Restores a key from its bytes. Returns `None` for another number of bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = Zeroizing::new(<[u8; KEY_LENGTH]>::try_from(bytes).ok()?);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*bytes);
        Some(Self { bytes, key })
    }

    /// Key bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &*self.bytes
    }

    /// Fingerprint of `parts`. The same parts of the same `kind` have the same fingerprint. Without the key it
    /// reveals nothing about the parts, even if there are few possible values.
    pub(crate) fn fingerprint(&self, kind: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        fingerprint
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey")
    }
}
