//! What administrators see of members and do to them, each in the role that it takes.

use std::sync::Arc;

use crate::model::admin::{AdminPrincipal, Role, RoleRequired};
use crate::model::audit::AuditKind;
use crate::model::identity::Subject;
use crate::model::member::phone::PhoneNumber;
use crate::model::member::query::MemberQuery;
use crate::model::member::{Member, MemberId, StatusReason};
use crate::model::session::{Session, SessionId};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::identities::IdentityReader;
use crate::ports::store::members::{MemberReader, MemberSearch};
use crate::ports::store::sessions::SessionLister;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::member::ban::{BanError, BanMember};
use crate::use_cases::member::erase::{EraseMember, EraseMemberError};
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use cases.
pub struct ManageMembers {
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// Members.
    pub members: Arc<dyn MemberReader>,
    /// Search for members.
    pub member_search: Arc<dyn MemberSearch>,
    /// Identities.
    pub identities: Arc<dyn IdentityReader>,
    /// Sessions.
    pub sessions: Arc<dyn SessionLister>,
    /// Keeps members out.
    pub ban: Arc<BanMember>,
    /// Forgets them.
    pub erase: Arc<EraseMember>,
    /// What makes events.
    pub events: EventFactory,
}

/// A member, with what they are known under and where they are logged in.
pub struct MemberDetails {
    /// The member.
    pub member: Member,
    /// Their subjects, in no order.
    pub subjects: Vec<Subject>,
    /// Their sessions that last, the one used last first.
    pub sessions: Vec<Session>,
}

/// Why nothing was done or told.
#[derive(Debug, thiserror::Error)]
pub enum ManageMembersError {
    /// The administrator may not do this.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// There is no such member, session or phone number.
    #[error("there is no such thing")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BanError> for ManageMembersError {
    fn from(error: BanError) -> Self {
        match error {
            BanError::NotFound => Self::NotFound,
            BanError::Store(error) => Self::Store(error),
        }
    }
}

impl From<EraseMemberError> for ManageMembersError {
    fn from(error: EraseMemberError) -> Self {
        match error {
            EraseMemberError::NotFound => Self::NotFound,
            EraseMemberError::Store(error) => Self::Store(error),
        }
    }
}

impl ManageMembers {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, ban: Arc<BanMember>, erase: Arc<EraseMember>) -> Self {
        Self {
            store: ports.store.clone(),
            members: ports.readers.members.clone(),
            member_search: ports.readers.member_search.clone(),
            identities: ports.readers.identities.clone(),
            sessions: ports.readers.session_lists.clone(),
            ban,
            erase,
            events: EventFactory::new(ports),
        }
    }

    /// The members that a query means.
    pub async fn search(
        &self,
        by: &AdminPrincipal,
        query: &MemberQuery,
    ) -> Result<Vec<Member>, ManageMembersError> {
        by.require_role(Role::Viewer)?;
        Ok(self.member_search.search(query).await?)
    }

    /// One member.
    pub async fn get(
        &self,
        by: &AdminPrincipal,
        id: MemberId,
    ) -> Result<MemberDetails, ManageMembersError> {
        by.require_role(Role::Viewer)?;
        let found = self.members.find(id).await?;
        let member = found.ok_or(ManageMembersError::NotFound)?;
        let subjects = self.identities.list_identities(id).await?;
        let now = self.events.clock.now();
        let mut sessions = self.sessions.list_sessions(id).await?;
        sessions.retain(|session| session.is_alive(now));
        sessions.sort_by_key(|session| std::cmp::Reverse((session.refreshed_at, session.id.0)));
        Ok(MemberDetails { member, subjects, sessions })
    }

    /// Keeps a member out.
    pub async fn ban(
        &self,
        by: &AdminPrincipal,
        id: MemberId,
        reason: StatusReason,
    ) -> Result<(), ManageMembersError> {
        by.require_role(Role::Operator)?;
        Ok(self.ban.ban(id, Some(reason), Some(by.id)).await?)
    }

    /// Lets a member in again.
    pub async fn unban(
        &self,
        by: &AdminPrincipal,
        id: MemberId,
        reason: StatusReason,
    ) -> Result<(), ManageMembersError> {
        by.require_role(Role::Operator)?;
        Ok(self.ban.unban(id, Some(reason), Some(by.id)).await?)
    }

    /// Ends one session of a member, or all of them.
    pub async fn end_sessions(
        &self,
        by: &AdminPrincipal,
        id: MemberId,
        session: Option<SessionId>,
    ) -> Result<(), ManageMembersError> {
        by.require_role(Role::Operator)?;
        retry_on_contention(|| self.try_to_end_sessions(by, id, session)).await
    }

    async fn try_to_end_sessions(
        &self,
        by: &AdminPrincipal,
        id: MemberId,
        session: Option<SessionId>,
    ) -> Result<(), ManageMembersError> {
        let work = self.store.begin().await?;
        work.members().find(id).await?.ok_or(ManageMembersError::NotFound)?;
        let event =
            self.events.event(AuditKind::SessionsEnded).with_member(id).with_actor(Some(by.id));
        let event = match session {
            None => {
                work.sessions().remove_all(id).await?;
                event
            }
            Some(session) => {
                let found = work.sessions().find(session).await?;
                let theirs = found.filter(|found| found.member == id);
                theirs.ok_or(ManageMembersError::NotFound)?;
                work.sessions().remove(&[session]).await?;
                event.in_session(session)
            }
        };
        work.audit().record(&event).await?;
        Ok(work.commit().await?)
    }

    /// The whole phone number of a member. It is told once it is on record who asked.
    pub async fn unmask_phone(
        &self,
        by: &AdminPrincipal,
        id: MemberId,
    ) -> Result<PhoneNumber, ManageMembersError> {
        by.require_role(Role::Operator)?;
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            let member = work.members().find(id).await?.ok_or(ManageMembersError::NotFound)?;
            let phone = member.phone.ok_or(ManageMembersError::NotFound)?;
            let event =
                self.events.event(AuditKind::PhoneUnmasked).with_member(id).with_actor(Some(by.id));
            work.audit().record(&event).await?;
            work.commit().await?;
            Ok(phone)
        })
        .await
    }

    /// Forgets a member.
    pub async fn erase(&self, by: &AdminPrincipal, id: MemberId) -> Result<(), ManageMembersError> {
        by.require_role(Role::Admin)?;
        Ok(self.erase.run(id, Some(by.id)).await?)
    }
}
