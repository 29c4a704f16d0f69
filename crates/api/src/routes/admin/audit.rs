//! Routes for the audit log and daily statistics.

use std::sync::Arc;

use domain::model::audit::AuditEvent;
use domain::model::audit::query::{AuditQuery, DailyCount, DayRange};
use domain::use_cases::admin::query_audit_log::{QueryAuditLog, QueryAuditLogError};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::role::{Viewer, WithRole};
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::admin::{
    ACTOR, BEFORE_EVENT, DAYS, DEFAULT_LIMIT, KIND, LIMIT, MEMBER,
};
use crate::request::form::{Form, FromForm};
use crate::request::query::Query;
use crate::response::envelope::Envelope;
use crate::rfc3339;

/// Handlers for the audit log.
#[derive(Clone)]
pub struct AdminAuditApi {
    pub(crate) query_audit_log: Arc<QueryAuditLog>,
}

#[craft]
impl AdminAuditApi {
    /// List audit events
    ///
    /// Security events, the newest first. They contain ids, but no personal data.
    #[craft(endpoint(operation_id = "listAuditEvents", tags("administrators")))]
    pub(crate) async fn list_events(
        &self,
        by: WithRole<Viewer>,
        query: Query<AuditQuery>,
    ) -> Result<Envelope<AuditEventList>, ErrorResponse<QueryAuditLogError>> {
        let events = self.query_audit_log.events(&by.0, &query.0).await?;
        Ok(Envelope(AuditEventList {
            events: events.into_iter().map(AuditEventData::from).collect(),
        }))
    }

    /// Get daily statistics
    ///
    /// Numbers of audit events (logins, refused logins, new members and others) for each of the last days.
    #[craft(endpoint(operation_id = "getStatistics", tags("administrators")))]
    pub(crate) async fn get_statistics(
        &self,
        by: WithRole<Viewer>,
        query: Query<StatisticsQuery>,
    ) -> Result<Envelope<StatisticsData>, ErrorResponse<QueryAuditLogError>> {
        Ok(Envelope(self.query_audit_log.last_days(&by.0, query.0.days).await?.into()))
    }
}

impl FromForm for AuditQuery {
    const NAME: &'static str = "AuditQuery";
    const DESCRIPTION: &'static str = "Filter for audit events.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self {
            kind: form.optional(&KIND),
            member: form.optional(&MEMBER),
            actor: form.optional(&ACTOR),
            before: form.optional(&BEFORE_EVENT),
            limit: form.optional(&LIMIT).unwrap_or(DEFAULT_LIMIT),
        })
    }
}

/// Period of statistics.
pub(crate) struct StatisticsQuery {
    days: u16,
}

impl FromForm for StatisticsQuery {
    const NAME: &'static str = "StatisticsQuery";
    const DESCRIPTION: &'static str = "Period of the statistics.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self { days: form.optional(&DAYS).unwrap_or(30) })
    }
}

/// Page of audit events.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "AuditEventList"))]
pub(crate) struct AuditEventList {
    /// Events, the newest first. If their number equals `limit`, there may be more.
    events: Vec<AuditEventData>,
}

/// Audit event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AuditEventData"))]
pub(crate) struct AuditEventData {
    /// Id of the event.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    id: String,
    /// Time of the event, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00.000Z"))]
    at: String,
    /// Kind of the event.
    #[salvo(schema(example = "login_refused"))]
    kind: &'static str,
    /// Kind-specific detail: the reason of a refusal, the key id or the role.
    #[salvo(schema(required = true, example = "banned"))]
    detail: Option<String>,
    /// Number of occurrences. It is 1, except for refusals that concern no known member: they are counted by
    /// minute.
    #[salvo(schema(minimum = 1, example = 1))]
    count: u32,
    /// Member that the event concerns.
    #[salvo(schema(required = true, format = "uuid"))]
    member_id: Option<String>,
    /// Session of the event.
    #[salvo(schema(required = true, format = "uuid"))]
    session_id: Option<String>,
    /// Member that was merged into `memberId`.
    #[salvo(schema(required = true, format = "uuid"))]
    other_member_id: Option<String>,
    /// App of the event.
    #[salvo(schema(required = true, example = "main"))]
    app: Option<String>,
    /// Administrator who caused the event.
    #[salvo(schema(required = true, format = "uuid"))]
    by: Option<String>,
    /// Administrator that the event concerns.
    #[salvo(schema(required = true, format = "uuid"))]
    admin_id: Option<String>,
    /// Id of the request.
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
            count: event.count,
            member_id: event.member.map(|member| member.0.to_string()),
            session_id: event.session.map(|session| session.0.to_string()),
            other_member_id: event.merged_member.map(|member| member.0.to_string()),
            app: event.app.map(|app| app.as_str().to_owned()),
            by: event.actor.map(|admin| admin.0.to_string()),
            admin_id: event.target_admin.map(|admin| admin.0.to_string()),
            request_id: event.request.map(|request| request.as_str().to_owned()),
        }
    }
}

/// Daily statistics of a period.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "StatisticsData"))]
pub(crate) struct StatisticsData {
    /// Start of the first day, UTC. Each day has 24 hours.
    #[salvo(schema(format = "date-time", example = "2026-11-19T16:00:00Z"))]
    from: String,
    /// End of the last day, which is today, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T16:00:00Z"))]
    to: String,
    /// Counts, the earliest day first; counts of 0 are omitted.
    counts: Vec<DailyCountData>,
}

/// Number of events of one kind on one day.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "DailyCount"))]
pub(crate) struct DailyCountData {
    /// Start of the day, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-19T16:00:00Z"))]
    day: String,
    /// Kind of the events.
    #[salvo(schema(example = "login_refused"))]
    kind: &'static str,
    /// Kind-specific detail.
    #[salvo(schema(required = true, example = "banned"))]
    detail: Option<String>,
    /// Number of events, each as often as it occurred.
    count: u64,
}

impl From<(DayRange, Vec<DailyCount>)> for StatisticsData {
    fn from((days, counts): (DayRange, Vec<DailyCount>)) -> Self {
        let daily_count = |count: DailyCount| DailyCountData {
            day: rfc3339::seconds(count.day),
            kind: count.kind.name(),
            detail: count.detail,
            count: count.count,
        };
        Self {
            from: rfc3339::seconds(days.from),
            to: rfc3339::seconds(days.to),
            counts: counts.into_iter().map(daily_count).collect(),
        }
    }
}
