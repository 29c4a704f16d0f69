//! How calls to the provider went: counted hour by hour, for those who look whether it is well.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::timestamp::Timestamp;

/// The upper ends of the spans in which durations are counted, in milliseconds.
const LATENCY_BUCKETS_MS: [u64; 10] = [10, 25, 50, 100, 200, 400, 800, 1200, 2000, 5000];

/// How long an hour is, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// How long calls are remembered.
const CALL_STATS_RETENTION: Duration = Duration::from_hours(24);

/// The calls of the last day, as one process saw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStats {
    /// Since when they are counted: when the process began.
    pub since: Timestamp,
    hours: BTreeMap<(Timestamp, &'static str), HourlyStats>,
}

/// The calls to one address within one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourlyStats {
    /// How many of them ended how: `ok`, or a kind of failure.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How many were answered within which of the spans.
    latency_buckets: [u64; LATENCY_BUCKETS_MS.len()],
}

impl CallStats {
    /// None so far.
    #[must_use]
    pub const fn new(since: Timestamp) -> Self {
        Self { since, hours: BTreeMap::new() }
    }

    /// Counts a call, and forgets those that are older than a day. `call` names the address and
    /// `outcome` the kind of its end; both are few.
    pub fn record(
        &mut self,
        now: Timestamp,
        call: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let hour = now.unix_millis() - now.unix_millis().rem_euclid(HOUR_MS);
        self.forget_before(now.minus(CALL_STATS_RETENTION));
        let key = (Timestamp::from_unix_millis(hour), call);
        self.hours.entry(key).or_default().record(outcome, took);
    }

    /// The hours in which there were calls, the earliest first: when each began, which call it was,
    /// and how many went how.
    pub fn hours(&self) -> impl Iterator<Item = (Timestamp, &'static str, &HourlyStats)> {
        self.hours.iter().map(|((hour, call), calls)| (*hour, *call, calls))
    }

    /// The same, without the hours that ended more than a day before `now`.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        self.forget_before(now.minus(CALL_STATS_RETENTION));
        self
    }

    fn forget_before(&mut self, then: Timestamp) {
        let hour = Duration::from_millis(HOUR_MS.unsigned_abs());
        self.hours.retain(|(began, _), _| began.plus(hour) > then);
    }
}

impl HourlyStats {
    fn record(&mut self, outcome: &'static str, took: Duration) {
        *self.outcomes.entry(outcome).or_default() += 1;
        let span = LATENCY_BUCKETS_MS.iter().position(|most| took <= Duration::from_millis(*most));
        if let Some(counter) = span.and_then(|span| self.latency_buckets.get_mut(span)) {
            *counter += 1;
        }
    }

    /// Within what time so many of a hundred calls had ended, rounded up to a span; `None` where they
    /// took longer than any.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let calls: u64 = self.outcomes.values().sum();
        let wanted = calls.saturating_mul(percent.into()).div_ceil(100);
        let mut ended = 0;
        let spans = LATENCY_BUCKETS_MS.into_iter().zip(self.latency_buckets).filter(|_| calls > 0);
        let span = spans.into_iter().find(|(_, count)| {
            ended += count;
            ended >= wanted
        });
        span.map(|(most, _)| Duration::from_millis(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_millis(minutes * 60_000)
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn calls_are_counted_by_hour_address_and_outcome() {
        let mut calls = CallStats::new(at(0));
        for (minute, call, outcome) in [
            (1, "/a", "ok"),
            (59, "/a", "busy"),
            (60, "/a", "ok"),
            (61, "/b", "ok"),
            (61, "/a", "ok"),
        ] {
            calls.record(at(minute), call, outcome, millis(1));
        }
        let told = calls.hours().map(|(hour, call, counted)| {
            (hour, call, counted.outcomes.iter().map(|(key, n)| (*key, *n)).collect::<Vec<_>>())
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (at(0), "/a", vec![("busy", 1), ("ok", 1)]),
                (at(60), "/a", vec![("ok", 2)]),
                (at(60), "/b", vec![("ok", 1)]),
            ]
        );
    }

    #[test]
    fn what_is_older_than_a_day_is_forgotten() {
        let mut calls = CallStats::new(at(0));
        calls.record(at(30), "/a", "ok", millis(1));
        assert_eq!(calls.clone().as_of(at(25 * 60 - 1)).hours().count(), 1);
        assert_eq!(calls.clone().as_of(at(25 * 60)).hours().count(), 0);
        calls.record(at(25 * 60), "/a", "ok", millis(1));
        assert_eq!(calls.hours().map(|(hour, ..)| hour).collect::<Vec<_>>(), [at(25 * 60)]);
    }

    #[test]
    fn a_share_of_the_calls_ended_within_a_span() {
        let mut hour = HourlyStats::default();
        assert_eq!(hour.percentile(50), None);
        for took in [1, 10, 11, 900] {
            hour.record("ok", millis(took));
        }
        assert_eq!(hour.percentile(50), Some(millis(10)));
        assert_eq!(hour.percentile(51), Some(millis(25)));
        assert_eq!(hour.percentile(95), Some(millis(1200)));
        hour.record("given_up", millis(6_000));
        assert_eq!(hour.percentile(80), Some(millis(1200)));
        assert_eq!(hour.percentile(95), None);
    }
}
