//! Turns back whoever calls too often, before a byte of their body is read.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use domain::model::rate_limit::{LimitKey, Network};
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::use_cases::rate_limits::RateLimits;
use salvo::http::Method;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::auth::service_account;
use crate::config::Proxy;
use crate::error::ApiError;
use crate::middleware::client_address::client_address;

/// Where passwords and invitations could be guessed.
const ADMIN_LOGIN_PATHS: [&str; 2] = ["/admin/api/session", "/admin/api/invitation"];

/// Counts every request by the network it comes from; that of a trusted back end, which all its users'
/// requests may come through, by its name.
pub(crate) struct Limit {
    pub(crate) limits: Arc<RateLimits>,
    pub(crate) services: Arc<dyn ServiceAccountAuthenticator>,
    pub(crate) trusted_proxies: Vec<Proxy>,
}

#[async_trait]
impl Handler for Limit {
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
            Err(too_many) => {
                ctrl.skip_rest();
                ApiError::from(too_many).write(req, depot, res).await;
            }
        }
    }
}

impl Limit {
    fn key(&self, req: &Request) -> LimitKey {
        if let Some(service) = service_account(req.headers(), self.services.as_ref()) {
            return LimitKey::Service(service.name);
        }
        // A connection without an address does not come over a network.
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
