//! Statistics of calls to the provider: hourly counts by outcome and latency.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::timestamp::Timestamp;

/// Upper bounds of the latency buckets, in milliseconds.
const LATENCY_BUCKETS_MS: [u64; 10] = [10, 25, 50, 100, 200, 400, 800, 1200, 2000, 5000];

/// Length of an hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Retention of the statistics.
const CALL_STATS_RETENTION: Duration = Duration::from_hours(24);

/// Statistics of the calls that this process made within the last day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStats {
    /// Start of the counting: the start of the process.
    pub since: Timestamp,
    hours: BTreeMap<(Timestamp, &'static str), HourlyStats>,
}

/// Statistics of the calls to one endpoint within one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourlyStats {
    /// Number of calls by outcome: `ok`, or a kind of failure.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Number of calls by latency bucket; slower calls are in none.
    latency_buckets: [u64; LATENCY_BUCKETS_MS.len()],
}

impl CallStats {
    /// Creates empty statistics.
    #[must_use]
    pub const fn new(since: Timestamp) -> Self {
        Self { since, hours: BTreeMap::new() }
    }

    /// Counts a call, and deletes statistics older than a day. `call` names the endpoint and `outcome`
    /// the result; both have few distinct values.
    pub fn record(
        &mut self,
        now: Timestamp,
        call: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let hour = now.unix_millis() - now.unix_millis().rem_euclid(HOUR_MS);
        self.delete_before(now.minus(CALL_STATS_RETENTION));
        let key = (Timestamp::from_unix_millis(hour), call);
        self.hours.entry(key).or_default().record(outcome, took);
    }

    /// Returns the hours with calls, the earliest first: start of the hour, endpoint and statistics.
    pub fn hours(&self) -> impl Iterator<Item = (Timestamp, &'static str, &HourlyStats)> {
        self.hours.iter().map(|((hour, call), calls)| (*hour, *call, calls))
    }

    /// Returns the statistics without the hours that ended more than a day before `now`.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        self.delete_before(now.minus(CALL_STATS_RETENTION));
        self
    }

    fn delete_before(&mut self, then: Timestamp) {
        let hour = Duration::from_millis(HOUR_MS.unsigned_abs());
        self.hours.retain(|(start, _), _| start.plus(hour) > then);
    }
}

impl HourlyStats {
    fn record(&mut self, outcome: &'static str, took: Duration) {
        *self.outcomes.entry(outcome).or_default() += 1;
        let bucket =
            LATENCY_BUCKETS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        if let Some(counter) = bucket.and_then(|bucket| self.latency_buckets.get_mut(bucket)) {
            *counter += 1;
        }
    }

    /// Returns the latency percentile, rounded up to the bound of its bucket; `None` if it is beyond the
    /// last bucket or there were no calls.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let calls: u64 = self.outcomes.values().sum();
        let rank = calls.saturating_mul(percent.into()).div_ceil(100);
        let mut cumulative = 0;
        let mut buckets =
            LATENCY_BUCKETS_MS.into_iter().zip(self.latency_buckets).filter(|_| calls > 0);
        let bucket = buckets.find(|(_, count)| {
            cumulative += count;
            cumulative >= rank
        });
        bucket.map(|(bound, _)| Duration::from_millis(bound))
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
    fn calls_are_counted_by_hour_endpoint_and_outcome() {
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
        let hours = calls.hours().map(|(hour, call, stats)| {
            (hour, call, stats.outcomes.iter().map(|(key, n)| (*key, *n)).collect::<Vec<_>>())
        });
        assert_eq!(
            hours.collect::<Vec<_>>(),
            [
                (at(0), "/a", vec![("busy", 1), ("ok", 1)]),
                (at(60), "/a", vec![("ok", 2)]),
                (at(60), "/b", vec![("ok", 1)]),
            ]
        );
    }

    #[test]
    fn call_stats_older_than_a_day_are_deleted() {
        let mut calls = CallStats::new(at(0));
        calls.record(at(30), "/a", "ok", millis(1));
        assert_eq!(calls.clone().as_of(at(25 * 60 - 1)).hours().count(), 1);
        assert_eq!(calls.clone().as_of(at(25 * 60)).hours().count(), 0);
        calls.record(at(25 * 60), "/a", "ok", millis(1));
        assert_eq!(calls.hours().map(|(hour, ..)| hour).collect::<Vec<_>>(), [at(25 * 60)]);
    }

    #[test]
    fn latency_percentiles() {
        let mut hour = HourlyStats::default();
        assert_eq!(hour.percentile(50), None);
        for took in [1, 10, 11, 900] {
            hour.record("ok", millis(took));
        }
        assert_eq!(hour.percentile(50), Some(millis(10)));
        assert_eq!(hour.percentile(51), Some(millis(25)));
        assert_eq!(hour.percentile(95), Some(millis(1200)));
        hour.record("timeout", millis(6_000));
        assert_eq!(hour.percentile(80), Some(millis(1200)));
        assert_eq!(hour.percentile(95), None);
    }
}
