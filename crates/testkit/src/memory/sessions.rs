//! Sessions in memory.

use async_trait::async_trait;
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::sessions::SessionRepository;

use crate::memory::state::State;
use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl SessionRepository for MemoryUnitOfWork {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.state().sessions.get(&id).cloned())
    }

    async fn find_with_member(
        &self,
        id: SessionId,
    ) -> Result<Option<(Session, Member)>, StoreError> {
        let state = self.state();
        let both = |session: &Session| {
            Some((session.clone(), state.members.get(&session.member)?.clone()))
        };
        Ok(state.sessions.get(&id).and_then(both))
    }

    async fn add(&self, session: &Session) -> Result<(), StoreError> {
        let mut state = self.state();
        state.require_member(session.member)?;
        state.sessions.insert(session.id, session.clone());
        Ok(())
    }

    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        Ok(self.state().sessions_of(member))
    }

    async fn advance(&self, next: &Session) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.sessions.get(&next.id).map(|stored| stored.generation + 1);
        if stored != Some(next.generation) {
            return Ok(false);
        }
        state.sessions.insert(next.id, next.clone());
        Ok(true)
    }

    async fn remove(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        self.state().sessions.retain(|id, _| !sessions.contains(id));
        Ok(())
    }

    async fn remove_all(&self, member: MemberId) -> Result<(), StoreError> {
        self.state().sessions.retain(|_, session| session.member != member);
        Ok(())
    }

    async fn remove_opened_until(&self, then: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut removed = 0;
        self.state().sessions.retain(|_, session| {
            let is_kept = removed == limit || session.created_at > then;
            removed += u64::from(!is_kept);
            is_kept
        });
        Ok(removed)
    }

    async fn epoch(&self) -> Result<u32, StoreError> {
        Ok(self.state().session_epoch)
    }

    async fn start_epoch(&self, epoch: u32) -> Result<(), StoreError> {
        let mut state = self.state();
        state.session_epoch = state.session_epoch.max(epoch);
        Ok(())
    }
}

impl State {
    pub(super) fn sessions_of(&self, member: MemberId) -> Vec<Session> {
        let theirs = self.sessions.values().filter(|session| session.member == member);
        theirs.cloned().collect()
    }
}
