//! Chance.

/// A source of randomness.
///
/// An implementation MUST be cryptographically secure: ids and digits drawn from it are not guessable.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait Random: Send + Sync {
    /// Fills the whole slice with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
