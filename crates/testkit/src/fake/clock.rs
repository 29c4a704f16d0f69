//! Fake clocks and timer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::timestamp::Timestamp;
use domain::ports::timer::Timer;

/// Clock that stands still until a test sets it.
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
    /// Starts at 2026-11-20T10:00:00.123Z. The milliseconds reveal code that truncates to seconds.
    fn default() -> Self {
        Self::at(Timestamp::from_unix_millis(1_795_168_800_123))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Timer that advances the clock instead of waiting.
#[async_trait]
impl Timer for FixedClock {
    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

/// Clock that advances by a second each time it is read.
///
/// Code that reads it more than once gets different times, which a test can find.
#[derive(Debug, Default)]
pub struct TickingClock {
    clock: FixedClock,
    reads: AtomicI64,
}

impl TickingClock {
    /// Returns the time of the last read.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns how often the clock was read since the last call of this method.
    pub fn take_reads(&self) -> i64 {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.clock.advance(Duration::from_secs(1));
        self.clock.now()
    }
}
