//! Unit of work over a copy of the content; implements every repository.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use domain::model::event::delivery::Subscriptions;
use domain::ports::store::UnitOfWork;
use domain::ports::store::admins::AdminRepository;
use domain::ports::store::apps::AppRepository;
use domain::ports::store::audit::AuditLog;
use domain::ports::store::error::StoreError;
use domain::ports::store::expired_rows::ExpiredRowRepository;
use domain::ports::store::identities::IdentityRepository;
use domain::ports::store::members::{MemberRepository, TombstoneRepository};
use domain::ports::store::outbox::Outbox;
use domain::ports::store::pushes::PushRepository;
use domain::ports::store::redemptions::RedemptionRepository;
use domain::ports::store::session_keys::SessionKeyRepository;
use domain::ports::store::sessions::SessionRepository;
use domain::ports::store::signing_keys::SigningKeyRepository;
use tokio::sync::OwnedMutexGuard;

use crate::memory::state::State;

/// Unit of work; dropping it discards the copy.
pub(super) struct MemoryUnitOfWork {
    copy: Mutex<State>,
    committed: Arc<Mutex<State>>,
    pub(super) subscriptions: Arc<Subscriptions>,
    _write_lock: OwnedMutexGuard<()>,
}

impl MemoryUnitOfWork {
    /// Copies the committed content and holds the lock until it is dropped.
    pub(super) fn begin(
        committed: Arc<Mutex<State>>,
        subscriptions: Arc<Subscriptions>,
        write_lock: OwnedMutexGuard<()>,
    ) -> Self {
        let copy = Mutex::new(committed.lock().unwrap().clone());
        Self { copy, committed, subscriptions, _write_lock: write_lock }
    }

    /// Returns the copy that the unit of work changes.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.copy.lock().unwrap()
    }
}

#[async_trait]
impl UnitOfWork for MemoryUnitOfWork {
    fn members(&self) -> &dyn MemberRepository {
        self
    }

    fn identities(&self) -> &dyn IdentityRepository {
        self
    }

    fn sessions(&self) -> &dyn SessionRepository {
        self
    }

    fn redemptions(&self) -> &dyn RedemptionRepository {
        self
    }

    fn session_keys(&self) -> &dyn SessionKeyRepository {
        self
    }

    fn audit(&self) -> &dyn AuditLog {
        self
    }

    fn tombstones(&self) -> &dyn TombstoneRepository {
        self
    }

    fn admins(&self) -> &dyn AdminRepository {
        self
    }

    fn apps(&self) -> &dyn AppRepository {
        self
    }

    fn pushes(&self) -> &dyn PushRepository {
        self
    }

    fn outbox(&self) -> &dyn Outbox {
        self
    }

    fn signing_keys(&self) -> &dyn SigningKeyRepository {
        self
    }

    fn expired_rows(&self) -> &dyn ExpiredRowRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        *self.committed.lock().unwrap() = self.state().clone();
        Ok(())
    }
}
