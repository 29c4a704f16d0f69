//! The keys that sign access tokens, as rows: never more than a few, so that they need no index.

use async_trait::async_trait;
use domain::model::signing_key::SigningKey;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError};
use domain::ports::store::signing_keys::{SigningKeyReader, SigningKeyRepository};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, Select,
};
use uuid::Uuid;

use crate::store::SeaStore;
use crate::store::entity::signing_key::{Column, Entity, Model};
use crate::store::error::Row;
use crate::store::insert_if_absent::insert_unless_taken;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;

#[async_trait]
impl SigningKeyRepository for SeaUnitOfWork {
    async fn all(&self) -> Result<Vec<SigningKey>, StoreError> {
        let open = self.open();
        let rows = to_the_end(async move { in_order().all(&open.txn).await }).await?;
        rows.into_iter().map(from_row).collect()
    }

    async fn add(&self, key: &SigningKey) -> Result<(), AddError> {
        let row = Model {
            number: key.number.into(),
            kid: key.id.clone().into_bytes(),
            sealed: key.sealed.clone(),
            created_at: key.created_at.unix_millis(),
            signs_from: key.active_from.map(Timestamp::unix_millis),
        };
        let (open, row) = (self.open(), row.into_active_model());
        let key = [Column::Number];
        let added = to_the_end(async move { insert_unless_taken(&open.txn, row, &key).await });
        if added.await? { Ok(()) } else { Err(AddError::Taken) }
    }

    async fn start(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let at = at.unix_millis();
        let update = Entity::update_many()
            .col_expr(Column::SignsFrom, Expr::value(at))
            .filter(Column::Kid.eq(id.as_bytes()))
            .filter(Column::SignsFrom.is_null().or(Column::SignsFrom.gt(at)));
        let open = self.open();
        to_the_end(async move { update.exec(&open.txn).await }).await?;
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        let delete = Entity::delete_many().filter(Column::Kid.eq(id.as_bytes()));
        let open = self.open();
        to_the_end(async move { delete.exec(&open.txn).await }).await?;
        Ok(())
    }
}

#[async_trait]
impl SigningKeyReader for SeaStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let reader = self.reader.clone();
        let rows = to_the_end(async move { in_order().all(&reader).await }).await?;
        rows.into_iter().map(from_row).collect()
    }
}

fn in_order() -> Select<Entity> {
    Entity::find().order_by_asc(Column::Number)
}

fn from_row(row: Model) -> Result<SigningKey, StoreError> {
    let at = Row { table: "signing_key", id: Uuid::from_u64_pair(0, row.number.cast_unsigned()) };
    let number = u32::try_from(row.number);
    let id = String::from_utf8(row.kid);
    Ok(SigningKey {
        number: number.map_err(|error| at.damaged("number", error))?,
        id: id.map_err(|error| at.damaged("kid", error.utf8_error()))?,
        sealed: row.sealed,
        created_at: Timestamp::from_unix_millis(row.created_at),
        active_from: row.signs_from.map(Timestamp::from_unix_millis),
    })
}
