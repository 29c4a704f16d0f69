//! Prometheus metrics of the HTTP API. Label values never contain client input.

pub(crate) mod text;

use std::sync::Arc;
use std::time::Duration;

use domain::model::login::LoggedIn;
use domain::model::session::token_pair::TokenPair;
use domain::use_cases::login::LoginError;
use domain::use_cases::session::refresh::RefreshError;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::error::report::ErrorIds;
use crate::metrics::text::prometheus_text;

/// Upper bounds of the histogram buckets in seconds; a login takes at most 4 s.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0];

/// Labels `method` and `route`; the route is the router's pattern, not the requested path.
type RouteLabels = [(&'static str, String); 2];

/// Label `status`.
type StatusLabel = [(&'static str, u16); 1];

/// Label `outcome`: the kind of success, or the error id.
type OutcomeLabel = [(&'static str, &'static str); 1];

/// Metrics of the HTTP API, and the registry of all metrics.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<(RouteLabels, StatusLabel), Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    logins: Family<OutcomeLabel, Counter>,
    refreshes: Family<OutcomeLabel, Counter>,
    registry: Arc<Registry>,
}

impl Metrics {
    /// Registers the metrics of the HTTP API in the registry with the metrics of the other components.
    #[must_use]
    pub fn new(mut registry: Registry) -> Self {
        let requests = Family::default();
        let help = "Requests, by route and status";
        registry.register("http_requests", help, Family::clone(&requests));

        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> _);
        let name = "http_request_duration";
        let help = "Duration of requests, by route";
        registry.register_with_unit(name, help, Unit::Seconds, Family::clone(&durations));

        let logins = preregistered::<LoginError>(&["new", "returning"]);
        registry.register("logins", "Logins, by outcome", Family::clone(&logins));

        let refreshes = preregistered::<RefreshError>(&["ok"]);
        registry.register("refreshes", "Token refreshes, by outcome", Family::clone(&refreshes));

        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of the server", build);

        Self { requests, durations, logins, refreshes, registry: Arc::new(registry) }
    }

    pub(crate) fn record_request(
        &self,
        method: &str,
        route: &str,
        status: u16,
        duration: Duration,
    ) {
        let route = [("method", method.to_owned()), ("route", route.to_owned())];
        self.durations.get_or_create(&route).observe(duration.as_secs_f64());
        self.requests.get_or_create(&(route, [("status", status)])).inc();
    }

    pub(crate) fn record_login(&self, outcome: &Result<LoggedIn, ApiError>) {
        let success = |login: &LoggedIn| if login.is_new { "new" } else { "returning" };
        count(&self.logins, outcome.as_ref().map(success));
    }

    pub(crate) fn record_refresh(&self, outcome: &Result<TokenPair, ApiError>) {
        count(&self.refreshes, outcome.as_ref().map(|_| "ok"));
    }

    /// Renders all metrics in the Prometheus text format.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("could not encode a metric, the metrics page is incomplete");
        }
        prometheus_text(&text)
    }
}

/// Creates counters with all outcomes at 0, so that the first failure is visible as an increase.
fn preregistered<E: ErrorIds>(successes: &[&'static str]) -> Family<OutcomeLabel, Counter> {
    let counters = Family::<OutcomeLabel, Counter>::default();
    for outcome in E::ids().into_iter().map(ErrorId::id).chain(successes.iter().copied()) {
        drop(counters.get_or_create(&[("outcome", outcome)]));
    }
    counters
}

fn count(counters: &Family<OutcomeLabel, Counter>, success: Result<&'static str, &ApiError>) {
    let outcome = success.unwrap_or_else(|error| error.id.id());
    counters.get_or_create(&[("outcome", outcome)]).inc();
}
