//! Rate limiting of requests, before their body is read.

use std::sync::Arc;

use domain::model::rate_limit::LimitKey;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::use_cases::rate_limits::RateLimits;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::auth::authenticators::find_service_account;
use crate::error::ApiError;
use crate::middleware::request_context::RequestContext;

/// Routes with a limit of their own per network.
const HEALTH_CHECKS: [&str; 2] = ["health/live", "health/ready"];

/// Middleware that limits requests per network, or per service account. A service account has its own
/// quota, because it may forward the requests of all its users.
pub(crate) struct RateLimit {
    pub(crate) limits: Arc<RateLimits>,
    pub(crate) services: Arc<dyn ServiceAccountAuthenticator>,
}

#[async_trait]
impl Handler for RateLimit {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        match check(&self.limits, self.key(req, depot)).await {
            Ok(()) => {
                ctrl.call_next(req, depot, res).await;
            }
            Err(error) => {
                ctrl.skip_rest();
                error.write(req, depot, res).await;
            }
        }
    }
}

impl RateLimit {
    fn key(&self, req: &Request, depot: &Depot) -> Result<LimitKey, ApiError> {
        if let Some(service) = find_service_account(req.headers(), self.services.as_ref()) {
            return Ok(LimitKey::Service(service.name));
        }
        let network = RequestContext::of(depot)?.network;
        if HEALTH_CHECKS.contains(&req.matched_path()) {
            return Ok(LimitKey::HealthCheck(network));
        }
        Ok(LimitKey::Address(network))
    }
}

/// Middleware of the routes at which passwords and invitation codes could be guessed. It limits their
/// requests per network, in addition to [`RateLimit`].
#[derive(Clone)]
pub(crate) struct AdminSignInLimit(pub(crate) Arc<RateLimits>);

#[async_trait]
impl Handler for AdminSignInLimit {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let key = RequestContext::of(depot).map(|context| LimitKey::AdminSignIn(context.network));
        match check(&self.0, key).await {
            Ok(()) => {
                ctrl.call_next(req, depot, res).await;
            }
            Err(error) => {
                ctrl.skip_rest();
                error.write(req, depot, res).await;
            }
        }
    }
}

async fn check(limits: &RateLimits, key: Result<LimitKey, ApiError>) -> Result<(), ApiError> {
    Ok(limits.check(key?).await?)
}
