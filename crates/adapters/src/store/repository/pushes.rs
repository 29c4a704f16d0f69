//! What pushes leave, as rows.

use async_trait::async_trait;
use domain::model::app::name::AppName;
use domain::model::fingerprint::Fingerprint;
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::pushes::PushRepository;
use sea_orm::{
    ColumnTrait, DeleteMany, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use crate::store::entity::{seen_push, withdrawal};
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_unless_taken;
use crate::store::repository::identities::subject;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl PushRepository for SeaUnitOfWork {
    async fn mark_seen(
        &self,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let seen_at = now.unix_millis();
        let row = seen_push::Model { fingerprint: fingerprint.0.into(), seen_at };
        let (open, row) = (self.open(), row.into_active_model());
        let key = [seen_push::Column::Fingerprint];
        to_the_end(async move { insert_unless_taken(&open.txn, row, &key).await }).await
    }

    async fn delete_seen_before(&self, then: Timestamp) -> Result<(), StoreError> {
        let (open, delete) = (self.open(), seen_before(then));
        to_the_end(async move { delete.exec(&open.txn).await }).await?;
        Ok(())
    }

    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError> {
        let row = to_row(withdrawal).into_active_model();
        let (open, insert) = (self.open(), withdrawal::Entity::insert(row));
        to_the_end(async move { insert.exec_without_returning(&open.txn).await }).await?;
        Ok(())
    }

    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError> {
        let delete = withdrawal::Entity::delete_by_id(withdrawal.id);
        let open = self.open();
        let result = to_the_end(async move { delete.exec(&open.txn).await }).await?;
        Ok(result.rows_affected == 1)
    }
}

pub(crate) fn seen_before(then: Timestamp) -> DeleteMany<seen_push::Entity> {
    seen_push::Entity::delete_many().filter(seen_push::Column::SeenAt.lt(then.unix_millis()))
}

/// The rows of the oldest withdrawals.
pub(crate) fn oldest(limit: u64) -> Select<withdrawal::Entity> {
    withdrawal::Entity::find().order_by_asc(withdrawal::Column::Id).limit(limit)
}

fn to_row(withdrawal: &Withdrawal) -> withdrawal::Model {
    let Withdrawal { id, app, subject, withdrawn: what } = withdrawal;
    withdrawal::Model {
        id: *id,
        app: app.as_str().into(),
        namespace: subject.namespace.clone().into_bytes(),
        kind: subject.kind.name().to_owned(),
        value: subject.value.clone().into_bytes(),
        withdrawn: what.name().to_owned(),
    }
}

/// The withdrawal in a row.
pub(crate) fn from_row(row: withdrawal::Model) -> Result<Withdrawal, StoreError> {
    let at = Row { table: "withdrawal", id: row.id };
    let app = str::from_utf8(&row.app).map_err(|error| at.damaged("app", error))?;
    let app = AppName::parse(app).map_err(|error| at.damaged("app", error))?;
    let withdrawn = WithdrawnData::from_name(&row.withdrawn);
    let withdrawn = withdrawn.ok_or_else(|| at.damaged("withdrawn", "no such thing"))?;
    let subject = subject(at, row.namespace, &row.kind, row.value)?;
    Ok(Withdrawal { id: row.id, app, subject, withdrawn })
}
