//! Show administrators how the service itself is: its keys, and its calls to the provider.

use std::sync::Arc;

use crate::model::admin::{AdminPrincipal, Role, RoleRequired};
use crate::model::clock::Clock;
use crate::model::provider::call_stats::CallStats;
use crate::model::signing_key::{KeyPolicy, KeyState, SigningKeys};
use crate::model::timestamp::Timestamp;
use crate::ports::provider_stats::ProviderStats;
use crate::ports::store::error::StoreError;
use crate::ports::store::signing_keys::SigningKeyReader;
use crate::use_cases::ports::{Policies, Ports};

/// The use cases.
pub struct ServiceStatus {
    /// Where the keys are looked up.
    pub keys: Arc<dyn SigningKeyReader>,
    /// When they change.
    pub policy: KeyPolicy,
    /// What counts the calls.
    pub provider: Arc<dyn ProviderStats>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A key that signs access tokens, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyInfo {
    /// Its place in the order in which keys were made.
    pub number: u32,
    /// How tokens name it.
    pub id: String,
    /// Where it stands in its life.
    pub state: KeyState,
    /// Since when it is published.
    pub created_at: Timestamp,
    /// Since or from when it signs, once that is known.
    pub signs_from: Option<Timestamp>,
    /// When it ends: the current one's turn, where turns end by themselves; the believing of tokens of
    /// one that signed before.
    pub ends_at: Option<Timestamp>,
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum WatchServiceError {
    /// The administrator may not do this.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ServiceStatus {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            keys: ports.readers.signing_keys.clone(),
            policy: policies.signing_keys,
            provider: ports.provider_stats.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// The keys that sign access tokens, in the order in which they were made.
    pub async fn signing_keys(
        &self,
        by: &AdminPrincipal,
    ) -> Result<Vec<SigningKeyInfo>, WatchServiceError> {
        by.require_role(Role::Viewer)?;
        let keys = SigningKeys(self.keys.signing_keys().await?);
        let now = self.clock.now();
        let sheets = keys.0.iter().map(|key| {
            let state = keys.state(key, now);
            let ends_at = match state {
                KeyState::Next => None,
                KeyState::Current => {
                    key.active_from.zip(self.policy.lifetime).map(|(since, term)| since.plus(term))
                }
                KeyState::Previous => keys.kept_until(key, &self.policy, now),
            };
            let id = key.id.clone();
            let created_at = key.created_at;
            SigningKeyInfo {
                number: key.number,
                id,
                state,
                created_at,
                signs_from: key.active_from,
                ends_at,
            }
        });
        Ok(sheets.collect())
    }

    /// How this process's calls to the provider went within the last day, or since it began.
    pub fn provider_calls(&self, by: &AdminPrincipal) -> Result<CallStats, WatchServiceError> {
        by.require_role(Role::Viewer)?;
        Ok(self.provider.call_stats().as_of(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::admin::{AdminId, AdminName};
    use crate::model::clock::MockClock;
    use crate::model::fingerprint::Fingerprint;
    use crate::model::signing_key::SigningKey;
    use crate::ports::provider_stats::MockProviderStats;
    use crate::ports::store::signing_keys::MockSigningKeyReader;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1_000)
    }

    fn viewer() -> AdminPrincipal {
        AdminPrincipal {
            id: AdminId(uuid::Uuid::nil()),
            name: AdminName::parse("ann").unwrap(),
            role: Role::Viewer,
            session: Fingerprint([0; 32]),
            expires_at: at(0),
        }
    }

    fn watch(keys: Vec<SigningKey>, calls: CallStats, now: Timestamp) -> ServiceStatus {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(now);
        let mut directory = MockSigningKeyReader::new();
        directory.expect_signing_keys().returning(move || Ok(keys.clone()));
        let mut provider = MockProviderStats::new();
        provider.expect_call_stats().return_const(calls);
        let policy = KeyPolicy {
            lifetime: Some(Duration::from_hours(24)),
            prepublish: Duration::from_secs(1),
            access_ttl: Duration::from_hours(2),
        };
        let keys = Arc::new(directory);
        let provider = Arc::new(provider);
        ServiceStatus { keys, policy, provider, clock: Arc::new(clock) }
    }

    #[tokio::test]
    async fn keys_are_shown_with_where_they_stand_and_when_they_end() {
        let key = |number, signs_from: Option<i64>| SigningKey {
            number,
            id: format!("kid-{number}"),
            sealed: b"canary".into(),
            created_at: at(0),
            active_from: signs_from.map(at),
        };
        let keys = vec![key(1, Some(0)), key(2, Some(60)), key(3, None)];
        let watch = watch(keys, CallStats::new(at(0)), at(120));
        let told = watch.signing_keys(&viewer()).await.unwrap();
        let told: Vec<_> =
            told.iter().map(|key| (key.state, key.signs_from, key.ends_at)).collect();
        let two_hours_and_a_minute = 7_200 + 60;
        assert_eq!(
            told,
            [
                (KeyState::Previous, Some(at(0)), Some(at(60 + two_hours_and_a_minute))),
                (KeyState::Current, Some(at(60)), Some(at(60 + 86_400))),
                (KeyState::Next, None, None),
            ]
        );
    }

    #[test]
    fn calls_of_a_day_ago_are_not_told_even_where_none_came_since() {
        let mut calls = CallStats::new(at(0));
        calls.record(at(0), "/a", "ok", Duration::ZERO);
        for (now, hours) in [(3_600 * 24, 1), (3_600 * 26, 0)] {
            let told = watch(Vec::new(), calls.clone(), at(now)).provider_calls(&viewer()).unwrap();
            assert_eq!(told.hours().count(), hours);
        }
    }
}
