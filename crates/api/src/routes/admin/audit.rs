//! What happened, as administrators read it.

use std::sync::Arc;

use domain::model::audit::AuditEvent;
use domain::model::audit::query::{AuditQuery, DailyCount, DayRange};
use domain::use_cases::admin::query_audit_log::{QueryAuditLog, QueryAuditLogError};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::admin::{BEFORE_EVENT, BY, DAYS, KIND, LIMIT, MEMBER};
use crate::request::form::{Form, FromForm};
use crate::request::query::Query;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::admin::members::PAGE;
use crate::routes::admin::{Viewer, WithRole};

/// Routes about what happened.
#[derive(Clone)]
pub struct AdminAuditApi {
    pub(crate) query_audit_log: Arc<QueryAuditLog>,
}

#[craft]
impl AdminAuditApi {
    /// Read the record
    ///
    /// What happened that matters to security, the latest first. It names ids, no personal data.
    #[craft(endpoint(operation_id = "readRecord", tags("administrators")))]
    pub(crate) async fn events(
        &self,
        by: WithRole<Viewer>,
        query: Query<AuditQuery>,
    ) -> Result<Envelope<AuditEventList>, ErrorResponse<QueryAuditLogError>> {
        let events = self.query_audit_log.events(&by.0, &query.0).await?;
        Ok(Envelope(AuditEventList {
            events: events.into_iter().map(AuditEventData::from).collect(),
        }))
    }

    /// Count what happened, day by day
    ///
    /// How many logins, refusals, new members and so on there were on each of the last days.
    #[craft(endpoint(operation_id = "readStatistics", tags("administrators")))]
    pub(crate) async fn statistics(
        &self,
        by: WithRole<Viewer>,
        query: Query<StatisticsQuery>,
    ) -> Result<Envelope<StatisticsData>, ErrorResponse<QueryAuditLogError>> {
        Ok(Envelope(self.query_audit_log.last_days(&by.0, query.0.days).await?.into()))
    }
}

impl FromForm for AuditQuery {
    const NAME: &'static str = "AuditQuery";
    const DESCRIPTION: &'static str = "Which events are told.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self {
            kind: form.optional(&KIND),
            member: form.optional(&MEMBER),
            by: form.optional(&BY),
            before: form.optional(&BEFORE_EVENT),
            limit: form.optional(&LIMIT).unwrap_or(PAGE),
        })
    }
}

/// How many days are counted.
pub(crate) struct StatisticsQuery {
    days: u16,
}

impl FromForm for StatisticsQuery {
    const NAME: &'static str = "StatisticsQuery";
    const DESCRIPTION: &'static str = "How many days are counted.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self { days: form.optional(&DAYS).unwrap_or(30) })
    }
}

/// Some events.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "AuditEventList"))]
pub(crate) struct AuditEventList {
    /// Each of them, the latest first. When there are as many as were asked for, there may be more.
    events: Vec<AuditEventData>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AuditEventData"))]
pub(crate) struct AuditEventData {
    /// Which event this is.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    id: String,
    /// When it happened, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    at: String,
    /// What happened.
    #[salvo(schema(example = "login_refused"))]
    kind: &'static str,
    /// What of that kind: why somebody was refused, which key or role it was about.
    #[salvo(schema(required = true, example = "banned"))]
    detail: Option<String>,
    /// To which member.
    #[salvo(schema(required = true, format = "uuid"))]
    member_id: Option<String>,
    /// In which session.
    #[salvo(schema(required = true, format = "uuid"))]
    session_id: Option<String>,
    /// Which other member it is about: the one who was merged into this one.
    #[salvo(schema(required = true, format = "uuid"))]
    other_member_id: Option<String>,
    /// In which app.
    #[salvo(schema(required = true, example = "main"))]
    app: Option<String>,
    /// Which administrator did it.
    #[salvo(schema(required = true, format = "uuid"))]
    by: Option<String>,
    /// To which administrator it happened.
    #[salvo(schema(required = true, format = "uuid"))]
    admin_id: Option<String>,
    /// In which request.
    #[salvo(schema(required = true))]
    request_id: Option<String>,
}

impl From<AuditEvent> for AuditEventData {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: rfc3339::millis(event.at),
            kind: event.kind.name(),
            detail: event.detail,
            member_id: event.member.map(|member| member.0.to_string()),
            session_id: event.session.map(|session| session.0.to_string()),
            other_member_id: event.merged_member.map(|other| other.0.to_string()),
            app: event.app.map(|app| app.as_str().to_owned()),
            by: event.actor.map(|admin| admin.0.to_string()),
            admin_id: event.target_admin.map(|admin| admin.0.to_string()),
            request_id: event.request.map(|request| request.as_str().to_owned()),
        }
    }
}

/// What happened on some days.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "StatisticsData"))]
pub(crate) struct StatisticsData {
    /// When the first day begins, UTC. Each is 24 hours long.
    #[salvo(schema(format = "date-time", example = "2026-11-19T16:00:00Z"))]
    from: String,
    /// When the last one, which is today, ends.
    #[salvo(schema(format = "date-time", example = "2026-11-20T16:00:00Z"))]
    to: String,
    /// What happened, the earliest day first; what did not happen is left out.
    counts: Vec<DailyCountData>,
}

/// How often something happened on one day.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "DailyCountData"))]
pub(crate) struct DailyCountData {
    /// When the day began, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-19T16:00:00Z"))]
    day: String,
    /// What happened.
    #[salvo(schema(example = "login_refused"))]
    kind: &'static str,
    /// What of that kind.
    #[salvo(schema(required = true, example = "banned"))]
    detail: Option<String>,
    /// How often.
    count: u64,
}

impl From<(DayRange, Vec<DailyCount>)> for StatisticsData {
    fn from((days, counts): (DayRange, Vec<DailyCount>)) -> Self {
        let count = |count: DailyCount| DailyCountData {
            day: rfc3339::seconds(count.day),
            kind: count.kind.name(),
            detail: count.detail,
            count: count.count,
        };
        Self {
            from: rfc3339::seconds(days.from),
            to: rfc3339::seconds(days.to),
            counts: counts.into_iter().map(count).collect(),
        }
    }
}
