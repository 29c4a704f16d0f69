//! Forget a member: everything that is held about them goes.

use std::sync::Arc;

use crate::model::admin::AdminId;
use crate::model::audit::AuditKind;
use crate::model::event::EventKind;
use crate::model::fingerprint::Fingerprints;
use crate::model::member::tombstone::tombstones;
use crate::model::member::{Member, MemberId, MemberStatus};
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use case.
pub struct EraseMember {
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// What recognises banned members who come back.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// What makes events.
    pub events: EventFactory,
}

/// Why nobody was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseMemberError {
    /// The member is no more.
    #[error("the member is no more")]
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
            fingerprints: ports.fingerprints.clone(),
            events: EventFactory::new(ports),
        }
    }

    /// Erases the member with all their identities and sessions. What stays is the record of security
    /// events, which names ids only, and of a banned member their tombstones. `by` is the administrator
    /// whose doing it is, if it is one's.
    pub async fn run(&self, id: MemberId, by: Option<AdminId>) -> Result<(), EraseMemberError> {
        retry_on_contention(|| self.try_to_erase(id, by)).await?;
        self.wipe().await;
        Ok(())
    }

    async fn try_to_erase(
        &self,
        id: MemberId,
        by: Option<AdminId>,
    ) -> Result<(), EraseMemberError> {
        let work = self.store.begin().await?;
        let member = work.members().find(id).await?.ok_or(EraseMemberError::NotFound)?;
        self.erase(work.as_ref(), &member, by).await?;
        Ok(work.commit().await?)
    }

    /// Erases the member within a unit of work.
    pub(crate) async fn erase(
        &self,
        work: &dyn UnitOfWork,
        member: &Member,
        by: Option<AdminId>,
    ) -> Result<(), StoreError> {
        if member.status == MemberStatus::Banned {
            let subjects = work.identities().list_by_member(member.id).await?;
            let tombstones = tombstones(&subjects, self.fingerprints.as_ref());
            work.tombstones().add(&tombstones, self.events.clock.now()).await?;
        }
        let event = self.events.event(AuditKind::Erased).with_member(member.id).with_actor(by);
        work.audit().record(&event).await?;
        work.members().remove(member).await?;
        let event = self.events.domain_event(EventKind::Erased, member.id);
        work.outbox().add(&event).await
    }

    /// Has the store wipe what was removed. The member is gone by then: a failure is for the operator.
    pub(crate) async fn wipe(&self) {
        if let Err(error) = self.store.purge_deleted().await {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "what was erased may still lie on the disk: restart to wipe it");
        }
    }
}
