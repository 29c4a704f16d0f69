//! Expired rows of all tables.

use async_trait::async_trait;
use domain::model::cleanup::CleanupDuty;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::expired_rows::{ExpiredRowReader, ExpiredRowRepository};
use sea_orm::sea_query::{
    DeleteStatement, DynIden, Expr, ExprTrait, IntoIden, IntoTableRef, Order, Query,
    SelectStatement, TableRef,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, Iterable, PrimaryKeyToColumn,
};

use crate::store::SeaStore;
use crate::store::entity::{
    admin_session, audit_event, outbox, redemption, seen_push, session, session_key,
};
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl ExpiredRowRepository for SeaUnitOfWork {
    async fn delete_expired(
        &self,
        duty: &CleanupDuty,
        until: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let table = AgingTable::of(duty);
        let deletion = self.run(async move |txn| {
            txn.execute(&table.delete_batch(txn.get_database_backend(), until, limit)).await
        });
        Ok(deletion.await?.rows_affected())
    }
}

#[async_trait]
impl ExpiredRowReader for SeaStore {
    async fn oldest_row(&self, duty: &CleanupDuty) -> Result<Option<Timestamp>, StoreError> {
        let select = AgingTable::of(duty).oldest_time();
        let row = self.reader.run(async move |reader| reader.query_one(&select).await).await?;
        let time = row.map(|row| row.try_get_by_index(0)).transpose().map_err(StoreError::new)?;
        Ok(time.map(Timestamp::from_unix_millis))
    }
}

/// Table of a cleanup duty.
pub(crate) struct AgingTable {
    table: TableRef,
    /// Columns of the primary key.
    key: Vec<DynIden>,
    /// Column with the time of a row, which has an index.
    time: DynIden,
    /// Condition for rows of the duty.
    condition: Condition,
}

impl AgingTable {
    /// Returns the table of a duty.
    pub(crate) fn of(duty: &CleanupDuty) -> Self {
        match duty {
            CleanupDuty::Redemptions => {
                Self::new::<redemption::Entity>(redemption::Column::ExpiresAt)
            }
            CleanupDuty::Sessions => Self::new::<session::Entity>(session::Column::ExpiresAt),
            CleanupDuty::SessionKeys => {
                Self::new::<session_key::Entity>(session_key::Column::ObtainedAt)
            }
            CleanupDuty::AdminSessions => {
                Self::new::<admin_session::Entity>(admin_session::Column::UsedAt)
            }
            CleanupDuty::SeenPushes => Self::new::<seen_push::Entity>(seen_push::Column::SeenAt),
            CleanupDuty::AuditEvents => Self::new::<audit_event::Entity>(audit_event::Column::At),
            CleanupDuty::OrphanedEvents(receivers) => {
                let known = receivers.iter().map(|receiver| receiver.as_str().as_bytes());
                let is_orphan = outbox::Column::Receiver.is_not_in(known);
                let table = Self::new::<outbox::Entity>(outbox::Column::At);
                Self { condition: Condition::all().add(is_orphan), ..table }
            }
        }
    }

    fn new<E: EntityTrait>(time: E::Column) -> Self {
        Self {
            table: E::default().into_table_ref(),
            key: E::PrimaryKey::iter().map(|column| column.into_column().into_iden()).collect(),
            time: time.into_iden(),
            condition: Condition::all(),
        }
    }

    /// Deletes at most `limit` rows whose time is `until` or before, the oldest first.
    ///
    /// MySQL limits a deletion itself, and no subquery of it. The others limit a subquery only.
    pub(crate) fn delete_batch(
        &self,
        backend: DbBackend,
        until: Timestamp,
        limit: u64,
    ) -> DeleteStatement {
        let is_expired = Expr::col(self.time.clone()).lte(until.unix_millis());
        let is_expired = self.condition.clone().add(is_expired);
        let mut delete = Query::delete().from_table(self.table.clone()).take();
        if backend == DbBackend::MySql {
            delete.cond_where(is_expired).order_by(self.time.clone(), Order::Asc).limit(limit);
            return delete;
        }
        let mut batch = Query::select().columns(self.key.clone()).from(self.table.clone()).take();
        batch.cond_where(is_expired).order_by(self.time.clone(), Order::Asc).limit(limit);
        let key = self.key.iter().map(|column| Expr::col(column.clone()));
        delete.and_where(Expr::tuple(key).in_subquery(batch));
        delete
    }

    /// Selects the time of the oldest row.
    pub(crate) fn oldest_time(&self) -> SelectStatement {
        let mut select = Query::select().column(self.time.clone()).from(self.table.clone()).take();
        select.cond_where(self.condition.clone()).order_by(self.time.clone(), Order::Asc).limit(1);
        select
    }
}
