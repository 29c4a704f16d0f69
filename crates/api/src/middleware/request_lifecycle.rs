//! The outermost hoop: opens every request, and closes it with headers, envelope and log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::model::clock::Clock;
use domain::model::random::Random;
use salvo::http::header::{
    CACHE_CONTROL, CONNECTION, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use salvo::http::{Method, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};
use tracing::{Instrument, Span, debug, error_span, info, warn};

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::metrics::Metrics;
use crate::middleware::catch_panic::catch_panic;
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

/// The edge between the network and the routes.
pub(crate) struct RequestLifecycle {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) limits: BodyLimits,
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
        let exchange = RequestContext {
            request_id: request_id(req.headers(), self.clock.as_ref(), self.random.as_ref()),
            language: Language::preferred(req.headers()),
            error_format: ErrorFormat::of(req.uri().path()),
            limits: self.limits,
            clock: self.clock.clone(),
        };
        // Of the highest level, so that whatever is logged at all is logged with the request's id.
        let id = exchange.request_id.clone();
        let span = error_span!("request", request_id = id.as_str(), otel.kind = "server");
        trace::link(&span, req.headers());
        let request_id = HeaderValue::from_str(id.as_str()).ok();
        depot.insert_typed(exchange);
        with_request_id(id, async {
            if let Err(panic) = catch_panic(ctrl.call_next(req, depot, res)).await {
                depot.insert_typed(ApiError::new(ErrorId::Internal).with_cause(panic));
                res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
            }
            close(depot, res);
            self.note(req, res, started.elapsed());
        })
        .instrument(span)
        .await;
        let headers = res.headers_mut();
        headers.extend(request_id.map(|id| (X_REQUEST_ID, id)));
        // A route may say otherwise.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.drain.has_begun() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Renders the failure that the request ended in, if it did: its own, or what the router left.
fn close(depot: &mut Depot, res: &mut Response) {
    let failure = depot.remove_typed::<ApiError>().ok().or_else(|| {
        let status = res.status_code.filter(|s| s.is_client_error() || s.is_server_error())?;
        (res.body.is_none() || res.body.is_error()).then(|| ApiError::from_status(status))
    });
    if let (Some(failure), Some(exchange)) = (failure, RequestContext::of(depot)) {
        failure.log();
        res.take_body();
        match exchange.error_format {
            ErrorFormat::Envelope => envelope::render_failure(&failure, exchange, res),
            ErrorFormat::OAuth => oauth_error::render_failure(&failure, res),
        }
    }
}

impl RequestLifecycle {
    /// Counts a request, completes its trace, and logs it in one line. Successes are details: writing them all would halve
    /// what the service can take. Nothing of what the client sent is in it: of the path, only the
    /// pattern that it matched.
    fn note(&self, req: &Request, res: &Response, elapsed: Duration) {
        let known = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::HEAD,
            Method::OPTIONS,
        ];
        let method =
            known.iter().find(|method| *method == req.method()).map_or("other", Method::as_str);
        let route = req.matched_path();
        let status = res.status_code.unwrap_or_default();
        trace::answered(&Span::current(), method, route, status);
        let (status, ms) = (status.as_u16(), elapsed.as_secs_f64() * 1000.0);
        self.metrics.answered(method, route, status, elapsed);
        match status {
            500.. => warn!(method, route, status, ms, "answered"),
            400.. => info!(method, route, status, ms, "answered"),
            _ => debug!(method, route, status, ms, "answered"),
        }
    }
}
