//! Rekeying: reseals every sealed column under the current sealing key, while the service runs.
//!
//! The only exception are login responses, which expire within minutes.

mod batches;
pub(crate) mod phones;
mod session_keys;

use domain::ports::store::UnitOfWork;
use domain::ports::store::error::StoreError;
use domain::ports::store::signing_keys::SigningKeyRepository;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, UpdateMany};

use crate::crypto::app_secrets;
use crate::store::SeaStore;
use crate::store::backend::sqlite::purge::mark_purge_due;
use crate::store::encryption::data_keys::{Purpose, reseal};
use crate::store::entity::{app, data_key, signing_key};
use crate::store::repository::apps;
use crate::store::repository::tombstones::under_a_sealing_key;
use crate::store::transaction::SeaUnitOfWork;
use crate::token::key_vault;

/// Numbers of values resealed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RekeyProgress {
    /// Number of new data keys.
    pub new_data_keys: u64,
    /// Number of data keys, signing keys and app secrets that were resealed.
    pub keys: u64,
    /// Number of session keys that were resealed.
    pub session_keys: u64,
    /// Number of fingerprint keys of sealing keys that were kept, because tombstones of earlier versions
    /// depend on them.
    pub tombstone_keys: u64,
    /// Number of phone numbers that were resealed, or encrypted for the first time.
    pub phones: u64,
}

impl SeaStore {
    /// Reseals data keys, signing keys, app secrets and session keys with the current sealing key, and phone
    /// numbers with a data key that was generated under it. Calls `report` after every few hundred rows.
    ///
    /// Concurrent changes are not lost. An interrupted run is resumed by the next one. A run does nothing if
    /// everything is under the current key.
    pub async fn rekey(
        &self,
        report: &(dyn Fn(RekeyProgress) + Sync),
    ) -> Result<RekeyProgress, StoreError> {
        let report_plaintext =
            |phones| report(RekeyProgress { phones, ..RekeyProgress::default() });
        let mut progress = RekeyProgress {
            phones: self.seal_plaintext_phones(&report_plaintext).await?,
            new_data_keys: self.add_data_key_if_due().await?.into(),
            tombstone_keys: self.keep_tombstone_keys().await?,
            ..RekeyProgress::default()
        };
        progress.keys += self.reseal_data_keys().await?;
        progress.keys += self.reseal_signing_keys().await?;
        progress.keys += self.reseal_apps().await?;
        report(progress);
        let report_session_keys = |session_keys| report(RekeyProgress { session_keys, ..progress });
        progress.session_keys = self.reseal_session_keys(&report_session_keys).await?;
        loop {
            let report_phones = |phones| {
                report(RekeyProgress { phones: progress.phones + phones, ..progress });
            };
            let resealed = self.reseal_phones(&report_phones).await?;
            progress.phones += resealed;
            // A unit of work that was open when the new data key was added may have used the key before.
            if resealed == 0 {
                return Ok(progress);
            }
        }
    }

