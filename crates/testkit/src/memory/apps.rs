//! Registered apps in memory.

use async_trait::async_trait;
use domain::model::app::name::AppName;
use domain::model::app::registered::RegisteredApp;
use domain::ports::store::apps::{AppReader, AppRepository};
use domain::ports::store::error::{AddError, StoreError, UpdateError};

use crate::memory::MemoryStore;
use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl AppRepository for MemoryUnitOfWork {
    async fn find(&self, name: &AppName) -> Result<Option<RegisteredApp>, StoreError> {
        Ok(self.state().apps.iter().find(|app| app.name == *name).cloned())
    }

    async fn add(&self, app: &RegisteredApp) -> Result<(), AddError> {
        let mut state = self.state();
        let taken = |known: &RegisteredApp| known.name == app.name || known.app_id == app.app_id;
        if state.apps.iter().any(taken) {
            return Err(AddError::Taken);
        }
        state.apps.push(app.clone());
        Ok(())
    }

    async fn update(&self, app: &RegisteredApp) -> Result<(), UpdateError> {
        let mut state = self.state();
        let same =
            |known: &&mut RegisteredApp| (&known.name, known.version) == (&app.name, app.version);
        let stored = state.apps.iter_mut().find(same).ok_or(UpdateError::Stale)?;
        let app_id = stored.app_id.clone();
        let created_at = stored.created_at;
        *stored = RegisteredApp { app_id, created_at, version: app.version + 1, ..app.clone() };
        Ok(())
    }

    async fn remove(&self, app: &RegisteredApp) -> Result<(), UpdateError> {
        let mut state = self.state();
        let before = state.apps.len();
        state.apps.retain(|known| (&known.name, known.version) != (&app.name, app.version));
        if state.apps.len() == before {
            return Err(UpdateError::Stale);
        }
        Ok(())
    }
}

#[async_trait]
impl AppReader for MemoryStore {
    async fn registered_apps(&self) -> Result<Vec<RegisteredApp>, StoreError> {
        let mut apps = self.committed.lock().unwrap().apps.clone();
        apps.sort_by(|a, b| (a.created_at, a.name.as_str()).cmp(&(b.created_at, b.name.as_str())));
        Ok(apps)
    }
}
