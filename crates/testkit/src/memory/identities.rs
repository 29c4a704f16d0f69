//! Identities in memory.

use async_trait::async_trait;
use domain::model::identity::{KnownMember, Subject};
use domain::model::member::MemberId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError};
use domain::ports::store::identities::IdentityRepository;

use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl IdentityRepository for MemoryUnitOfWork {
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<KnownMember>, StoreError> {
        let state = self.state();
        let owner = state.identities.iter().find(|(_, known)| known == subject);
        Ok(owner.and_then(|&(member, _)| {
            let theirs = state.identities.iter().filter(|(owner, _)| *owner == member);
            let subjects = theirs.map(|(_, subject)| subject.clone()).collect();
            Some(KnownMember { member: state.members.get(&member)?.clone(), subjects })
        }))
    }

    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let state = self.state();
        let theirs = state.identities.iter().filter(|(owner, _)| *owner == member);
        Ok(theirs.map(|(_, subject)| subject.clone()).collect())
    }

    async fn add(
        &self,
        member: MemberId,
        subject: &Subject,
        _now: Timestamp,
    ) -> Result<(), AddError> {
        let mut state = self.state();
        if state.identities.iter().any(|(_, known)| known == subject) {
            return Err(AddError::Taken);
        }
        state.require_member(member)?;
        state.identities.push((member, subject.clone()));
        Ok(())
    }

    async fn remove(&self, subjects: &[Subject]) -> Result<(), StoreError> {
        let mut state = self.state();
        state.identities.retain(|(_, known)| !subjects.contains(known));
        state.session_keys.retain(|user, _| !subjects.contains(user));
        Ok(())
    }

    async fn reassign(&self, from: MemberId, to: MemberId) -> Result<(), StoreError> {
        let mut state = self.state();
        state.require_member(to)?;
        for (owner, _) in state.identities.iter_mut().filter(|(owner, _)| *owner == from) {
            *owner = to;
        }
        Ok(())
    }

    async fn exists_in_namespace(&self, namespace: &str) -> Result<bool, StoreError> {
        Ok(self.state().identities.iter().any(|(_, known)| known.namespace == namespace))
    }
}
