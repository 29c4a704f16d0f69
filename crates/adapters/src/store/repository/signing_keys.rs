//! Signing keys of access tokens as rows. There are only a few, so the queries need no index.

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
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl SigningKeyRepository for SeaUnitOfWork {
    async fn all(&self) -> Result<Vec<SigningKey>, StoreError> {
        let rows = self.run(async |txn| in_order().all(txn).await).await?;
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
        self.exec_insert_unique(row.into_active_model(), [Column::Number]).await
    }

    async fn start(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let at = at.unix_millis();
        let update = Entity::update_many()
            .col_expr(Column::SignsFrom, Expr::value(at))
            .filter(Column::Kid.eq(id.as_bytes()))
            .filter(Column::SignsFrom.is_null().or(Column::SignsFrom.gt(at)));
        self.exec_update(update).await?;
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.exec_delete(Entity::delete_many().filter(Column::Kid.eq(id.as_bytes()))).await?;
        Ok(())
    }
}

#[async_trait]
impl SigningKeyReader for SeaStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let rows = self.reader.run(async |reader| in_order().all(reader).await).await?;
        rows.into_iter().map(from_row).collect()
    }
}

fn in_order() -> Select<Entity> {
    Entity::find().order_by_asc(Column::Number)
}

fn from_row(row: Model) -> Result<SigningKey, StoreError> {
    let row_id = Uuid::from_u64_pair(0, row.number.cast_unsigned());
    let location = Row { table: "signing_key", id: row_id };
    let number = u32::try_from(row.number);
    let id = String::from_utf8(row.kid);
    Ok(SigningKey {
        number: number.map_err(|error| location.invalid("number", error))?,
        id: id.map_err(|error| location.invalid("kid", error.utf8_error()))?,
        sealed: row.sealed,
        created_at: Timestamp::from_unix_millis(row.created_at),
        active_from: row.signs_from.map(Timestamp::from_unix_millis),
    })
}
