//! The request that is being served.

use crate::model::request_id::RequestId;

/// Knows which request the present work is done for.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait RequestContext: Send + Sync {
    /// The request, or `None` for work that nobody asked for from outside.
    ///
    /// An implementation MUST tell the same request in work that goes on when its caller has hung up.
    fn request_id(&self) -> Option<RequestId>;
}
