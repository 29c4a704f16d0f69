//! How the provider is seen to be.

use crate::model::provider::call_stats::ProviderCalls;

/// Counts the calls to the provider that this process makes.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait ProviderWatch: Send + Sync {
    /// What it has counted. MUST hold every call that has ended, those that were given up too, for a
    /// day.
    fn calls(&self) -> ProviderCalls;
}
