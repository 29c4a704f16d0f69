//! Health checks for load balancers and operators.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::store::StoreHealth;
use salvo::craft::craft;
use salvo::http::StatusCode;
use salvo::oapi::{Components, Content, EndpointOutRegister, Operation, Response, ToSchema};
use salvo::writing::{Json, Writer};
use salvo::{Depot, Request, async_trait};
use serde::Serialize;
use tokio::time::timeout;

use crate::error::chain;
use crate::server::drain::Drain;

/// Maximum time for the store to respond.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Handlers of the health checks.
#[derive(Clone)]
pub struct HealthApi {
    pub(crate) store: Arc<dyn StoreHealth>,
    pub(crate) drain: Drain,
}

#[expect(clippy::unused_async, reason = "handlers are async, and this one awaits nothing")]
#[craft]
impl HealthApi {
    /// Liveness probe
    ///
    /// Succeeds while the process can respond.
    #[craft(endpoint(operation_id = "healthLive", tags("health")))]
    pub(crate) fn live(&self) -> Json<Health> {
        Json(Health { status: ReadinessStatus::Live })
    }

    /// Readiness probe
    ///
    /// Fails with 503 if the database has not kept a write for five seconds, and after the server has
    /// received the signal to stop. Send requests to other instances then.
    #[craft(endpoint(operation_id = "healthReady", tags("health")))]
    pub(crate) async fn ready(&self) -> Readiness {
        if self.drain.has_begun() {
            return Readiness(false);
        }
        let cause = match timeout(READY_TIMEOUT, self.store.ready()).await {
            Ok(Ok(())) => return Readiness(true),
            Ok(Err(error)) => chain(&error),
            Err(elapsed) => chain(&elapsed),
        };
        tracing::warn!(cause, "readiness check failed: the store is not available");
        Readiness(false)
    }
}

/// Status of the service.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "Health"))]
pub(crate) struct Health {
    #[salvo(schema(inline))]
    status: ReadinessStatus,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[salvo(schema(name = "ReadinessStatus"))]
enum ReadinessStatus {
    Live,
    Ready,
    Unavailable,
}

/// Response of the readiness probe; true if requests can be served.
pub(crate) struct Readiness(bool);

#[async_trait]
impl Writer for Readiness {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        if self.0 {
            res.render(Json(Health { status: ReadinessStatus::Ready }));
        } else {
            res.status_code(StatusCode::SERVICE_UNAVAILABLE);
            res.render(Json(Health { status: ReadinessStatus::Unavailable }));
        }
    }
}

impl EndpointOutRegister for Readiness {
    fn register(components: &mut Components, operation: &mut Operation) {
        let health = Content::new(Health::to_schema(components));
        for (status, description) in [("200", "Ready."), ("503", "Not ready.")] {
            let response =
                Response::new(description).add_content("application/json", health.clone());
            operation.responses.insert(status, response);
        }
    }
}
