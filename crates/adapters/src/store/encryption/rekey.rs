//! Brings all that lasts in the database under the present sealing key, while others use it.

pub(crate) mod phones;

use domain::ports::store::error::StoreError;
use domain::ports::store::signing_keys::SigningKeyRepository;
use domain::ports::store::{Store, UnitOfWork};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, UpdateMany};

use crate::crypto::app_secrets;
use crate::store::SeaStore;
use crate::store::backend::sqlite;
use crate::store::encryption::data_keys::{Purpose, reseal};
use crate::store::entity::{app, data_key, signing_key};
use crate::store::repository::apps;
use crate::store::transaction::uncancellable::to_the_end;
use crate::store::transaction::unit_of_work::SeaUnitOfWork;
use crate::token::key_vault;

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RekeyProgress {
    /// Data keys that were made.
    pub new_data_keys: u64,
    /// Data keys, signing keys and secrets of apps that were sealed anew.
    pub keys: u64,
    /// Phone numbers that were sealed anew, or for the first time.
    pub phones: u64,
}

impl SeaStore {
    /// Brings data keys, signing keys and secrets of apps under the present sealing key, and phone numbers under a data
    /// key that was made under it. Tells how far it is after every few hundred members.
    ///
    /// Nothing that others change meanwhile is lost, and whatever was left undone is done by running it
    /// again. Where nothing has to be done, nothing is.
    pub async fn rekey(&self, tell: &(dyn Fn(RekeyProgress) + Sync)) -> Result<RekeyProgress, StoreError> {
        let mut done = RekeyProgress::default();
        let first = |phones| tell(RekeyProgress { phones, ..RekeyProgress::default() });
        done.phones = self.seal_plaintext_phones(&first).await?;
        done.new_data_keys = self.add_data_key_if_due().await?.into();
        done.keys = self.reseal_data_keys().await? + self.reseal_signing_keys().await?;
        done.keys += self.reseal_apps().await?;
        tell(done);
        loop {
            let tell = |phones| tell(RekeyProgress { phones: done.phones + phones, ..done });
            let sealed = self.reseal_all(&tell).await?;
            done.phones += sealed;
            // Who was writing when the new data key came may have used the one before.
            if sealed == 0 {
                return Ok(done);
            }
        }
    }

    /// Seals the phone numbers that are still in clear, and tells how many those were, after every few
    /// hundred and in the end. To be called before anybody is served, since nothing keeps a number in
    /// clear from being another's sealed one.
    pub async fn seal_plaintext_phones(
        &self,
        tell: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, StoreError> {
        let sealed = self.seal_all_in_clear(tell).await?;
        if sealed > 0 {
            self.purge_deleted().await?;
        }
        Ok(sealed)
    }

    /// Makes a new data key for values if the newest one was made under a former sealing key.
    async fn add_data_key_if_due(&self) -> Result<bool, StoreError> {
        let unit = self.unit_of_work().await?;
        let rows = unit.data_key_rows().await?;
        let newest = rows.iter().rfind(|row| row.purpose == Purpose::Seal.name());
        let due = newest.filter(|newest| !self.keyring.master().is_current(&newest.sealed));
        let Some(newest) = due else { return Ok(false) };
        let added = unit.add_data_key(Purpose::Seal, newest.number.saturating_add(1)).await?;
        Box::new(unit).commit().await?;
        Ok(added)
    }

    async fn reseal_data_keys(&self) -> Result<u64, StoreError> {
        use data_key::{Column, Entity};
        let (unit, master) = (self.unit_of_work().await?, self.keyring.master());
        let mut updates = Vec::new();
        for row in unit.data_key_rows().await? {
            if let Some(sealed) = reseal(master, &row)? {
                let update = Entity::update_many().col_expr(Column::Sealed, Expr::value(sealed));
                let update = update.filter(Column::Purpose.eq(row.purpose));
                let update = update.filter(Column::Number.eq(row.number));
                updates.push(update.filter(Column::Sealed.eq(row.sealed)));
            }
        }
        write(unit, updates).await
    }

    async fn reseal_signing_keys(&self) -> Result<u64, StoreError> {
        use signing_key::{Column, Entity};
        let (unit, master) = (self.unit_of_work().await?, self.keyring.master());
        let mut updates = Vec::new();
        for key in SigningKeyRepository::all(&unit).await? {
            if let Some(sealed) = key_vault::reseal(master, &key).map_err(StoreError::new)? {
                let update = Entity::update_many().col_expr(Column::Sealed, Expr::value(sealed));
                let update = update.filter(Column::Number.eq(i64::from(key.number)));
                updates.push(update.filter(Column::Sealed.eq(key.sealed)));
            }
        }
        write(unit, updates).await
    }
}

impl SeaStore {
    /// Who changes an app writes its secrets back as they read them: the version makes them read anew, and
    /// what they had written just before this could is found by looking again.
    async fn reseal_apps(&self) -> Result<u64, StoreError> {
        let mut done = 0;
        loop {
            let (unit, updates) = self.due_in_apps().await?;
            if updates.is_empty() {
                return Ok(done);
            }
            done += write(unit, updates).await?;
        }
    }

    /// What is still under a former key, in the unit of work that found it.
    async fn due_in_apps(
        &self,
    ) -> Result<(SeaUnitOfWork, Vec<UpdateMany<app::Entity>>), StoreError> {
        use app::{Column, Entity};
        let (unit, master) = (self.unit_of_work().await?, self.keyring.master());
        let open = unit.open();
        let rows = to_the_end(async move { Entity::find().all(&open.txn).await }).await?;
        let mut updates = Vec::new();
        for row in rows {
            for (column, kind, sealed) in apps::sealed_columns(&row) {
                let resealed = app_secrets::reseal(master, &row.name, kind, sealed);
                if let Some(resealed) = resealed.map_err(StoreError::new)? {
                    let update = Entity::update_many().col_expr(column, Expr::value(resealed));
                    let next = Expr::col(Column::Version).add(1);
                    let update = update.col_expr(Column::Version, next);
                    let update = update.filter(Column::Name.eq(row.name.clone()));
                    updates.push(update.filter(column.eq(sealed.to_vec())));
                }
            }
        }
        Ok((unit, updates))
    }
}

/// Makes these updates and commits; tells how many of them found what they were to change.
async fn write<E: EntityTrait>(
    unit: SeaUnitOfWork,
    updates: Vec<UpdateMany<E>>,
) -> Result<u64, StoreError> {
    let open = unit.open();
    let written = to_the_end(async move {
        let mut written = 0;
        if !updates.is_empty() {
            // What stood there in clear, or under another key, is as good as removed.
            sqlite::note_removal(&open.txn).await?;
        }
        for update in updates {
            written += update.exec(&open.txn).await?.rows_affected;
        }
        Ok(written)
    });
    let written = written.await?;
    Box::new(unit).commit().await?;
    Ok(written)
}
