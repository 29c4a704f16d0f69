//! Delivery of domain events to webhook receivers: subscriptions and retries.

use std::time::Duration;

use crate::model::event::{DomainEvent, EventKind};
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Retry delay after the first failed attempt. It doubles with every further attempt.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// Upper bound of the retry delay.
const BACKOFF_MAX: Duration = Duration::from_hours(1);

/// Name of a webhook receiver in the configuration, metrics and logs, e.g. `crm`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReceiverName(String);

/// Error: the text is not a valid receiver name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a receiver's name is 1 to 32 of the characters a-z, 0-9, - and _")]
pub struct MalformedReceiverName;

impl ReceiverName {
    /// Validates a configured name.
    pub fn parse(raw: &str) -> Result<Self, MalformedReceiverName> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if !(1..=32).contains(&raw.len()) || !raw.bytes().all(allowed) {
            return Err(MalformedReceiverName);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Receivers with the kinds of events they subscribe to.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions(Vec<(ReceiverName, Vec<EventKind>)>);

impl Subscriptions {
    /// Creates subscriptions from pairs of a receiver and its event kinds.
    #[must_use]
    pub fn new(subscriptions: Vec<(ReceiverName, Vec<EventKind>)>) -> Self {
        Self(subscriptions)
    }

    /// Returns the receivers that subscribe to this kind of event.
    pub fn receivers_of(&self, kind: EventKind) -> impl Iterator<Item = &ReceiverName> {
        let subscribed = self.0.iter().filter(move |(_, kinds)| kinds.contains(&kind));
        subscribed.map(|(receiver, _)| receiver)
    }
}

/// Event to be delivered to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Receiver.
    pub receiver: ReceiverName,
    /// Event.
    pub event: DomainEvent,
    /// Number of attempts started so far.
    pub attempts: u32,
}

impl Delivery {
    /// Returns the delay before the next attempt: exponential back-off with jitter over the second half
    /// of the interval, so that deliveries that failed together are not retried together.
    #[must_use]
    pub fn retry_delay(&self, random: &dyn Random) -> Duration {
        let factor = 2_u32.saturating_pow(self.attempts.saturating_sub(1));
        let half = BACKOFF_MIN.saturating_mul(factor).min(BACKOFF_MAX) / 2;
        let mut jitter = [0; 4];
        random.fill(&mut jitter);
        half + half.mul_f64(f64::from(u32::from_be_bytes(jitter)) / f64::from(u32::MAX))
    }

    /// Returns `true` if the event is at least `max_age` old, so that no further attempt is made.
    #[must_use]
    pub fn is_expired(&self, max_age: Duration, now: Timestamp) -> bool {
        now.since(self.event.at) >= max_age
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::member::MemberId;
    use crate::model::random::MockRandom;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000);

    fn drawing(byte: u8) -> MockRandom {
        let mut random = MockRandom::new();
        random.expect_fill().returning(move |bytes| bytes.fill(byte));
        random
    }

    fn delivery(attempts: u32) -> Delivery {
        let member = MemberId(Uuid::from_u128(1));
        let event = DomainEvent::new(EventKind::Banned, member, NOW, &drawing(7));
        Delivery { receiver: ReceiverName::parse("crm").unwrap(), event, attempts }
    }

    #[test]
    fn receiver_name_format() {
        for good in ["crm", "data-lake_2", &"x".repeat(32)] {
            assert_eq!(ReceiverName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "CRM", "a.b", "a b", "客户", &"x".repeat(33)] {
            assert_eq!(ReceiverName::parse(bad), Err(MalformedReceiverName), "{bad:?}");
        }
    }

    #[test]
    fn receivers_get_the_event_kinds_they_subscribe_to() {
        let [all, bans] = ["all", "bans"].map(|name| ReceiverName::parse(name).unwrap());
        let subscriptions = Subscriptions::new(vec![
            (all.clone(), EventKind::ALL.to_vec()),
            (bans.clone(), vec![EventKind::Banned]),
        ]);
        let receivers = |kind| subscriptions.receivers_of(kind).collect::<Vec<_>>();
        assert_eq!(receivers(EventKind::Banned), [&all, &bans]);
        assert_eq!(receivers(EventKind::Unbanned), [&all]);
        assert_eq!(Subscriptions::default().receivers_of(EventKind::Banned).count(), 0);
    }

    #[test]
    fn retry_delay_doubles_up_to_an_hour_with_jitter_of_half() {
        for (attempts, seconds) in
            [(1, 1), (2, 2), (3, 4), (12, 2048), (13, 3600), (u32::MAX, 3600)]
        {
            let whole = Duration::from_secs(seconds);
            assert_eq!(delivery(attempts).retry_delay(&drawing(0)), whole / 2, "{attempts}");
            assert_eq!(delivery(attempts).retry_delay(&drawing(u8::MAX)), whole, "{attempts}");
            let between = delivery(attempts).retry_delay(&drawing(0x80));
            assert!(whole / 2 < between && between < whole, "{attempts}");
        }
    }

    #[test]
    fn delivery_expires_by_the_age_of_its_event() {
        let delivery = delivery(1);
        let max_age = Duration::from_secs(10);
        assert!(!delivery.is_expired(max_age, NOW.plus(Duration::from_millis(9_999))));
        assert!(delivery.is_expired(max_age, NOW.plus(max_age)));
    }
}
