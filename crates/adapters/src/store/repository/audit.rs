//! Security events as rows.

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
    ColumnTrait, Condition, DeleteMany, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use crate::store::SeaStore;
use crate::store::entity::audit_event::{Column, Entity, Model};
use crate::store::error::Row;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

/// How long a day is, in milliseconds.
const DAY: i64 = 86_400_000;

/// What it is called in a query when a day began.
const DAY_BEGAN: &str = "day_began";

#[async_trait]
impl AuditLog for SeaUnitOfWork {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let row = to_row(event).into_active_model();
        let (open, insert) = (self.open(), Entity::insert(row));
        to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        Ok(())
    }

    async fn delete_before(&self, then: Timestamp) -> Result<(), StoreError> {
        let (open, delete) = (self.open(), before(then));
        to_the_end(async move { delete.exec(&open.txn).await }).await?;
        Ok(())
    }
}

#[async_trait]
impl AuditReader for SeaStore {
    async fn events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        let (reader, rows) = (self.reader.clone(), meant(query));
        let rows = to_the_end(async move { rows.all(&reader).await }).await?;
        rows.into_iter().map(from_row).collect()
    }

    async fn count_by_day(&self, days: &DayRange) -> Result<Vec<DailyCount>, StoreError> {
        let (reader, counts) = (self.reader.clone(), by_day(days));
        let counts = counts.into_model::<Count>();
        let rows = to_the_end(async move { counts.all(&reader).await }).await?;
        let count = |row: Count| {
            Some(DailyCount {
                day: Timestamp::from_unix_millis(row.day_began),
                kind: AuditKind::from_name(&row.kind)?,
                detail: row.detail,
                count: u64::try_from(row.number).ok()?,
            })
        };
        // What a later version writes down has no name here, and is not told.
        Ok(rows.into_iter().filter_map(count).collect())
    }
}

#[derive(FromQueryResult)]
struct Count {
    day_began: i64,
    kind: String,
    detail: Option<String>,
    number: i64,
}

/// The rows that a query means.
pub(crate) fn meant(query: &AuditQuery) -> Select<Entity> {
    let about = query.member.map(|member| {
        Condition::any().add(Column::MemberId.eq(member.0)).add(Column::OtherMemberId.eq(member.0))
    });
    let all = Condition::all()
        .add_option(query.kind.map(|kind| Column::Kind.eq(kind.name())))
        .add_option(about)
        .add_option(query.by.map(|by| Column::ByAdminId.eq(by.0)))
        .add_option(query.before.map(|before| Column::Id.lt(before)));
    Entity::find().filter(all).order_by_desc(Column::Id).limit(u64::from(query.limit))
}

/// How often what happened on which day, by when that began.
pub(crate) fn by_day(days: &DayRange) -> Select<Entity> {
    let at = || Expr::col(Column::At);
    let day = at().sub(at().sub(days.from.unix_millis()).modulo(DAY));
    Entity::find()
        .select_only()
        .expr_as(day, DAY_BEGAN)
        .column(Column::Kind)
        .column(Column::Detail)
        .expr_as(Expr::col(Column::Id).count(), "number")
        .filter(Column::At.gte(days.from.unix_millis()))
        .filter(Column::At.lt(days.to.unix_millis()))
        // By its name: PostgreSQL takes the same expression with other parameters for another one.
        .group_by(Expr::col(DAY_BEGAN))
        .group_by(Column::Kind)
        .group_by(Column::Detail)
}

pub(crate) fn before(then: Timestamp) -> DeleteMany<Entity> {
    Entity::delete_many().filter(Column::At.lt(then.unix_millis()))
}

fn to_row(event: &AuditEvent) -> Model {
    Model {
        id: event.id,
        at: event.at.unix_millis(),
        kind: event.kind.name().to_owned(),
        member_id: event.member.map(|member| member.0),
        session_id: event.session.map(|session| session.0),
        other_member_id: event.merged_member.map(|other| other.0),
        detail: event.detail.clone(),
        app: event.app.as_ref().map(|app| app.as_str().into()),
        by_admin_id: event.actor.map(|admin| admin.0),
        admin_id: event.target_admin.map(|admin| admin.0),
        request_id: event.request.as_ref().map(|request| request.as_str().to_owned()),
    }
}

fn from_row(row: Model) -> Result<AuditEvent, StoreError> {
    let at = Row { table: "audit_event", id: row.id };
    let app = row.app.map(|app| {
        let app = str::from_utf8(&app).map_err(|error| at.damaged("app", error))?;
        AppName::parse(app).map_err(|error| at.damaged("app", error))
    });
    let kind = AuditKind::from_name(&row.kind);
    let request = row.request_id.as_deref().map(RequestId::parse);
    Ok(AuditEvent {
        id: row.id,
        at: Timestamp::from_unix_millis(row.at),
        kind: kind.ok_or_else(|| at.damaged("kind", "no such kind"))?,
        detail: row.detail,
        member: row.member_id.map(MemberId),
        session: row.session_id.map(SessionId),
        merged_member: row.other_member_id.map(MemberId),
        app: app.transpose()?,
        actor: row.by_admin_id.map(AdminId),
        target_admin: row.admin_id.map(AdminId),
        request: match request {
            Some(None) => return Err(at.damaged("request_id", "no such id")),
            Some(Some(request)) => Some(request),
            None => None,
        },
    })
}
