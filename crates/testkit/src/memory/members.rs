//! Members in memory.

use async_trait::async_trait;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, MemberId};
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use domain::ports::store::members::MemberRepository;

use crate::memory::state::State;
use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl MemberRepository for MemoryUnitOfWork {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        Ok(self.state().members.get(&id).cloned())
    }

    async fn find_for_update(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        MemberRepository::find(self, id).await
    }

    async fn add(&self, member: &Member) -> Result<(), AddError> {
        let mut state = self.state();
        if state.members.contains_key(&member.id) {
            return Err(StoreError::new("a member with this id exists").into());
        }
        if state.is_phone_taken(member) {
            return Err(AddError::Taken);
        }
        state.members.insert(member.id, member.clone());
        Ok(())
    }

    async fn update(&self, member: &Member) -> Result<(), UpdateError> {
        let mut state = self.state();
        if state.members.get(&member.id).map(|stored| stored.version) != Some(member.version) {
            return Err(UpdateError::Stale);
        }
        if state.is_phone_taken(member) {
            return Err(UpdateError::Taken);
        }
        let written = Member { version: member.version + 1, ..member.clone() };
        state.members.insert(member.id, written);
        Ok(())
    }

    async fn remove(&self, member: &Member) -> Result<(), UpdateError> {
        let mut state = self.state();
        if state.members.get(&member.id).map(|stored| stored.version) != Some(member.version) {
            return Err(UpdateError::Stale);
        }
        state.members.remove(&member.id);
        state.identities.retain(|(owner, _)| *owner != member.id);
        let State { session_keys, identities, .. } = &mut *state;
        session_keys.retain(|user, _| identities.iter().any(|(_, known)| known == user));
        state.sessions.retain(|_, session| session.member != member.id);
        state.redemptions.retain(|_, redemption| redemption.member != member.id);
        Ok(())
    }
}

impl State {
    /// Returns `true` if another member has the phone number of `member`.
    fn is_phone_taken(&self, member: &Member) -> bool {
        let number = |member: &Member| member.phone.as_ref().map(PhoneNumber::e164);
        let mut others = self.members.values().filter(|other| other.id != member.id);
        member.phone.is_some() && others.any(|other| number(other) == number(member))
    }
}
