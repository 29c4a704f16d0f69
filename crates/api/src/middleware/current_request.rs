//! The request that is being served, for whatever is done on its behalf.

use domain::model::request_id::RequestId;
use domain::ports::request_context::RequestContext;
use tokio::task_local;

task_local! {
    static SERVED: RequestId;
}

/// Knows the request on whose behalf the present task works.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServedRequest;

impl RequestContext for ServedRequest {
    fn request_id(&self) -> Option<RequestId> {
        SERVED.try_with(RequestId::clone).ok()
    }
}

/// Does the work on behalf of a request.
pub(crate) async fn on_behalf_of<T>(request: RequestId, work: impl Future<Output = T>) -> T {
    SERVED.scope(request, work).await
}

/// The work, on behalf of the same request in whatever task it is done.
pub(crate) fn on_the_same_behalf<T>(
    work: impl Future<Output = T> + Send,
) -> impl Future<Output = T> + Send {
    let request = ServedRequest.request_id();
    async move {
        match request {
            Some(request) => on_behalf_of(request, work).await,
            None => work.await,
        }
    }
}
