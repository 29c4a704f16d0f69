//! Metrics of the store: database connections, opened and ended sessions, and pending purges.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use domain::model::clock::Clock;
use domain::model::timestamp::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use sea_orm::sqlx::{Database, Pool};

use crate::system::SystemClock;

/// Counters of opened and ended sessions. A session that expires is not counted as ended.
#[derive(Clone, Default)]
pub(super) struct SessionMetrics {
    opened: Counter,
    ended: Counter,
}

impl SessionMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("sessions_opened", "Sessions opened by logins", self.opened.clone());
        let help = "Sessions ended before their expiry: by logout, ban, refresh token reuse or \
                    session eviction";
        registry.register("sessions_ended", help, self.ended.clone());
    }
}

/// Numbers of sessions that one unit of work opens and ends, published after its commit.
#[derive(Default)]
pub(super) struct SessionCounters {
    metrics: SessionMetrics,
    opened: AtomicU64,
    ended: AtomicU64,
}

impl SessionCounters {
    pub(super) fn new(metrics: SessionMetrics) -> Self {
        Self { metrics, ..Self::default() }
    }

    pub(super) fn add_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_ended(&self, sessions: u64) {
        self.ended.fetch_add(sessions, Ordering::Relaxed);
    }

    /// Adds the numbers to the metrics.
    pub(super) fn publish(self) {
        self.metrics.opened.inc_by(self.opened.into_inner());
        self.metrics.ended.inc_by(self.ended.into_inner());
    }
}

/// Connection pools and the queues in front of them, inspected at every scrape.
pub(super) struct PoolMetrics {
    pub(super) pools: Vec<MonitoredPool>,
    /// Numbers of waiting callers, by the purpose of the connections.
    pub(super) queues: [(&'static str, Arc<AtomicUsize>); 2],
}

/// Connection pool with its name and a function that returns the numbers of open and idle connections.
pub(super) struct MonitoredPool {
    name: &'static str,
    connections: Box<dyn Fn() -> (u32, u32) + Send + Sync>,
}

impl MonitoredPool {
    pub(super) fn new<DB: Database>(name: &'static str, pool: &Pool<DB>) -> Self {
        let pool = pool.clone();
        let connections = move || {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            (pool.size(), idle)
        };
        Self { name, connections: Box::new(connections) }
    }
}

impl Collector for PoolMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "database_connections",
            "Open connections to the database, by pool and state",
            None,
            MetricType::Gauge,
        )?;
        for MonitoredPool { name, connections } in &self.pools {
            let (open, idle) = connections();
            for (state, count) in [("idle", idle), ("in_use", open.saturating_sub(idle))] {
                let labels = [("pool", *name), ("state", state)];
                ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "database_waiting",
            "Requests that wait for a connection to the database, by purpose",
            None,
            MetricType::Gauge,
        )?;
        for (purpose, waiting) in &self.queues {
            let waiting = u32::try_from(waiting.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
            let labels = [("purpose", *purpose)];
            ConstGauge::new(waiting).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for PoolMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pools.iter().map(|pool| pool.name)).finish()
    }
}

/// Age of the oldest deletion that was not purged, computed at every scrape from its time in Unix
/// milliseconds, or from 0 if there is none.
#[derive(Debug)]
pub(super) struct PurgeMetrics(pub(super) Arc<AtomicI64>);

impl Collector for PurgeMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let since = self.0.load(Ordering::Relaxed);
        let age = match since {
            0 => 0.0,
            _ => SystemClock.now().since(Timestamp::from_unix_millis(since)).as_secs_f64(),
        };
        let help = "Age of the oldest deletion whose data was not purged from the SQLite file; 0 if \
                    there is none";
        let metric = encoder.encode_descriptor(
            "purge_oldest_pending",
            help,
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        ConstGauge::new(age).encode(metric)
    }
}
