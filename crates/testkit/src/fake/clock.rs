//! Fake clock that only moves when a test sets it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::model::clock::Clock;
use domain::model::timestamp::Timestamp;

/// Clock that a test sets.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// Creates a clock with this time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.unix_millis()))
    }

    /// Sets the time, forward or backward.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.unix_millis(), Ordering::SeqCst);
    }

    /// Advances the time.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

impl Default for FixedClock {
    /// 2026-11-20T10:00:00.123Z. The milliseconds reveal code that truncates to seconds.
    fn default() -> Self {
        Self::at(Timestamp::from_unix_millis(1_795_168_800_123))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
    }
}
