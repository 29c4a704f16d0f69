//! Keyed fingerprints of values that are recognised without being stored.
#![expect(clippy::needless_lifetimes, reason = "the mock needs every lifetime named")]

/// Keyed fingerprint of a secret value: equal values have equal fingerprints, and the value cannot be
/// derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Computes fingerprints.
///
/// An implementation
/// - MUST key them with a secret, so that a guessed value cannot be tested without the key;
/// - MUST give different fingerprints for different kinds, and for parts that are split differently.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait Fingerprints: Send + Sync {
    /// Returns the fingerprint of the value that consists of `parts`.
    fn fingerprint<'a>(&self, kind: &'static str, parts: &[&'a [u8]]) -> Fingerprint;
}
