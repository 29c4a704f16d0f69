//! The whole HTTP side as one service.

use salvo::cors::{
    AllowHeaders, AllowMethods, AllowOrigin, CallNext, Cors, CorsHandler, ExposeHeaders,
};
use salvo::http::Method;
use salvo::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use salvo::{Router, Service};

use crate::config::{ApiConfig, Origin};
use crate::console::console;
use crate::middleware::framing::RequestFraming;
use crate::middleware::rate_limit::Limit;
use crate::middleware::request_lifecycle::{RequestLifecycle, X_REQUEST_ID};
use crate::openapi::handler_source::HandlerSource;
use crate::openapi::openapi;
use crate::openapi::swagger_ui::page;
use crate::request::idempotency_key::IDEMPOTENCY_KEY;
use crate::request::limits::BodyLimits;
use crate::routes::{Api, Parts, routes};
use crate::server::drain::Drain;

/// The service: what a server serves, and what tests call in process.
///
/// A request passes the edge, CORS, the limit of its caller and the check of its framing before its
/// route; a failure anywhere becomes an envelope at the edge. `drain` tells it that the server is about to
/// stop.
#[must_use]
pub fn service(parts: Parts, config: &ApiConfig, drain: Drain) -> Service {
    let edge = RequestLifecycle {
        clock: parts.clock.clone(),
        random: parts.random.clone(),
        limits: BodyLimits { bytes: config.body_limit, within: config.body_timeout },
        metrics: parts.metrics.clone(),
        drain: drain.clone(),
    };
    let limit = Limit {
        limits: parts.limits.clone(),
        services: parts.services.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
    };
    let api = Api::new(parts, config, drain);
    let router = Router::new()
        .push(routes(HandlerSource(Some(&api))))
        .push(Router::with_path("openapi.json").get(openapi()))
        .push(page())
        .push(console());
    let service = Service::new(router).hoop(edge);
    let service = match config.cors_origins.as_slice() {
        [] => service,
        origins => service.hoop(cors(origins)),
    };
    service.hoop(limit).hoop(RequestFraming)
}

/// The headers come before the route runs, so that a failure has them too.
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
        .max_age(600);
    CorsHandler::new(cors, CallNext::After)
}
