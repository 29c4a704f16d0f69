//! Tombstones as rows.

use async_trait::async_trait;
use domain::model::identity::Subject;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::members::TombstoneRepository;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Select};

use crate::store::encryption::tombstones::{possible_tombstones, tombstone};
use crate::store::entity::tombstone::{Column, Entity, Model};
use crate::store::insert_if_absent::insert_if_absent;
use crate::store::transaction::SeaUnitOfWork;

#[async_trait]
impl TombstoneRepository for SeaUnitOfWork {
    async fn add(&self, subjects: &[Subject], now: Timestamp) -> Result<(), StoreError> {
        let keys = self.data_keys().await?;
        for subject in subjects {
            let row = Model {
                fingerprint: tombstone(&keys, subject),
                created_at: now.unix_millis(),
                lasting: true,
            };
            let row = row.into_active_model();
            let key = [Column::Fingerprint];
            self.run(async move |txn| insert_if_absent(txn, row, &key).await).await?;
        }
        Ok(())
    }

    async fn exists_any(&self, subjects: &[Subject]) -> Result<bool, StoreError> {
        // The keys are read and not taken from the cache: another instance may have added the first ones.
        let keys = self.keyring().open(self.data_key_rows().await?)?;
        let master = self.keyring().master();
        let fingerprints = subjects
            .iter()
            .flat_map(|subject| possible_tombstones(keys.as_deref(), master, subject));
        let select = any_of(fingerprints);
        Ok(self.run(async move |txn| select.one(txn).await).await?.is_some())
    }
}

/// Selects the tombstones with these fingerprints.
pub(crate) fn any_of(fingerprints: impl IntoIterator<Item = Vec<u8>>) -> Select<Entity> {
    Entity::find().filter(Column::Fingerprint.is_in(fingerprints))
}

/// Selects the tombstones of earlier versions, whose fingerprints depend on a sealing key.
pub(crate) fn under_a_sealing_key() -> Select<Entity> {
    Entity::find().filter(Column::Lasting.eq(false))
}
