//! What operators can see of the store: its connections, and the sessions that came and went.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use sea_orm::sqlx::{Database, Pool};

/// How many sessions were opened and ended. One that nobody prolongs ends without a word, uncounted.
#[derive(Clone, Default)]
pub(super) struct SessionMeters {
    opened: Counter,
    ended: Counter,
}

impl SessionMeters {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("sessions_opened", "Sessions opened by logins", self.opened.clone());
        let help = "Sessions ended before their time: by a logout, a ban, a replay or a newer one";
        registry.register("sessions_ended", help, self.ended.clone());
    }
}

/// What one unit of work does to sessions; it counts once that is committed.
#[derive(Default)]
pub(super) struct Tally {
    meters: SessionMeters,
    opened: AtomicU64,
    ended: AtomicU64,
}

impl Tally {
    pub(super) fn of(meters: SessionMeters) -> Self {
        Self { meters, ..Self::default() }
    }

    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, sessions: u64) {
        self.ended.fetch_add(sessions, Ordering::Relaxed);
    }

    pub(super) fn committed(self) {
        self.meters.opened.inc_by(self.opened.into_inner());
        self.meters.ended.inc_by(self.ended.into_inner());
    }
}

/// The pools of connections, looked at whenever somebody asks.
pub(super) struct Pools(pub(super) Vec<PoolMeter>);

/// One pool: its name, and how many connections it has, and how many of them idle.
pub(super) struct PoolMeter {
    name: &'static str,
    look: Box<dyn Fn() -> (u32, u32) + Send + Sync>,
}

impl PoolMeter {
    pub(super) fn new<DB: Database>(name: &'static str, pool: &Pool<DB>) -> Self {
        let pool = pool.clone();
        let look = move || (pool.size(), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
        Self { name, look: Box::new(look) }
    }
}

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let help = "Open connections to the database, by pool and state";
        let (name, gauge) = ("database_connections", MetricType::Gauge);
        let mut family = encoder.encode_descriptor(name, help, None, gauge)?;
        for PoolMeter { name, look } in &self.0 {
            let (open, idle) = look();
            for (state, count) in [("idle", idle), ("in_use", open.saturating_sub(idle))] {
                let labels = [("pool", *name), ("state", state)];
                ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|pool| pool.name)).finish()
    }
}
