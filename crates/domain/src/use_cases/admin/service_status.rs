//! Status of the service for administrators: signing keys and calls to the provider.

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

/// Shows the status of the service.
pub struct ServiceStatus {
    /// Signing keys.
    pub signing_keys: Arc<dyn SigningKeyReader>,
    /// Lifetime of signing keys.
    pub policy: KeyPolicy,
    /// Statistics of calls to the provider.
    pub provider_stats: Arc<dyn ProviderStats>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// Public properties of a signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyInfo {
    /// Sequence number.
    pub number: u32,
    /// Id in tokens (`kid`).
    pub id: String,
    /// State.
    pub state: KeyState,
    /// Time of its creation and publication.
    pub created_at: Timestamp,
    /// Time from which it signs, once that is known.
    pub active_from: Option<Timestamp>,
    /// End of the current key's lifetime, if keys rotate automatically, or time at which a previous key is
    /// deleted and its tokens are rejected.
    pub ends_at: Option<Timestamp>,
}

/// Reason why the status was not read.
#[derive(Debug, thiserror::Error)]
pub enum ServiceStatusError {
    /// The administrator lacks the role.
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
            signing_keys: ports.readers.signing_keys.clone(),
            policy: policies.signing_keys,
            provider_stats: ports.provider_stats.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// Returns the signing keys, in the order of their creation.
    pub async fn signing_keys(
        &self,
        actor: &AdminPrincipal,
    ) -> Result<Vec<SigningKeyInfo>, ServiceStatusError> {
        actor.require_role(Role::Viewer)?;
        let keys = SigningKeys(self.signing_keys.signing_keys().await?);
        let now = self.clock.now();
        let infos = keys.0.iter().map(|key| {
            let state = keys.state(key, now);
            let ends_at = match state {
                KeyState::Next => None,
                KeyState::Current => {
                    let lifetime = key.active_from.zip(self.policy.lifetime);
                    lifetime.map(|(active_from, lifetime)| active_from.plus(lifetime))
                }
                KeyState::Previous => keys.retained_until(key, &self.policy, now),
            };
            SigningKeyInfo {
                number: key.number,
                id: key.id.clone(),
                state,
                created_at: key.created_at,
                active_from: key.active_from,
                ends_at,
            }
        });
        Ok(infos.collect())
    }

    /// Returns the statistics of this process's calls to the provider within the last day, or since its
    /// start.
    pub fn provider_calls(&self, actor: &AdminPrincipal) -> Result<CallStats, ServiceStatusError> {
        actor.require_role(Role::Viewer)?;
        Ok(self.provider_stats.call_stats().as_of(self.clock.now()))
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

    fn service_status(keys: Vec<SigningKey>, calls: CallStats, now: Timestamp) -> ServiceStatus {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(now);
        let mut signing_keys = MockSigningKeyReader::new();
        signing_keys.expect_signing_keys().returning(move || Ok(keys.clone()));
        let mut provider_stats = MockProviderStats::new();
        provider_stats.expect_call_stats().return_const(calls);
        ServiceStatus {
            signing_keys: Arc::new(signing_keys),
            policy: KeyPolicy {
                lifetime: Some(Duration::from_hours(24)),
                prepublish: Duration::from_secs(1),
                access_ttl: Duration::from_hours(2),
            },
            provider_stats: Arc::new(provider_stats),
            clock: Arc::new(clock),
        }
    }

    #[tokio::test]
    async fn signing_keys_have_state_and_end() {
        let key = |number, active_from: Option<i64>| SigningKey {
            number,
            id: format!("kid-{number}"),
            sealed: b"canary".into(),
            created_at: at(0),
            active_from: active_from.map(at),
        };
        let keys = vec![key(1, Some(0)), key(2, Some(60)), key(3, None)];
        let status = service_status(keys, CallStats::new(at(0)), at(120));
        let infos = status.signing_keys(&viewer()).await.unwrap();
        let infos: Vec<_> =
            infos.iter().map(|key| (key.state, key.active_from, key.ends_at)).collect();
        let two_hours_and_a_minute = 7_200 + 60;
        assert_eq!(
            infos,
            [
                (KeyState::Previous, Some(at(0)), Some(at(60 + two_hours_and_a_minute))),
                (KeyState::Current, Some(at(60)), Some(at(60 + 86_400))),
                (KeyState::Next, None, None),
            ]
        );
    }

    #[test]
    fn call_stats_expire_after_a_day() {
        let mut calls = CallStats::new(at(0));
        calls.record(at(0), "/a", "ok", Duration::ZERO);
        for (now, hours) in [(3_600 * 24, 1), (3_600 * 26, 0)] {
            let status = service_status(Vec::new(), calls.clone(), at(now));
            let calls = status.provider_calls(&viewer()).unwrap();
            assert_eq!(calls.hours().count(), hours);
        }
    }
}
