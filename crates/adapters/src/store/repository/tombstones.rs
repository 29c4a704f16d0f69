//! Tombstones as rows.

use async_trait::async_trait;
use domain::model::fingerprint::Fingerprint;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::members::TombstoneRepository;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Select};

use crate::store::entity::tombstone::{Column, Entity, Model};
use crate::store::insert_if_absent::insert_if_absent;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl TombstoneRepository for SeaUnitOfWork {
    async fn add(&self, tombstones: &[Fingerprint], now: Timestamp) -> Result<(), StoreError> {
        for tombstone in tombstones {
            let row = Model { fingerprint: tombstone.0.into(), created_at: now.unix_millis() };
            let row = row.into_active_model();
            let key = [Column::Fingerprint];
            self.run(async move |txn| insert_if_absent(txn, row, &key).await).await?;
        }
        Ok(())
    }

    async fn exists_any(&self, tombstones: &[Fingerprint]) -> Result<bool, StoreError> {
        let select = any_of(tombstones);
        Ok(self.run(async move |txn| select.one(txn).await).await?.is_some())
    }
}

/// Selects the rows of these tombstones.
pub(crate) fn any_of(tombstones: &[Fingerprint]) -> Select<Entity> {
    let fingerprints = tombstones.iter().map(|tombstone| tombstone.0.to_vec());
    Entity::find().filter(Column::Fingerprint.is_in(fingerprints))
}
