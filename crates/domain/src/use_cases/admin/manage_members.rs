//! Management of members by administrators.

use std::sync::Arc;

use crate::model::admin::{AdminPrincipal, Role, RoleRequired};
use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::identity::Subject;
use crate::model::member::phone::PhoneNumber;
use crate::model::member::query::MemberQuery;
use crate::model::member::{Member, MemberId};
use crate::model::session::{Session, SessionId};
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::identities::IdentityReader;
use crate::ports::store::members::{MemberReader, MemberSearch};
use crate::ports::store::sessions::SessionLister;
use crate::use_cases::admin::authorize::authorize;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::member::ban::{BanError, BanMember, StatusChange};
use crate::use_cases::member::erase::{EraseMember, EraseMemberError};
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Shows members to administrators and changes them. Each operation requires a role.
pub struct ManageMembers {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Members.
    pub members: Arc<dyn MemberReader>,
    /// Search for members.
    pub member_search: Arc<dyn MemberSearch>,
    /// Identities.
    pub identities: Arc<dyn IdentityReader>,
    /// Lists of sessions.
    pub sessions: Arc<dyn SessionLister>,
    /// Ban and unban.
    pub ban: Arc<BanMember>,
    /// Erasure.
    pub erase: Arc<EraseMember>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// A member with identities and sessions.
pub struct MemberDetails {
    /// The member.
    pub member: Member,
    /// Subjects, in no order.
    pub subjects: Vec<Subject>,
    /// Active sessions, the last refreshed first.
    pub sessions: Vec<Session>,
}

/// Reason why an operation on a member was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ManageMembersError {
    /// The administrator lacks the role.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// The member, session or phone number does not exist.
    #[error("the member, session or phone number does not exist")]
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
            clock: ports.clock.clone(),
        }
    }

    /// Returns the members that match a query.
    pub async fn search(
        &self,
        actor: &AdminPrincipal,
        query: &MemberQuery,
    ) -> Result<Vec<Member>, ManageMembersError> {
        actor.require_role(Role::Viewer)?;
        Ok(self.member_search.search(query).await?)
    }

    /// Returns one member.
    pub async fn get(
        &self,
        actor: &AdminPrincipal,
        id: MemberId,
    ) -> Result<MemberDetails, ManageMembersError> {
        actor.require_role(Role::Viewer)?;
        let member = self.members.find(id).await?.ok_or(ManageMembersError::NotFound)?;
        let subjects = self.identities.list_identities(id).await?;
        let now = self.clock.now();
        let mut sessions = self.sessions.list_sessions(id).await?;
        sessions.retain(|session| session.is_alive(now));
        sessions.sort_by_key(|session| std::cmp::Reverse((session.refreshed_at, session.id.0)));
        Ok(MemberDetails { member, subjects, sessions })
    }

    /// Bans a member or lifts the ban.
    pub async fn set_status(
        &self,
        actor: &AdminPrincipal,
        change: StatusChange,
    ) -> Result<(), ManageMembersError> {
        actor.require_role(Role::Operator)?;
        let change = change.with_actor(actor.id);
        let now = self.clock.now();
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            authorize::<ManageMembersError>(work.as_ref(), actor, Role::Operator).await?;
            self.ban.apply(work.as_ref(), &change, now).await?;
            Ok(work.commit().await?)
        })
        .await
    }

    /// Ends one session of a member, or all of them.
    pub async fn end_sessions(
        &self,
        actor: &AdminPrincipal,
        id: MemberId,
        session: Option<SessionId>,
    ) -> Result<(), ManageMembersError> {
        actor.require_role(Role::Operator)?;
        let now = self.clock.now();
        retry_on_contention(|| self.try_end_sessions(actor, id, session, now)).await
    }

    async fn try_end_sessions(
        &self,
        actor: &AdminPrincipal,
        id: MemberId,
        session: Option<SessionId>,
        now: Timestamp,
    ) -> Result<(), ManageMembersError> {
        let work = self.store.begin().await?;
        authorize::<ManageMembersError>(work.as_ref(), actor, Role::Operator).await?;
        work.members().find(id).await?.ok_or(ManageMembersError::NotFound)?;
        let event = self.events.audit_event(AuditKind::SessionsEnded, now);
        let event = event.with_member(id).with_actor(Some(actor.id));
        let event = match session {
            None => {
                work.sessions().remove_all(id).await?;
                event
            }
            Some(session) => {
                let found = work.sessions().find(session).await?;
                let of_member = found.filter(|found| found.member == id);
                of_member.ok_or(ManageMembersError::NotFound)?;
                work.sessions().remove(&[session]).await?;
                event.in_session(session)
            }
        };
        work.audit().record(&event).await?;
        Ok(work.commit().await?)
    }

    /// Returns the full phone number of a member, after the access has been audited.
    pub async fn unmask_phone(
        &self,
        actor: &AdminPrincipal,
        id: MemberId,
    ) -> Result<PhoneNumber, ManageMembersError> {
        actor.require_role(Role::Operator)?;
        let now = self.clock.now();
        retry_on_contention(|| self.try_unmask_phone(actor, id, now)).await
    }

    async fn try_unmask_phone(
        &self,
        actor: &AdminPrincipal,
        id: MemberId,
        now: Timestamp,
    ) -> Result<PhoneNumber, ManageMembersError> {
        let work = self.store.begin().await?;
        authorize::<ManageMembersError>(work.as_ref(), actor, Role::Operator).await?;
        let member = work.members().find(id).await?.ok_or(ManageMembersError::NotFound)?;
        let phone = member.phone.ok_or(ManageMembersError::NotFound)?;
        let event = self.events.audit_event(AuditKind::PhoneUnmasked, now);
        work.audit().record(&event.with_member(id).with_actor(Some(actor.id))).await?;
        work.commit().await?;
        Ok(phone)
    }

    /// Erases a member.
    pub async fn erase(
        &self,
        actor: &AdminPrincipal,
        id: MemberId,
    ) -> Result<(), ManageMembersError> {
        actor.require_role(Role::Admin)?;
        let now = self.clock.now();
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            authorize::<ManageMembersError>(work.as_ref(), actor, Role::Admin).await?;
            self.erase.find_and_erase(work.as_ref(), id, Some(actor.id), now).await?;
            Ok::<_, ManageMembersError>(work.commit().await?)
        })
        .await
    }
}
