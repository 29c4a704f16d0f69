//! Keyed fingerprints of values that are recognised without being stored.
#![expect(clippy::needless_lifetimes, reason = "the mock needs every lifetime named")]

/// Transient fingerprint of a secret value: equal values have equal fingerprints, and the value cannot be
/// derived from it.
///
/// Its key changes when the operator changes the sealing key; the value is then no longer recognised. It is
/// therefore only for values that are used for minutes or hours: login codes, invitations, administrators'
/// sessions, and messages of the provider. A value that is recognised for longer needs a lasting
/// fingerprint, which only the store can compute, because its key is in the database: see
/// [`TombstoneRepository`](crate::ports::store::members::TombstoneRepository).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Computes transient fingerprints.
///
/// An implementation
/// - MUST key them with a secret, so that a guessed value cannot be tested without the key;
/// - MUST give different fingerprints for different kinds, and for parts that are split differently.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait TransientFingerprints: Send + Sync {
    /// Returns the fingerprint of the value that consists of `parts`.
    fn fingerprint<'a>(&self, kind: &'static str, parts: &[&'a [u8]]) -> Fingerprint;
}
