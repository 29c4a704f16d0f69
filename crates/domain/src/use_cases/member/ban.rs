//! Keep a member out, or let them in again.

use std::sync::Arc;

use crate::model::admin::AdminId;
use crate::model::audit::AuditKind;
use crate::model::event::EventKind;
use crate::model::member::{MemberId, MemberStatus, StatusReason};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use cases.
pub struct BanMember {
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// What makes events.
    pub events: EventFactory,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BanError {
    /// There is no such member.
    #[error("there is no such member")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BanMember {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { store: ports.store.clone(), events: EventFactory::new(ports) }
    }

    /// Keeps the member out: no login, no refresh and no token of theirs works once this is done.
    pub async fn ban(
        &self,
        member: MemberId,
        reason: Option<StatusReason>,
        by: Option<AdminId>,
    ) -> Result<(), BanError> {
        self.set_status(member, MemberStatus::Banned, reason, by).await
    }

    /// Lets the member log in again.
    pub async fn unban(
        &self,
        member: MemberId,
        reason: Option<StatusReason>,
        by: Option<AdminId>,
    ) -> Result<(), BanError> {
        self.set_status(member, MemberStatus::Active, reason, by).await
    }

    async fn set_status(
        &self,
        id: MemberId,
        status: MemberStatus,
        reason: Option<StatusReason>,
        by: Option<AdminId>,
    ) -> Result<(), BanError> {
        retry_on_contention(|| self.try_set_status(id, status, reason.clone(), by)).await
    }

    async fn try_set_status(
        &self,
        id: MemberId,
        status: MemberStatus,
        reason: Option<StatusReason>,
        by: Option<AdminId>,
    ) -> Result<(), BanError> {
        let (kind, told) = match status {
            MemberStatus::Active => (AuditKind::Unbanned, EventKind::Unbanned),
            MemberStatus::Banned => (AuditKind::Banned, EventKind::Banned),
        };
        let work = self.store.begin().await?;
        let mut member = work.members().find(id).await?.ok_or(BanError::NotFound)?;
        member.set_status(status, reason, self.events.clock.now());
        work.members().update(&member).await.map_err(StoreError::from)?;
        work.sessions().remove_all(id).await?;
        work.audit().record(&self.events.event(kind).with_member(id).with_actor(by)).await?;
        work.outbox().add(&self.events.domain_event(told, id)).await?;
        Ok(work.commit().await?)
    }
}
