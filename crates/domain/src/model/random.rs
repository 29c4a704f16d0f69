//! Randomness port.

/// Source of randomness.
///
/// An implementation MUST be cryptographically secure, so that ids and digits made from it cannot be
/// guessed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait Random: Send + Sync {
    /// Fills the whole slice with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
