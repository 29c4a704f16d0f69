//! Erasure of members.

use std::sync::Arc;

use crate::model::admin::AdminId;
use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::event::EventKind;
use crate::model::member::{Member, MemberId, MemberStatus};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Erases members.
pub struct EraseMember {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// Reason why a member was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseMemberError {
    /// The member does not exist.
    #[error("the member does not exist")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EraseMember {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
        }
    }

    /// Erases the member with all identities and sessions. `actor` is the administrator who requested it.
    ///
    /// The audit log, which contains ids only, and the tombstones of banned members remain.
    pub async fn run(&self, id: MemberId, actor: Option<AdminId>) -> Result<(), EraseMemberError> {
        let now = self.clock.now();
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            self.find_and_erase(work.as_ref(), id, actor, now).await?;
            Ok::<_, EraseMemberError>(work.commit().await?)
        })
        .await
    }

    /// Erases the member with this id within a unit of work.
    pub(crate) async fn find_and_erase(
        &self,
        work: &dyn UnitOfWork,
        id: MemberId,
        actor: Option<AdminId>,
        now: Timestamp,
    ) -> Result<(), EraseMemberError> {
        let member = work.members().find(id).await?.ok_or(EraseMemberError::NotFound)?;
        Ok(self.erase(work, &member, actor, now).await?)
    }

    /// Erases the member within a unit of work.
    pub(crate) async fn erase(
        &self,
        work: &dyn UnitOfWork,
        member: &Member,
        actor: Option<AdminId>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if member.status == MemberStatus::Banned {
            let subjects = work.identities().list_by_member(member.id).await?;
            work.tombstones().add(&subjects, now).await?;
        }
        let event = self.events.audit_event(AuditKind::Erased, now).with_member(member.id);
        work.audit().record(&event.with_actor(actor)).await?;
        work.members().remove(member).await?;
        let event = self.events.domain_event(EventKind::Erased, member.id, now);
        work.outbox().add(&event).await
    }
}
