//! Outermost middleware: creates the request context, renders failures, and logs and counts requests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::model::clock::Clock;
use domain::model::random::Random;
use domain::model::rate_limit::Network;
use salvo::http::header::{
    CACHE_CONTROL, CONNECTION, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use salvo::http::{Method, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};
use tracing::{Instrument, Span, debug, error_span, info, warn};

use crate::config::Proxy;
use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::metrics::Metrics;
use crate::middleware::catch_panic::catch_panic;
use crate::middleware::client_address::client_address;
use crate::middleware::current_request::with_request_id;
use crate::middleware::request_context::{RequestContext, request_id};
use crate::middleware::trace;
use crate::request::language::Language;
use crate::request::limits::BodyLimits;
use crate::response::envelope;
use crate::response::error_format::ErrorFormat;
use crate::response::oauth_error;
use crate::server::drain::Drain;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Methods that logs and metrics name; all others are `other`.
const NAMED_METHODS: [Method; 7] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
];

/// Middleware for the beginning and the end of a request.
pub(crate) struct RequestLifecycle {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) body_limits: BodyLimits,
    pub(crate) trusted_proxies: Vec<Proxy>,
    pub(crate) metrics: Metrics,
    pub(crate) drain: Drain,
}

#[async_trait]
impl Handler for RequestLifecycle {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let started = Instant::now();
        let context = RequestContext {
            request_id: request_id(req.headers(), self.clock.as_ref(), self.random.as_ref()),
            network: self.network(req),
            language: Language::preferred(req.headers()),
            error_format: ErrorFormat::of(req.uri().path()),
            body_limits: self.body_limits,
            clock: self.clock.clone(),
        };
        let id = context.request_id.clone();
        // The span has the highest level, so that all log lines of the request carry its id.
        let span = error_span!("request", request_id = id.as_str(), otel.kind = "server");
        trace::link(&span, req.headers());
        let id_header = HeaderValue::from_str(id.as_str()).ok();
        depot.insert_typed(context);
        with_request_id(id, async {
            if let Err(panic) = catch_panic(ctrl.call_next(req, depot, res)).await {
                depot.insert_typed(ApiError::new(ErrorId::Internal).with_cause(panic));
                res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
            }
            render_failure(depot, res);
            self.record(req, res, started.elapsed());
        })
        .instrument(span)
        .await;
        let headers = res.headers_mut();
        headers.extend(id_header.map(|id| (X_REQUEST_ID, id)));
        // A handler may have set another value.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.drain.has_begun() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Renders the failure of the request, if it failed: the error of a handler or middleware, or the error
/// status that the router set.
fn render_failure(depot: &mut Depot, res: &mut Response) {
    let failure = depot.remove_typed::<ApiError>().ok().or_else(|| {
        let status = res.status_code.filter(|s| s.is_client_error() || s.is_server_error())?;
        let has_no_body = res.body.is_none() || res.body.is_error();
        has_no_body.then(|| ApiError::from_status(status))
    });
    if let (Some(failure), Ok(context)) = (failure, RequestContext::of(depot)) {
        failure.log();
        res.take_body();
        match context.error_format {
            ErrorFormat::Envelope => envelope::render_failure(&failure, context, res),
            ErrorFormat::OAuth => oauth_error::render_failure(&failure, res),
        }
    }
}

impl RequestLifecycle {
    /// Returns the network of the client. Connections without an IP address are local.
    fn network(&self, req: &Request) -> Network {
        let peer = req.remote_addr().ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Network::of(client_address(peer, req.headers(), &self.trusted_proxies))
    }

    /// Counts the request, completes its trace and logs one line.
    ///
    /// Successes are logged at debug level: one line per success would halve the throughput. The line
    /// has no client input; the path is the pattern of the route.
    fn record(&self, req: &Request, res: &Response, elapsed: Duration) {
        let mut methods = NAMED_METHODS.iter();
        let method = methods.find(|method| *method == req.method()).map_or("other", Method::as_str);
        let route = req.matched_path();
        let status = res.status_code.unwrap_or_default();
        trace::record_response(&Span::current(), method, route, status);
        let status = status.as_u16();
        self.metrics.record_request(method, route, status, elapsed);
        let ms = elapsed.as_secs_f64() * 1000.0;
        match status {
            500.. => warn!(method, route, status, ms, "request completed"),
            400.. => info!(method, route, status, ms, "request completed"),
            _ => debug!(method, route, status, ms, "request completed"),
        }
    }
}
