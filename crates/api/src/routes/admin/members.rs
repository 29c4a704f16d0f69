//! Members, as administrators see them, and what is done to them.

use std::sync::Arc;

use domain::model::identity::Subject;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::model::member::{Member, MemberId, MemberStatus, StatusReason};
use domain::model::session::{Session, SessionId};
use domain::use_cases::admin::manage_members::{ManageMembers, ManageMembersError, MemberDetails};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;
use uuid::Uuid;

use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::admin::{BEFORE_MEMBER, LIMIT, QUERY, REASON};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::admin::{Admin, Operator, Viewer, WithRole};
use crate::routes::me::MemberData;
use crate::routes::session::EmptyResponse;

/// How many are told at once where nobody says.
pub(super) const PAGE: u16 = 50;

/// Routes about members.
#[derive(Clone)]
pub struct AdminMembersApi {
    pub(crate) manage_members: Arc<ManageMembers>,
}

type Answer<T> = Result<Envelope<T>, ErrorResponse<ManageMembersError>>;

#[craft]
impl AdminMembersApi {
    /// Search members
    ///
    /// The newest come first. What is searched for stands in the body, since addresses end up in logs.
    #[craft(endpoint(operation_id = "searchMembers", tags("administrators")))]
    pub(crate) async fn search(
        &self,
        by: WithRole<Viewer>,
        body: JsonBody<MemberQuery>,
    ) -> Answer<MembersData> {
        let members = self.manage_members.search(&by.0, &body.0).await?;
        Ok(Envelope(MembersData { members: members.into_iter().map(MemberRow::from).collect() }))
    }

    /// Show a member
    #[craft(endpoint(operation_id = "showMember", tags("administrators")))]
    pub(crate) async fn show(
        &self,
        by: WithRole<Viewer>,
        id: Path<Uuid>,
    ) -> Answer<MemberSheetData> {
        Ok(Envelope(self.manage_members.get(&by.0, MemberId(id.0)).await?.into()))
    }

