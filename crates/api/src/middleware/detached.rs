//! Detached work: a use case that completes even if the client disconnects.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Instrument;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::middleware::catch_panic::catch_panic;
use crate::middleware::current_request::inherit_request_id;

/// Value of `Retry-After` if the work took too long.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Runs `work` in a task of its own and waits for its outcome. The task completes even if the caller is
/// dropped.
pub(crate) async fn run_detached<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send,
{
    let (sender, receiver) = oneshot::channel();
    let task = async move {
        let outcome = match catch_panic(work).await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(panic) => Err(ApiError::new(ErrorId::Internal).with_cause(panic)),
        };
        if let Err(undelivered) = sender.send(outcome) {
            tracing::warn!("detached work completed after the client had disconnected");
            if let Err(error) = undelivered {
                error.log();
            }
        }
    };
    tokio::spawn(inherit_request_id(task).in_current_span());
    let lost = |error| Err(ApiError::new(ErrorId::Internal).with_cause(error));
    receiver.await.unwrap_or_else(lost)
}

/// Runs `work` as [`run_detached`] does, and returns `provider_unavailable` if it takes longer than
/// `limit`. The work continues then.
pub(crate) async fn run_detached_with_timeout<T, E>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send,
{
    timeout(limit, run_detached(work)).await.unwrap_or_else(|elapsed| {
        let unavailable = ApiError::new(ErrorId::ProviderUnavailable);
        Err(unavailable.retry_after(RETRY_AFTER).with_cause(elapsed))
    })
}
