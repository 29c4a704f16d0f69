//! Phone numbers sealed anew, a page of members after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ports::store::UnitOfWork;
use domain::ports::store::error::StoreError;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany,
};
use tokio::time::sleep;
use uuid::Uuid;

use super::write;
use crate::store::SeaStore;
use crate::store::encryption::data_keys::DataKeys;
use crate::store::encryption::phones::SealedPhone;
use crate::store::entity::member::{Column, Entity, Model};
use crate::store::transaction::uncancellable::to_the_end;

/// How many members are read at a time.
const PAGE: u64 = 500;

/// How many are written at a time to SQLite, where each time costs a write to disk. The other databases
/// are written one at a time: who holds several rows can be in the way of somebody who merges two.
const SQLITE_BATCH: usize = 50;

/// How often a write is tried, and the pause in between: somebody may hold the lock for too long.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

impl SeaStore {
    /// Seals the phone numbers that are still in clear. Tells after every page how many those were.
    pub(super) async fn seal_all_in_clear(
        &self,
        tell: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, StoreError> {
        let (keys, mut sealed) = (self.newest_keys().await?, 0);
        loop {
            let (reader, page) = (self.reader.clone(), in_clear().limit(PAGE));
            let page = to_the_end(async move { page.all(&reader).await }).await?;
            if page.is_empty() {
                return Ok(sealed);
            }
            sealed += self.seal_page(&keys, page).await?;
            tell(sealed);
        }
    }

    /// Seals the phone numbers anew that are not sealed with the newest data key. Tells after every page
    /// how many those were.
    pub(super) async fn reseal_all(&self, tell: &(dyn Fn(u64) + Sync)) -> Result<u64, StoreError> {
        let (keys, mut sealed, mut after) = (self.newest_keys().await?, 0, Uuid::nil());
        loop {
            let page = Entity::find().filter(Column::PhoneSealed.is_not_null());
            let page = page.filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(PAGE);
            let reader = self.reader.clone();
            let page = to_the_end(async move { page.all(&reader).await }).await?;
            let Some(last) = page.last() else { return Ok(sealed) };
            after = last.id;
            sealed += self.seal_page(&keys, page).await?;
            tell(sealed);
        }
    }

    async fn newest_keys(&self) -> Result<Arc<DataKeys>, StoreError> {
        let unit = self.unit_of_work().await?;
        let keys = unit.data_keys().await?;
        Box::new(unit).commit().await?;
        Ok(keys)
    }

    async fn seal_page(&self, keys: &DataKeys, page: Vec<Model>) -> Result<u64, StoreError> {
        let sqlite = self.writer.get_database_backend() == DbBackend::Sqlite;
        let (updates, mut sealed) = (self.sealed_anew(keys, page).await?, 0);
        for batch in updates.chunks(if sqlite { SQLITE_BATCH } else { 1 }) {
            let begun = Instant::now();
            sealed += self.write_patiently(batch).await?;
            // Who had to wait meanwhile gets as much time.
            sleep(begun.elapsed()).await;
        }
        Ok(sealed)
    }

    /// The updates that seal these members' numbers with these keys, where others did.
    async fn sealed_anew(
        &self,
        keys: &DataKeys,
        rows: Vec<Model>,
    ) -> Result<Vec<UpdateMany<Entity>>, StoreError> {
        let mut updates = Vec::new();
        for row in rows {
            let up_to_date = row.phone_sealed.as_ref().is_some_and(|it| keys.seal.is_current(it));
            if row.phone.is_none() && up_to_date && row.phone_mask.is_some() {
                continue;
            }
            if let Some(phone) = self.phone(&row).await? {
                let sealed = SealedPhone::new(keys, row.id, &phone);
                updates.push(update(row, sealed));
            }
        }
        Ok(updates)
    }

    async fn write_patiently(&self, updates: &[UpdateMany<Entity>]) -> Result<u64, StoreError> {
        for _ in 1..ATTEMPTS {
            if let Ok(written) = self.write(updates).await {
                return Ok(written);
            }
            sleep(PAUSE).await;
        }
        self.write(updates).await
    }

    async fn write(&self, updates: &[UpdateMany<Entity>]) -> Result<u64, StoreError> {
        write(self.unit_of_work().await?, updates.to_vec()).await
    }
}

/// The members whose number is in clear, in no order. (An index has ranges, and knows of no "not null".)
pub(in crate::store) fn in_clear() -> Select<Entity> {
    Entity::find().filter(Column::Phone.gt(Vec::<u8>::new()))
}

/// Changes nothing if somebody wrote another number meanwhile, or sealed this one. It is no change of the
/// member: the version stays.
fn update(row: Model, phone: SealedPhone) -> UpdateMany<Entity> {
    let as_it_was = match row.phone {
        Some(in_clear) => Column::Phone.eq(in_clear),
        None => Column::PhoneSealed.eq(row.phone_sealed),
    };
    Entity::update_many()
        .col_expr(Column::PhoneSealed, Expr::value(phone.sealed))
        .col_expr(Column::PhoneIndex, Expr::value(phone.index))
        .col_expr(Column::PhoneMask, Expr::value(phone.mask))
        .col_expr(Column::Phone, Expr::value(None::<Vec<u8>>))
        .col_expr(Column::PhoneCountryCode, Expr::value(None::<i16>))
        .filter(Column::Id.eq(row.id))
        .filter(as_it_was)
}
