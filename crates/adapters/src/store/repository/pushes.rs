//! Fingerprints of seen message pushes, and pending withdrawals, as rows.

use async_trait::async_trait;
use domain::model::app::name::AppName;
use domain::model::fingerprint::Fingerprint;
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::pushes::{PushRepository, WithdrawalReader};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::store::SeaStore;
use crate::store::backend::sqlite::purge::mark_purge_due;
use crate::store::entity::{seen_push, withdrawal};
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_if_absent;
use crate::store::repository::identities::parse_subject;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl PushRepository for SeaUnitOfWork {
    async fn mark_seen(
        &self,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let seen_at = now.unix_millis();
        let row = seen_push::Model { fingerprint: fingerprint.0.into(), seen_at };
        let row = row.into_active_model();
        let key = [seen_push::Column::Fingerprint];
        self.run(async move |txn| insert_if_absent(txn, row, &key).await).await
    }

    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError> {
        self.exec_insert(to_row(withdrawal)).await
    }

    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError> {
        let is_this = withdrawal::Column::Id.eq(withdrawal.id);
        let delete = withdrawal::Entity::delete_many().filter(is_this);
        let removed = self.run(async move |txn| {
            // The unit of work that removes a withdrawal also deletes the withdrawn data.
            mark_purge_due(txn).await?;
            delete.exec(txn).await
        });
        Ok(removed.await?.rows_affected == 1)
    }
}

#[async_trait]
impl WithdrawalReader for SeaStore {
    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError> {
        let rows = self.reader.run(async move |reader| oldest(limit).all(reader).await).await?;
        rows.into_iter().map(from_row).collect()
    }
}

fn oldest(limit: u64) -> Select<withdrawal::Entity> {
    withdrawal::Entity::find().order_by_asc(withdrawal::Column::Id).limit(limit)
}

fn to_row(withdrawal: &Withdrawal) -> withdrawal::Model {
    let Withdrawal { id, app, subject, data } = withdrawal;
    withdrawal::Model {
        id: *id,
        app: app.as_str().into(),
        namespace: subject.namespace.clone().into_bytes(),
        kind: subject.kind.name().to_owned(),
        value: subject.value.clone().into_bytes(),
        withdrawn: withdrawn_data_name(*data).to_owned(),
    }
}

fn from_row(row: withdrawal::Model) -> Result<Withdrawal, StoreError> {
    let location = Row { table: "withdrawal", id: row.id };
    let app = str::from_utf8(&row.app).map_err(|error| location.invalid("app", error))?;
    let app = AppName::parse(app).map_err(|error| location.invalid("app", error))?;
    let all = [
        WithdrawnData::Phone,
        WithdrawnData::Profile,
        WithdrawnData::Nickname,
        WithdrawnData::Avatar,
        WithdrawnData::Account,
    ];
    let data = all.into_iter().find(|data| withdrawn_data_name(*data) == row.withdrawn);
    let data = data.ok_or_else(|| location.invalid("withdrawn", "unknown data kind"))?;
    let subject = parse_subject(location, row.namespace, &row.kind, row.value)?;
    Ok(Withdrawal { id: row.id, app, subject, data })
}

fn withdrawn_data_name(withdrawn: WithdrawnData) -> &'static str {
    match withdrawn {
        WithdrawnData::Phone => "phone",
        WithdrawnData::Profile => "profile",
        WithdrawnData::Nickname => "nickname",
        WithdrawnData::Avatar => "avatar",
        WithdrawnData::Account => "account",
    }
}
