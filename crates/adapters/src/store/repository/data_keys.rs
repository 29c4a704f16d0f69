//! Data keys as rows.

use std::sync::Arc;

use domain::ports::store::error::StoreError;
use sea_orm::IntoActiveModel;

use crate::crypto::sealer::SealingKey;
use crate::store::SeaStore;
use crate::store::encryption::data_keys::{DataKeys, Purpose, all, generate, tombstone_key};
use crate::store::entity::data_key::{Column, Model};
use crate::store::insert_if_absent::insert_if_absent;
use crate::store::transaction::SeaUnitOfWork;

impl SeaUnitOfWork {
    /// Returns all rows, as this unit of work sees them.
    pub(crate) async fn data_key_rows(&self) -> Result<Vec<Model>, StoreError> {
        self.run(async |txn| all().all(txn).await).await
    }

    /// Returns the keys to write with, as the database has them now. Generates the first keys if there are
    /// none.
    pub(crate) async fn data_keys(&self) -> Result<Arc<DataKeys>, StoreError> {
        if let Some(keys) = self.keyring().open(self.data_key_rows().await?)? {
            return Ok(keys);
        }
        for purpose in [Purpose::Seal, Purpose::Index] {
            self.add_data_key(purpose, 1).await?;
        }
        let keys = self.keyring().open(self.data_key_rows().await?)?;
        keys.ok_or_else(|| StoreError::new("the generated data keys are missing"))
    }

    /// Generates a key and adds it, unless there is a key with this number. Returns true if it was added.
    pub(crate) async fn add_data_key(
        &self,
        purpose: Purpose,
        number: i64,
    ) -> Result<bool, StoreError> {
        self.add_data_key_row(generate(self.keyring().master(), purpose, number)?).await
    }

    /// Adds the fingerprint key of a sealing key, unless it was added before. Returns true if it was added.
    pub(crate) async fn add_tombstone_key(&self, key: &SealingKey) -> Result<bool, StoreError> {
        self.add_data_key_row(tombstone_key(self.keyring().master(), key)).await
    }

    async fn add_data_key_row(&self, row: Model) -> Result<bool, StoreError> {
        let row = row.into_active_model();
        let key = [Column::Purpose, Column::Number];
        self.run(async move |txn| insert_if_absent(txn, row, &key).await).await
    }
}

impl SeaStore {
    /// Returns all rows, as last committed.
    pub(crate) async fn data_key_rows(&self) -> Result<Vec<Model>, StoreError> {
        self.reader.run(async |reader| all().all(reader).await).await
    }
}
