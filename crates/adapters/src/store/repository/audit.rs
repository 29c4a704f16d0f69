//! Audit log as rows.

use async_trait::async_trait;
use domain::model::admin::AdminId;
use domain::model::app::name::AppName;
use domain::model::audit::query::{AuditQuery, DailyCount, DayRange};
use domain::model::audit::{AuditEvent, AuditKind};
use domain::model::member::MemberId;
use domain::model::request_id::RequestId;
use domain::model::session::SessionId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::audit::{AuditLog, AuditReader};
use domain::ports::store::error::StoreError;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::store::SeaStore;
use crate::store::entity::audit_event::{Column, Entity, Model};
use crate::store::error::Row;
use crate::store::transaction::SeaUnitOfWork;

/// Length of a day in milliseconds.
const DAY_MILLIS: i64 = 86_400_000;

/// Name of the column with the start of the day in [`counts_by_day`].
const DAY_START: &str = "day_start";

#[async_trait]
impl AuditLog for SeaUnitOfWork {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        self.exec_insert(to_row(event)).await
    }
}

#[async_trait]
impl AuditReader for SeaStore {
    async fn events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        let select = matching(query);
        let rows = self.reader.run(async move |reader| select.all(reader).await).await?;
        rows.into_iter().map(from_row).collect()
    }

    async fn count_by_day(&self, days: &DayRange) -> Result<Vec<DailyCount>, StoreError> {
        let select = counts_by_day(days, self.reader.backend()).into_model::<CountRow>();
        let rows = self.reader.run(async move |reader| select.all(reader).await).await?;
        let daily_count = |row: CountRow| {
            Some(DailyCount {
                day: Timestamp::from_unix_millis(row.day_start),
                kind: AuditKind::from_name(&row.kind)?,
                detail: row.detail,
                count: u64::try_from(row.number).ok()?,
            })
        };
        // Kinds of a later version are unknown here and left out.
        Ok(rows.into_iter().filter_map(daily_count).collect())
    }
}

#[derive(FromQueryResult)]
struct CountRow {
    day_start: i64,
    kind: String,
    detail: Option<String>,
    number: i64,
}

/// Selects the events that match a query, the newest first.
pub(crate) fn matching(query: &AuditQuery) -> Select<Entity> {
    let is_about = query.member.map(|member| {
        Condition::any().add(Column::MemberId.eq(member.0)).add(Column::OtherMemberId.eq(member.0))
    });
    let all = Condition::all()
        .add_option(query.kind.map(|kind| Column::Kind.eq(kind.name())))
        .add_option(is_about)
        .add_option(query.actor.map(|actor| Column::ByAdminId.eq(actor.0)))
        .add_option(query.before.map(|before| Column::Id.lt(before)));
    Entity::find().filter(all).order_by_desc(Column::Id).limit(u64::from(query.limit))
}

/// Selects the number of events by day, kind and detail.
pub(crate) fn counts_by_day(days: &DayRange, backend: DbBackend) -> Select<Entity> {
    // A sum of integers is a decimal number on PostgreSQL and MySQL.
    let integer = if backend == DbBackend::MySql { "SIGNED" } else { "BIGINT" };
    let at = || Expr::col(Column::At);
    let day_start = at().sub(at().sub(days.from.unix_millis()).modulo(DAY_MILLIS));
    Entity::find()
        .select_only()
        .expr_as(day_start, DAY_START)
        .column(Column::Kind)
        .column(Column::Detail)
        .expr_as(Expr::col(Column::Occurrences).sum().cast_as(integer), "number")
        .filter(Column::At.gte(days.from.unix_millis()))
        .filter(Column::At.lt(days.to.unix_millis()))
        // Grouped by the name of the column: PostgreSQL treats the same expression with other parameters as
        // a different one.
        .group_by(Expr::col(DAY_START))
        .group_by(Column::Kind)
        .group_by(Column::Detail)
}

fn to_row(event: &AuditEvent) -> Model {
    Model {
        id: event.id,
        at: event.at.unix_millis(),
        kind: event.kind.name().to_owned(),
        member_id: event.member.map(|member| member.0),
        session_id: event.session.map(|session| session.0),
        other_member_id: event.merged_member.map(|member| member.0),
        detail: event.detail.clone(),
        app: event.app.as_ref().map(|app| app.as_str().into()),
        by_admin_id: event.actor.map(|admin| admin.0),
        admin_id: event.target_admin.map(|admin| admin.0),
        request_id: event.request.as_ref().map(|request| request.as_str().to_owned()),
        occurrences: event.count.into(),
    }
}

fn from_row(row: Model) -> Result<AuditEvent, StoreError> {
    let location = Row { table: "audit_event", id: row.id };
    let app = row.app.map(|app| {
        let app = str::from_utf8(&app).map_err(|error| location.invalid("app", error))?;
        AppName::parse(app).map_err(|error| location.invalid("app", error))
    });
    let kind = AuditKind::from_name(&row.kind);
    let request = row
        .request_id
        .as_deref()
        .map(|id| RequestId::parse(id).ok_or_else(|| location.invalid("request_id", "invalid id")));
    Ok(AuditEvent {
        id: row.id,
        at: Timestamp::from_unix_millis(row.at),
        kind: kind.ok_or_else(|| location.invalid("kind", "unknown kind"))?,
        detail: row.detail,
        count: u32::try_from(row.occurrences)
            .map_err(|error| location.invalid("occurrences", error))?,
        member: row.member_id.map(MemberId),
        session: row.session_id.map(SessionId),
        merged_member: row.other_member_id.map(MemberId),
        app: app.transpose()?,
        actor: row.by_admin_id.map(AdminId),
        target_admin: row.admin_id.map(AdminId),
        request: request.transpose()?,
    })
}
