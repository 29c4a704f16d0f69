//! Change of the caller's profile.

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::event::EventKind;
use crate::model::member::{Member, ProfileChange};
use crate::model::session::claims::Caller;
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::member::access_error::MemberAccessError;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Changes the profile of the caller's own member.
pub struct UpdateProfile {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

impl UpdateProfile {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
        }
    }

    /// Applies the change and returns the member as it is afterwards.
    pub async fn run(
        &self,
        caller: &Caller,
        change: ProfileChange,
    ) -> Result<Member, MemberAccessError> {
        let now = self.clock.now();
        retry_on_contention(|| self.try_run(caller, change.clone(), now)).await
    }

    async fn try_run(
        &self,
        caller: &Caller,
        change: ProfileChange,
        now: Timestamp,
    ) -> Result<Member, MemberAccessError> {
        let work = self.store.begin().await?;
        let found = work.members().find(caller.member).await?;
        let mut member = found.ok_or(MemberAccessError::NotFound)?;
        member.ensure_active()?;
        if member.change_profile(change, now) {
            work.members().update(&member).await.map_err(StoreError::from)?;
            let event = self.events.domain_event(EventKind::ProfileChanged, member.id, now);
            work.outbox().add(&event).await?;
        }
        work.commit().await?;
        Ok(member)
    }
}
