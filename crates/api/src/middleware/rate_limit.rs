//! Rate limiting of requests, before their body is read.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use domain::model::rate_limit::{LimitKey, Network};
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::use_cases::rate_limits::RateLimits;
use salvo::http::Method;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::auth::authenticators::find_service_account;
use crate::config::Proxy;
use crate::error::ApiError;
use crate::middleware::client_address::client_address;

/// Paths at which passwords and invitation codes could be guessed; they have a stricter quota.
const ADMIN_LOGIN_PATHS: [&str; 2] = ["/admin/api/session", "/admin/api/invitation"];

/// Middleware that limits requests per network, or per service account. A service account has its own
/// quota, because it may forward the requests of all its users.
pub(crate) struct RateLimit {
    pub(crate) limits: Arc<RateLimits>,
    pub(crate) services: Arc<dyn ServiceAccountAuthenticator>,
    pub(crate) trusted_proxies: Vec<Proxy>,
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
        match self.limits.check(self.key(req)).await {
            Ok(()) => {
                ctrl.call_next(req, depot, res).await;
            }
            Err(rate_limited) => {
                ctrl.skip_rest();
                ApiError::from(rate_limited).write(req, depot, res).await;
            }
        }
    }
}

impl RateLimit {
    fn key(&self, req: &Request) -> LimitKey {
        if let Some(service) = find_service_account(req.headers(), self.services.as_ref()) {
            return LimitKey::Service(service.name);
        }
        // Connections without an IP address are local.
        let peer = req.remote_addr().ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let network = Network::of(client_address(peer, req.headers(), &self.trusted_proxies));
        let path = req.uri().path();
        if path.starts_with("/health/") {
            LimitKey::HealthCheck(network)
        } else if req.method() == Method::POST && ADMIN_LOGIN_PATHS.contains(&path) {
            LimitKey::AdminSignIn(network)
        } else {
            LimitKey::Address(network)
        }
    }
}
