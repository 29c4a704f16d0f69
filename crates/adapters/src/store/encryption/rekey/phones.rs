//! Resealing of phone numbers, in batches of members.

use std::sync::Arc;

use domain::ports::store::UnitOfWork;
use domain::ports::store::error::StoreError;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany};
use uuid::Uuid;

use super::batches::READ_BATCH_SIZE;
use crate::store::SeaStore;
use crate::store::encryption::data_keys::DataKeys;
use crate::store::encryption::phones::SealedPhone;
use crate::store::entity::member::{Column, Entity, Model};

impl SeaStore {
    /// Encrypts all phone numbers in plaintext, and returns their number. Calls `report` after every batch.
    pub(super) async fn seal_all_plaintext(
        &self,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, StoreError> {
        let keys = self.latest_keys().await?;
        let mut sealed = 0;
        loop {
            let select = plaintext_phones().limit(READ_BATCH_SIZE);
            let batch = self.reader.run(async move |reader| select.all(reader).await).await?;
            if batch.is_empty() {
                return Ok(sealed);
            }
            sealed += self.seal_batch(&keys, batch).await?;
            report(sealed);
        }
    }

    /// Reseals all phone numbers that are not sealed with the latest data key, and returns their number.
    /// Calls `report` after every batch.
    pub(super) async fn reseal_phones(
        &self,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, StoreError> {
        let keys = self.latest_keys().await?;
        let mut sealed = 0;
        let mut after = Uuid::nil();
        loop {
            let select = Entity::find()
                .filter(Column::PhoneSealed.is_not_null())
                .filter(Column::Id.gt(after))
                .order_by_asc(Column::Id)
                .limit(READ_BATCH_SIZE);
            let batch = self.reader.run(async move |reader| select.all(reader).await).await?;
            let Some(last) = batch.last() else { return Ok(sealed) };
            after = last.id;
            sealed += self.seal_batch(&keys, batch).await?;
            report(sealed);
        }
    }

    async fn latest_keys(&self) -> Result<Arc<DataKeys>, StoreError> {
        let unit = self.unit_of_work().await?;
        let keys = unit.data_keys().await?;
        Box::new(unit).commit().await?;
        Ok(keys)
    }

    async fn seal_batch(&self, keys: &DataKeys, batch: Vec<Model>) -> Result<u64, StoreError> {
        self.write_in_batches(self.pending_updates(keys, batch).await?).await
    }

    /// Returns updates that seal the members' numbers with these keys, where they are not yet.
    async fn pending_updates(
        &self,
        keys: &DataKeys,
        rows: Vec<Model>,
    ) -> Result<Vec<UpdateMany<Entity>>, StoreError> {
        let mut updates = Vec::new();
        for row in rows {
            let is_current =
                row.phone_sealed.as_ref().is_some_and(|sealed| keys.seal.is_current(sealed));
            if row.phone.is_none() && is_current && row.phone_mask.is_some() {
                continue;
            }
            if let Some(phone) = self.phone(&row).await? {
                let sealed = SealedPhone::new(keys, row.id, &phone);
                updates.push(update(row, sealed));
            }
        }
        Ok(updates)
    }
}

/// Selects the members with a phone number in plaintext, in no order. An index supports ranges, but no
/// `IS NOT NULL`.
pub(in crate::store) fn plaintext_phones() -> Select<Entity> {
    Entity::find().filter(Column::Phone.gt(Vec::<u8>::new()))
}

/// Update that seals a phone number, and has no effect if the number was changed or sealed meanwhile.
///
/// Sealing does not change the member, so the version stays.
fn update(row: Model, phone: SealedPhone) -> UpdateMany<Entity> {
    let is_unchanged = match row.phone {
        Some(plaintext) => Column::Phone.eq(plaintext),
        None => Column::PhoneSealed.eq(row.phone_sealed),
    };
    Entity::update_many()
        .col_expr(Column::PhoneSealed, Expr::value(phone.sealed))
        .col_expr(Column::PhoneIndex, Expr::value(phone.index))
        .col_expr(Column::PhoneMask, Expr::value(phone.mask))
        .col_expr(Column::Phone, Expr::value(None::<Vec<u8>>))
        .col_expr(Column::PhoneCountryCode, Expr::value(None::<i16>))
        .filter(Column::Id.eq(row.id))
        .filter(is_unchanged)
}
