//! The system's clock and its randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::model::clock::Clock;
use domain::model::random::Random;
use domain::model::timestamp::Timestamp;

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Saturating: a clock that is off by millions of years is the operator's to mend.
        let millis =
            |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        })
    }
}

/// AWS-LC's generator, seeded by the system and safe for keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::expect_used, reason = "AWS-LC aborts sooner than it fails, and so must we")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_milliseconds_of_this_century() {
        let (first, second) = (SystemClock.now(), SystemClock.now());
        assert!(first <= second);
        assert!((1_767_225_600..4_102_444_800).contains(&first.unix_seconds()), "{first:?}");
    }

    #[test]
    fn randomness_fills_the_whole_slice_and_never_repeats() {
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
