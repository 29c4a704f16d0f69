//! Keep a member out, or let them in again.

use std::sync::Arc;

use crate::admin::AdminId;
use crate::audit::{AuditKind, Journal};
use crate::member::{MemberId, MemberStatus, StatusReason};
use crate::ports::store::{Store, StoreError, UpdateError};

/// How often a ban is tried anew after someone else wrote the same member first.
const ATTEMPTS: u32 = 5;

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
    /// Others were faster, time and again.
    #[error("the change lost a race {ATTEMPTS} times")]
    Contended,
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
        let kind = match status {
            MemberStatus::Active => AuditKind::Unbanned,
            MemberStatus::Banned => AuditKind::Banned,
        };
        for _ in 0..ATTEMPTS {
            let work = self.store.begin().await?;
            let mut member = work.members().find(id).await?.ok_or(BanError::NotFound)?;
            member.stand(status, reason.clone(), self.journal.clock.now());
            match work.members().update(&member).await {
                Ok(()) => {}
                // What is banned holds nothing unique that could be new: another look decides.
                Err(UpdateError::Stale | UpdateError::Taken) => continue,
                Err(UpdateError::Store(error)) => return Err(error.into()),
            }
            work.sessions().remove_all(id).await?;
            work.audit().record(&self.journal.event(kind).about(id).by(by)).await?;
            return Ok(work.commit().await?);
        }
        Err(BanError::Contended)
    }
}
