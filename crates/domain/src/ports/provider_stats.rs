//! How the provider is seen to be.

use crate::model::provider::call_stats::CallStats;

/// Counts the calls to the provider that this process makes.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait ProviderStats: Send + Sync {
    /// What it has counted. MUST hold every call that has ended, those that were given up too, for a
    /// day.
    fn call_stats(&self) -> CallStats;
}
