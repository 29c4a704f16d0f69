//! In-memory store: units of work run one at a time, each on its own copy.

mod admins;
mod apps;
mod audit;
mod expired_rows;
mod identities;
mod member_search;
mod members;
mod outbox;
mod personal_data;
mod pushes;
mod redemptions;
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
use domain::ports::store::StoreHealth;
use domain::ports::store::error::StoreError;
use domain::ports::store::identities::IdentityReader;
use domain::ports::store::members::{MemberReader, MemberSearch, PersonalDataReader};
use domain::ports::store::pushes::WithdrawalReader;
use domain::ports::store::redemptions::RedemptionReader;
use domain::ports::store::session_keys::SessionKeyReader;
use domain::ports::store::sessions::{SessionLister, SessionReader};
use domain::ports::store::{Store, UnitOfWork};
use tokio::sync::Mutex as AsyncMutex;

use crate::memory::state::State;
use crate::memory::unit_of_work::MemoryUnitOfWork;

/// In-memory store; clones share its content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    committed: Arc<Mutex<State>>,
    write_lock: Arc<AsyncMutex<()>>,
    subscriptions: Arc<Subscriptions>,
}

impl MemoryStore {
    /// Sets the webhook receivers and the event kinds they subscribe to.
    #[must_use]
    pub fn with_subscriptions(self, subscriptions: Subscriptions) -> Self {
        Self { subscriptions: Arc::new(subscriptions), ..self }
    }

    /// Adds an administrator.
    pub fn add_admin(&self, admin: Admin) {
        self.committed.lock().unwrap().admins.insert(admin.id, admin);
    }

    /// Returns the committed members.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.committed.lock().unwrap().members.values().cloned().collect()
    }

    /// Returns the committed subjects with their members.
    #[must_use]
    pub fn identities(&self) -> Vec<(MemberId, Subject)> {
        self.committed.lock().unwrap().identities.clone()
    }

    /// Returns the committed sessions.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.committed.lock().unwrap().sessions.values().cloned().collect()
    }

    /// Returns the committed redemptions of login codes.
    #[must_use]
    pub fn redemptions(&self) -> Vec<Redemption> {
        self.committed.lock().unwrap().redemptions.values().cloned().collect()
    }

    /// Returns the committed audit events, oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<AuditEvent> {
        self.committed.lock().unwrap().audit.clone()
    }

    /// Returns the committed audit events without logins, oldest first.
    #[must_use]
    pub fn audit_without_logins(&self) -> Vec<AuditEvent> {
        let mut events = self.audit();
        events.retain(|event| !matches!(event.kind, AuditKind::Registered | AuditKind::LoggedIn));
        events
    }

    /// Returns the committed administrators, oldest first.
    #[must_use]
    pub fn all_admins(&self) -> Vec<Admin> {
        self.committed.lock().unwrap().admins.values().cloned().collect()
    }

    /// Returns the committed deliveries, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<Delivery> {
        let state = self.committed.lock().unwrap();
        state.outbox.iter().map(|queued| queued.delivery.clone()).collect()
    }

    /// Returns the number of committed tombstones.
    #[must_use]
    pub fn tombstones(&self) -> usize {
        self.committed.lock().unwrap().tombstones.len()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let write_lock = self.write_lock.clone().lock_owned().await;
        let committed = self.committed.clone();
        let subscriptions = self.subscriptions.clone();
        Ok(Box::new(MemoryUnitOfWork::begin(committed, subscriptions, write_lock)))
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
}

#[async_trait]
impl MemberSearch for MemoryStore {
    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError> {
        Ok(self.committed.lock().unwrap().search(query))
    }
}

#[async_trait]
impl PersonalDataReader for MemoryStore {
    async fn export_member(&self, member: MemberId) -> Result<Vec<ExportedTable>, StoreError> {
        Ok(self.committed.lock().unwrap().export_member(member))
    }
}

#[async_trait]
impl IdentityReader for MemoryStore {
    async fn list_identities(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let state = self.committed.lock().unwrap();
        let theirs = state.identities.iter().filter(|(owner, _)| *owner == member);
        Ok(theirs.map(|(_, subject)| subject.clone()).collect())
    }
}

#[async_trait]
impl SessionReader for MemoryStore {
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError> {
        let state = self.committed.lock().unwrap();
        let found = state.sessions.get(&id).cloned();
        Ok(found.and_then(|session| {
            let member = state.members.get(&session.member).cloned()?;
            Some((session, member))
        }))
    }
}

#[async_trait]
impl SessionLister for MemoryStore {
    async fn list_sessions(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        Ok(self.committed.lock().unwrap().sessions_of(member))
    }
}

#[async_trait]
impl RedemptionReader for MemoryStore {
    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError> {
        Ok(self.committed.lock().unwrap().redemptions.get(code).cloned())
    }
}

#[async_trait]
impl SessionKeyReader for MemoryStore {
    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError> {
        Ok(self.committed.lock().unwrap().session_keys.get(user).cloned())
    }
}

#[async_trait]
impl WithdrawalReader for MemoryStore {
    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError> {
        let mut withdrawals = self.committed.lock().unwrap().withdrawals.clone();
        withdrawals.sort_by_key(|withdrawal| withdrawal.id);
        withdrawals.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(withdrawals)
    }
}

#[async_trait]
impl StoreHealth for MemoryStore {
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
