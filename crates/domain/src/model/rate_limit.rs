//! How many requests are too many, and whose they are.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::model::app::name::AppName;
use crate::model::member::MemberId;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;

const MINUTE: i64 = 60_000_000;

/// How many requests may come at once, and how many more with every minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    per_minute: u32,
}

/// What one has taken of a quota: when, in microseconds since 1970, all of it is there again.
///
/// This one number is the whole state (the *generic cell rate algorithm*), so that any store that can
/// compare and set keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket(pub i64);

/// Someone asks too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests, the next one is welcome in {retry_after:?}")]
pub struct RateLimited {
    /// When the next request is let pass, if no other comes between.
    pub retry_after: Duration,
}

impl Quota {
    /// So many at once, and so many more with every minute; neither may be none.
    #[must_use]
    pub fn new(burst: u32, per_minute: u32) -> Option<Self> {
        (burst > 0 && per_minute > 0).then_some(Self { burst, per_minute })
    }

    /// The bucket after one more request at `now`. A refusal takes nothing: whoever waits as long as
    /// they were told is let pass, however often they asked before.
    pub fn take(self, bucket: Option<Bucket>, now: Timestamp) -> Result<Bucket, RateLimited> {
        let now = now.unix_millis().saturating_mul(1000);
        let each = self.refill();
        let latest = now.saturating_add(self.capacity());
        // Further ahead only a clock that was set back can see it: that keeps nobody out.
        let owed = bucket.map(|bucket| bucket.0).filter(|full_at| *full_at <= latest);
        let full_at = owed.map_or(now, |full_at| full_at.max(now)).saturating_add(each);
        match u64::try_from(full_at.saturating_sub(latest)) {
            Ok(early @ 1..) => {
                Err(RateLimited { retry_after: Duration::from_millis(early.div_ceil(1000)) })
            }
            Ok(0) | Err(_) => Ok(Bucket(full_at)),
        }
    }

    /// How long all of it takes to come back, in microseconds.
    #[must_use]
    pub fn capacity(self) -> i64 {
        self.refill() * i64::from(self.burst)
    }

    /// How long one request takes to come back, in microseconds.
    #[must_use]
    pub fn refill(self) -> i64 {
        let per_minute = i64::from(self.per_minute);
        (MINUTE + per_minute - 1) / per_minute
    }
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// Those from one network.
    Address(Network),
    /// Those from one network that ask how the service is: a flood of others must not look like an
    /// illness.
    HealthCheck(Network),
    /// Those from one network that try to sign in as an administrator.
    AdminSignIn(Network),
    /// The login codes of one app, of which the provider takes only so many.
    App(AppName),
    /// Those of one member.
    Member(MemberId),
    /// The refreshes of one session.
    Session(SessionId),
    /// Those of one trusted back end.
    Service(String),
}

impl LimitKey {
    /// What is counted, without whose it is: fit for a log or a metric.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::HealthCheck(_) => "probe",
            Self::AdminSignIn(_) => "sign_in",
            Self::App(_) => "app",
            Self::Member(_) => "member",
            Self::Session(_) => "session",
            Self::Service(_) => "service",
        }
    }
}

/// The addresses that one customer of a network provider has: one of IPv4, or 2⁶⁴ of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network this address is in.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_795_168_800_000 + millis)
    }

    /// How many of `tries` at `now` are let pass, and the last refusal.
    fn pass(
        quota: Quota,
        bucket: &mut Option<Bucket>,
        now: Timestamp,
        tries: u32,
    ) -> (u32, Option<RateLimited>) {
        let (mut passed, mut refusal) = (0, None);
        for _ in 0..tries {
            match quota.take(*bucket, now) {
                Ok(taken) => (*bucket, passed) = (Some(taken), passed + 1),
                Err(too_many) => refusal = Some(too_many),
            }
        }
        (passed, refusal)
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rest_by_the_minute() {
        let (quota, mut bucket) = (Quota::new(5, 60).unwrap(), None);
        assert_eq!(pass(quota, &mut bucket, at(0), 100).0, 5);
        assert_eq!(pass(quota, &mut bucket, at(999), 100).0, 0);
        assert_eq!(pass(quota, &mut bucket, at(1_000), 100).0, 1);
        assert_eq!(pass(quota, &mut bucket, at(3_500), 100).0, 2);
        assert_eq!(pass(quota, &mut bucket, at(3_600_000), 100).0, 5, "it never grows over");
    }

    #[test]
    fn no_minute_sees_more_than_a_burst_and_what_a_minute_brings() {
        for (burst, per_minute) in [(1, 1), (7, 1_000), (100, 59_999), (3, 1_000_000)] {
            let (quota, mut bucket) = (Quota::new(burst, per_minute).unwrap(), None);
            let passed: u32 = (0..60_000).map(|ms| pass(quota, &mut bucket, at(ms), 20).0).sum();
            assert!(passed <= burst + per_minute, "{passed} of {burst} + {per_minute}");
        }
    }

    #[test]
    fn whoever_waits_as_told_is_let_pass_however_often_they_asked() {
        let (quota, mut bucket) = (Quota::new(3, 7).unwrap(), None);
        let (passed, refusal) = pass(quota, &mut bucket, at(0), 10_000);
        assert_eq!(passed, 3);
        let wait = refusal.unwrap().retry_after;
        assert!(quota.take(bucket, at(-1).plus(wait)).is_err());
        assert!(quota.take(bucket, at(0).plus(wait)).is_ok());
    }

    #[test]
    fn a_clock_set_back_keeps_nobody_out() {
        let (quota, mut bucket) = (Quota::new(10, 60).unwrap(), None);
        assert_eq!(pass(quota, &mut bucket, at(0), 100).0, 10);
        assert_eq!(pass(quota, &mut bucket, at(-86_400_000), 100).0, 10);
        assert_eq!(pass(quota, &mut bucket, at(-86_399_000), 100).0, 1);
    }

    #[test]
    fn no_time_is_too_far_away_to_count() {
        let quota = Quota::new(u32::MAX, 1).unwrap();
        for millis in [i64::MIN, -1, i64::MAX] {
            let _ = quota.take(Some(Bucket(millis)), Timestamp::from_unix_millis(millis));
        }
        assert_eq!(Quota::new(0, 1), None);
        assert_eq!(Quota::new(1, 0), None);
    }

    #[test]
    fn a_network_is_one_address_of_ipv4_and_a_64_of_ipv6() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("::ffff:192.0.2.1"), network("::ffff:192.0.2.2"));
    }
}
