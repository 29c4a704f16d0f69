//! Statistics of the calls to the provider.

use crate::model::provider::call_stats::CallStats;

/// Statistics of the calls that this process makes.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait ProviderStats: Send + Sync {
    /// Returns the statistics. They MUST contain every call of the last 24 hours that has ended, also
    /// by a timeout.
    fn call_stats(&self) -> CallStats;
}
