//! Resealing of session keys, in batches.

use domain::ports::store::error::StoreError;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, UpdateMany};

use super::batches::READ_BATCH_SIZE;
use crate::crypto::sealer::OpenError;
use crate::crypto::session_keys::reseal;
use crate::store::SeaStore;
use crate::store::entity::session_key::{Column, Entity, Model};

impl SeaStore {
    /// Reseals the session keys under former sealing keys, and returns their number. Calls `report` after
    /// every batch.
    pub(super) async fn reseal_session_keys(
        &self,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, StoreError> {
        let mut resealed = 0;
        let mut after = None::<Model>;
        loop {
            let mut page =
                Entity::find().cursor_by((Column::Namespace, Column::Kind, Column::Value));
            if let Some(last) = after {
                page.after((last.namespace, last.kind, last.value));
            }
            page.first(READ_BATCH_SIZE);
            let batch = self.reader.run(async move |reader| page.all(reader).await).await?;
            let Some(last) = batch.last() else { return Ok(resealed) };
            after = Some(last.clone());
            let updates = batch.into_iter().filter_map(|row| self.pending_update(row)).collect();
            resealed += self.write_in_batches(updates).await?;
            report(resealed);
        }
    }

    /// Returns an update that reseals a session key with the current sealing key, if it is not yet. The
    /// update has no effect if a login replaces the key meanwhile.
    fn pending_update(&self, row: Model) -> Option<UpdateMany<Entity>> {
        let master = self.keyring.master();
        let resealed = match reseal(master, &row.namespace, &row.value, &row.sealed) {
            Ok(Some(resealed)) => resealed,
            // A key that cannot be opened counts as not stored.
            Ok(None) | Err(OpenError::UnknownKey | OpenError::Damaged) => return None,
        };
        let update = Entity::update_many()
            .col_expr(Column::Sealed, Expr::value(resealed))
            .filter(Column::Namespace.eq(row.namespace))
            .filter(Column::Kind.eq(row.kind))
            .filter(Column::Value.eq(row.value))
            .filter(Column::Sealed.eq(row.sealed));
        Some(update)
    }
}
