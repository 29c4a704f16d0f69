//! The complete HTTP API as a Salvo service.

use domain::use_cases::UseCases;
use salvo::cors::{
    AllowHeaders, AllowMethods, AllowOrigin, CallNext, Cors, CorsHandler, ExposeHeaders,
};
use salvo::http::Method;
use salvo::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use salvo::{Router, Service};

use crate::config::{ApiConfig, Origin};
use crate::console::console;
use crate::middleware::canonical_path::CanonicalPath;
use crate::middleware::framing::RequestFraming;
use crate::middleware::rate_limit::RateLimit;
use crate::middleware::request_lifecycle::{RequestLifecycle, X_REQUEST_ID};
use crate::openapi::handler_source::HandlerSource;
use crate::openapi::openapi;
use crate::openapi::swagger_ui::swagger_ui;
use crate::request::idempotency_key::IDEMPOTENCY_KEY;
use crate::request::limits::BodyLimits;
use crate::routes::{Api, ApiPorts, routes};
use crate::server::drain::Drain;

/// Maximum time in seconds that browsers may cache the response to a CORS preflight request.
const CORS_MAX_AGE: u64 = 600;

/// Builds the service, for the server and for tests that call it in process.
///
/// A request passes these middlewares before its route, in this order: request lifecycle, canonical
/// path, CORS (if configured), rate limit, request framing. The request lifecycle renders failures of all
/// of them.
/// `drain` announces that the server is about to stop.
#[must_use]
pub fn service(use_cases: UseCases, ports: ApiPorts, config: &ApiConfig, drain: Drain) -> Service {
    let request_lifecycle = RequestLifecycle {
        clock: ports.clock.clone(),
        random: ports.random.clone(),
        body_limits: BodyLimits { bytes: config.body_limit, timeout: config.body_timeout },
        trusted_proxies: config.trusted_proxies.clone(),
        metrics: ports.metrics.clone(),
        drain: drain.clone(),
    };
    let rate_limit =
        RateLimit { limits: ports.rate_limits.clone(), services: ports.service_accounts.clone() };
    let api = Api::new(use_cases, ports, config, drain);
    let router = Router::new()
        .push(routes(HandlerSource::new(&api)))
        .push(Router::with_path("openapi.json").get(openapi()))
        .push(swagger_ui())
        .push(console());
    let service = Service::new(router).hoop(request_lifecycle).hoop(CanonicalPath);
    let service = match config.cors_origins.as_slice() {
        [] => service,
        origins => service.hoop(cors(origins)),
    };
    service.hoop(rate_limit).hoop(RequestFraming)
}

/// Returns the CORS middleware. It sets its headers before the route runs, so that failures have them
/// too.
fn cors(origins: &[Origin]) -> CorsHandler {
    let cors = Cors::new()
        .allow_origin(AllowOrigin::list(origins.iter().map(Origin::header_value)))
        .allow_methods(AllowMethods::list([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ]))
        .allow_headers(AllowHeaders::list([
            AUTHORIZATION,
            CONTENT_TYPE,
            ACCEPT_LANGUAGE,
            X_REQUEST_ID,
            IDEMPOTENCY_KEY,
        ]))
        .expose_headers(ExposeHeaders::list([X_REQUEST_ID, RETRY_AFTER]))
        .max_age(CORS_MAX_AGE);
    CorsHandler::new(cors, CallNext::After)
}