    /// Ban a member
    ///
    /// Ends all sessions; no token of theirs works any more, and no login.
    #[craft(endpoint(operation_id = "banMember", tags("administrators")))]
    pub(crate) async fn ban(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
        body: JsonBody<Reason>,
    ) -> Answer<EmptyResponse> {
        let (manage_members, id, Reason(reason)) =
            (self.manage_members.clone(), MemberId(id.0), body.0);
        run_detached(async move { manage_members.ban(&by.0, id, reason).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Let a banned member in again
    #[craft(endpoint(operation_id = "unbanMember", tags("administrators")))]
    pub(crate) async fn unban(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
        body: JsonBody<Reason>,
    ) -> Answer<EmptyResponse> {
        let (manage_members, id, Reason(reason)) =
            (self.manage_members.clone(), MemberId(id.0), body.0);
        run_detached(async move { manage_members.unban(&by.0, id, reason).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// End all sessions of a member
    #[craft(endpoint(operation_id = "endMemberSessions", tags("administrators")))]
    pub(crate) async fn end_sessions(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
    ) -> Answer<EmptyResponse> {
        let (manage_members, id) = (self.manage_members.clone(), MemberId(id.0));
        run_detached(async move { manage_members.end_sessions(&by.0, id, None).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// End one session of a member
    #[craft(endpoint(operation_id = "endMemberSession", tags("administrators")))]
    pub(crate) async fn end_session(
        &self,
        by: WithRole<Operator>,
        id: Path<Uuid>,
        session: Path<SessionId>,
    ) -> Answer<EmptyResponse> {
        let (manage_members, id) = (self.manage_members.clone(), MemberId(id.0));
        let work = async move { manage_members.end_sessions(&by.0, id, Some(session.0)).await };
        run_detached(work).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Show a member's whole phone number
    ///
    /// It goes on record who asked, and when.
    #[craft(endpoint(operation_id = "unmaskPhone", tags("administrators")))]
    pub(crate) async fn unmask(&self, by: WithRole<Operator>, id: Path<Uuid>) -> Answer<PhoneData> {
        let (manage_members, id) = (self.manage_members.clone(), MemberId(id.0));
        let work = async move { manage_members.unmask_phone(&by.0, id).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Erase a member
    ///
    /// For good: profile, phone number, ids and sessions go. A ban outlives it.
    #[craft(endpoint(operation_id = "eraseMember", tags("administrators")))]
    pub(crate) async fn erase(&self, by: WithRole<Admin>, id: Path<Uuid>) -> Answer<EmptyResponse> {
        let (manage_members, id) = (self.manage_members.clone(), MemberId(id.0));
        run_detached(async move { manage_members.erase(&by.0, id).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

impl FromForm for MemberQuery {
    const NAME: &'static str = "MemberQuery";
    const DESCRIPTION: &'static str =
        "Which members are looked for: all of them, where nothing is said.";
    const MAY_BE_EMPTY: bool = true;

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (criterion, before) = (form.optional(&QUERY), form.optional(&BEFORE_MEMBER));
        let limit = form.optional(&LIMIT).unwrap_or(PAGE);
        Some(Self { criterion: criterion.unwrap_or(MemberFilter::Any), before, limit })
    }
}

/// Why something is done.
pub(crate) struct Reason(StatusReason);

impl FromForm for Reason {
    const NAME: &'static str = "Reason";
    const DESCRIPTION: &'static str = "Why a member is kept out, or let in again.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        form.required(&REASON).map(Self)
    }
}

/// Some members.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "MembersData"))]
pub(crate) struct MembersData {
    /// Each of them, the newest first. When there are as many as were asked for, there may be more.
    members: Vec<MemberRow>,
}

/// A member, as administrators see them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "MemberRow"))]
pub(crate) struct MemberRow {
    /// The member, as they see themselves.
    profile: MemberData,
    /// `active`, or `banned`.
    #[salvo(schema(example = "active"))]
    status: &'static str,
    /// Why, where whoever decided it said so.
    #[salvo(schema(required = true))]
    status_reason: Option<String>,
    /// A note of those who run the service.
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

/// A member, with what they are known under and where they are logged in.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "MemberDetails"))]
pub(crate) struct MemberSheetData {
    /// The member.
    member: MemberRow,
    /// What they are known under.
    identities: Vec<IdentityData>,
    /// Where they are logged in, the session used last first.
    sessions: Vec<DeviceData>,
}

impl From<MemberDetails> for MemberSheetData {
    fn from(sheet: MemberDetails) -> Self {
        Self {
            member: sheet.member.into(),
            identities: sheet.subjects.into_iter().map(IdentityData::from).collect(),
            sessions: sheet.sessions.iter().map(DeviceData::from).collect(),
        }
    }
}

/// One id of a member's at a provider.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "IdentityData"))]
pub(crate) struct IdentityData {
    /// Where the id means something: an app, or a group of apps.
    #[salvo(schema(example = "wechat:wx5e8d6c0a4b2f1e37"))]
    namespace: String,
    /// `open_id`, or `union_id`.
    #[salvo(schema(example = "open_id"))]
    kind: &'static str,
    /// The id.
    #[salvo(schema(example = "oABCD1234567890abcdefghijklm"))]
    value: String,
}

impl From<Subject> for IdentityData {
    fn from(subject: Subject) -> Self {
        Self { namespace: subject.namespace, kind: subject.kind.name(), value: subject.value }
    }
}

/// One session of a member's.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "DeviceData"))]
pub(crate) struct DeviceData {
    /// The session's id.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    id: String,
    /// The app it was opened in.
    #[salvo(schema(example = "main"))]
    app: String,
    /// When the member logged in, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    created_at: String,
    /// When it was last prolonged, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    refreshed_at: String,
    /// When it ends unless it is prolonged before, UTC.
    #[salvo(schema(format = "date-time", example = "2026-12-20T10:00:00Z"))]
    expires_at: String,
}

impl From<&Session> for DeviceData {
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

/// A whole phone number.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "PhoneData"))]
pub(crate) struct PhoneData {
    /// With its country code.
    #[salvo(schema(example = "+8613800138000"))]
    phone: String,
}

impl From<PhoneNumber> for PhoneData {
    fn from(phone: PhoneNumber) -> Self {
        Self { phone: phone.e164() }
    }
}
