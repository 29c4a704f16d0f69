//! Telling receivers outside of events: who is told of what, and when it is tried again.

use std::time::Duration;

use crate::model::event::{DomainEvent, EventKind};
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// How long is waited after the first attempt that failed, and after the thirteenth and any later one. In
/// between it doubles.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));

/// The name a receiver has in the configuration, in metrics and in logs, e.g. `crm`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReceiverName(String);

/// The text cannot name a receiver.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a receiver's name is 1 to 32 of the characters a-z, 0-9, - and _")]
pub struct MalformedReceiverName;

impl ReceiverName {
    /// Takes a name as configured.
    pub fn parse(raw: &str) -> Result<Self, MalformedReceiverName> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=32).contains(&raw.len()) && raw.bytes().all(allowed) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(MalformedReceiverName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which receivers are told of what.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions(Vec<(ReceiverName, Vec<EventKind>)>);

impl Subscriptions {
    /// Each receiver with the kinds of events it is told of.
    #[must_use]
    pub fn new(subscriptions: Vec<(ReceiverName, Vec<EventKind>)>) -> Self {
        Self(subscriptions)
    }

    /// Who is told of an event of this kind.
    pub fn receivers_of(&self, kind: EventKind) -> impl Iterator<Item = &ReceiverName> {
        let told = self.0.iter().filter(move |(_, kinds)| kinds.contains(&kind));
        told.map(|(receiver, _)| receiver)
    }
}

/// An event on its way to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub receiver: ReceiverName,
    /// What they are told.
    pub event: DomainEvent,
    /// How many attempts were begun.
    pub attempts: u32,
}

impl Delivery {
    /// How long to wait after the last attempt has failed. What failed together is not tried again
    /// together: the later half is up to chance.
    #[must_use]
    pub fn retry_delay(&self, random: &dyn Random) -> Duration {
        let (first, longest) = BACKOFF;
        let doubled = 2_u32.saturating_pow(self.attempts.saturating_sub(1));
        let half = first.saturating_mul(doubled).min(longest) / 2;
        let mut drawn = [0; 4];
        random.fill(&mut drawn);
        half + half.mul_f64(f64::from(u32::from_be_bytes(drawn)) / f64::from(u32::MAX))
    }

    /// Whether the event happened so long ago that no further attempt is made.
    #[must_use]
    pub fn is_expired(&self, after: Duration, now: Timestamp) -> bool {
        now.since(self.event.at) >= after
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
    fn a_receivers_name_is_short_and_plain() {
        for good in ["crm", "data-lake_2", &"x".repeat(32)] {
            assert_eq!(ReceiverName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "CRM", "a.b", "a b", "客户", &"x".repeat(33)] {
            assert_eq!(ReceiverName::parse(bad), Err(MalformedReceiverName), "{bad:?}");
        }
    }

    #[test]
    fn a_receiver_is_told_of_what_it_subscribed_to() {
        let [all, bans] = ["all", "bans"].map(|name| ReceiverName::parse(name).unwrap());
        let subscriptions = Subscriptions::new(vec![
            (all.clone(), EventKind::ALL.to_vec()),
            (bans.clone(), vec![EventKind::Banned]),
        ]);
        let told = |kind| subscriptions.receivers_of(kind).collect::<Vec<_>>();
        assert_eq!(told(EventKind::Banned), [&all, &bans]);
        assert_eq!(told(EventKind::Unbanned), [&all]);
        assert_eq!(Subscriptions::default().receivers_of(EventKind::Banned).count(), 0);
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_differ_by_up_to_half() {
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
    fn an_event_is_given_up_by_its_age() {
        let (delivery, after) = (delivery(1), Duration::from_secs(10));
        assert!(!delivery.is_expired(after, NOW.plus(Duration::from_millis(9_999))));
        assert!(delivery.is_expired(after, NOW.plus(after)));
    }
}
