//! Routes for managing members.

use std::sync::Arc;

use domain::model::identity::Subject;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::model::member::{Member, MemberId, MemberStatus, StatusReason};
use domain::model::session::{Session, SessionId};
use domain::use_cases::admin::manage_members::{ManageMembers, ManageMembersError, MemberDetails};
use domain::use_cases::member::ban::StatusChange;
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;
use uuid::Uuid;

use crate::auth::role::{Admin, Operator, Viewer, WithRole};
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::admin::{BEFORE_MEMBER, DEFAULT_LIMIT, LIMIT, QUERY, REASON};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::me::MemberData;
use crate::routes::session::EmptyResponse;

/// Handlers for members.
#[derive(Clone)]
pub struct AdminMembersApi {
    pub(crate) manage_members: Arc<ManageMembers>,
}

type MemberResult<T> = Result<Envelope<T>, ErrorResponse<ManageMembersError>>;

#[craft]
impl AdminMembersApi {
    /// Search members
    ///
    /// The newest members come first. The search text is in the body, because URLs are logged by proxies.
    #[craft(endpoint(operation_id = "searchMembers", tags("administrators")))]
    pub(crate) async fn search(
        &self,
        by: WithRole<Viewer>,
        body: JsonBody<MemberQuery>,
    ) -> MemberResult<MembersData> {
        let members = self.manage_members.search(&by.0, &body.0).await?;
        Ok(Envelope(MembersData { members: members.into_iter().map(MemberRow::from).collect() }))
    }

    /// Get a member
    #[craft(endpoint(operation_id = "getMember", tags("administrators")))]
    pub(crate) async fn get(
        &self,
        by: WithRole<Viewer>,
        id: Path<Uuid>,
    ) -> MemberResult<MemberDetailsData> {
        Ok(Envelope(self.manage_members.get(&by.0, MemberId(id.0)).await?.into()))
    }

