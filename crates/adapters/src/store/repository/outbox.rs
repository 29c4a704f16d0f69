//! Transactional outbox as rows: one for each event and webhook receiver.

use async_trait::async_trait;
use domain::model::event::delivery::{Delivery, ReceiverName};
use domain::model::event::{DomainEvent, EventKind};
use domain::model::member::MemberId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::outbox::{Outbox, OutboxReader};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::store::SeaStore;
use crate::store::entity::outbox::{Column, Entity, Model};
use crate::store::error::Row;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl Outbox for SeaUnitOfWork {
    async fn add(&self, event: &DomainEvent) -> Result<(), StoreError> {
        for receiver in self.subscriptions().receivers_of(event.kind) {
            // This unit of work has locked the rows of the members, so no other one adds events about them.
            let select = last_position(receiver, event).into_tuple();
            let last = self.run(async move |txn| select.one(txn).await).await?;
            let position = last.flatten().map_or(0, |last: i64| last + 1);
            self.exec_insert(to_row(receiver, event, position)).await?;
        }
        Ok(())
    }

    async fn claim(&self, delivery: &Delivery, until: Timestamp) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::Attempts, Expr::value(i64::from(delivery.attempts) + 1))
            .col_expr(Column::DueAt, Expr::value(until.unix_millis()))
            .filter(matches(delivery))
            .filter(Column::Attempts.eq(i64::from(delivery.attempts)));
        Ok(self.exec_update(update).await? == 1)
    }

    async fn reschedule(&self, claimed: &Delivery, until: Timestamp) -> Result<(), StoreError> {
        let postpone =
            Entity::update_many().col_expr(Column::DueAt, Expr::value(until.unix_millis()));
        let update = postpone
            .clone()
            .filter(matches(claimed))
            .filter(Column::Attempts.eq(i64::from(claimed.attempts)));
        if self.exec_update(update).await? == 0 {
            return Ok(());
        }
        // Later deliveries of the same member have to wait for this one. Postponing them saves queries that
        // would skip them.
        let later = postpone
            .filter(Column::MemberId.eq(claimed.event.member.0))
            .filter(Column::Receiver.eq(claimed.receiver.as_str().as_bytes()))
            .filter(Column::DueAt.lt(until.unix_millis()));
        self.exec_update(later).await?;
        Ok(())
    }

    async fn remove(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.exec_delete(Entity::delete_many().filter(matches(delivery))).await?;
        Ok(())
    }
}

#[async_trait]
impl OutboxReader for SeaStore {
    async fn due(
        &self,
        receiver: &ReceiverName,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let select = due(receiver, now).limit(limit);
        let rows = self.reader.run(async move |reader| select.all(reader).await).await?;
        rows.iter().map(from_row).collect()
    }

    async fn oldest(&self, receiver: &ReceiverName) -> Result<Option<Timestamp>, StoreError> {
        let select = oldest_time(receiver).into_tuple();
        let at = self.reader.run(async move |reader| select.one(reader).await).await?;
        Ok(at.map(Timestamp::from_unix_millis))
    }
}

fn matches(delivery: &Delivery) -> Condition {
    Condition::all()
        .add(Column::Receiver.eq(delivery.receiver.as_str().as_bytes()))
        .add(Column::EventId.eq(delivery.event.id))
}

/// Selects the last position among a receiver's deliveries of the members of an event.
pub(crate) fn last_position(receiver: &ReceiverName, event: &DomainEvent) -> Select<Entity> {
    let members = [Some(event.member), event.merged_member].into_iter().flatten();
    Entity::find()
        .select_only()
        .column_as(Column::Position.max(), "last")
        .filter(Column::MemberId.is_in(members.map(|member| member.0)))
        .filter(Column::Receiver.eq(receiver.as_str().as_bytes()))
}

/// Selects the deliveries that are due and the first ones of their members.
pub(crate) fn due(receiver: &ReceiverName, now: Timestamp) -> Select<Entity> {
    Entity::find()
        .filter(Column::Receiver.eq(receiver.as_str().as_bytes()))
        .filter(Column::DueAt.lte(now.unix_millis()))
        .filter(is_first(Column::MemberId))
        .filter(is_first(Column::OtherMemberId))
        .order_by_asc(Column::DueAt)
}

/// Condition that the member in this column has no earlier delivery to the same receiver.
fn is_first(member: Column) -> Expr {
    let earlier = |column| Expr::col(("earlier", column));
    let earlier_deliveries = Query::select()
        .expr(Expr::value(1))
        .from_as(Entity, "earlier")
        .and_where(earlier(Column::MemberId).equals((Entity, member)))
        .and_where(earlier(Column::Receiver).equals((Entity, Column::Receiver)))
        .and_where(earlier(Column::Position).lt(Expr::col((Entity, Column::Position))))
        .take();
    Expr::exists(earlier_deliveries).not()
}

/// Selects the time of the oldest event that is stored for a receiver.
pub(crate) fn oldest_time(receiver: &ReceiverName) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::At)
        .filter(Column::Receiver.eq(receiver.as_str().as_bytes()))
        .order_by_asc(Column::At)
        .limit(1)
}

fn to_row(receiver: &ReceiverName, event: &DomainEvent, position: i64) -> Model {
    Model {
        receiver: receiver.as_str().into(),
        event_id: event.id,
        at: event.at.unix_millis(),
        kind: event.kind.name().to_owned(),
        member_id: event.member.0,
        other_member_id: event.merged_member.map(|member| member.0),
        position,
        attempts: 0,
        due_at: event.at.unix_millis(),
    }
}

fn from_row(row: &Model) -> Result<Delivery, StoreError> {
    let location = Row { table: "outbox", id: row.event_id };
    let receiver =
        str::from_utf8(&row.receiver).map_err(|error| location.invalid("receiver", error))?;
    let receiver =
        ReceiverName::parse(receiver).map_err(|error| location.invalid("receiver", error))?;
    let kind = EventKind::from_name(&row.kind);
    let event = DomainEvent {
        id: row.event_id,
        at: Timestamp::from_unix_millis(row.at),
        kind: kind.ok_or_else(|| location.invalid("kind", "unknown kind"))?,
        member: MemberId(row.member_id),
        merged_member: row.other_member_id.map(MemberId),
    };
    let attempts = u32::try_from(row.attempts);
    let attempts = attempts.map_err(|error| location.invalid("attempts", error))?;
    Ok(Delivery { receiver, event, attempts })
}
