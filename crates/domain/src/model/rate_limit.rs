//! Rate limits: quotas, their token buckets, and the keys that requests are counted by.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::model::admin::AdminName;
use crate::model::app::name::AppName;
use crate::model::member::MemberId;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// Quota of requests: a burst, and a refill per minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    per_minute: u32,
}

/// State of one rate limit: the time in microseconds since 1970 at which the whole quota is available
/// again.
///
/// This number is the complete state of the *generic cell rate algorithm*, so every store with
/// compare-and-set can keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket(pub i64);

/// Error: the quota is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests, retry after {retry_after:?}")]
pub struct RateLimited {
    /// Time until the next request is accepted, if no other request comes first.
    pub retry_after: Duration,
}

impl Quota {
    /// Creates a quota of `burst` requests at once and `per_minute` more each minute; `None` if either is
    /// zero.
    #[must_use]
    pub fn new(burst: u32, per_minute: u32) -> Option<Self> {
        (burst > 0 && per_minute > 0).then_some(Self { burst, per_minute })
    }

    /// Takes one request and returns the new state. A refused request takes nothing: a client that waits
    /// for `retry_after` is accepted, however many refused requests it has sent.
    pub fn take(self, bucket: Option<Bucket>, now: Timestamp) -> Result<Bucket, RateLimited> {
        let now = now.unix_millis().saturating_mul(1000);
        let interval = self.refill_micros();
        let latest = now.saturating_add(self.capacity_micros());
        // A later time is possible only if the clock was set back; that must not refuse requests.
        let previous = bucket.map(|bucket| bucket.0).filter(|full_at| *full_at <= latest);
        let full_at = previous.map_or(now, |full_at| full_at.max(now)).saturating_add(interval);
        match u64::try_from(full_at.saturating_sub(latest)) {
            Ok(excess @ 1..) => {
                Err(RateLimited { retry_after: Duration::from_millis(excess.div_ceil(1000)) })
            }
            Ok(0) | Err(_) => Ok(Bucket(full_at)),
        }
    }

    /// Returns the time in which an empty quota refills completely, in microseconds.
    #[must_use]
    pub fn capacity_micros(self) -> i64 {
        self.refill_micros() * i64::from(self.burst)
    }

    /// Returns the time in which one request refills, in microseconds.
    #[must_use]
    pub fn refill_micros(self) -> i64 {
        let per_minute = i64::from(self.per_minute);
        (MICROS_PER_MINUTE + per_minute - 1) / per_minute
    }
}

/// Key by which requests are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// Requests from one network.
    Address(Network),
    /// Health checks from one network. A flood of other requests must not make the service look unhealthy.
    HealthCheck(Network),
    /// Requests with an administrator's password or invitation code from one network.
    AdminSignIn(Network),
    /// Requests with the password or invitation code of one administrator's name, from all networks. The
    /// account need not exist.
    AdminAccount(AdminName),
    /// Login codes of one app; the provider limits the calls per app.
    App(AppName),
    /// Requests of one member.
    Member(MemberId),
    /// Refreshes of one session.
    Session(SessionId),
    /// Requests of one service account.
    Service(String),
}

impl LimitKey {
    /// Returns the kind of the key without its value, for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::HealthCheck(_) => "health_check",
            Self::AdminSignIn(_) => "sign_in",
            Self::AdminAccount(_) => "admin_account",
            Self::App(_) => "app",
            Self::Member(_) => "member",
            Self::Session(_) => "session",
            Self::Service(_) => "service",
        }
    }
}

/// Addresses assigned to one customer of a network provider: one IPv4 address, or an IPv6 network /64
/// of 2⁶⁴ addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// Returns the network of an address.
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

    /// Returns the number of accepted requests among `tries` at `now`, and the last refusal.
    fn take_all(
        quota: Quota,
        bucket: &mut Option<Bucket>,
        now: Timestamp,
        tries: u32,
    ) -> (u32, Option<RateLimited>) {
        let mut accepted = 0;
        let mut refusal = None;
        for _ in 0..tries {
            match quota.take(*bucket, now) {
                Ok(taken) => {
                    *bucket = Some(taken);
                    accepted += 1;
                }
                Err(limited) => refusal = Some(limited),
            }
        }
        (accepted, refusal)
    }

    #[test]
    fn quota_accepts_a_burst_and_then_the_refill_rate() {
        let quota = Quota::new(5, 60).unwrap();
        let mut bucket = None;
        assert_eq!(take_all(quota, &mut bucket, at(0), 100).0, 5);
        assert_eq!(take_all(quota, &mut bucket, at(999), 100).0, 0);
        assert_eq!(take_all(quota, &mut bucket, at(1_000), 100).0, 1);
        assert_eq!(take_all(quota, &mut bucket, at(3_500), 100).0, 2);
        assert_eq!(
            take_all(quota, &mut bucket, at(3_600_000), 100).0,
            5,
            "the burst is the maximum"
        );
    }

    #[test]
    fn one_minute_accepts_at_most_burst_and_refill() {
        for (burst, per_minute) in [(1, 1), (7, 1_000), (100, 59_999), (3, 1_000_000)] {
            let quota = Quota::new(burst, per_minute).unwrap();
            let mut bucket = None;
            let accepted: u32 =
                (0..60_000).map(|ms| take_all(quota, &mut bucket, at(ms), 20).0).sum();
            assert!(accepted <= burst + per_minute, "{accepted} of {burst} + {per_minute}");
        }
    }

    #[test]
    fn client_that_waits_for_retry_after_is_accepted() {
        let quota = Quota::new(3, 7).unwrap();
        let mut bucket = None;
        let (accepted, refusal) = take_all(quota, &mut bucket, at(0), 10_000);
        assert_eq!(accepted, 3);
        let wait = refusal.unwrap().retry_after;
        assert!(quota.take(bucket, at(-1).plus(wait)).is_err());
        assert!(quota.take(bucket, at(0).plus(wait)).is_ok());
    }

    #[test]
    fn clock_set_back_refuses_no_requests() {
        let quota = Quota::new(10, 60).unwrap();
        let mut bucket = None;
        assert_eq!(take_all(quota, &mut bucket, at(0), 100).0, 10);
        assert_eq!(take_all(quota, &mut bucket, at(-86_400_000), 100).0, 10);
        assert_eq!(take_all(quota, &mut bucket, at(-86_399_000), 100).0, 1);
    }

    #[test]
    fn extreme_timestamps_do_not_overflow() {
        let quota = Quota::new(u32::MAX, 1).unwrap();
        for millis in [i64::MIN, -1, i64::MAX] {
            let _ = quota.take(Some(Bucket(millis)), Timestamp::from_unix_millis(millis));
        }
        assert_eq!(Quota::new(0, 1), None);
        assert_eq!(Quota::new(1, 0), None);
    }

    #[test]
    fn network_is_an_ipv4_address_or_an_ipv6_64() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("::ffff:192.0.2.1"), network("::ffff:192.0.2.2"));
    }
}
