//! Expired rows in memory.

use std::collections::HashMap;
use std::hash::Hash;

use async_trait::async_trait;
use domain::model::cleanup::CleanupDuty;
use domain::model::login::redemption::Redemption;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::expired_rows::{ExpiredRowReader, ExpiredRowRepository};

use crate::memory::MemoryStore;
use crate::memory::state::State;
use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl ExpiredRowRepository for MemoryUnitOfWork {
    async fn delete_expired(
        &self,
        duty: &CleanupDuty,
        until: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let mut state = self.state();
        let mut times = state.times(duty);
        times.retain(|time| *time <= until);
        times.sort();
        times.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        for time in &times {
            state.delete_one(duty, *time);
        }
        Ok(times.len() as u64)
    }
}

#[async_trait]
impl ExpiredRowReader for MemoryStore {
    async fn oldest_row(&self, duty: &CleanupDuty) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.committed.lock().unwrap().times(duty).into_iter().min())
    }
}

impl State {
    /// Returns the times of all rows of a duty.
    fn times(&self, duty: &CleanupDuty) -> Vec<Timestamp> {
        match duty {
            CleanupDuty::Redemptions => {
                self.redemptions.values().map(Redemption::expires_at).collect()
            }
            CleanupDuty::Sessions => self.sessions.values().map(|it| it.expires_at).collect(),
            CleanupDuty::SessionKeys => {
                self.session_keys.values().map(|it| it.obtained_at).collect()
            }
            CleanupDuty::AdminSessions => {
                self.admin_sessions.values().map(|it| it.used_at).collect()
            }
            CleanupDuty::SeenPushes => self.seen.values().copied().collect(),
            CleanupDuty::AuditEvents => self.audit.iter().map(|it| it.at).collect(),
            CleanupDuty::OrphanedEvents(receivers) => {
                let deliveries = self.outbox.iter().map(|queued| &queued.delivery);
                let orphans = deliveries.filter(|it| !receivers.contains(&it.receiver));
                orphans.map(|it| it.event.at).collect()
            }
        }
    }

    /// Deletes one row of a duty with this time.
    fn delete_one(&mut self, duty: &CleanupDuty, time: Timestamp) {
        match duty {
            CleanupDuty::Redemptions => remove(&mut self.redemptions, |it| it.expires_at() == time),
            CleanupDuty::Sessions => remove(&mut self.sessions, |it| it.expires_at == time),
            CleanupDuty::SessionKeys => remove(&mut self.session_keys, |it| it.obtained_at == time),
            CleanupDuty::AdminSessions => remove(&mut self.admin_sessions, |it| it.used_at == time),
            CleanupDuty::SeenPushes => remove(&mut self.seen, |it| *it == time),
            CleanupDuty::AuditEvents => {
                if let Some(index) = self.audit.iter().position(|it| it.at == time) {
                    self.audit.remove(index);
                }
            }
            CleanupDuty::OrphanedEvents(receivers) => {
                let orphan = self.outbox.iter().position(|queued| {
                    let delivery = &queued.delivery;
                    delivery.event.at == time && !receivers.contains(&delivery.receiver)
                });
                if let Some(index) = orphan {
                    self.outbox.remove(index);
                }
            }
        }
    }
}

/// Removes one value that matches.
fn remove<K: Clone + Eq + Hash, V>(map: &mut HashMap<K, V>, matches: impl Fn(&V) -> bool) {
    let key = map.iter().find(|(_, value)| matches(value)).map(|(key, _)| key.clone());
    if let Some(key) = key {
        map.remove(&key);
    }
}
