//! What operators can see of the calls to WeChat. No label says who it was about.

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

/// The upper ends of the buckets, in seconds: a call is given up after 2.
const BUCKETS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.0];

type Label = (&'static str, &'static str);

/// Counts calls, and what became of the need for an access token.
///
/// Calls are counted twice: for Prometheus, which keeps what was, and for administrators, who need
/// nothing else for it, hour by hour of the last day.
#[derive(Clone, Debug)]
pub(super) struct Meters {
    calls: Family<[Label; 2], Counter>,
    last_day: Arc<Mutex<CallStats>>,
    durations: Family<[Label; 1], Histogram, fn() -> Histogram>,
    lookups: Family<[Label; 1], Counter>,
    fetches: Family<[Label; 1], Counter>,
}

/// How a need for an access token was met.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lookup {
    /// By the one at hand.
    Hit,
    /// By waiting for a fetch.
    Miss,
    /// Not at all: a fetch had just failed.
    Failed,
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            calls: Family::default(),
            last_day: Arc::new(Mutex::new(CallStats::new(SystemClock.now()))),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            lookups: Family::default(),
            fetches: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Calls to WeChat, by path and by what kind of answer came";
        registry.register("wechat_calls", help, self.calls.clone());
        let (name, help) = ("wechat_call_duration", "How long calls to WeChat took, by path");
        registry.register_with_unit(name, help, Unit::Seconds, self.durations.clone());
        let help = "Needs for an access token, by how they were met";
        registry.register("wechat_access_token_lookups", help, self.lookups.clone());
        let help = "Access tokens fetched from WeChat, by outcome";
        registry.register("wechat_access_token_fetches", help, self.fetches.clone());
    }

    /// A call that begins now.
    pub(super) fn call(&self, endpoint: Endpoint) -> Call<'_> {
        let path = endpoint.path();
        let span = info_span!("wechat", otel.kind = "client", path, class = field::Empty);
        Call { meters: self, endpoint, begun: Instant::now(), class: "given_up", span }
    }

    /// The calls of the last day.
    pub(super) fn last_day(&self) -> CallStats {
        self.last_day.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn looked_up(&self, lookup: Lookup) {
        let outcome = match lookup {
            Lookup::Hit => "hit",
            Lookup::Miss => "miss",
            Lookup::Failed => "failed",
        };
        self.lookups.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(super) fn fetched(&self, worked: bool) {
        let outcome = if worked { "ok" } else { "failed" };
        self.fetches.get_or_create(&[("outcome", outcome)]).inc();
    }
}

/// A call under way. It is counted when it ends, and as given up when nobody waits for that.
pub(super) struct Call<'a> {
    meters: &'a Meters,
    endpoint: Endpoint,
    begun: Instant,
    class: &'static str,
    span: Span,
}

impl Call<'_> {
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The call has ended so.
    pub(super) fn ended(mut self, class: &'static str) {
        self.class = class;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.span.record("class", self.class);
        let path = ("path", self.endpoint.path());
        self.meters.calls.get_or_create(&[path, ("class", self.class)]).inc();
        let took = self.elapsed();
        self.meters.durations.get_or_create(&[path]).observe(took.as_secs_f64());
        let mut last_day = self.meters.last_day.lock().unwrap_or_else(PoisonError::into_inner);
        last_day.record(SystemClock.now(), self.endpoint.path(), self.class, took);
    }
}
