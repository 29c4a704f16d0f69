//! Change what a member says of themselves.

use std::sync::Arc;

use crate::model::event::EventKind;
use crate::model::member::{Banned, Member, ProfileChange};
use crate::model::session::claims::Caller;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use case.
pub struct UpdateProfile {
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// What makes events.
    pub events: EventFactory,
}

/// Why a profile was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateProfileError {
    /// The token is good, but its member is no more.
    #[error("the member is no more")]
    NotFound,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UpdateProfile {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { store: ports.store.clone(), events: EventFactory::new(ports) }
    }

    /// Applies the change to the caller's own member, and tells what the member is then.
    pub async fn run(
        &self,
        caller: &Caller,
        change: ProfileChange,
    ) -> Result<Member, UpdateProfileError> {
        retry_on_contention(|| self.try_to_apply(caller, change.clone())).await
    }

    async fn try_to_apply(
        &self,
        caller: &Caller,
        change: ProfileChange,
    ) -> Result<Member, UpdateProfileError> {
        let work = self.store.begin().await?;
        let found = work.members().find(caller.member).await?;
        let mut member = found.ok_or(UpdateProfileError::NotFound)?;
        member.ensure_active()?;
        if member.change_profile(change, self.events.clock.now()) {
            work.members().update(&member).await.map_err(StoreError::from)?;
            let event = self.events.domain_event(EventKind::ProfileChanged, member.id);
            work.outbox().add(&event).await?;
        }
        work.commit().await?;
        Ok(member)
    }
}
