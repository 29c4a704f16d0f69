//! Id of the request that the current task works for, as a task-local value.

use domain::model::request_id::RequestId;
use domain::ports::request_context::RequestContext;
use tokio::task_local;

task_local! {
    static REQUEST_ID: RequestId;
}

/// [`RequestContext`] of the request that the current task works for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CurrentRequest;

impl RequestContext for CurrentRequest {
    fn request_id(&self) -> Option<RequestId> {
        REQUEST_ID.try_with(RequestId::clone).ok()
    }
}

/// Runs `work` with this request id.
pub(crate) async fn with_request_id<T>(request: RequestId, work: impl Future<Output = T>) -> T {
    REQUEST_ID.scope(request, work).await
}

/// Wraps `work` so that it keeps the current request id when it runs in another task.
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