    /// Ban a member
    ///
    /// Ends all sessions, invalidates all tokens and rejects logins.
    #[craft(endpoint(operation_id = "banMember", tags("administrators")))]
    pub(crate) async fn ban(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
        body: JsonBody<StatusReasonRequest>,
    ) -> MemberResult<EmptyResponse> {
        let manage_members = self.manage_members.clone();
        let StatusReasonRequest(reason) = body.0;
        let change = StatusChange::ban(MemberId(id.0), Some(reason));
        run_detached(async move { manage_members.set_status(&by.0, change).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Lift a member's ban
    #[craft(endpoint(operation_id = "unbanMember", tags("administrators")))]
    pub(crate) async fn unban(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
        body: JsonBody<StatusReasonRequest>,
    ) -> MemberResult<EmptyResponse> {
        let manage_members = self.manage_members.clone();
        let StatusReasonRequest(reason) = body.0;
        let change = StatusChange::unban(MemberId(id.0), Some(reason));
        run_detached(async move { manage_members.set_status(&by.0, change).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// End all sessions of a member
    #[craft(endpoint(operation_id = "endMemberSessions", tags("administrators")))]
    pub(crate) async fn end_sessions(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
    ) -> MemberResult<EmptyResponse> {
        let manage_members = self.manage_members.clone();
        run_detached(async move { manage_members.end_sessions(&by.0, MemberId(id.0), None).await })
            .await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// End one session of a member
    #[craft(endpoint(operation_id = "endMemberSession", tags("administrators")))]
    pub(crate) async fn end_session(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
        session: Path<SessionId>,
    ) -> MemberResult<EmptyResponse> {
        let manage_members = self.manage_members.clone();
        let work = async move {
            manage_members.end_sessions(&by.0, MemberId(id.0), Some(session.0)).await
        };
        run_detached(work).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Get a member's whole phone number
    ///
    /// The access is written to the audit log.
    #[craft(endpoint(operation_id = "unmaskPhone", tags("administrators")))]
    pub(crate) async fn unmask_phone(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
    ) -> MemberResult<PhoneData> {
        let manage_members = self.manage_members.clone();
        let work = async move { manage_members.unmask_phone(&by.0, MemberId(id.0)).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Erase a member
    ///
    /// Erases profile, phone number, identities and sessions permanently. A ban stays effective.
    #[craft(endpoint(operation_id = "eraseMember", tags("administrators")))]
    pub(crate) async fn erase(
        &self,
        by: WithRole<Admin>,
        id: Path<Uuid>,
    ) -> MemberResult<EmptyResponse> {
        let manage_members = self.manage_members.clone();
        run_detached(async move { manage_members.erase(&by.0, MemberId(id.0)).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

impl FromForm for MemberQuery {
    const NAME: &'static str = "MemberQuery";
    const DESCRIPTION: &'static str = "Filter for members; an empty filter matches all members.";
    const MAY_BE_EMPTY: bool = true;

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self {
            filter: form.optional(&QUERY).unwrap_or(MemberFilter::Any),
            before: form.optional(&BEFORE_MEMBER),
            limit: form.optional(&LIMIT).unwrap_or(DEFAULT_LIMIT),
        })
    }
}

/// Reason for a change of a member's status.
pub(crate) struct StatusReasonRequest(StatusReason);

impl FromForm for StatusReasonRequest {
    const NAME: &'static str = "StatusReasonRequest";
    const DESCRIPTION: &'static str = "Reason for a ban or for its lifting.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        form.required(&REASON).map(Self)
    }
}

/// Page of members.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "MembersData"))]
pub(crate) struct MembersData {
    /// Members, the newest first. If their number equals `limit`, there may be more.
    members: Vec<MemberRow>,
}

/// Member with the data that only administrators see.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "MemberRow"))]
pub(crate) struct MemberRow {
    /// Profile.
    profile: MemberData,
    /// `active` or `banned`.
    #[salvo(schema(example = "active"))]
    status: &'static str,
    /// Reason of the status; null if none was given.
    #[salvo(schema(required = true))]
    status_reason: Option<String>,
    /// Remark of the operator.
    #[salvo(schema(required = true))]
    remark: Option<String>,
}

impl From<Member> for MemberRow {
    fn from(member: Member) -> Self {
        Self {
            status: match member.status {
                MemberStatus::Active => "active",
                MemberStatus::Banned => "banned",
            },
            status_reason: member.status_reason.as_ref().map(|reason| reason.as_str().to_owned()),
            remark: member.remark.clone(),
            profile: member.into(),
        }
    }
}

/// Member with identities and sessions.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "MemberDetails"))]
pub(crate) struct MemberDetailsData {
    /// Member.
    member: MemberRow,
    /// Identities at providers.
    identities: Vec<IdentityData>,
    /// Sessions, the most recently refreshed first.
    sessions: Vec<MemberSessionData>,
}

impl From<MemberDetails> for MemberDetailsData {
    fn from(details: MemberDetails) -> Self {
        Self {
            member: details.member.into(),
            identities: details.subjects.into_iter().map(IdentityData::from).collect(),
            sessions: details.sessions.iter().map(MemberSessionData::from).collect(),
        }
    }
}

/// Identity of a member at a provider.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "IdentityData"))]
pub(crate) struct IdentityData {
    /// Scope of the id: an app or a group of apps.
    #[salvo(schema(example = "wechat:wx5e8d6c0a4b2f1e37"))]
    namespace: String,
    /// `open_id` or `union_id`.
    #[salvo(schema(example = "open_id"))]
    kind: &'static str,
    /// Openid or union id.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    value: String,
}

impl From<Subject> for IdentityData {
    fn from(subject: Subject) -> Self {
        Self { namespace: subject.namespace, kind: subject.kind.name(), value: subject.value }
    }
}

/// Session of a member.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "MemberSessionData"))]
pub(crate) struct MemberSessionData {
    /// Id of the session.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    id: String,
    /// App of the session.
    #[salvo(schema(example = "main"))]
    app: String,
    /// Time of the login, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    created_at: String,
    /// Time of the last refresh, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    refreshed_at: String,
    /// Time at which the session ends if it is not refreshed, UTC.
    #[salvo(schema(format = "date-time", example = "2026-12-20T10:00:00Z"))]
    expires_at: String,
}

impl From<&Session> for MemberSessionData {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.0.to_string(),
            app: session.app.as_str().to_owned(),
            created_at: rfc3339::seconds(session.created_at),
            refreshed_at: rfc3339::seconds(session.refreshed_at),
            expires_at: rfc3339::seconds(session.expires_at),
        }
    }
}

/// Unmasked phone number.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "PhoneData"))]
pub(crate) struct PhoneData {
    /// Phone number with country code.
    #[salvo(schema(example = "+8613800138000"))]
    phone: String,
}

impl From<PhoneNumber> for PhoneData {
    fn from(phone: PhoneNumber) -> Self {
        Self { phone: phone.e164() }
    }
}
