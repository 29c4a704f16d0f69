//! A store in memory, with real units of work: one at a time, each on its own copy.

mod admins;
mod apps;
mod audit;
mod holdings;
mod identities;
mod members;
mod outbox;
mod pushes;
mod redemptions;
mod search;
mod session_keys;
mod sessions;
mod signing_keys;
mod state;
mod tombstones;
mod unit_of_work;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::model::admin::Admin;
use domain::model::audit::{AuditEvent, AuditKind};
use domain::model::event::delivery::{Delivery, Subscriptions};
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::Subject;
use domain::model::login::redemption::Redemption;
use domain::model::member::personal_data::ExportedTable;
use domain::model::member::query::MemberQuery;
use domain::model::member::{Member, MemberId};
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::session::{Session, SessionId};
use domain::ports::store::error::StoreError;
use domain::ports::store::members::MemberReader;
use domain::ports::store::{Store, UnitOfWork};
use tokio::sync::Mutex as AsyncMutex;

use crate::memory::state::State;
use crate::memory::unit_of_work::MemoryUnitOfWork;

/// A store that forgets everything when it is dropped; clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    committed: Arc<Mutex<State>>,
    turn: Arc<AsyncMutex<()>>,
    subscriptions: Arc<Subscriptions>,
}

impl MemoryStore {
    /// The same, keeping events for these receivers.
    #[must_use]
    pub fn with_subscriptions(self, subscriptions: Subscriptions) -> Self {
        Self { subscriptions: Arc::new(subscriptions), ..self }
    }

    /// Every member that was committed.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.committed.lock().unwrap().members.values().cloned().collect()
    }

    /// Every subject that was committed, and whose it is.
    #[must_use]
    pub fn identities(&self) -> Vec<(MemberId, Subject)> {
        self.committed.lock().unwrap().identities.clone()
    }

    /// Every session that was committed.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.committed.lock().unwrap().sessions.values().cloned().collect()
    }

    /// Every login code that is remembered.
    #[must_use]
    pub fn redemptions(&self) -> Vec<Redemption> {
        self.committed.lock().unwrap().redemptions.values().cloned().collect()
    }

    /// Every security event that was committed, the oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<AuditEvent> {
        self.committed.lock().unwrap().audit.clone()
    }

    /// The same without the logins, of which there are many.
    #[must_use]
    pub fn audit_besides_logins(&self) -> Vec<AuditEvent> {
        let mut events = self.audit();
        events.retain(|event| !matches!(event.kind, AuditKind::Registered | AuditKind::LoggedIn));
        events
    }

    /// Every administrator that was committed, the first one first.
    #[must_use]
    pub fn admins_now(&self) -> Vec<Admin> {
        self.committed.lock().unwrap().admins.values().cloned().collect()
    }

    /// Every event that was committed for a receiver and not removed, the oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<Delivery> {
        let state = self.committed.lock().unwrap();
        state.outbox.iter().map(|waiting| waiting.delivery.clone()).collect()
    }

    /// How many tombstones were committed.
    #[must_use]
    pub fn tombstones(&self) -> usize {
        self.committed.lock().unwrap().tombstones.len()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let turn = self.turn.clone().lock_owned().await;
        let (committed, subscriptions) = (self.committed.clone(), self.subscriptions.clone());
        Ok(Box::new(MemoryUnitOfWork::begin(committed, subscriptions, turn)))
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl MemberReader for MemoryStore {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        Ok(self.committed.lock().unwrap().members.get(&id).cloned())
    }

    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError> {
        let state = self.committed.lock().unwrap();
        let found = state.sessions.get(&id).cloned();
        Ok(found.and_then(|session| {
            let member = state.members.get(&session.member).cloned()?;
            Some((session, member))
        }))
    }

    async fn list_sessions(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        Ok(self.committed.lock().unwrap().sessions_of(member))
    }

    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError> {
        Ok(self.committed.lock().unwrap().search(query))
    }

    async fn export_member(&self, member: MemberId) -> Result<Vec<ExportedTable>, StoreError> {
        Ok(self.committed.lock().unwrap().export_member(member))
    }

    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError> {
        let mut withdrawals = self.committed.lock().unwrap().withdrawals.clone();
        withdrawals.sort_by_key(|withdrawal| withdrawal.id);
        withdrawals.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(withdrawals)
    }

    async fn list_identities(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let state = self.committed.lock().unwrap();
        let theirs = state.identities.iter().filter(|(owner, _)| *owner == member);
        Ok(theirs.map(|(_, subject)| subject.clone()).collect())
    }

    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError> {
        Ok(self.committed.lock().unwrap().session_keys.get(user).cloned())
    }

    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError> {
        Ok(self.committed.lock().unwrap().redemptions.get(code).cloned())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
