//! Ban and unban of members.

use std::sync::Arc;

use crate::model::admin::AdminId;
use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::event::EventKind;
use crate::model::member::{MemberId, MemberStatus, StatusReason};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Bans members and lifts their bans.
pub struct BanMember {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// Change of a member's status.
#[derive(Clone, Debug)]
pub struct StatusChange {
    member: MemberId,
    status: MemberStatus,
    reason: Option<StatusReason>,
    actor: Option<AdminId>,
}

/// Reason why a status was not changed.
#[derive(Debug, thiserror::Error)]
pub enum BanError {
    /// The member does not exist.
    #[error("the member does not exist")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StatusChange {
    /// Bans a member, by the system.
    #[must_use]
    pub const fn ban(member: MemberId, reason: Option<StatusReason>) -> Self {
        Self { member, status: MemberStatus::Banned, reason, actor: None }
    }

    /// Lifts a member's ban, by the system.
    #[must_use]
    pub const fn unban(member: MemberId, reason: Option<StatusReason>) -> Self {
        Self { member, status: MemberStatus::Active, reason, actor: None }
    }

    /// Attributes the change to an administrator.
    #[must_use]
    pub fn with_actor(self, admin: AdminId) -> Self {
        Self { actor: Some(admin), ..self }
    }
}

impl BanMember {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
        }
    }

    /// Changes the status and ends all sessions of the member.
    ///
    /// After a ban, logins and refreshes of the member fail and access tokens are rejected.
    pub async fn set_status(&self, change: &StatusChange) -> Result<(), BanError> {
        let now = self.clock.now();
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            self.apply(work.as_ref(), change, now).await?;
            Ok(work.commit().await?)
        })
        .await
    }

    /// Applies the change within a unit of work.
    pub(crate) async fn apply(
        &self,
        work: &dyn UnitOfWork,
        change: &StatusChange,
        now: Timestamp,
    ) -> Result<(), BanError> {
        let id = change.member;
        let (audit_kind, event_kind) = match change.status {
            MemberStatus::Active => (AuditKind::Unbanned, EventKind::Unbanned),
            MemberStatus::Banned => (AuditKind::Banned, EventKind::Banned),
        };
        let mut member = work.members().find(id).await?.ok_or(BanError::NotFound)?;
        member.set_status(change.status, change.reason.clone(), now);
        work.members().update(&member).await.map_err(StoreError::from)?;
        work.sessions().remove_all(id).await?;
        let event = self.events.audit_event(audit_kind, now).with_member(id);
        work.audit().record(&event.with_actor(change.actor)).await?;
        work.outbox().add(&self.events.domain_event(event_kind, id, now)).await?;
        Ok(())
    }
}
