//! The outbox as rows: one for each receiver that is to be told of an event.

use async_trait::async_trait;
use domain::model::event::delivery::{Delivery, ReceiverName};
use domain::model::event::{DomainEvent, EventKind};
use domain::model::member::MemberId;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::outbox::{Outbox, OutboxReader};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::store::SeaStore;
use crate::store::entity::outbox::{Column, Entity, Model};
use crate::store::error::Row;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl Outbox for SeaUnitOfWork {
    async fn add(&self, event: &DomainEvent) -> Result<(), StoreError> {
        for receiver in self.subscriptions().receivers_of(event.kind) {
            // The members' own rows are ours until the commit: nobody else adds anything about them.
            let (open, last) = (self.open(), last_position(receiver, event));
            let last = to_the_end(async move { last.into_tuple().one(&open.txn).await }).await?;
            let position = last.flatten().map_or(0, |last: i64| last + 1);
            let row = to_row(receiver, event, position).into_active_model();
            let (open, insert) = (self.open(), Entity::insert(row));
            to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        }
        Ok(())
    }

    async fn claim(&self, delivery: &Delivery, until: Timestamp) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::Attempts, Expr::value(i64::from(delivery.attempts) + 1))
            .col_expr(Column::DueAt, Expr::value(until.unix_millis()))
            .filter(is(delivery))
            .filter(Column::Attempts.eq(i64::from(delivery.attempts)));
        let open = self.open();
        let result = to_the_end(async move { update.exec(&open.txn).await }).await?;
        Ok(result.rows_affected == 1)
    }

    async fn reschedule(&self, claimed: &Delivery, until: Timestamp) -> Result<(), StoreError> {
        let later = Entity::update_many().col_expr(Column::DueAt, Expr::value(until.unix_millis()));
        let update = later.clone().filter(is(claimed));
        let update = update.filter(Column::Attempts.eq(i64::from(claimed.attempts)));
        let open = self.open();
        let result = to_the_end(async move { update.exec(&open.txn).await }).await?;
        if result.rows_affected == 0 {
            return Ok(());
        }
        // Those behind it cannot go before it anyway: like this, nobody looks at them in vain.
        let behind = later
            .filter(Column::MemberId.eq(claimed.event.member.0))
            .filter(Column::Receiver.eq(claimed.receiver.as_str().as_bytes()))
            .filter(Column::DueAt.lt(until.unix_millis()));
        let open = self.open();
        to_the_end(async move { behind.exec(&open.txn).await }).await?;
        Ok(())
    }

    async fn remove(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let (open, delete) = (self.open(), Entity::delete_many().filter(is(delivery)));
        to_the_end(async move { delete.exec(&open.txn).await }).await?;
        Ok(())
    }

    async fn remove_orphans(
        &self,
        receivers: &[ReceiverName],
        then: Timestamp,
    ) -> Result<u64, StoreError> {
        let known = receivers.iter().map(|receiver| receiver.as_str().as_bytes());
        let delete = Entity::delete_many()
            .filter(Column::At.lt(then.unix_millis()))
            .filter(Column::Receiver.is_not_in(known));
        let open = self.open();
        Ok(to_the_end(async move { delete.exec(&open.txn).await }).await?.rows_affected)
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
        let (reader, due) = (self.reader.clone(), due(receiver, now).limit(limit));
        let rows = to_the_end(async move { due.all(&reader).await }).await?;
        rows.iter().map(from_row).collect()
    }

    async fn oldest(&self, receiver: &ReceiverName) -> Result<Option<Timestamp>, StoreError> {
        let (reader, oldest) = (self.reader.clone(), oldest(receiver));
        let at = to_the_end(async move { oldest.into_tuple().one(&reader).await }).await?;
        Ok(at.map(Timestamp::from_unix_millis))
    }
}

/// The row of a delivery.
fn is(delivery: &Delivery) -> Condition {
    Condition::all()
        .add(Column::Receiver.eq(delivery.receiver.as_str().as_bytes()))
        .add(Column::EventId.eq(delivery.event.id))
}

/// The last position of what is kept for a receiver of the members whom an event is about.
pub(crate) fn last_position(receiver: &ReceiverName, event: &DomainEvent) -> Select<Entity> {
    let members = [Some(event.member), event.merged_member].into_iter().flatten();
    Entity::find()
        .select_only()
        .column_as(Column::Position.max(), "last")
        .filter(Column::MemberId.is_in(members.map(|member| member.0)))
        .filter(Column::Receiver.eq(receiver.as_str().as_bytes()))
}

/// The rows of the deliveries that are due, and first of their members.
pub(crate) fn due(receiver: &ReceiverName, now: Timestamp) -> Select<Entity> {
    Entity::find()
        .filter(Column::Receiver.eq(receiver.as_str().as_bytes()))
        .filter(Column::DueAt.lte(now.unix_millis()))
        .filter(is_first(Column::MemberId))
        .filter(is_first(Column::OtherMemberId))
        .order_by_asc(Column::DueAt)
}

/// Whether nothing of the member in this column comes before.
fn is_first(member: Column) -> Expr {
    let before = |column| Expr::col(("before", column));
    let of_them = Query::select()
        .expr(Expr::value(1))
        .from_as(Entity, "before")
        .and_where(before(Column::MemberId).equals((Entity, member)))
        .and_where(before(Column::Receiver).equals((Entity, Column::Receiver)))
        .and_where(before(Column::Position).lt(Expr::col((Entity, Column::Position))))
        .take();
    Expr::exists(of_them).not()
}

/// When the oldest event happened that is kept for a receiver.
pub(crate) fn oldest(receiver: &ReceiverName) -> Select<Entity> {
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
        other_member_id: event.merged_member.map(|other| other.0),
        position,
        attempts: 0,
        due_at: event.at.unix_millis(),
    }
}

fn from_row(row: &Model) -> Result<Delivery, StoreError> {
    let at = Row { table: "outbox", id: row.event_id };
    let receiver = str::from_utf8(&row.receiver).map_err(|error| at.damaged("receiver", error))?;
    let receiver = ReceiverName::parse(receiver).map_err(|error| at.damaged("receiver", error))?;
    let kind = EventKind::from_name(&row.kind).ok_or_else(|| at.damaged("kind", "no such kind"))?;
    let attempts = u32::try_from(row.attempts).map_err(|error| at.damaged("attempts", error))?;
    let event = DomainEvent {
        id: row.event_id,
        at: Timestamp::from_unix_millis(row.at),
        kind,
        member: MemberId(row.member_id),
        merged_member: row.other_member_id.map(MemberId),
    };
    Ok(Delivery { receiver, event, attempts })
}
