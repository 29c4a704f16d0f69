//! The keys that sign access tokens: which one does it when, and what has to be done to them.

use crate::model::timestamp::Timestamp;
use std::time::Duration;

use strum::IntoStaticStr;

/// How much longer than its tokens a key is kept: clocks differ, and an instance hears of its
/// successor a moment later.
const CLOCK_SKEW_MARGIN: Duration = Duration::from_mins(1);

/// A key pair, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its place in the order in which keys were made.
    pub number: u32,
    /// How tokens name it (`kid`).
    pub id: String,
    /// The private half, sealed; the public half is computed from it, so that whoever can write to
    /// the store cannot slip in a key of their own.
    pub sealed: Vec<u8>,
    /// Since when it is published.
    pub created_at: Timestamp,
    /// Since when it signs; `None` while it waits for its turn.
    pub active_from: Option<Timestamp>,
}

/// When keys change.
#[derive(Clone, Copy, Debug)]
pub struct KeyPolicy {
    /// How long a key signs; `None`: until it is told otherwise.
    pub lifetime: Option<Duration>,
    /// How long a key is published before it signs, so that all who check tokens know it by then.
    pub prepublish: Duration,
    /// How long access tokens are good for.
    pub access_ttl: Duration,
}

/// Where a key stands in its life; after the last it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum KeyState {
    /// It is published, and signs after the current one.
    Next,
    /// It signs.
    Current,
    /// It signed tokens that may still be good.
    Previous,
}

impl KeyState {
    /// Public name of the state.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// One step in the life of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange<'a> {
    /// A new key comes in.
    Add {
        /// Its number.
        number: u32,
        /// Since when it signs, if that is known.
        signs_from: Option<Timestamp>,
    },
    /// A key gets its turn.
    Start {
        /// Which.
        key: &'a SigningKey,
        /// When it begins to sign.
        at: Timestamp,
    },
    /// A key is gone, and no token of its is believed.
    Remove {
        /// Which.
        key: &'a SigningKey,
    },
}

/// All keys there are. Which one signs follows from them and the time alone, so that all instances
/// that read the same keys agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningKeys(pub Vec<SigningKey>);

impl SigningKeys {
    /// The key that signs: the one whose turn came last.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().filter(|key| key.is_active(now)).max_by_key(|key| key.activation_order())
    }

    /// The key that signs after the current one.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().filter(|key| !key.is_active(now)).min_by_key(|key| key.number)
    }

    /// Where one of these keys stands.
    #[must_use]
    pub fn state(&self, key: &SigningKey, now: Timestamp) -> KeyState {
        if !key.is_active(now) {
            KeyState::Next
        } else if self.current(now).is_some_and(|current| current.number == key.number) {
            KeyState::Current
        } else {
            KeyState::Previous
        }
    }

    /// Until when tokens of a previous key may be good; `None` for others.
    #[must_use]
    pub fn kept_until(
        &self,
        key: &SigningKey,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let later = self.0.iter().filter(|other| {
            other.is_active(now) && other.activation_order() > key.activation_order()
        });
        let successor =
            later.min_by_key(|other| other.activation_order()).filter(|_| key.is_active(now))?;
        Some(successor.active_from?.plus(policy.access_ttl).plus(CLOCK_SKEW_MARGIN))
    }

    /// When the next key may begin at the earliest, if there is one.
    #[must_use]
    pub fn may_rotate_at(&self, policy: &KeyPolicy, now: Timestamp) -> Option<Timestamp> {
        self.next(now).map(|next| next.created_at.plus(policy.prepublish).max(now))
    }

    /// The first thing that has to be done now; done until there is nothing more, all is in order:
    /// one key signs, one comes next, and none is left whose tokens have all expired.
    #[must_use]
    pub fn due(&self, policy: &KeyPolicy, now: Timestamp) -> Option<KeyChange<'_>> {
        let Some(current) = self.current(now) else { return Some(self.promote_next(now)) };
        // Made as soon as the one before has its turn in sight, so that there is never none.
        let Some(next) = self.next(now).filter(|_| self.0.iter().any(SigningKey::is_pending))
        else {
            return Some(self.addition(None));
        };
        let term = policy.lifetime.zip(current.active_from);
        let over = term.is_some_and(|(period, since)| since.plus(period) <= now);
        if over && next.is_pending() && self.may_rotate_at(policy, now) == Some(now) {
            return Some(KeyChange::Start { key: next, at: now });
        }
        let gone =
            |key: &&SigningKey| self.kept_until(key, policy, now).is_some_and(|end| end <= now);
        self.0.iter().find(gone).map(|key| KeyChange::Remove { key })
    }

    /// What makes another key than the current one sign, at once.
    #[must_use]
    pub fn promote_next(&self, now: Timestamp) -> KeyChange<'_> {
        let start = |key| KeyChange::Start { key, at: now };
        self.next(now).map_or_else(|| self.addition(Some(now)), start)
    }

    fn addition(&self, signs_from: Option<Timestamp>) -> KeyChange<'_> {
        let last = self.0.iter().map(|key| key.number).max().unwrap_or(0);
        KeyChange::Add { number: last.saturating_add(1), signs_from }
    }
}

impl SigningKey {
    /// Whether it is not known yet when its turn comes.
    fn is_pending(&self) -> bool {
        self.active_from.is_none()
    }

    fn is_active(&self, now: Timestamp) -> bool {
        self.active_from.is_some_and(|since| since <= now)
    }

    /// What orders the turns of keys; the number settles what began in the same millisecond.
    fn activation_order(&self) -> (Option<Timestamp>, u32) {
        (self.active_from, self.number)
    }
}

/// A point on the curve P-256: the public half of a key that signs with ES256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationKey {
    /// How tokens name it (`kid`).
    pub id: String,
    /// The first coordinate, in Base64 for URLs.
    pub x: String,
    /// The second coordinate, likewise.
    pub y: String,
}

/// A new key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedKey {
    /// How tokens name it (`kid`).
    pub id: String,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
}
