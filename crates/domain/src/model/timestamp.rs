//! Timestamps in milliseconds, the resolution that every supported database can store.

use std::time::Duration;

/// Point in time: milliseconds since 1970-01-01T00:00:00Z, negative before.
///
/// Milliseconds are used instead of a calendar type, because SQLite, PostgreSQL and MySQL store them
/// without loss, also before 1970 and after 2038.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates the timestamp of `millis` milliseconds after 1970, or before it if negative.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Returns the whole seconds since 1970, rounded towards the past.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Adds `span`; saturates at the last representable time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Subtracts `span`; saturates at the first representable time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the time elapsed since `earlier`; zero if that is in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_seconds_round_towards_the_past_before_1970() {
        assert_eq!(Timestamp::from_unix_millis(-1).unix_seconds(), -1);
        assert_eq!(Timestamp::from_unix_millis(1_999).unix_seconds(), 1);
    }

    #[test]
    fn timestamp_addition_saturates_instead_of_wrapping() {
        let end = Timestamp::from_unix_millis(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        let begin = Timestamp::from_unix_millis(i64::MIN);
        assert_eq!(begin.minus(Duration::MAX), begin);
    }
}
