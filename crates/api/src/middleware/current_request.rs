//! The request that is being served, for whatever is done on its behalf.

use domain::model::request_id::RequestId;
use domain::ports::request_context::RequestContext;
use tokio::task_local;

task_local! {
    static REQUEST_ID: RequestId;
}

/// Knows the request on whose behalf the present task works.
#[derive(Clone, Copy, Debug, Default)]
pub struct CurrentRequest;

impl RequestContext for CurrentRequest {
    fn request_id(&self) -> Option<RequestId> {
        REQUEST_ID.try_with(RequestId::clone).ok()
    }
}

/// Does the work on behalf of a request.
pub(crate) async fn with_request_id<T>(request: RequestId, work: impl Future<Output = T>) -> T {
    REQUEST_ID.scope(request, work).await
}

/// The work, on behalf of the same request in whatever task it is done.
pub(crate) fn inherit_request_id<T>(
    work: impl Future<Output = T> + Send,
) -> impl Future<Output = T> + Send {
    let request = CurrentRequest.request_id();
    async move {
        match request {
            Some(request) => with_request_id(request, work).await,
            None => work.await,
        }
    }
}
