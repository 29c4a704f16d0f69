//! Context of the HTTP request that is being served.

use crate::model::request_id::RequestId;

/// Access to the request that the current work belongs to.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait RequestContext: Send + Sync {
    /// Returns the id of the current request, or `None` for background work.
    ///
    /// An implementation MUST also return it in work that continues after the client has disconnected.
    fn request_id(&self) -> Option<RequestId>;
}
