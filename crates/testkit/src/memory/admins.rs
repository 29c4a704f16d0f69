//! Administrators and their sessions in memory.

use async_trait::async_trait;
use domain::model::admin::{Admin, AdminId, AdminName, AdminSession};
use domain::model::fingerprint::Fingerprint;
use domain::model::timestamp::Timestamp;
use domain::ports::store::admins::{AdminReader, AdminRepository};
use domain::ports::store::error::{AddError, StoreError, UpdateError};

use crate::memory::MemoryStore;
use crate::memory::state::State;
use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl AdminRepository for MemoryUnitOfWork {
    async fn find(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        Ok(self.state().admins.get(&id).cloned())
    }

    async fn find_for_update(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        AdminRepository::find(self, id).await
    }

    async fn find_by_name(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        Ok(self.state().admin_named(name))
    }

    async fn add(&self, admin: &Admin) -> Result<(), AddError> {
        let mut state = self.state();
        if state.admin_named(&admin.name).is_some() {
            return Err(AddError::Taken);
        }
        state.admins.insert(admin.id, admin.clone());
        Ok(())
    }

    async fn update(&self, admin: &Admin) -> Result<(), UpdateError> {
        let mut state = self.state();
        match state.admins.get_mut(&admin.id) {
            Some(stored) if stored.version == admin.version => {
                let name = stored.name.clone();
                *stored = Admin { name, version: admin.version + 1, ..admin.clone() };
                Ok(())
            }
            Some(_) | None => Err(UpdateError::Stale),
        }
    }

    async fn add_session(&self, session: &AdminSession) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.admins.contains_key(&session.admin) {
            return Err(StoreError::new("the administrator does not exist"));
        }
        state.admin_sessions.insert(session.token, session.clone());
        Ok(())
    }

    async fn touch_session(&self, token: &Fingerprint, at: Timestamp) -> Result<(), StoreError> {
        if let Some(session) = self.state().admin_sessions.get_mut(token) {
            session.used_at = at;
        }
        Ok(())
    }

    async fn end_session(&self, token: &Fingerprint) -> Result<(), StoreError> {
        self.state().admin_sessions.remove(token);
        Ok(())
    }

    async fn end_all_sessions(&self, admin: AdminId) -> Result<(), StoreError> {
        self.state().admin_sessions.retain(|_, session| session.admin != admin);
        Ok(())
    }
}

#[async_trait]
impl AdminReader for MemoryStore {
    async fn find_admin(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        Ok(self.committed.lock().unwrap().admin_named(name))
    }

    async fn find_admin_session(
        &self,
        token: &Fingerprint,
    ) -> Result<Option<(AdminSession, Admin)>, StoreError> {
        let state = self.committed.lock().unwrap();
        let session = state.admin_sessions.get(token).cloned();
        Ok(session.and_then(|session| {
            let admin = state.admins.get(&session.admin).cloned()?;
            Some((session, admin))
        }))
    }

    async fn admins(&self) -> Result<Vec<Admin>, StoreError> {
        Ok(self.all_admins())
    }
}

impl State {
    fn admin_named(&self, name: &AdminName) -> Option<Admin> {
        self.admins.values().find(|admin| admin.name == *name).cloned()
    }
}
