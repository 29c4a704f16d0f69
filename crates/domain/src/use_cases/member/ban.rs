//! Keep a member out, or let them in again.

use std::sync::Arc;

use crate::model::admin::AdminId;
use crate::model::audit::AuditKind;
use crate::model::event::EventKind;
use crate::model::member::{MemberId, MemberStatus, StatusReason};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::event::factory::Journal;
use crate::use_cases::retry::retried;

/// The use cases.
pub struct Ban {
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// What makes events.
    pub journal: Journal,
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

impl Ban {
    /// Keeps the member out: no login, no refresh and no token of theirs works once this is done.
    pub async fn ban(
        &self,
        member: MemberId,
        reason: Option<StatusReason>,
        by: Option<AdminId>,
    ) -> Result<(), BanError> {
        self.change(member, MemberStatus::Banned, reason, by).await
    }

    /// Lets the member log in again.
    pub async fn unban(
        &self,
        member: MemberId,
        reason: Option<StatusReason>,
        by: Option<AdminId>,
    ) -> Result<(), BanError> {
        self.change(member, MemberStatus::Active, reason, by).await
    }

    async fn change(
        &self,
        id: MemberId,
        status: MemberStatus,
        reason: Option<StatusReason>,
        by: Option<AdminId>,
    ) -> Result<(), BanError> {
        retried(|| self.try_to_change(id, status, reason.clone(), by)).await
    }

    async fn try_to_change(
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
        member.stand(status, reason, self.journal.clock.now());
        work.members().update(&member).await.map_err(StoreError::from)?;
        work.sessions().remove_all(id).await?;
        work.audit().record(&self.journal.event(kind).about(id).by(by)).await?;
        work.outbox().add(&self.journal.domain_event(told, id)).await?;
        Ok(work.commit().await?)
    }
}