    /// Encrypts the phone numbers that are still in plaintext, and returns their number. Calls `report`
    /// after every few hundred.
    ///
    /// It must end before the first request: the unique index covers encrypted numbers only, so a new member
    /// could otherwise get a number that another one has in plaintext.
    pub async fn seal_plaintext_phones(
        &self,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, StoreError> {
        self.seal_all_plaintext(report).await
    }

    /// Adds a data key for sealing if the latest one was sealed with a former sealing key.
    async fn add_data_key_if_due(&self) -> Result<bool, StoreError> {
        let unit = self.unit_of_work().await?;
        let rows = unit.data_key_rows().await?;
        let latest = rows.iter().rfind(|row| row.purpose == Purpose::Seal.name());
        let outdated = latest.filter(|latest| !self.keyring.master().is_current(&latest.sealed));
        let Some(outdated) = outdated else { return Ok(false) };
        let is_added = unit.add_data_key(Purpose::Seal, outdated.number.saturating_add(1)).await?;
        Box::new(unit).commit().await?;
        Ok(is_added)
    }

    /// Keeps the fingerprint keys of all configured sealing keys, if there are tombstones of versions that
    /// computed them under the sealing key. Returns the number of keys that are new.
    ///
    /// A tombstone cannot be computed again without the subject, which is erased. With the kept keys, it is
    /// found after the operator has removed the sealing key.
    async fn keep_tombstone_keys(&self) -> Result<u64, StoreError> {
        let unit = self.unit_of_work().await?;
        let select = under_a_sealing_key();
        let mut kept = 0;
        if unit.run(async move |txn| select.one(txn).await).await?.is_some() {
            for key in self.keyring.master().keys() {
                kept += u64::from(unit.add_tombstone_key(key).await?);
            }
        }
        Box::new(unit).commit().await?;
        Ok(kept)
    }

    async fn reseal_data_keys(&self) -> Result<u64, StoreError> {
        use data_key::{Column, Entity};
        let unit = self.unit_of_work().await?;
        let master = self.keyring.master();
        let mut updates = Vec::new();
        for row in unit.data_key_rows().await? {
            if let Some(sealed) = reseal(master, &row)? {
                let update = Entity::update_many()
                    .col_expr(Column::Sealed, Expr::value(sealed))
                    .filter(Column::Purpose.eq(row.purpose))
                    .filter(Column::Number.eq(row.number))
                    .filter(Column::Sealed.eq(row.sealed));
                updates.push(update);
            }
        }
        write_and_commit(unit, updates).await
    }

    async fn reseal_signing_keys(&self) -> Result<u64, StoreError> {
        use signing_key::{Column, Entity};
        let unit = self.unit_of_work().await?;
        let master = self.keyring.master();
        let mut updates = Vec::new();
        for key in SigningKeyRepository::all(&unit).await? {
            if let Some(sealed) = key_vault::reseal(master, &key).map_err(StoreError::new)? {
                let update = Entity::update_many()
                    .col_expr(Column::Sealed, Expr::value(sealed))
                    .filter(Column::Number.eq(i64::from(key.number)))
                    .filter(Column::Sealed.eq(key.sealed));
                updates.push(update);
            }
        }
        write_and_commit(unit, updates).await
    }

    /// Reseals the secrets of apps.
    ///
    /// An update of an app writes back the secrets that it has read. The version increment makes a
    /// concurrent update fail and read them again. Secrets that were written just before are found by the
    /// next iteration.
    async fn reseal_apps(&self) -> Result<u64, StoreError> {
        let mut resealed = 0;
        loop {
            let unit = self.unit_of_work().await?;
            let updates = self.pending_app_updates(&unit).await?;
            if updates.is_empty() {
                return Ok(resealed);
            }
            resealed += write_and_commit(unit, updates).await?;
        }
    }

    /// Returns updates that reseal all app secrets under a former sealing key.
    async fn pending_app_updates(
        &self,
        unit: &SeaUnitOfWork,
    ) -> Result<Vec<UpdateMany<app::Entity>>, StoreError> {
        use app::{Column, Entity};
        let master = self.keyring.master();
        let mut updates = Vec::new();
        for row in unit.run(async |txn| Entity::find().all(txn).await).await? {
            for (column, kind, sealed) in apps::sealed_columns(&row) {
                let resealed = app_secrets::reseal(master, &row.name, kind, sealed);
                if let Some(resealed) = resealed.map_err(StoreError::new)? {
                    let update = Entity::update_many()
                        .col_expr(column, Expr::value(resealed))
                        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
                        .filter(Column::Name.eq(row.name.clone()))
                        .filter(column.eq(sealed.to_vec()));
                    updates.push(update);
                }
            }
        }
        Ok(updates)
    }
}

/// Executes the updates, commits, and returns the number of rows that they have changed.
async fn write_and_commit<E: EntityTrait>(
    unit: SeaUnitOfWork,
    updates: Vec<UpdateMany<E>>,
) -> Result<u64, StoreError> {
    let written = unit.run(async move |txn| {
        let mut written = 0;
        if !updates.is_empty() {
            // The former values, in plaintext or under another key, are deleted data.
            mark_purge_due(txn).await?;
        }
        for update in updates {
            written += update.exec(txn).await?.rows_affected;
        }
        Ok(written)
    });
    let written = written.await?;
    Box::new(unit).commit().await?;
    Ok(written)
}
