//! What load balancers and operators ask.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::store::members::MemberReader;
use salvo::craft::craft;
use salvo::http::StatusCode;
use salvo::oapi::{Components, Content, EndpointOutRegister, Operation, Response, ToSchema};
use salvo::writing::{Json, Writer};
use salvo::{Depot, Request, async_trait};
use serde::Serialize;
use tokio::time::timeout;

use crate::error::chain;
use crate::server::drain::Drain;

/// How long the store may take to be called ready.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Routes about the service itself.
#[derive(Clone)]
pub struct HealthApi {
    pub(crate) directory: Arc<dyn MemberReader>,
    pub(crate) drain: Drain,
}

#[expect(clippy::unused_async, reason = "a handler is async, even one that only says it lives")]
#[craft]
impl HealthApi {
    /// Tell whether the process lives
    #[craft(endpoint(operation_id = "healthLive", tags("health")))]
    pub(crate) fn live(&self) -> Json<Health> {
        Json(Health { status: Status::Live })
    }

    /// Tell whether requests can be served
    ///
    /// 503 while the store does not answer within a second, and from the moment the server is told to stop:
    /// send requests elsewhere.
    #[craft(endpoint(operation_id = "healthReady", tags("health")))]
    pub(crate) async fn ready(&self) -> Readiness {
        if self.drain.has_begun() {
            return Readiness(false);
        }
        let cause = match timeout(READY_TIMEOUT, self.directory.ready()).await {
            Ok(Ok(())) => return Readiness(true),
            Ok(Err(error)) => chain(&error),
            Err(elapsed) => chain(&elapsed),
        };
        tracing::warn!(cause, "the store is not ready");
        Readiness(false)
    }
}

/// How the service is.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "Health"))]
pub(crate) struct Health {
    #[salvo(schema(inline))]
    status: Status,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[salvo(schema(name = "Status"))]
enum Status {
    Live,
    Ready,
    Unavailable,
}

/// Whether requests can be served.
pub(crate) struct Readiness(bool);

#[async_trait]
impl Writer for Readiness {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        if self.0 {
            res.render(Json(Health { status: Status::Ready }));
        } else {
            res.status_code(StatusCode::SERVICE_UNAVAILABLE);
            res.render(Json(Health { status: Status::Unavailable }));
        }
    }
}

impl EndpointOutRegister for Readiness {
    fn register(components: &mut Components, operation: &mut Operation) {
        let health = Content::new(Health::to_schema(components));
        for (status, about) in [("200", "Ready."), ("503", "Not ready.")] {
            let response = Response::new(about).add_content("application/json", health.clone());
            operation.responses.insert(status, response);
        }
    }
}
