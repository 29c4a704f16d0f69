//! Metrics of the calls to WeChat. No label contains personal data.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::model::clock::Clock;
use domain::model::provider::call_stats::CallStats;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tracing::{Span, field, info_span};

use super::endpoint::Endpoint;
use crate::system::SystemClock;

/// Upper bounds of the histogram buckets in seconds. Calls time out after 2 seconds.
const DURATION_BUCKETS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.0];

type Label = (&'static str, &'static str);

/// Metrics of calls and of access tokens.
///
/// Calls are counted twice: for Prometheus, and as hourly statistics of the last day for the admin console, which
/// works without Prometheus.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    calls: Family<[Label; 2], Counter>,
    last_day: Arc<Mutex<CallStats>>,
    durations: Family<[Label; 1], Histogram, fn() -> Histogram>,
    lookups: Family<[Label; 1], Counter>,
    fetches: Family<[Label; 1], Counter>,
}

/// Outcome of an access token lookup in this process.
#[derive(Clone, Copy, Debug)]
pub(super) enum LookupOutcome {
    /// A cached token was used.
    Hit,
    /// The caller waits for a fetch.
    Miss,
    /// A fetch failed a moment ago, and its error was returned.
    Failed,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self {
            calls: Family::default(),
            last_day: Arc::new(Mutex::new(CallStats::new(SystemClock.now()))),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            lookups: Family::default(),
            fetches: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Calls to WeChat by path and class of the outcome";
        registry.register("wechat_calls", help, self.calls.clone());
        let help = "Duration of calls to WeChat by path";
        let durations = self.durations.clone();
        registry.register_with_unit("wechat_call_duration", help, Unit::Seconds, durations);
        let help = "Lookups of an access token by outcome";
        registry.register("wechat_access_token_lookups", help, self.lookups.clone());
        let help = "Fetches of an access token by outcome";
        registry.register("wechat_access_token_fetches", help, self.fetches.clone());
    }

    /// Starts the measurement of a call.
    pub(super) fn start_call(&self, endpoint: Endpoint) -> Call<'_> {
        let path = endpoint.path();
        let span = info_span!("wechat", otel.kind = "client", path, class = field::Empty);
        Call { metrics: self, endpoint, started_at: Instant::now(), class: "timeout", span }
    }

    /// Call statistics of the last day.
    pub(super) fn last_day(&self) -> CallStats {
        self.last_day.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn record_lookup(&self, lookup: LookupOutcome) {
        let outcome = match lookup {
            LookupOutcome::Hit => "hit",
            LookupOutcome::Miss => "miss",
            LookupOutcome::Failed => "failed",
        };
        self.lookups.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(super) fn record_fetch(&self, is_success: bool) {
        let outcome = if is_success { "ok" } else { "failed" };
        self.fetches.get_or_create(&[("outcome", outcome)]).inc();
    }
}

/// Call in progress. It is recorded when dropped, as a timeout unless it was finished before.
pub(super) struct Call<'a> {
    metrics: &'a Metrics,
    endpoint: Endpoint,
    started_at: Instant,
    class: &'static str,
    span: Span,
}

impl Call<'_> {
    pub(super) fn elapsed(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Ends the measurement with the class of the outcome.
    pub(super) fn finish(mut self, class: &'static str) {
        self.class = class;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.span.record("class", self.class);
        let path = ("path", self.endpoint.path());
        self.metrics.calls.get_or_create(&[path, ("class", self.class)]).inc();
        let elapsed = self.elapsed();
        self.metrics.durations.get_or_create(&[path]).observe(elapsed.as_secs_f64());
        let mut last_day = self.metrics.last_day.lock().unwrap_or_else(PoisonError::into_inner);
        last_day.record(SystemClock.now(), self.endpoint.path(), self.class, elapsed);
    }
}
