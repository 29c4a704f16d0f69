//! Signing keys of access tokens: rotation schedule and states.

use crate::model::timestamp::Timestamp;
use std::time::Duration;

use strum::IntoStaticStr;

/// Time for which a key is retained after the expiry of its last token. Clocks differ, and instances
/// learn of a new key with a delay.
const CLOCK_SKEW_MARGIN: Duration = Duration::from_mins(1);

/// Key pair as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Sequence number in the order of creation.
    pub number: u32,
    /// Key id (`kid`).
    pub id: String,
    /// Sealed private key. The public key is derived from it, so that an attacker with write access to
    /// the store cannot add a key of their own.
    pub sealed: Vec<u8>,
    /// Time of creation and publication.
    pub created_at: Timestamp,
    /// Time from which it signs; `None` until it is scheduled.
    pub active_from: Option<Timestamp>,
}

/// Rotation policy of signing keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyPolicy {
    /// Time for which a key signs; `None` means until a manual rotation.
    pub lifetime: Option<Duration>,
    /// Time for which a key is published before it signs, so that all verifiers have fetched it.
    pub prepublish: Duration,
    /// Lifetime of access tokens.
    pub access_ttl: Duration,
}

/// State of a key. A key after `Previous` is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum KeyState {
    /// Published key that will sign after the current one.
    Next,
    /// Key that signs.
    Current,
    /// Key whose tokens may still be valid.
    Previous,
}

impl KeyState {
    /// Public name of the state.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Change in the set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange<'a> {
    /// Adds a new key.
    Add {
        /// Sequence number of the key.
        number: u32,
        /// Time from which it signs; `None` if it is not scheduled.
        active_from: Option<Timestamp>,
    },
    /// Schedules a key to sign.
    Start {
        /// Key.
        key: &'a SigningKey,
        /// Time from which it signs.
        at: Timestamp,
    },
    /// Removes a key; its tokens are rejected.
    Remove {
        /// Key.
        key: &'a SigningKey,
    },
}

/// Set of all keys. The current key is determined by the set and the time alone, so all instances that
/// read the same keys agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningKeys(pub Vec<SigningKey>);

impl SigningKeys {
    /// Returns the key that signs: the one that became active last.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().filter(|key| key.is_active(now)).max_by_key(|key| key.activation_order())
    }

    /// Returns the key that signs after the current one.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().filter(|key| !key.is_active(now)).min_by_key(|key| key.number)
    }

    /// Returns the state of a key of this set.
    #[must_use]
    pub fn state(&self, key: &SigningKey, now: Timestamp) -> KeyState {
        if !key.is_active(now) {
            return KeyState::Next;
        }
        let is_current = self.current(now).is_some_and(|current| current.number == key.number);
        if is_current { KeyState::Current } else { KeyState::Previous }
    }

    /// Returns the time until which a previous key is retained, because its tokens may be valid; `None`
    /// for other keys.
    #[must_use]
    pub fn retained_until(
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

    /// Returns the earliest time at which the next key can sign; `None` if there is no next key.
    #[must_use]
    pub fn earliest_rotation(&self, policy: &KeyPolicy, now: Timestamp) -> Option<Timestamp> {
        self.next(now).map(|next| next.created_at.plus(policy.prepublish).max(now))
    }

    /// Returns the first change that is due. Applied repeatedly until `None`, the changes lead to one
    /// current key, one next key, and no key whose tokens have all expired.
    #[must_use]
    pub fn due_change(&self, policy: &KeyPolicy, now: Timestamp) -> Option<KeyChange<'_>> {
        let Some(current) = self.current(now) else { return Some(self.promote_next(now)) };
        // The next key is added once the previous one is scheduled, so that a next key always exists.
        let Some(next) = self.next(now).filter(|_| self.0.iter().any(SigningKey::is_pending))
        else {
            return Some(self.addition(None));
        };
        let lifetime = policy.lifetime.zip(current.active_from);
        let is_over = lifetime.is_some_and(|(lifetime, start)| start.plus(lifetime) <= now);
        if is_over && next.is_pending() && self.earliest_rotation(policy, now) == Some(now) {
            return Some(KeyChange::Start { key: next, at: now });
        }
        let is_obsolete =
            |key: &&SigningKey| self.retained_until(key, policy, now).is_some_and(|end| end <= now);
        self.0.iter().find(is_obsolete).map(|key| KeyChange::Remove { key })
    }

    /// Returns the change that makes the next key sign at once.
    #[must_use]
    pub fn promote_next(&self, now: Timestamp) -> KeyChange<'_> {
        let start = |key| KeyChange::Start { key, at: now };
        self.next(now).map_or_else(|| self.addition(Some(now)), start)
    }

    fn addition(&self, active_from: Option<Timestamp>) -> KeyChange<'_> {
        let last = self.0.iter().map(|key| key.number).max().unwrap_or(0);
        KeyChange::Add { number: last.saturating_add(1), active_from }
    }
}

impl SigningKey {
    /// Returns `true` if the key is not scheduled to sign.
    fn is_pending(&self) -> bool {
        self.active_from.is_none()
    }

    fn is_active(&self, now: Timestamp) -> bool {
        self.active_from.is_some_and(|since| since <= now)
    }

    /// Returns the sort key of activation; the number orders keys of the same millisecond.
    fn activation_order(&self) -> (Option<Timestamp>, u32) {
        (self.active_from, self.number)
    }
}

/// Public key of a signing key for ES256: a point on the curve P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationKey {
    /// Key id (`kid`).
    pub id: String,
    /// First coordinate, in Base64 for URLs.
    pub x: String,
    /// Second coordinate, in Base64 for URLs.
    pub y: String,
}

/// Newly generated key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedKey {
    /// Key id (`kid`).
    pub id: String,
    /// Sealed private key.
    pub sealed: Vec<u8>,
}
