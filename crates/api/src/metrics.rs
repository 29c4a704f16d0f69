//! What operators can see of the service. No label carries anything that a client made up.

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
use crate::metrics::text::prometheus_text;
use crate::openapi::error_responses::ErrorIds;

/// The upper ends of the buckets, in seconds: a login is answered within 4.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0];

/// A route as the router knows it, never as a client wrote it.
type Route = [(&'static str, String); 2];

type Status = [(&'static str, u16); 1];

/// How a login or a refresh went: a success by its kind, a failure by its error id.
type Outcome = [(&'static str, &'static str); 1];

/// The meters of the HTTP side, and the page that shows them with all others.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<(Route, Status), Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    logins: Family<Outcome, Counter>,
    refreshes: Family<Outcome, Counter>,
    page: Arc<Registry>,
}

impl Metrics {
    /// Adds the meters of the HTTP side to those of the rest.
    #[must_use]
    pub fn new(mut rest: Registry) -> Self {
        let requests = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> _);
        let (logins, refreshes) = (Family::default(), Family::default());
        let help = "RequestContext answered, by route and status";
        rest.register("http_requests", help, Family::clone(&requests));
        let (name, help) = ("http_request_duration", "How long answers took, by route");
        rest.register_with_unit(name, help, Unit::Seconds, Family::clone(&durations));
        let help = "Logins, by what the client was told";
        rest.register("logins", help, preregistered::<LoginError>(&logins, &["new", "returning"]));
        let help = "Refreshes of sessions, by what the client was told";
        rest.register("refreshes", help, preregistered::<RefreshError>(&refreshes, &["ok"]));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        rest.register("build", "Which program this is", build);
        Self { requests, durations, logins, refreshes, page: Arc::new(rest) }
    }

    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let route = [("method", method.to_owned()), ("route", route.to_owned())];
        self.durations.get_or_create(&route).observe(took.as_secs_f64());
        self.requests.get_or_create(&(route, [("status", status)])).inc();
    }

    pub(crate) fn record_login(&self, outcome: &Result<LoggedIn, ApiError>) {
        let told = outcome.as_ref().map(|login| if login.is_new { "new" } else { "returning" });
        count(&self.logins, told);
    }

    pub(crate) fn record_refresh(&self, outcome: &Result<TokenPair, ApiError>) {
        count(&self.refreshes, outcome.as_ref().map(|_| "ok"));
    }

    /// Everything that is counted, as Prometheus reads it.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        if encode(&mut page, &self.page).is_err() {
            tracing::error!("a meter cannot be read, so the page of metrics ends there");
        }
        prometheus_text(&page)
    }
}

/// The counters with every outcome there can be, so that the first failure is a step up from 0.
fn preregistered<E: ErrorIds>(
    counters: &Family<Outcome, Counter>,
    successes: &[&'static str],
) -> Family<Outcome, Counter> {
    for outcome in E::IDS.iter().map(|id| id.id()).chain(successes.iter().copied()) {
        drop(counters.get_or_create(&[("outcome", outcome)]));
    }
    counters.clone()
}

fn count(counters: &Family<Outcome, Counter>, told: Result<&'static str, &ApiError>) {
    let outcome = told.unwrap_or_else(|error| error.id.id());
    counters.get_or_create(&[("outcome", outcome)]).inc();
}
