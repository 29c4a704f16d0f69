//! Work that a caller may wait for but cannot break off.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Instrument;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::middleware::catch_panic::catch_panic;
use crate::middleware::current_request::inherit_request_id;

/// When a client who was not answered in time should come again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Runs `work` to its end, whether or not the caller hangs up.
pub(crate) async fn run_detached<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send,
{
    let (tell, told) = oneshot::channel();
    let task = async move {
        let outcome = match catch_panic(work).await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(panic) => Err(ApiError::new(ErrorId::Internal).with_cause(panic)),
        };
        if let Err(unheard) = tell.send(outcome) {
            tracing::warn!("the work ended after its caller had gone");
            if let Err(error) = unheard {
                error.log();
            }
        }
    };
    tokio::spawn(inherit_request_id(task).in_current_span());
    told.await.unwrap_or_else(|lost| Err(ApiError::new(ErrorId::Internal).with_cause(lost)))
}

/// Runs `work` as [`run_detached`] does; when `deadline` passes first, the caller is answered as if the
/// provider were unavailable.
pub(crate) async fn run_detached_with_timeout<T, E>(
    deadline: Duration,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send,
{
    timeout(deadline, run_detached(work)).await.unwrap_or_else(|elapsed| {
        let unavailable = ApiError::new(ErrorId::ProviderUnavailable);
        Err(unavailable.retry_after(RETRY_AFTER).with_cause(elapsed))
    })
}
