//! Values that are not kept and yet recognised.
#![expect(clippy::needless_lifetimes, reason = "the mock needs every lifetime named")]

use crate::redemption::Fingerprint;

/// Makes fingerprints.
///
/// An implementation
/// - MUST make them under a secret key, so that nobody else can try out which value one stands for;
/// - MUST make different ones for different kinds of values, and wherever a part ends elsewhere.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait Fingerprints: Send + Sync {
    /// The fingerprint of the value that consists of `parts`.
    fn fingerprint<'a>(&self, kind: &'static str, parts: &[&'a [u8]]) -> Fingerprint;
}
