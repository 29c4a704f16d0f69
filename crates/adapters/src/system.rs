//! System clock, timer and randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::random::Random;
use domain::model::timestamp::Timestamp;
use domain::ports::timer::Timer;

/// Clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // The conversion saturates: only an operator can correct a clock that is off by millions of years.
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        })
    }
}

/// Timer of the runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

#[async_trait]
impl Timer for SystemTimer {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Random number generator of AWS-LC, seeded by the system and suitable for keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::expect_used, reason = "AWS-LC aborts the process rather than failing")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clock_returns_current_unix_milliseconds() {
        let first = SystemClock.now();
        let second = SystemClock.now();
        assert!(first <= second);
        assert!((1_767_225_600..4_102_444_800).contains(&first.unix_seconds()), "{first:?}");
    }

    #[test]
    fn system_random_fills_the_slice_with_new_bytes() {
        let mut draws = [[0; 32]; 4];
        for draw in &mut draws {
            SystemRandom.fill(draw);
        }
        for (nth, draw) in draws.iter().enumerate() {
            assert!(draw.chunks(16).all(|half| half != [0; 16]));
            assert!(draws.iter().skip(nth + 1).all(|other| other != draw));
        }
    }
}
